//! The bytes of protocol version 1, as they are spoken in the field.
//!
//! **Do not change this test: append.** `golden_v1.txt` holds one line for each case. A line that no longer fits
//! means that this build cannot speak to those already out there: undo the change, or make a new version. For a new
//! case, add it behind the others here, run the test, and append the line that it prints.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use protocol::frame::{MESSAGE_BYTES_MAX, serial, stream};
use protocol::message::{
    Goodbye, Hello, Order, OrderOutcome, OrderRefusal, Refusal, SupplyReport, SwitchOrder, Welcome,
};
use protocol::report::{
    Basis, ContainerEntry, ContainerReport, ContainerState, Energy, Host, Report, SocBand, TimeBand,
};
use protocol::{
    AgentMessage, BootId, Class, ContainerSlot, Cpus, Current, Fault, Frequency, Generation, OrderId,
    OrderReason, Reason, Seconds, Sequence, Soc, Stage, SupervisorMessage, Temperature, Term, Voltage, delta,
};

const GOLDEN: &str = include_str!("golden_v1.txt");

/// Compares the made lines with the golden ones of the same kind, in both directions.
fn assert_golden(kind: &str, made: &[(String, Vec<u8>)]) {
    let prefix = format!("{kind} ");
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| line.starts_with(&prefix)).collect();
    let made: Vec<String> =
        made.iter().map(|(name, bytes)| format!("{kind} {name} {}", hex(bytes))).collect();
    for line in &golden {
        assert!(made.iter().any(|made| made == line), "this build no longer writes\n{line}");
    }
    let missing: Vec<_> = made.iter().filter(|line| !golden.contains(&line.as_str())).cloned().collect();
    assert!(missing.is_empty(), "append to golden_v1.txt:\n{}\n", missing.join("\n"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn volts(value: f64) -> Voltage {
    Voltage::from_volts(value)
}

fn amps(value: f64) -> Current {
    Current::from_amps(value)
}

fn permille(value: u16) -> Soc {
    Soc::from_fraction(f64::from(value) / 1000.0)
}

fn order_id() -> OrderId {
    OrderId { term: Term(7), generation: Generation(300) }
}

/// Every fault. The match makes a new one fail to compile until it stands here.
fn faults() -> Vec<(&'static str, Fault)> {
    let name = |fault: &Fault| match fault {
        Fault::NotYet => "not_yet",
        Fault::NoAcknowledge => "no_acknowledge",
        Fault::BusError => "bus_error",
        Fault::BusGone => "bus_gone",
        Fault::SettingsLost => "settings_lost",
        Fault::Overflow => "overflow",
        Fault::ShuntClipped { .. } => "shunt_clipped",
        Fault::VoltageAbsurd { .. } => "voltage_absurd",
        Fault::CurrentAbsurd { .. } => "current_absurd",
        Fault::Stuck { .. } => "stuck",
        Fault::Disagrees { .. } => "disagrees",
        Fault::TraceEnded => "trace_ended",
        Fault::Garbled => "garbled",
        Fault::LinkLost => "link_lost",
        Fault::NoSensor => "no_sensor",
        Fault::CurrentImplausible { .. } => "current_implausible",
    };
    let all = [
        Fault::NotYet,
        Fault::NoAcknowledge,
        Fault::BusError,
        Fault::BusGone,
        Fault::SettingsLost,
        Fault::Overflow,
        Fault::ShuntClipped { limit: amps(8.19) },
        Fault::VoltageAbsurd { read: volts(0.4), low: volts(8.0), high: volts(16.5) },
        Fault::CurrentAbsurd { read: amps(-81.2), limit: amps(40.0) },
        Fault::Stuck { held: Seconds(600) },
        Fault::Disagrees { ours: volts(12.41), other: volts(11.87) },
        Fault::TraceEnded,
        Fault::Garbled,
        Fault::LinkLost,
        Fault::NoSensor,
        Fault::CurrentImplausible { read: amps(-3.2) },
    ];
    all.into_iter().map(|fault| (name(&fault), fault)).collect()
}

/// Every reason of a leader.
fn order_reasons() -> Vec<(&'static str, OrderReason)> {
    let name = |reason: &OrderReason| match reason {
        OrderReason::EnoughEnergy => "enough_energy",
        OrderReason::SupplyLow { .. } => "supply_low",
        OrderReason::Waiting { .. } => "waiting",
        OrderReason::SupplyUnknown { .. } => "supply_unknown",
        OrderReason::Operator => "operator",
        OrderReason::SupplyShort { .. } => "supply_short",
        OrderReason::ForecastCarries { .. } => "forecast_carries",
        OrderReason::ForecastShort { .. } => "forecast_short",
        OrderReason::DaysShort { .. } => "days_short",
    };
    let all = [
        OrderReason::EnoughEnergy,
        OrderReason::SupplyLow { soc: permille(543), threshold: permille(570), place: 3, of: 10 },
        OrderReason::Waiting { turn_of: "pi-3".parse().unwrap(), place: 2 },
        OrderReason::SupplyUnknown { age: Seconds(310) },
        OrderReason::Operator,
        OrderReason::SupplyShort { time_to_empty: Seconds(5000), threshold: Seconds(5400), place: 1, of: 10 },
        OrderReason::ForecastCarries {
            chance_permille: 996,
            reserve: permille(476),
            sun_in: Seconds(35_400),
            level: 0,
            of: 40,
        },
        OrderReason::ForecastShort {
            chance_permille: 623,
            wanted_permille: 900,
            reserve: permille(476),
            sun_in: Seconds(35_400),
            level: 7,
            of: 40,
        },
        OrderReason::DaysShort {
            sun: protocol::Energy::from_watt_hours(641.0),
            load: protocol::Energy::from_watt_hours(1900.0),
            within: Seconds(259_200),
            level: 12,
            of: 40,
        },
    ];
    all.into_iter().map(|reason| (name(&reason), reason)).collect()
}

/// Every reason of a node.
fn reasons() -> Vec<(&'static str, Reason)> {
    let name = |reason: &Reason| match reason {
        Reason::Clear => "clear",
        Reason::SocUnknown => "soc_unknown",
        Reason::Resumed { .. } => "resumed",
        Reason::SocBelow { .. } => "soc_below",
        Reason::VoltageBelow { .. } => "voltage_below",
        Reason::VoltageCollapsed { .. } => "voltage_collapsed",
        Reason::TimeToEmptyBelow { .. } => "time_to_empty_below",
        Reason::NoReading { .. } => "no_reading",
        Reason::RailLow { .. } => "rail_low",
        Reason::Hot { .. } => "hot",
        Reason::Ordered { .. } => "ordered",
        Reason::Recovered { .. } => "recovered",
        Reason::BackingOff { .. } => "backing_off",
    };
    let held = Seconds(600);
    let all = [
        Reason::Clear,
        Reason::SocUnknown,
        Reason::Resumed { stage: Stage::Shed },
        Reason::SocBelow { soc: permille(542), threshold: permille(550), held },
        Reason::VoltageBelow { compensated: volts(12.043), threshold: volts(12.05), held },
        Reason::VoltageCollapsed { voltage: volts(11.2), threshold: volts(11.3), held: Seconds(10) },
        Reason::TimeToEmptyBelow { time_to_empty: Seconds(5200), threshold: Seconds(5400), held },
        Reason::NoReading { fault: Fault::NoAcknowledge, age: Seconds(31) },
        Reason::RailLow { held: Seconds(4) },
        Reason::Hot {
            temperature: Temperature::from_celsius(81.3),
            threshold: Temperature::from_celsius(80.0),
        },
        Reason::Ordered { order: order_id(), why: OrderReason::Operator },
        Reason::Recovered { soc: Some(permille(625)), compensated: volts(12.61), held },
        Reason::BackingOff { relapses: 3, wait: Seconds(3600) },
    ];
    all.into_iter().map(|reason| (name(&reason), reason)).collect()
}

/// Every refusal.
fn refusals() -> Vec<(&'static str, Refusal)> {
    let name = |refusal: &Refusal| match refusal {
        Refusal::Version { .. } => "version",
        Refusal::OutOfOrder => "out_of_order",
        Refusal::Malformed => "malformed",
        Refusal::TooLong => "too_long",
        Refusal::Superseded => "superseded",
        Refusal::Full => "full",
        Refusal::Silent => "silent",
        Refusal::Unprotected => "unprotected",
        Refusal::NoCertificates => "no_certificates",
        Refusal::Revoked => "revoked",
        Refusal::OtherName => "other_name",
        Refusal::Expired => "expired",
    };
    let all = [
        Refusal::Version { min: 1, max: 1 },
        Refusal::OutOfOrder,
        Refusal::Malformed,
        Refusal::TooLong,
        Refusal::Superseded,
        Refusal::Full,
        Refusal::Silent,
        Refusal::Unprotected,
        Refusal::NoCertificates,
        Refusal::Revoked,
        Refusal::OtherName,
        Refusal::Expired,
    ];
    all.into_iter().map(|refusal| (name(&refusal), refusal)).collect()
}

fn outcomes() -> Vec<(&'static str, OrderOutcome)> {
    let outcome = |result| OrderOutcome { id: order_id(), result };
    vec![
        ("obeyed", outcome(Ok(Stage::Shed))),
        ("older", outcome(Err(OrderRefusal::Older { newest: order_id() }))),
        ("no_such_switch", outcome(Err(OrderRefusal::NoSuchSwitch))),
        ("switch_failed", outcome(Err(OrderRefusal::SwitchFailed))),
    ]
}

/// A node that knows nothing yet.
fn bare() -> Report {
    Report {
        uptime: Seconds(2),
        stage: Stage::Throttle,
        floor: Stage::Throttle,
        reason: Reason::SocUnknown,
        energy: Energy { fault: Some(Fault::NotYet), ..Energy::default() },
        host: Host::default(),
        order: None,
        containers_total: 0,
        containers: heapless::Vec::new(),
        docker_up: false,
    }
}

/// A night: every field is there, four containers.
fn full() -> Report {
    let container = |slot, state| ContainerReport { slot: ContainerSlot(slot), state };
    Report {
        uptime: Seconds(48_213),
        stage: Stage::Shed,
        floor: Stage::Throttle,
        reason: Reason::VoltageBelow {
            compensated: volts(12.043),
            threshold: volts(12.05),
            held: Seconds(600),
        },
        energy: Energy {
            voltage: Some(volts(11.987)),
            current: Some(amps(2.541)),
            compensated: Some(volts(12.043)),
            soc: Some(SocBand { low: permille(517), best: permille(571), high: permille(622) }),
            time_to_empty: Some(TimeBand {
                low: Seconds(21_000),
                best: Seconds(28_500),
                high: Seconds(36_000),
            }),
            basis: Basis::Counted,
            fault: None,
        },
        host: Host {
            cpu_permille: Some(312),
            temperature: Some(Temperature::from_celsius(52.1)),
            frequency_cap: Some(Frequency::from_kilohertz(600_000)),
            rail_low: Some(false),
        },
        order: Some(order_id()),
        containers_total: 4,
        containers: [
            container(0, ContainerState::Running),
            container(1, ContainerState::Capped(Cpus::from_milli(500))),
            container(2, ContainerState::Paused),
            container(3, ContainerState::Down),
        ]
        .into_iter()
        .collect(),
        docker_up: true,
    }
}

/// Reports that differ from [`full`] in what the name says.
fn successors() -> Vec<(&'static str, Report)> {
    let with = |change: &dyn Fn(&mut Report)| {
        let mut report = full();
        change(&mut report);
        report
    };
    vec![
        ("nothing", full()),
        ("heartbeat", with(&|r| r.uptime = Seconds(48_243))),
        (
            "typical",
            with(&|r| {
                r.uptime = Seconds(48_223);
                r.energy.voltage = Some(volts(11.962));
                r.energy.current = Some(amps(2.713));
                r.energy.compensated = Some(volts(12.041));
                r.energy.soc = Some(SocBand { low: permille(515), best: permille(569), high: permille(621) });
            }),
        ),
        (
            "climb",
            with(&|r| {
                r.stage = Stage::Halt;
                r.floor = Stage::Drain;
                r.reason = Reason::Ordered { order: order_id(), why: OrderReason::Operator };
                r.order = Some(OrderId { term: Term(7), generation: Generation(301) });
            }),
        ),
        (
            "sensor_lost",
            with(&|r| {
                r.energy = Energy {
                    fault: Some(Fault::NoAcknowledge),
                    basis: Basis::Aged,
                    soc: r.energy.soc,
                    ..Energy::default()
                };
            }),
        ),
        ("container_stopped", with(&|r| r.containers[0].state = ContainerState::Stopped)),
        (
            "container_added",
            with(&|r| {
                let slot = ContainerSlot(9);
                r.containers_total = 5;
                r.containers.push(ContainerReport { slot, state: ContainerState::Running }).unwrap();
            }),
        ),
        ("docker_gone", with(&|r| r.docker_up = false)),
        ("rail_low", with(&|r| r.host.rail_low = Some(true))),
        ("voltage_only", with(&|r| r.energy.basis = Basis::VoltageOnly)),
        ("uncapped", with(&|r| r.host.frequency_cap = None)),
    ]
}

/// Every message of an agent, but for the deltas.
fn agent_messages() -> Vec<(String, AgentMessage<'static>)> {
    let sequence = Sequence(1234);
    let hello = Hello {
        version_min: 1,
        version_max: 1,
        node: "pi-4.attic".parse().unwrap(),
        boot: BootId(0xdead_beef),
        supply: "shed".parse().unwrap(),
        has_sensor: true,
        shed_order: 4,
        master: false,
        term: Term(7),
    };
    let entry = |class| ContainerEntry { slot: ContainerSlot(3), name: "web.1_x".parse().unwrap(), class };
    let mut messages = vec![
        ("hello".to_owned(), AgentMessage::Hello(hello)),
        ("report/bare".to_owned(), AgentMessage::Report { sequence, report: bare() }),
        ("report/full".to_owned(), AgentMessage::Report { sequence, report: full() }),
        (
            "delta".to_owned(),
            AgentMessage::Delta { sequence, back: 1, changes: &[0x0f, 0x0a, 0x31, 0xd8, 0x02] },
        ),
        ("container/deferrable".to_owned(), AgentMessage::Container(entry(Class::Deferrable))),
        ("container/standard".to_owned(), AgentMessage::Container(entry(Class::Standard))),
        ("container/critical".to_owned(), AgentMessage::Container(entry(Class::Critical))),
        ("goodbye/stopping".to_owned(), AgentMessage::Goodbye(Goodbye::Stopping)),
    ];
    for (name, outcome) in outcomes() {
        messages.push((format!("outcome/{name}"), AgentMessage::Outcome(outcome)));
    }
    // A goodbye is a short message that bears a reason, so that every reason is seen crossing a link.
    for (name, reason) in reasons() {
        messages
            .push((format!("goodbye/parking/{name}"), AgentMessage::Goodbye(Goodbye::Parking { reason })));
    }
    for (name, fault) in faults() {
        let reason = Reason::NoReading { fault, age: Seconds(31) };
        messages.push((
            format!("goodbye/parking/no_reading/{name}"),
            AgentMessage::Goodbye(Goodbye::Parking { reason }),
        ));
    }
    messages
}

/// Every message of a supervisor.
fn supervisor_messages() -> Vec<(String, SupervisorMessage)> {
    let welcome = |leading| SupervisorMessage::Welcome(Welcome { version: 1, term: Term(7), leading });
    let mut messages = vec![
        ("welcome/leading".to_owned(), welcome(true)),
        ("welcome/standby".to_owned(), welcome(false)),
        ("ack".to_owned(), SupervisorMessage::Ack(Sequence(1234))),
        ("request_full".to_owned(), SupervisorMessage::RequestFull),
        (
            "supply".to_owned(),
            SupervisorMessage::Supply(SupplyReport { energy: full().energy, age: Seconds(3) }),
        ),
        (
            "supply/unknown".to_owned(),
            SupervisorMessage::Supply(SupplyReport { energy: bare().energy, age: Seconds(900) }),
        ),
        (
            "switch".to_owned(),
            SupervisorMessage::Switch(SwitchOrder {
                id: order_id(),
                node: "pi-9".parse().unwrap(),
                on: true,
            }),
        ),
    ];
    for (name, refusal) in refusals() {
        messages.push((format!("refused/{name}"), SupervisorMessage::Refused(refusal)));
    }
    let order = |stage, reason| {
        SupervisorMessage::Order(Order { id: order_id(), stage, reason, valid_for: Seconds(90) })
    };
    for stage in Stage::ALL {
        messages.push((format!("order/{stage}"), order(stage, OrderReason::Operator)));
    }
    for (name, reason) in order_reasons() {
        messages.push((format!("order/throttle/{name}"), order(Stage::Throttle, reason)));
    }
    messages
}

fn encoded(name: &str, encode: impl FnOnce(&mut [u8]) -> Result<usize, protocol::EncodeError>) -> Vec<u8> {
    let mut out = [0; MESSAGE_BYTES_MAX];
    let length = encode(&mut out).unwrap_or_else(|error| panic!("{name}: {error}"));
    out[..length].to_vec()
}

fn encoded_agent() -> Vec<(String, Vec<u8>)> {
    let messages = agent_messages();
    messages.iter().map(|(name, m)| (name.clone(), encoded(name, |out| m.encode(out)))).collect()
}

fn encoded_supervisor() -> Vec<(String, Vec<u8>)> {
    let messages = supervisor_messages();
    messages.iter().map(|(name, m)| (name.clone(), encoded(name, |out| m.encode(out)))).collect()
}

#[test]
fn agents_write_and_read_these_bytes() {
    let encoded = encoded_agent();
    assert_golden("agent", &encoded);
    for ((name, message), (_, bytes)) in agent_messages().iter().zip(&encoded) {
        assert_eq!(AgentMessage::decode(bytes).as_ref(), Ok(message), "{name}");
    }
}

#[test]
fn supervisors_write_and_read_these_bytes() {
    let encoded = encoded_supervisor();
    assert_golden("supervisor", &encoded);
    for ((name, message), (_, bytes)) in supervisor_messages().iter().zip(&encoded) {
        assert_eq!(SupervisorMessage::decode(bytes).as_ref(), Ok(message), "{name}");
    }
}

#[test]
fn deltas_are_these_bytes_on_a_full_report() {
    let made: Vec<_> = successors()
        .iter()
        .map(|(name, new)| ((*name).to_owned(), encoded(name, |out| delta::encode(&full(), new, out))))
        .collect();
    assert_golden("delta", &made);
    for ((name, new), (_, bytes)) in successors().iter().zip(&made) {
        assert_eq!(delta::apply(&full(), bytes).as_ref(), Ok(new), "{name}");
    }
    let back = encoded("back", |out| delta::encode(&full(), &bare(), out));
    assert_golden("delta-to-bare", &[("restart".to_owned(), back.clone())]);
    assert_eq!(delta::apply(&full(), &back), Ok(bare()));
}

#[test]
fn every_message_has_these_bytes_in_a_stream() {
    let frames: Vec<_> = [encoded_agent(), encoded_supervisor(), long_message()]
        .concat()
        .iter()
        .map(|(name, message)| {
            let mut out = [0; stream::FRAME_BYTES_MAX];
            let length = stream::encode(message, &mut out).unwrap();
            let mut input = &out[..length];
            assert_eq!(stream::Decoder::new().push(&mut input), Ok(Some(&message[..])), "{name}");
            (name.clone(), out[..length].to_vec())
        })
        .collect();
    assert_golden("stream", &frames);
}

#[test]
fn every_message_has_these_bytes_on_a_serial_line() {
    let frames: Vec<_> = [encoded_agent(), encoded_supervisor(), long_message()]
        .concat()
        .iter()
        .map(|(name, message)| {
            let mut out = [0; serial::FRAME_BYTES_MAX];
            let length = serial::encode(message, &mut out).unwrap();
            let mut input = &out[..length];
            assert_eq!(serial::Decoder::new().push(&mut input), Some(&message[..]), "{name}");
            (name.clone(), out[..length].to_vec())
        })
        .collect();
    assert_golden("serial", &frames);
}

/// Longer than one byte of length and one COBS block; zeros at its edges.
fn long_message() -> Vec<(String, Vec<u8>)> {
    let body: Vec<u8> = (0..=255).chain(0..=44).collect();
    vec![("long".to_owned(), body)]
}

#[test]
fn reports_are_as_small_as_the_wire_promises() {
    let sized = |name: &str, message: AgentMessage<'_>| {
        let length = encoded(name, |out| message.encode(out)).len();
        println!("{name:>30}: {length} B");
        length
    };
    let sequence = Sequence(12_345);
    let full_length = sized("full report, 4 containers", AgentMessage::Report { sequence, report: full() });
    assert!(full_length <= 64, "{full_length} bytes");
    for (name, new) in successors() {
        let changes = encoded(name, |out| delta::encode(&full(), &new, out));
        let length = sized(name, AgentMessage::Delta { sequence, back: 1, changes: &changes });
        match name {
            "nothing" | "heartbeat" => assert!(length <= 8, "{name}: {length} bytes"),
            "typical" => assert!(length <= 16, "{name}: {length} bytes"),
            _ => assert!(length <= 32, "{name}: {length} bytes"),
        }
    }
}

#[test]
fn all_cases_of_the_file_are_still_checked() {
    let kinds = ["agent", "supervisor", "delta", "delta-to-bare", "stream", "serial"];
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let kind = line.split(' ').next().unwrap_or_default();
        assert!(kinds.contains(&kind), "nobody checks\n{line}");
    }
}
