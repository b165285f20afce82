//! Power switches of other nodes: which are moved, which are not, and what is told of them.

use std::time::Duration;

use protocol::message::{OrderRefusal, SwitchOrder, Welcome};
use protocol::{Generation, NodeName, OrderId, Stage, Term};

use super::stages::outcomes;
use super::world::{CONFIG, HEALTHY, World};
use crate::core::action::{Action, Warning};
use crate::core::event::{Event, LinkEvent, SupervisorId, SwitchNews};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn only_a_configured_switch_is_switched() {
    let mut world = World::new(&format!("{CONFIG}[[switch]]\nnode = \"pi-2\"\ngpio = 17\n"));
    world.link_up();
    let order = |node: &str, generation| SwitchOrder {
        id: OrderId { term: Term(1), generation: Generation(generation) },
        node: node.parse().unwrap(),
        on: true,
    };
    world.link(LinkEvent::Switch(order("pi-3", 1)));
    world.link(LinkEvent::Switch(order("pi-2", 2)));
    world.link(LinkEvent::Switch(order("pi-2", 1)));
    let switched: Vec<NodeName> = world
        .log
        .iter()
        .filter_map(|(_, action)| match action {
            Action::Switch { node, on: true, .. } => Some(node.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(switched, ["pi-2".parse().unwrap()]);
    let newest = OrderId { term: Term(1), generation: Generation(2) };
    let wanted = [Err(OrderRefusal::NoSuchSwitch), Ok(Stage::Normal), Err(OrderRefusal::Older { newest })];
    assert_eq!(outcomes(&world), wanted);
}

#[test]
fn the_last_master_s_power_is_not_broken() {
    let config = |master: bool| {
        let config = CONFIG.replace("supply = ", &format!("master = {master}\nsupply = "));
        format!(
            "{config}[[supervisor]]\naddress = \"127.0.0.1:7701\"\n\
             [[switch]]\nnode = \"pi-2\"\ngpio = 17\nsupervisor = \"127.0.0.1:7700\"\n\
             [[switch]]\nnode = \"pi-3\"\ngpio = 18\n"
        )
    };
    let order = |node: &str, on, generation| SwitchOrder {
        id: OrderId { term: Term(1), generation: Generation(generation) },
        node: node.parse().unwrap(),
        on,
    };
    let switched = |world: &World| {
        world.log.iter().filter(|(_, action)| matches!(action, Action::Switch { on: false, .. })).count()
    };
    // Only the supervisor that runs on pi-2 is linked.
    let mut world = World::new(&config(false));
    world.link_up();
    world.link(LinkEvent::Switch(order("pi-2", true, 1)));
    world.link(LinkEvent::Switch(order("pi-3", false, 2)));
    assert_eq!(switched(&world), 1, "no master");
    world.link(LinkEvent::Switch(order("pi-2", false, 3)));
    assert_eq!(switched(&world), 1);
    assert_eq!(outcomes(&world).last(), Some(&Err(OrderRefusal::SwitchFailed)));
    let warned = world.log.iter().any(|(_, action)| match action {
        Action::Warn(warning) => {
            warning.to_string()
                == "power of pi-2: its power is not broken: it is a master, and no other supervisor is linked"
        }
        _ => false,
    });
    assert!(warned);
    // The other one comes.
    let welcome = LinkEvent::Up(Welcome { version: 1, term: Term(1), leading: false });
    world.event(Event::Link { supervisor: SupervisorId(1), event: welcome });
    world.link(LinkEvent::Switch(order("pi-2", false, 4)));
    assert_eq!(switched(&world), 2);
    // A master knows of one that is up: itself.
    let mut world = World::new(&config(true));
    world.link_up();
    world.link(LinkEvent::Switch(order("pi-2", false, 1)));
    assert_eq!(switched(&world), 1);
}

#[test]
fn a_switch_that_moved_by_itself_is_told_and_one_in_trouble_lights_the_lamp() {
    let mut world = World::new(&format!("{CONFIG}[[switch]]\nnode = \"pi-2\"\ngpio = 17\n"));
    world.live(Duration::from_mins(1), SECOND, HEALTHY);
    let mut news = |news| world_news(&mut world, news);
    assert!(!news(SwitchNews::Forgotten("it had forgotten line 3".to_owned())));
    assert!(news(SwitchNews::Trouble("no acknowledge".to_owned())));
    assert!(!news(SwitchNews::Well));
    let told =
        world.log.iter().filter(|(_, action)| matches!(action, Action::Warn(Warning::Switches { .. })));
    assert_eq!(told.count(), 3);
}

/// Tells the news; whether the fault lamp is lit then.
fn world_news(world: &mut World, news: SwitchNews) -> bool {
    world.event(Event::Switches { nodes: vec!["pi-2".parse().unwrap()], news });
    let lamps = world.log.iter().rev().find_map(|(_, action)| match action {
        Action::ShowLamps { lamps, .. } => Some(lamps.fault),
        _ => None,
    });
    lamps.unwrap()
}
