//! From the edge of a simulated ALERT to the core's first action.
//!
//! A battery collapses under its chip: the INA226 pulls its ALERT pin, the driver reads the registers, the core takes
//! the reading and asks for something to be done. What is counted is computation only; the hold that the policy demands
//! (so that a burst of load halts nobody) is simulated time and stands beside it.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

use std::path::Path;
use std::time::{Duration, Instant};

use agent::config::Config;
use agent::core::Agent;
use agent::core::action::Action;
use agent::core::event::Event;
use agent::core::reading::{Sample, SensorId};
use hardware::chips::ina226::{Ina226, Settings};
use hardware::sim::bus::SimBus;
use hardware::sim::chips::SimIna226;
use protocol::{BootId, Current, Resistance, Stage, Uptime, Voltage};
use serde_json::json;

/// How many collapses are measured.
const ROUNDS: usize = 200;
/// Between two looks at the pin, in simulated time.
const LOOK: Duration = Duration::from_micros(100);
/// Between two readings.
const SAMPLE: Duration = Duration::from_millis(100);

const CONFIG: &str = "[node]\nname = \"bench\"\nsupply = \"roof\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
    [[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\n";

/// One collapse.
struct Collapse {
    /// From the pin to the first action, computed.
    reaction: Duration,
    /// From the pin to `Halt`, simulated: the policy's hold.
    hold: Duration,
    /// Bus transactions that one reading costs.
    transactions: u64,
}

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let config = Config::parse(CONFIG, Path::new("bench.toml")).expect("a config");
    let rounds: Vec<Collapse> = (0..ROUNDS).map(|_| collapse(&config)).collect();
    let mut reactions: Vec<f64> = rounds.iter().map(|round| round.reaction.as_secs_f64() * 1e6).collect();
    reactions.sort_by(f64::total_cmp);
    let at = |share: f64| reactions[((ROUNDS - 1) as f64 * share) as usize];
    let first = rounds.first().expect("rounds were made");
    if json {
        println!(
            "{}",
            json!({
                "bench": "alert", "rounds": ROUNDS,
                "edge_to_action_us": {"p50": at(0.5), "p99": at(0.99), "max": at(1.0)},
                "policy_hold_s": first.hold.as_secs_f64(),
                "transactions_per_reading": first.transactions,
            })
        );
        return;
    }
    println!(
        "edge to first action   p50 {:.1} us, p99 {:.1} us, worst {:.1} us ({ROUNDS} collapses)",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!(
        "edge to Halt           {:.1} s, the hold that the policy demands (simulated)",
        first.hold.as_secs_f64()
    );
    println!("one reading            {} bus transactions", first.transactions);
}

/// Lets one healthy battery collapse.
fn collapse(config: &Config) -> Collapse {
    let shunt = Resistance::from_ohms(0.002);
    let bus = SimBus::new();
    let chip = bus.attach(0x40, SimIna226::new(shunt));
    let mut driver =
        Ina226::new(bus.clone(), 0x40, Settings::new(shunt, Current::from_amps(40.0))).expect("settings");
    driver.configure().expect("the chip answers");
    driver.arm_bus_under(Voltage::from_volts(11.4)).expect("the chip takes a limit");
    let node = "bench".parse().expect("a name");
    let mut agent = Agent::new(config, node, BootId(1), None, None);
    let mut actions = Vec::new();
    let mut now = Uptime::START;
    let mut read = |now: Uptime, voltage: f64, agent: &mut Agent, actions: &mut Vec<Action>| {
        chip.with(|chip| chip.measure(now, Voltage::from_volts(voltage), Current::from_amps(2.3)));
        let measured = driver.read().expect("the chip answers");
        let sample = Sample {
            voltage: measured.voltage,
            current: Some(measured.current),
            temperature: None,
            reported: None,
            raw: measured.raw,
        };
        agent.handle(now, Event::Sensor { sensor: SensorId(0), reading: Ok(sample) }, actions);
    };
    // A calm minute, with a sensor's noise.
    for step in 0..600_u32 {
        read(now, 12.6 + f64::from(step % 5) * 0.002, &mut agent, &mut actions);
        now += SAMPLE;
    }
    while chip.with(|chip| {
        chip.measure(now, Voltage::from_volts(11.0), Current::from_amps(2.3));
        chip.alert_is_high()
    }) {
        now = Uptime::from_millis(now.as_millis() + u64::try_from(LOOK.as_millis()).unwrap_or(0).max(1));
    }
    let edge = now;
    let before = bus.transactions();
    let mut transactions = 0;
    // The policy's hold passes reading by reading; the one that ends it is the one that is timed.
    let reaction = loop {
        actions.clear();
        let begun = Instant::now();
        read(now, 11.0 + (now.as_millis() / 100 % 5) as f64 * 0.002, &mut agent, &mut actions);
        let took = begun.elapsed();
        if transactions == 0 {
            transactions = bus.transactions() - before;
        }
        if agent.stage() == Stage::Halt {
            assert!(!actions.is_empty(), "Halt asks for something to be done");
            break took;
        }
        assert!(now.since(edge) < Duration::from_mins(2), "a collapse is noticed");
        now += SAMPLE;
    };
    Collapse { reaction, hold: now.since(edge), transactions }
}
