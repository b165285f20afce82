//! What supervisors are told: everything once, then little.

use std::time::Duration;

use protocol::message::Goodbye;
use protocol::report::ContainerState;
use protocol::{Report, Sequence, Stage, delta};

use super::docker::Restart;
use super::world::{CONFIG, HEALTHY, World};
use crate::core::action::{Action, Outgoing};
use crate::core::event::{CpuSettings, Event, LinkEvent, SupervisorId};

const SECOND: Duration = Duration::from_secs(1);

/// A supervisor that acknowledges what it gets, and rebuilds every report.
#[derive(Default)]
struct Ear {
    heard: usize,
    reports: Vec<(Sequence, Report)>,
    names: std::collections::BTreeMap<u8, String>,
    full: usize,
    bytes: usize,
}

impl Ear {
    /// Hears what was sent since, and acknowledges it.
    fn listen(&mut self, world: &mut World) {
        let sent = world.sent();
        for message in &sent[self.heard..] {
            match message {
                Outgoing::Full { sequence, report } => {
                    self.full += 1;
                    self.take(*sequence, report.as_received().expect("it has a wire form"));
                }
                Outgoing::Delta { sequence, back, changes } => {
                    self.bytes += changes.len();
                    let base = Sequence(sequence.0 - u32::from(*back));
                    let known =
                        self.reports.iter().find(|(number, _)| *number == base).expect("a known base");
                    let report = delta::apply(&known.1, changes).expect("it fits");
                    self.take(*sequence, report);
                }
                Outgoing::Container(entry) => {
                    self.names.insert(entry.slot.0, entry.name.to_string());
                }
                Outgoing::Outcome(_)
                | Outgoing::Goodbye(_)
                | Outgoing::Standing(_)
                | Outgoing::Engine(_)
                | Outgoing::Leading(_) => {}
            }
        }
        self.heard = sent.len();
        if let Some((sequence, _)) = self.reports.last() {
            world.link(LinkEvent::Ack(*sequence));
        }
    }

    fn take(&mut self, sequence: Sequence, report: Report) {
        for container in &report.containers {
            assert!(self.names.contains_key(&container.slot.0), "a slot is introduced before its first use");
        }
        self.reports.push((sequence, report));
    }

    fn newest(&self) -> &Report {
        &self.reports.last().expect("a report").1
    }

    fn state(&self, name: &str) -> ContainerState {
        let slot = self.names.iter().find(|(_, known)| *known == name).expect("a name").0;
        self.newest().containers.iter().find(|container| container.slot.0 == *slot).expect("listed").state
    }
}

fn world() -> World {
    let mut world = World::new(CONFIG);
    world.docker.run("db", Restart::Always, CpuSettings::default(), &[("heliostat.class", "critical")]);
    world.docker.run("batch", Restart::Always, CpuSettings::default(), &[("heliostat.class", "deferrable")]);
    world.list();
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.link_up();
    world
}

#[test]
fn a_new_link_hears_everything_and_then_only_changes() {
    let (mut world, mut ear) = (world(), Ear::default());
    ear.listen(&mut world);
    assert_eq!((ear.full, ear.reports.len()), (1, 1));
    assert_eq!(ear.reports[0].0, Sequence(1));
    assert_eq!((ear.newest().stage, ear.newest().containers_total), (Stage::Normal, 2));
    for _ in 0..600 {
        world.live(SECOND, SECOND, (HEALTHY.0 + 0.003, HEALTHY.1));
        ear.listen(&mut world);
    }
    assert_eq!(ear.full, 1);
    let (reports, mean) = (ear.reports.len(), ear.bytes / (ear.reports.len() - 1));
    assert!(
        (55..80).contains(&reports),
        "{reports} in ten minutes: a heartbeat of ten seconds and little more"
    );
    assert!(mean < 20, "{mean} bytes each");
}

#[test]
fn a_stage_is_told_at_once_and_containers_soon() {
    let (mut world, mut ear) = (world(), Ear::default());
    ear.listen(&mut world);
    world.order(Stage::Shed, 600);
    ear.listen(&mut world);
    assert_eq!(ear.newest().stage, Stage::Shed);
    world.live(SECOND * 3, SECOND, HEALTHY);
    ear.listen(&mut world);
    assert_eq!((ear.state("batch"), ear.state("db")), (ContainerState::Paused, ContainerState::Running));
}

#[test]
fn noise_does_not_send() {
    let (mut world, mut ear) = (world(), Ear::default());
    ear.listen(&mut world);
    world.live(SECOND * 60, SECOND, HEALTHY);
    ear.listen(&mut world);
    let before = ear.reports.len();
    for second in 0..9 {
        let sign = if second % 2 == 0 { 1.0 } else { -1.0 };
        world.live(SECOND, SECOND, (HEALTHY.0 + 0.02 * sign, HEALTHY.1 + 0.3 * sign));
    }
    ear.listen(&mut world);
    assert!(ear.reports.len() <= before + 1);
}

#[test]
fn a_base_that_is_unknown_there_brings_a_full_report() {
    let (mut world, mut ear) = (world(), Ear::default());
    ear.listen(&mut world);
    world.live(SECOND * 30, SECOND, HEALTHY);
    ear.listen(&mut world);
    world.link(LinkEvent::RequestFull);
    ear.listen(&mut world);
    assert_eq!(ear.full, 2);
    assert!(matches!(world.sent().last(), Some(Outgoing::Full { .. })));
}

#[test]
fn a_link_that_comes_back_begins_anew() {
    let (mut world, mut ear) = (world(), Ear::default());
    ear.listen(&mut world);
    world.link(LinkEvent::Down { refusal: None });
    let silent = world.sent().len();
    world.live(SECOND * 60, SECOND, HEALTHY);
    assert_eq!(world.sent().len(), silent);
    world.link_up();
    let names = std::mem::take(&mut ear.names);
    ear.reports.clear();
    ear.listen(&mut world);
    assert_eq!((ear.full, ear.reports[0].0), (2, Sequence(1)));
    assert_eq!(ear.names, names, "slots are stable, and introduced again");
}

#[test]
fn each_supervisor_has_its_own_base() {
    let mut world = World::new(&format!("{CONFIG}[[supervisor]]\naddress = \"127.0.0.1:7701\"\n"));
    world.live(SECOND * 60, SECOND, HEALTHY);
    world.link_up();
    let other = SupervisorId(1);
    let welcome = protocol::message::Welcome { version: 1, term: protocol::Term(1), leading: false };
    world.event(Event::Link { supervisor: other, event: LinkEvent::Up(welcome) });
    world.link(LinkEvent::Ack(Sequence(1)));
    world.log.clear();
    world.live(SECOND * 11, SECOND, HEALTHY);
    for (_, action) in &world.log {
        match action {
            Action::Send { supervisor: SupervisorId(0), message } => {
                assert!(matches!(message, Outgoing::Delta { .. }), "{message:?}");
            }
            Action::Send { message, .. } => assert!(matches!(message, Outgoing::Full { .. }), "{message:?}"),
            _ => {}
        }
    }
    assert!(world.sent().len() >= 2);
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_costs_the_link() {
    let mut world = world();
    world.link(LinkEvent::Ack(Sequence(99)));
    assert_eq!(
        world.log.last().map(|(_, action)| action),
        Some(&Action::CloseLink { supervisor: SupervisorId(0) })
    );
}

#[test]
fn hundreds_of_containers_are_counted_and_the_important_ones_listed() {
    let mut world = World::new(CONFIG);
    for number in 0..300 {
        let class = if number < 40 { "critical" } else { "deferrable" };
        world.docker.run(
            &format!("c-{number}"),
            Restart::No,
            CpuSettings::default(),
            &[("heliostat.class", class)],
        );
    }
    world.list();
    world.live(SECOND * 10, SECOND, HEALTHY);
    world.link_up();
    let mut ear = Ear::default();
    ear.listen(&mut world);
    assert_eq!((ear.newest().containers_total, ear.newest().containers.len()), (300, 32));
    assert!(ear.names.values().all(|name| name.trim_start_matches("c-").parse::<u32>().unwrap() < 40));
}

#[test]
fn after_goodbye_nothing_is_said() {
    let mut world = world();
    world.event(Event::Terminate);
    let last = world.sent().pop();
    assert_eq!(last, Some(Outgoing::Goodbye(Goodbye::Stopping)));
    world.wait(SECOND * 600);
    assert_eq!(world.sent().pop(), last);
}

#[test]
fn what_a_person_asked_one_supervisor_is_passed_on_to_the_others_once() {
    use protocol::message::Welcome;
    use protocol::standing::{Standing, Wish, Words};
    let more = "[[supervisor]]\naddress = \"127.0.0.1:7701\"\n[[supervisor]]\naddress = \"127.0.0.1:7702\"\n";
    let mut world = World::new(&format!("{CONFIG}{more}"));
    let up = |world: &mut World, supervisor: u8, version: u16| {
        let welcome = Welcome { version, term: protocol::Term(1), leading: supervisor == 0 };
        world.event(Event::Link { supervisor: SupervisorId(supervisor), event: LinkEvent::Up(welcome) });
    };
    up(&mut world, 0, 2);
    up(&mut world, 2, 1);
    let standing = Standing {
        id: protocol::OrderId::default(),
        node: "pi9".parse().unwrap(),
        wish: Wish::Drain,
        left: None,
        who: Words::cut("ada"),
        why: Words::cut("a new fan"),
    };
    let say = |world: &mut World, supervisor: u8| {
        let event = LinkEvent::Standing(standing.clone());
        world.event(Event::Link { supervisor: SupervisorId(supervisor), event });
    };
    say(&mut world, 0);
    assert_eq!(passed_on(&world), [0_u8; 0], "nobody else speaks of it");
    up(&mut world, 1, 2);
    assert_eq!(passed_on(&world), [1], "who comes later is told");
    say(&mut world, 1);
    say(&mut world, 0);
    assert_eq!(passed_on(&world), [1], "and what is known is not passed on again");
}

/// To whom persons' orders were passed on, in order.
fn passed_on(world: &World) -> Vec<u8> {
    let to = |(_, action): &(protocol::Uptime, Action)| match action {
        Action::Send { supervisor, message: Outgoing::Standing(_) } => Some(supervisor.0),
        _ => None,
    };
    world.log.iter().filter_map(to).collect()
}

#[test]
fn that_a_supervisor_leads_is_passed_on_to_the_others_that_know_the_word() {
    use protocol::leader::Leading;
    use protocol::message::Welcome;
    let more = "[[supervisor]]\naddress = \"127.0.0.1:7701\"\n[[supervisor]]\naddress = \"127.0.0.1:7702\"\n";
    let mut world = World::new(&format!("{CONFIG}{more}"));
    for (supervisor, version) in [(0, 4), (1, 4), (2, 3)] {
        let welcome = Welcome { version, term: protocol::Term(1), leading: supervisor == 0 };
        world.event(Event::Link { supervisor: SupervisorId(supervisor), event: LinkEvent::Up(welcome) });
    }
    let leading = Leading { node: "pi1".parse().unwrap(), term: protocol::Term(1) };
    let event = LinkEvent::Leading(leading.clone());
    world.event(Event::Link { supervisor: SupervisorId(0), event });
    let passed = |(_, action): &(protocol::Uptime, Action)| match action {
        Action::Send { supervisor, message: Outgoing::Leading(said) } => Some((supervisor.0, said.clone())),
        _ => None,
    };
    assert_eq!(world.log.iter().filter_map(passed).collect::<Vec<_>>(), [(1, leading)]);
}
