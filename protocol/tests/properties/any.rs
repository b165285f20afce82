//! Any value of every type that crosses a link.
//!
//! Quantities are made in their wire form (whole milli-units, whole per mille), so that what comes back can be compared
//! exactly; [`measured_report`] makes a report as a sensor would, between the wire's steps.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::engine::{EngineOrder, EngineOutcome, EngineReason, EngineRefusal};
use protocol::leader::Leading;
use protocol::message::{
    Goodbye, Hello, Order, OrderOutcome, OrderRefusal, Refusal, SupplyReport, SwitchOrder, Welcome,
};
use protocol::report::{
    Basis, CONTAINERS_MAX, ContainerEntry, ContainerReport, ContainerState, Energy, Host, Report, SocBand,
    TimeBand,
};
use protocol::standing::{Standing, Wish, Words};
use protocol::{
    AgentMessage, BootId, Class, ContainerName, ContainerSlot, Cpus, Current, Fault, Frequency, Generation,
    NodeName, OrderId, OrderReason, Reason, Seconds, Sequence, Soc, Stage, SupervisorMessage, SupplyName,
    Temperature, Term, Voltage,
};

/// Mostly what a 12 V site has, sometimes anything with a wire form.
fn milli() -> impl Strategy<Value = f64> {
    prop_oneof![3 => -20_000..20_000, 1 => any::<i32>()].prop_map(|milli| f64::from(milli) / 1000.0)
}

fn voltage() -> impl Strategy<Value = Voltage> {
    milli().prop_map(Voltage::from_volts)
}

fn current() -> impl Strategy<Value = Current> {
    milli().prop_map(Current::from_amps)
}

fn temperature() -> impl Strategy<Value = Temperature> {
    milli().prop_map(Temperature::from_celsius)
}

fn soc() -> impl Strategy<Value = Soc> {
    (0..=1000_u16).prop_map(|permille| Soc::from_fraction(f64::from(permille) / 1000.0))
}

fn seconds() -> impl Strategy<Value = Seconds> {
    prop_oneof![3 => 0..200_000_u32, 1 => any::<u32>()].prop_map(Seconds)
}

fn energy_amount() -> impl Strategy<Value = protocol::Energy> {
    milli().prop_map(protocol::Energy::from_watt_hours)
}

/// A level of a ladder, and its length.
fn levels() -> impl Strategy<Value = (u16, u16)> {
    (any::<u16>(), any::<u16>())
}

fn stage() -> impl Strategy<Value = Stage> {
    proptest::sample::select(&Stage::ALL[..])
}

fn order_id() -> impl Strategy<Value = OrderId> {
    (any::<u64>(), any::<u64>())
        .prop_map(|(term, generation)| OrderId { term: Term(term), generation: Generation(generation) })
}

fn node() -> impl Strategy<Value = NodeName> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}".prop_map(|name| name.parse().unwrap())
}

fn supply() -> impl Strategy<Value = SupplyName> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,31}".prop_map(|name| name.parse().unwrap())
}

fn container_name() -> impl Strategy<Value = ContainerName> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}".prop_map(|name| name.parse().unwrap())
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::NotYet),
        Just(Fault::NoAcknowledge),
        Just(Fault::BusError),
        Just(Fault::BusGone),
        Just(Fault::SettingsLost),
        Just(Fault::Overflow),
        current().prop_map(|limit| Fault::ShuntClipped { limit }),
        (voltage(), voltage(), voltage()).prop_map(|(read, low, high)| Fault::VoltageAbsurd {
            read,
            low,
            high
        }),
        (current(), current()).prop_map(|(read, limit)| Fault::CurrentAbsurd { read, limit }),
        seconds().prop_map(|held| Fault::Stuck { held }),
        (voltage(), voltage()).prop_map(|(ours, other)| Fault::Disagrees { ours, other }),
        Just(Fault::TraceEnded),
        Just(Fault::Garbled),
        Just(Fault::LinkLost),
        Just(Fault::NoSensor),
        current().prop_map(|read| Fault::CurrentImplausible { read }),
    ]
}

fn order_reason() -> impl Strategy<Value = OrderReason> {
    let places = (any::<u8>(), any::<u8>());
    prop_oneof![
        Just(OrderReason::EnoughEnergy),
        (soc(), soc(), places).prop_map(|(soc, threshold, (place, of))| OrderReason::SupplyLow {
            soc,
            threshold,
            place,
            of
        }),
        (node(), any::<u8>()).prop_map(|(turn_of, place)| OrderReason::Waiting { turn_of, place }),
        seconds().prop_map(|age| OrderReason::SupplyUnknown { age }),
        Just(OrderReason::Operator),
        (seconds(), seconds(), places).prop_map(|(time_to_empty, threshold, (place, of))| {
            OrderReason::SupplyShort { time_to_empty, threshold, place, of }
        }),
        (any::<u16>(), soc(), seconds(), levels()).prop_map(
            |(chance_permille, reserve, sun_in, (level, of))| {
                OrderReason::ForecastCarries { chance_permille, reserve, sun_in, level, of }
            }
        ),
        (any::<[u16; 2]>(), soc(), seconds(), levels()).prop_map(
            |([chance_permille, wanted_permille], reserve, sun_in, (level, of))| {
                OrderReason::ForecastShort { chance_permille, wanted_permille, reserve, sun_in, level, of }
            }
        ),
        (energy_amount(), energy_amount(), seconds(), levels()).prop_map(
            |(sun, load, within, (level, of))| { OrderReason::DaysShort { sun, load, within, level, of } }
        ),
    ]
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![
        Just(Reason::Clear),
        Just(Reason::SocUnknown),
        stage().prop_map(|stage| Reason::Resumed { stage }),
        (soc(), soc(), seconds()).prop_map(|(soc, threshold, held)| Reason::SocBelow {
            soc,
            threshold,
            held
        }),
        (voltage(), voltage(), seconds()).prop_map(|(compensated, threshold, held)| {
            Reason::VoltageBelow { compensated, threshold, held }
        }),
        (voltage(), voltage(), seconds())
            .prop_map(|(voltage, threshold, held)| { Reason::VoltageCollapsed { voltage, threshold, held } }),
        (seconds(), seconds(), seconds()).prop_map(|(time_to_empty, threshold, held)| {
            Reason::TimeToEmptyBelow { time_to_empty, threshold, held }
        }),
        (fault(), seconds()).prop_map(|(fault, age)| Reason::NoReading { fault, age }),
        seconds().prop_map(|held| Reason::RailLow { held }),
        (temperature(), temperature())
            .prop_map(|(temperature, threshold)| Reason::Hot { temperature, threshold }),
        (order_id(), order_reason()).prop_map(|(order, why)| Reason::Ordered { order, why }),
        (option::of(soc()), voltage(), seconds())
            .prop_map(|(soc, compensated, held)| { Reason::Recovered { soc, compensated, held } }),
        (any::<u16>(), seconds()).prop_map(|(relapses, wait)| Reason::BackingOff { relapses, wait }),
    ]
}

fn energy() -> impl Strategy<Value = Energy> {
    let basis =
        prop_oneof![Just(Basis::Unknown), Just(Basis::Counted), Just(Basis::VoltageOnly), Just(Basis::Aged)];
    let soc = (soc(), soc(), soc()).prop_map(|(low, best, high)| SocBand { low, best, high });
    let time = (seconds(), seconds(), seconds()).prop_map(|(low, best, high)| TimeBand { low, best, high });
    (
        option::of(voltage()),
        option::of(current()),
        option::of(voltage()),
        option::of(soc),
        option::of(time),
        basis,
        option::of(fault()),
    )
        .prop_map(|(voltage, current, compensated, soc, time_to_empty, basis, fault)| Energy {
            voltage,
            current,
            compensated,
            soc,
            time_to_empty,
            basis,
            fault,
        })
}

fn host() -> impl Strategy<Value = Host> {
    let cap = any::<u32>().prop_map(Frequency::from_kilohertz);
    (option::of(any::<u16>()), option::of(temperature()), option::of(cap), option::of(any::<bool>()))
        .prop_map(|(cpu_permille, temperature, frequency_cap, rail_low)| Host {
            cpu_permille,
            temperature,
            frequency_cap,
            rail_low,
        })
}

fn container_state() -> impl Strategy<Value = ContainerState> {
    prop_oneof![
        Just(ContainerState::Running),
        any::<u32>().prop_map(|milli| ContainerState::Capped(Cpus::from_milli(milli))),
        Just(ContainerState::Paused),
        Just(ContainerState::Stopped),
        Just(ContainerState::Down),
    ]
}

/// In any order, with slots that repeat: the wire does not count on better.
fn containers() -> impl Strategy<Value = heapless::Vec<ContainerReport, CONTAINERS_MAX>> {
    let container = (0..40_u8, container_state())
        .prop_map(|(slot, state)| ContainerReport { slot: ContainerSlot(slot), state });
    vec(container, 0..=CONTAINERS_MAX).prop_map(|containers| containers.into_iter().collect())
}

/// Any report whose quantities are in their wire form.
pub(crate) fn report() -> impl Strategy<Value = Report> {
    (
        (seconds(), stage(), stage(), reason()),
        (energy(), host(), option::of(order_id()), any::<u16>(), containers(), any::<bool>()),
    )
        .prop_map(
            |(
                (uptime, stage, floor, reason),
                (energy, host, order, containers_total, containers, docker_up),
            )| {
                Report {
                    uptime,
                    stage,
                    floor,
                    reason,
                    energy,
                    host,
                    order,
                    containers_total,
                    containers,
                    docker_up,
                }
            },
        )
}

/// Any report as an agent has it: quantities between the wire's steps.
pub(crate) fn measured_report() -> impl Strategy<Value = Report> {
    (report(), vec(-100.0..100.0_f64, 5), option::of((0.0..1.0_f64, 0.0..1.0_f64, 0.0..1.0_f64))).prop_map(
        |(mut report, values, soc)| {
            let energy = &mut report.energy;
            energy.voltage = energy.voltage.map(|_| Voltage::from_volts(values[0]));
            energy.current = energy.current.map(|_| Current::from_amps(values[1]));
            energy.compensated = energy.compensated.map(|_| Voltage::from_volts(values[2]));
            energy.soc = soc.map(|(low, best, high)| SocBand {
                low: Soc::from_fraction(low),
                best: Soc::from_fraction(best),
                high: Soc::from_fraction(high),
            });
            energy.fault = energy.fault.map(|_| Fault::ShuntClipped { limit: Current::from_amps(values[1]) });
            report.host.temperature = report.host.temperature.map(|_| Temperature::from_celsius(values[3]));
            report.reason = Reason::Recovered {
                soc: soc.map(|(low, ..)| Soc::from_fraction(low)),
                compensated: Voltage::from_volts(values[4]),
                held: report.uptime,
            };
            report
        },
    )
}

fn hello() -> impl Strategy<Value = Hello> {
    (
        (any::<u16>(), any::<u16>(), node(), any::<u32>(), supply()),
        (any::<bool>(), any::<u8>(), any::<bool>(), any::<u64>()),
    )
        .prop_map(
            |((version_min, version_max, node, boot, supply), (has_sensor, shed_order, master, term))| {
                Hello {
                    version_min,
                    version_max,
                    node,
                    boot: BootId(boot),
                    supply,
                    has_sensor,
                    shed_order,
                    master,
                    term: Term(term),
                }
            },
        )
}

fn outcome() -> impl Strategy<Value = OrderOutcome> {
    let refusal = prop_oneof![
        order_id().prop_map(|newest| OrderRefusal::Older { newest }),
        Just(OrderRefusal::NoSuchSwitch),
        Just(OrderRefusal::SwitchFailed),
    ];
    (order_id(), prop_oneof![stage().prop_map(Ok), refusal.prop_map(Err)])
        .prop_map(|(id, result)| OrderOutcome { id, result })
}

fn leading() -> impl Strategy<Value = Leading> {
    (node(), any::<u64>()).prop_map(|(node, term)| Leading { node, term: Term(term) })
}

fn engine_outcome() -> impl Strategy<Value = EngineOutcome> {
    let refusal = prop_oneof![
        Just(EngineRefusal::NotConfigured),
        order_id().prop_map(|newest| EngineRefusal::Older { newest }),
        stage().prop_map(|stage| EngineRefusal::Saving { stage }),
        Just(EngineRefusal::Ending),
        Just(EngineRefusal::UnderWay),
        seconds().prop_map(|after| EngineRefusal::Again { after }),
        Just(EngineRefusal::TimedOut),
        ".{0,120}".prop_map(|why| EngineRefusal::Failed { why: Words::cut(&why) }),
    ];
    (order_id(), prop_oneof![Just(Ok(())), refusal.prop_map(Err)])
        .prop_map(|(id, result)| EngineOutcome { id, result })
}

fn standing() -> impl Strategy<Value = Standing> {
    let wish = prop_oneof![Just(Wish::Withdrawn), Just(Wish::Drain), Just(Wish::Park), Just(Wish::Awake)];
    (order_id(), node(), wish, option::of(seconds()), ".{0,40}", ".{0,120}").prop_map(
        |(id, node, wish, left, who, why)| Standing {
            id,
            node,
            wish,
            left,
            who: Words::cut(&who),
            why: Words::cut(&why),
        },
    )
}

/// Any message of an agent. Deltas carry [`CHANGES`], which are not looked into.
pub(crate) fn agent_message() -> impl Strategy<Value = AgentMessage<'static>> {
    let class = prop_oneof![Just(Class::Deferrable), Just(Class::Standard), Just(Class::Critical)];
    let entry = (any::<u8>(), container_name(), class).prop_map(|(slot, name, class)| ContainerEntry {
        slot: ContainerSlot(slot),
        name,
        class,
    });
    let goodbye =
        prop_oneof![reason().prop_map(|reason| Goodbye::Parking { reason }), Just(Goodbye::Stopping)];
    prop_oneof![
        hello().prop_map(AgentMessage::Hello),
        (any::<u32>(), report())
            .prop_map(|(sequence, report)| AgentMessage::Report { sequence: Sequence(sequence), report }),
        (any::<u32>(), any::<u16>(), 0..=CHANGES.len()).prop_map(|(sequence, back, length)| {
            AgentMessage::Delta { sequence: Sequence(sequence), back, changes: &CHANGES[..length] }
        }),
        entry.prop_map(AgentMessage::Container),
        outcome().prop_map(AgentMessage::Outcome),
        goodbye.prop_map(AgentMessage::Goodbye),
        standing().prop_map(AgentMessage::Standing),
        engine_outcome().prop_map(AgentMessage::Engine),
        leading().prop_map(AgentMessage::Leading),
    ]
}

/// As many bytes as changes may be, none of them alike next to each other.
const CHANGES: &[u8; 512] = &{
    let mut bytes = [0; 512];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at * 7 % 251) as u8;
        at += 1;
    }
    bytes
};

/// Any message of a supervisor.
pub(crate) fn supervisor_message() -> impl Strategy<Value = SupervisorMessage> {
    let refusal = prop_oneof![
        (any::<u16>(), any::<u16>()).prop_map(|(min, max)| Refusal::Version { min, max }),
        Just(Refusal::OutOfOrder),
        Just(Refusal::Malformed),
        Just(Refusal::TooLong),
        Just(Refusal::Superseded),
        Just(Refusal::Full),
        Just(Refusal::Silent),
        Just(Refusal::Unprotected),
        Just(Refusal::NoCertificates),
        Just(Refusal::Revoked),
        Just(Refusal::OtherName),
        Just(Refusal::Expired),
    ];
    let welcome = (any::<u16>(), any::<u64>(), any::<bool>()).prop_map(|(version, term, leading)| Welcome {
        version,
        term: Term(term),
        leading,
    });
    let order = (order_id(), stage(), order_reason(), seconds())
        .prop_map(|(id, stage, reason, valid_for)| Order { id, stage, reason, valid_for });
    let supply = (energy(), seconds()).prop_map(|(energy, age)| SupplyReport { energy, age });
    let switch = (order_id(), node(), any::<bool>()).prop_map(|(id, node, on)| SwitchOrder { id, node, on });
    prop_oneof![
        welcome.prop_map(SupervisorMessage::Welcome),
        refusal.prop_map(SupervisorMessage::Refused),
        any::<u32>().prop_map(|sequence| SupervisorMessage::Ack(Sequence(sequence))),
        Just(SupervisorMessage::RequestFull),
        order.prop_map(SupervisorMessage::Order),
        supply.prop_map(SupervisorMessage::Supply),
        switch.prop_map(SupervisorMessage::Switch),
        leading().prop_map(SupervisorMessage::Leading),
        standing().prop_map(SupervisorMessage::Standing),
        (order_id(), seconds()).prop_map(|(id, since)| {
            SupervisorMessage::RestartEngine(EngineOrder { id, reason: EngineReason::HeldDown { since } })
        }),
    ]
}
