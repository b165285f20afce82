//! A fleet in one evening, and a board that shows it: what the tests look at.

use protocol::report::{ContainerState, Energy, Host, SocBand, TimeBand};
use protocol::{
    Class, Cpus, Current, Generation, OrderId, OrderReason, Power, Reason, Seconds, Soc, Stage, Temperature,
    Term, Voltage,
};

use super::*;
use crate::core::address::Sighting;
use crate::core::balancer::seen::Admission;
use crate::core::balancer::{BackendView, ServerView};
use crate::core::budget::view::{ForecastView, HourView, PlanView, SunView};
use crate::core::forecast::{Band, Chance};
use crate::core::journal::{Record, What};
use crate::core::person::ParkedBy;
use crate::core::settings::Chemistry;
use crate::core::view::{AddressView, ContainerView, NodeView, OrderView, Outlook, SCHEMA, SupplyView};
use crate::core::{JournalState, Liveness};
use crate::io::Timestamp;
use crate::io::journal::Entry;
use crate::io::operator::Status;
use crate::tui::Look;

pub(super) const ASCII: Look = Look { ascii: true, colour: false };
/// 2026-11-22, 21:40 UTC.
pub(super) const NOW_MS: i64 = 1_795_383_600_000;

pub(super) fn now() -> Uptime {
    Uptime::from_millis(3_600_000)
}

pub(super) fn soc(percent: f64) -> SocBand {
    let at = Soc::from_percent;
    SocBand { low: at(percent - 4.0), best: at(percent), high: at(percent + 4.0) }
}

pub(super) fn supply() -> SupplyView {
    let hours = |hours: u32| Seconds(hours * 3600);
    SupplyView {
        name: "garage".parse().unwrap(),
        chemistry: Chemistry::default(),
        assumed: false,
        energy: Some(Energy {
            voltage: Some(Voltage::from_volts(12.31)),
            current: Some(Current::from_amps(2.4)),
            soc: Some(soc(62.0)),
            time_to_empty: Some(TimeBand { low: hours(11), best: hours(14), high: hours(17) }),
            ..Energy::default()
        }),
        source: Some("pi1".parse().unwrap()),
        age: Some(Seconds(1)),
        known: true,
        disagreement: None,
        recovering: None,
        nodes: 10,
        weight: Some(100),
        plan: Some(plan()),
        today: None,
    }
}

pub(super) fn plan() -> PlanView {
    let wh = protocol::Energy::from_watt_hours;
    PlanView {
        level: 7,
        levels: 36,
        chance: Chance::from_fraction(0.62),
        wanted: Chance::from_fraction(0.9),
        reserve: Soc::from_percent(48.0),
        sun_in: Seconds(35_400),
        sun: wh(900.0),
        load: wh(2100.0),
        within: Seconds(259_200),
    }
}

pub(super) fn forecast() -> ForecastView {
    let hour = |hour: u32| HourView {
        begins_in: Seconds(hour * 3600),
        soc: Soc::from_percent(58.0 - f64::from(hour.min(9)) * 2.0 + f64::from(hour.saturating_sub(9)) * 3.0),
        level: 7,
        load: Power::from_watts(28.0),
        sun: Power::ZERO,
        saving: ((2..11).contains(&hour))
            .then(|| ("pi9".parse().unwrap(), Stage::Drain))
            .into_iter()
            .collect(),
    };
    let wh = protocol::Energy::from_watt_hours;
    let energy = Band { low: wh(100.0), best: wh(300.0), high: wh(420.0) };
    ForecastView {
        supply: "garage".parse().unwrap(),
        rests_on: "errors measured on 40 days here".to_owned(),
        sunrise_in: Some(Seconds(28_200)),
        sun: vec![SunView { within: Seconds(86_400), energy }],
        plan: Some(plan()),
        course: (0..24).map(hour).collect(),
    }
}

pub(super) fn ordered() -> OrderReason {
    OrderReason::SupplyLow {
        soc: Soc::from_percent(58.0),
        threshold: Soc::from_percent(61.0),
        place: 4,
        of: 10,
    }
}

pub(super) fn node(number: usize, liveness: Liveness, stage: Stage) -> NodeView {
    let id = OrderId { term: Term(3), generation: Generation(17) };
    let deferrable = match stage {
        Stage::Normal => ContainerState::Running,
        Stage::Throttle => ContainerState::Capped(Cpus::from_milli(250)),
        Stage::Shed | Stage::Drain | Stage::Halt => ContainerState::Paused,
    };
    let container =
        |name: &str, class, state| ContainerView { name: Some(name.to_owned()), class: Some(class), state };
    let saves = stage > Stage::Normal;
    let order =
        OrderView { id: Some(id), stage, reason: ordered(), since: Seconds(1500), answer: Some(Ok(stage)) };
    NodeView {
        name: format!("pi{number}").parse().unwrap(),
        supply: "garage".parse().unwrap(),
        shed_order: number as u8,
        place: (11 - number.min(10)) as u8,
        of: 10,
        master: number <= 3,
        has_sensor: number == 1,
        liveness,
        silent: Some(Seconds(if liveness == Liveness::Alive { 1 } else { 754 })),
        stage: Some(stage),
        floor: Some(Stage::Normal),
        reason: Some(if saves { Reason::Ordered { order: id, why: ordered() } } else { Reason::Clear }),
        energy: None,
        host: Some(Host {
            cpu_permille: Some(123),
            temperature: Some(Temperature::from_celsius(47.6)),
            ..Host::default()
        }),
        fault: None,
        docker_up: Some(true),
        containers_total: 3,
        containers: vec![
            container("db.1.x7k", Class::Critical, ContainerState::Running),
            container(&format!("web.{number}.q1"), Class::Standard, ContainerState::Running),
            container("transcode", Class::Deferrable, deferrable),
        ],
        order: saves.then_some(order),
        person: None,
        parked_by: (liveness == Liveness::Parked).then_some(ParkedBy::Plan),
        outlook: Outlook {
            save_below: Some(Soc::from_percent(52.0)),
            spend_above: Some(Soc::from_percent(63.0)),
            needs_charging: true,
        },
    }
}

pub(super) fn nodes() -> Vec<NodeView> {
    use Liveness::{Alive, Late, Lost, NeverSeen, Parked};
    let all = [
        (Alive, Stage::Normal),
        (Alive, Stage::Normal),
        (Alive, Stage::Normal),
        (Alive, Stage::Throttle),
        (Alive, Stage::Throttle),
        (Late, Stage::Normal),
        (Alive, Stage::Shed),
        (Lost, Stage::Normal),
        (Parked, Stage::Halt),
        (NeverSeen, Stage::Normal),
    ];
    (1..).zip(all).map(|(number, (liveness, stage))| node(number, liveness, stage)).collect()
}

pub(super) fn status(nodes: Vec<NodeView>) -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 1,
        listen: "192.168.7.1:7464".to_owned(),
        fleet: FleetView {
            schema: SCHEMA,
            now: Uptime::from_millis(270_000_000),
            term: Term(3),
            leading: true,
            standby: None,
            leader: None,
            address: Some(AddressView {
                seen: Some(Sighting { held: true, keepalived_runs: true }),
                offset: Some(0),
            }),
            plan: OrderId { term: Term(3), generation: Generation(17) },
            journal: JournalState::Working,
            supplies: vec![supply()],
            nodes,
            backends: vec![backend()],
            recent: Vec::new(),
        },
    }
}

/// What HAProxy shows of the service `web`.
pub(super) fn backend() -> BackendView {
    let server = |number: usize| ServerView {
        name: format!("pi{number}"),
        node: Some(format!("pi{number}").parse().unwrap()),
        up: true,
        admission: if number == 7 { Admission::Drain } else { Admission::Ready },
        weight: 100,
        sessions: 2,
        requests: 51_204,
        requests_per_second: Some(if number == 7 { 0.0 } else { 4.25 }),
    };
    BackendView {
        name: "web".to_owned(),
        service: "web".to_owned(),
        requests_per_second: Some(17.0),
        servers: [1, 2, 3, 4, 7].map(server).into_iter().collect(),
    }
}

pub(super) fn event(minutes_ago: i64, node: &str, what: What) -> Entry {
    let record = Record {
        at: Uptime::START,
        node: Some(node.parse().unwrap()),
        supply: Some("garage".parse().unwrap()),
        what,
    };
    Entry { number: Some(1), time: Timestamp::from_millis(NOW_MS - minutes_ago * 60_000), record }
}

pub(super) fn events() -> Vec<Entry> {
    let id = OrderId { term: Term(3), generation: Generation(17) };
    let shed = Reason::Ordered { order: id, why: ordered() };
    vec![
        event(30, "pi9", What::Relieved { after: Seconds(12), timed_out: false }),
        event(
            25,
            "pi7",
            What::Ordered { id, from: Some(Stage::Throttle), to: Stage::Shed, reason: ordered() },
        ),
        event(
            25,
            "pi7",
            What::Stage { from: Some(Stage::Throttle), to: Stage::Shed, floor: Stage::Normal, reason: shed },
        ),
        event(12, "pi8", What::Liveness { from: Liveness::Late, to: Liveness::Lost, silent: Seconds(42) }),
    ]
}

/// A board over a site at night on which every kind of node is seen.
pub(super) fn night(rights: Rights) -> Board {
    let mut board = Board::new(rights);
    let name: SupplyName = "garage".parse().unwrap();
    let point = |index: i64| CurvePoint {
        millis: NOW_MS - (144 - index) * 300_000,
        soc: (index > 2).then(|| soc(96.0 - index as f64 * 0.24)),
    };
    board.hear(Heard::Status(Box::new(status(nodes())), Timestamp::from_millis(NOW_MS)), now());
    board.hear(Heard::Forecast(vec![forecast()]), now());
    board.hear(Heard::Events(events()), now());
    board.hear(Heard::Curve(name, (0..144).map(point).collect()), now());
    board
}

pub(super) fn buffer(board: &Board, look: Look, width: u16, height: u16) -> ratatui::buffer::Buffer {
    let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, width, height));
    board.draw(&mut buffer, look, now());
    buffer
}

pub(super) fn shot(board: &Board, look: Look, width: u16, height: u16) -> String {
    crate::tui::tests::text(&buffer(board, look, width, height))
}

pub(super) fn type_in(board: &mut Board, keys: &str) {
    keys.chars().for_each(|key| drop(board.press(Key::Char(key), now())));
}

/// Chooses a node on the first page.
pub(super) fn choose(board: &mut Board, number: usize) {
    board.press(Key::Home, now());
    (1..number).for_each(|_| drop(board.press(Key::Down, now())));
}
