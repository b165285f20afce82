//! Planning on energy, through the whole core: a simulated battery under a simulated sun, nodes that obey.

use std::time::Duration;

use protocol::message::SupervisorMessage;
use protocol::{Charge, Class, Current, OrderReason, Power, Soc, Stage, Voltage};

use super::site::{Site, energy, hello, name};
use crate::core::forecast::{Angle, Plane, Site as Place, WallClock};
use crate::core::settings::{Chemistry, SiteSettings, SupplySettings};
use crate::core::{Event, Kept, Settings, Supervisor, What};

/// Noon by the sun at the place below, 1 April 2027.
const NOON: i64 = 1_806_580_800;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: u64 = 60;

/// What a node takes in each stage, in watts; and a network switch.
const WATTS: [f64; 5] = [5.0, 4.2, 3.8, 3.4, 0.0];
const NETWORK: f64 = 6.0;
const CAPACITY_WH: f64 = 861.0;

fn settings() -> Settings {
    let place = Place::new(Angle::from_degrees(0.0), Angle::from_degrees(0.0))
        .and_then(|place| place.with_label(Power::from_watts(300.0)))
        .and_then(|place| place.with_plane(Plane::LEVEL))
        .unwrap();
    let site = SiteSettings::usual(place, Chemistry::Agm, Charge::from_amp_hours(70.0));
    let supply = SupplySettings { chemistry: Chemistry::Agm, site: Some(site), ..SupplySettings::default() };
    Settings {
        // A minute passes between two reports here.
        late_after: 30,
        lost_after: 60,
        supplies: [("garage".parse().unwrap(), supply)].into(),
        ..Settings::default()
    }
}

/// A site, its battery and its sun.
struct World {
    site: Site,
    /// Minutes since noon of the first day.
    minute: u64,
    soc: f64,
    /// The sky's clearness, day by day; the last goes on.
    skies: Vec<f64>,
}

impl World {
    fn new(soc: f64, skies: &[f64]) -> Self {
        Self::resume(soc, skies, Kept::default())
    }

    fn resume(soc: f64, skies: &[f64], kept: Kept) -> Self {
        let mut site = Site::new(settings());
        site.core = Supervisor::resume(settings(), kept);
        site.classes = vec![Class::Critical, Class::Standard, Class::Deferrable];
        site.busy = Some([700, 450, 300, 100, 0]);
        site.energy = energy(soc, 1.0);
        for (node, shed_order) in [("pi1", 0), ("pi2", 1), ("pi3", 2), ("pi4", 3)] {
            site.join(hello(node, shed_order, node == "pi1", node == "pi1"));
        }
        let mut world = Self { site, minute: 0, soc, skies: skies.to_vec() };
        world.clock();
        world
    }

    fn clock(&mut self) {
        let wall = NOON + i64::try_from(self.minute * 60).unwrap();
        self.site.feed(Event::Clock(WallClock::from_unix_seconds(wall)));
    }

    /// The panel now.
    fn sun(&self) -> f64 {
        let day = usize::try_from((self.minute + 12 * HOUR) / (24 * HOUR)).unwrap();
        let sky = self.skies.get(day).or(self.skies.last()).copied().unwrap_or(0.0);
        let angle = self.minute as f64 / (24.0 * 60.0) * std::f64::consts::TAU;
        234.0 * angle.cos().max(0.0) * sky
    }

    fn load(&self) -> f64 {
        let node = |agent: &super::site::Agent| if agent.awake { WATTS[agent.stage() as usize] } else { 0.0 };
        NETWORK + self.site.agents.values().map(node).sum::<f64>()
    }

    fn pass(&mut self, minutes: u64) {
        for _ in 0..minutes {
            self.minute += 1;
            self.site.now += MINUTE;
            let net = self.sun() - self.load();
            let taken = if net > 0.0 { net * 0.88 } else { net };
            self.soc = (self.soc + taken / 60.0 / CAPACITY_WH * 100.0).clamp(0.0, 100.0);
            let mut now = energy(self.soc, 0.0);
            let band = now.soc.as_mut().unwrap();
            band.best = band.low;
            now.voltage = Some(Voltage::from_volts(12.5));
            now.current = Some(Current::from_amps(-net / 12.5));
            self.site.energy = now;
            self.clock();
            self.site.report_all();
            self.site.feed(Event::Tick);
        }
    }
}

#[test]
fn every_node_is_told_that_a_plan_is_in_force_and_told_again_before_that_lapses() {
    let mut world = World::new(95.0, &[1.0]);
    world.pass(30);
    for (node, agent) in &world.site.agents {
        let order = agent.order.as_ref().expect("an order to Normal");
        assert_eq!(order.stage, Stage::Normal, "{node}");
        assert!(order.reason.is_by_forecast(), "{node}: {:?}", order.reason);
    }
    let renewals = world.site.sent.iter().filter(|(_, _, sent)| matches!(sent, SupervisorMessage::Order(_)));
    assert!(renewals.count() >= 4 * 7, "in half an hour, every order at a third of ten minutes");
    let plan = world.site.core.view(world.site.now).supplies[0].plan.clone().unwrap();
    assert_eq!(plan.level, 0);
}

#[test]
fn shortly_before_a_fair_morning_a_low_charge_throttles_nobody() {
    let mut world = World::new(90.0, &[1.0]);
    world.pass(17 * HOUR + 30);
    assert!(world.soc < 68.0, "{}: below where nodes alone would throttle", world.soc);
    assert_eq!(world.site.stages(), [Stage::Normal; 4], "{}", world.soc);
}

#[test]
fn before_dull_days_work_that_can_wait_is_slowed_early_and_the_night_is_survived() {
    let mut world = World::new(80.0, &[0.2]);
    world.pass(2 * 24 * HOUR);
    let by_forecast = |record: &&crate::core::Record| matches!(&record.what, What::Ordered { reason, to, .. } if reason.is_by_forecast() && *to > Stage::Normal);
    let first = world.site.records.iter().find(by_forecast).expect("the plan saves");
    assert!(first.at.since(protocol::Uptime::START) < Duration::from_hours(12), "early: {first}");
    let text = first.to_string();
    assert!(text.contains("chance") || text.contains("the sun brings"), "{text}");
    assert!(world.site.agents.values().all(|agent| agent.stage() >= Stage::Shed));
    assert!(world.soc > 46.0, "{}: nobody had to drain", world.soc);
}

#[test]
fn no_node_changes_its_stage_more_than_six_times_a_day() {
    let mut world = World::new(80.0, &[0.4, 0.1, 0.2, 1.0]);
    world.pass(3 * 24 * HOUR);
    for node in ["pi1", "pi2", "pi3", "pi4"] {
        let changes = world.site.steps().into_iter().filter(|(_, who, _)| who == node);
        let days: Vec<u64> = changes.map(|(at, _, _)| at.as_millis() / 86_400_000).collect();
        for day in 0..4 {
            let count = days.iter().filter(|changed| **changed == day).count();
            assert!(count <= 6 + usize::from(day == 0), "{node}, day {day}: {count} orders");
        }
    }
}

#[test]
fn when_the_supply_is_unknown_the_plan_is_no_more_and_nodes_are_told_so() {
    let mut world = World::new(95.0, &[1.0]);
    world.pass(30);
    world.site.energy.fault = Some(protocol::Fault::BusGone);
    for _ in 0..30 {
        world.minute += 1;
        world.site.now += MINUTE;
        world.clock();
        world.site.report_all();
        world.site.feed(Event::Tick);
    }
    for node in ["pi1", "pi4"] {
        let order = world.site.agents[&name(node)].order.clone().unwrap();
        assert!(!order.reason.is_by_forecast(), "{node}: {:?}", order.reason);
    }
    assert_eq!(world.site.core.view(world.site.now).supplies[0].plan, None);
}

#[test]
fn without_a_clock_and_before_a_sunrise_there_is_no_plan_and_thresholds_rule() {
    let mut site = Site::new(settings());
    for (node, shed_order) in [("pi1", 0), ("pi4", 3)] {
        site.join(hello(node, shed_order, node == "pi1", node == "pi1"));
    }
    site.energy = energy(68.0, 2.0);
    site.pass(Duration::from_mins(10));
    let view = site.core.view(site.now);
    assert_eq!(view.supplies[0].plan, None);
    let reason = view.node("pi4").unwrap().order.clone().unwrap().reason;
    assert!(matches!(reason, OrderReason::SupplyLow { .. }), "{reason:?}");
    assert!(site.core.forecast(site.now)[0].rests_on.contains("no clock"));
}

#[test]
fn what_was_learned_is_handed_out_to_be_kept_and_goes_on_after_a_restart() {
    let mut world = World::new(80.0, &[0.7]);
    world.pass(13 * HOUR);
    let kept = world.site.kept.clone().expect("a few times a day");
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let read = serde_json::from_str(&text).unwrap();
    let mut again = World::resume(80.0, &[0.7], Kept { budgets: vec![read], ..Kept::default() });
    again.minute = world.minute;
    again.pass(2);
    let energy = again.site.core.energy();
    assert_eq!(energy[0].days.len(), world.site.core.energy()[0].days.len(), "the days go on");
    assert!(energy[0].days[0].seen_minutes > 600);
    let plan = again.site.core.view(again.site.now).supplies[0].plan.clone().unwrap();
    // By night 26 W were measured; the first belief was another.
    let load = plan.load.watt_hours() / (f64::from(plan.within.0) / 3600.0);
    assert!((load - 26.0).abs() < 2.0, "{load} W");
}

#[test]
fn the_accounts_add_up_to_what_the_battery_gave_by_night() {
    let mut world = World::new(95.0, &[1.0]);
    world.pass(12 * HOUR);
    let day = world.site.core.energy()[0].days.last().unwrap().clone();
    let parts = day.nodes.values().fold(day.always, |sum, node| sum + node.total());
    assert!(day.drawn > protocol::Energy::from_watt_hours(100.0), "{}", day.drawn);
    let spent = day.drawn + day.panel - day.charged;
    assert!((parts - spent).abs() < spent * 0.1, "{parts} of {spent}");
    let node = &day.nodes[&name("pi4")];
    assert!(node.deferrable > node.critical, "{node:?}");
}

/// Two nodes that only do what can wait, behind relays.
fn with_batch_nodes(soc: f64, skies: &[f64]) -> World {
    let mut world = World::new(soc, skies);
    world.site.classes = vec![Class::Deferrable];
    for (node, shed_order) in [("pi8", 8), ("pi9", 9)] {
        world.site.join(hello(node, shed_order, false, false));
    }
    world
}

/// Answers what was asked about switches, and parks who is ordered to halt.
fn serve_switches(world: &mut World, answered: &mut usize) {
    serve_switches_of(world, answered, &[("pi8", "pi1"), ("pi9", "pi1")]);
}

/// As [`serve_switches`], with these nodes' switches, and who has them.
fn serve_switches_of(world: &mut World, answered: &mut usize, switches: &[(&str, &str)]) {
    let sent: Vec<_> = world.site.sent[*answered..].to_vec();
    *answered = world.site.sent.len();
    for (_, link, message) in sent {
        let SupervisorMessage::Switch(order) = message else { continue };
        let through = world.site.agents.values().find(|agent| agent.link == Some(link));
        let Some(through) = through.map(|agent| agent.hello.node.to_string()) else { continue };
        let has = switches.contains(&(order.node.as_str(), through.as_str()));
        let result = if has { Ok(Stage::Normal) } else { Err(protocol::message::OrderRefusal::NoSuchSwitch) };
        world.site.answer(&through, order.id, result);
    }
    for node in ["pi8", "pi9"] {
        let agent = &world.site.agents[&name(node)];
        if agent.awake && agent.stage() == Stage::Halt {
            world.site.park(node);
        }
    }
}

#[test]
fn idle_nodes_that_a_relay_can_wake_are_parked_for_dull_days_without_power_and_woken_for_fair_ones() {
    let mut world = with_batch_nodes(75.0, &[0.08, 0.08, 0.08, 1.0]);
    let mut answered = 0;
    for _ in 0..(2 * 24 * HOUR) {
        world.pass(1);
        serve_switches(&mut world, &mut answered);
    }
    let parked =
        |world: &World| ["pi8", "pi9"].iter().filter(|node| !world.site.agents[&name(node)].awake).count();
    assert_eq!(parked(&world), 2, "at {} %", world.soc);
    let cut = world
        .site
        .sent
        .iter()
        .filter(|(_, _, sent)| matches!(sent, SupervisorMessage::Switch(order) if !order.on));
    assert_eq!(cut.count(), 2, "a parked board draws nothing");
    assert!(world.site.agents.iter().all(|(node, agent)| agent.awake || node.as_str() > "pi7"));
    world.soc = 90.0;
    let before = world.site.records.len();
    for _ in 0..(2 * 24 * HOUR) {
        world.pass(1);
        serve_switches(&mut world, &mut answered);
    }
    let woken = world.site.records[before..].iter().filter(|r| matches!(r.what, What::Waking { .. }));
    assert!(woken.count() >= 1, "with the sun they are wanted back");
    assert!(Soc::from_percent(world.soc) > Soc::from_percent(50.0));
}

#[test]
fn who_switches_another_nodes_power_is_not_parked_or_its_relays_would_rest() {
    let mut world = with_batch_nodes(75.0, &[0.08, 0.08, 0.08, 1.0]);
    let mut answered = 0;
    for _ in 0..(2 * 24 * HOUR) {
        world.pass(1);
        serve_switches_of(&mut world, &mut answered, &[("pi8", "pi1"), ("pi9", "pi8")]);
    }
    // The charge at which everybody halts is another matter.
    let parked = |node: &str| {
        world.site.records.iter().any(|record| {
            let planned = matches!(
                record.what,
                What::Ordered {
                    to: Stage::Halt,
                    reason: OrderReason::ForecastShort { .. } | OrderReason::DaysShort { .. },
                    ..
                }
            );
            planned && record.node == Some(name(node))
        })
    };
    assert!(parked("pi9") && !parked("pi8"), "pi9: {}, pi8: {}", parked("pi9"), parked("pi8"));
}
