//! From the edge of an ALERT to what is done about it.
//!
//! Two measurements. [`freeze`]: the agent's whole loop over a real control group: edge to a process that stands still, beside
//! the same dip seen by polling at 10 Hz. And computation alone: a battery collapses under its chip, the INA226 pulls its
//! pin, the driver reads the registers, the core asks for something to be done; the hold that the policy demands before
//! `Halt` (so that a burst of load halts nobody) is simulated time and stands beside it.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

mod freeze;

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
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--busy") {
        freeze::be_busy(Path::new(arguments.get(place + 1).expect("a file")));
    }
    let json = arguments.iter().any(|argument| argument == "--json");
    let edge = freeze::by_edge();
    let polled = freeze::by_polling();
    let config = Config::parse(CONFIG, Path::new("bench.toml")).expect("a config");
    let rounds: Vec<Collapse> = (0..ROUNDS).map(|_| collapse(&config)).collect();
    let reactions: Vec<f64> = rounds.iter().map(|round| round.reaction.as_secs_f64() * 1e6).collect();
    let first = rounds.first().expect("rounds were made");
    if json {
        let figures = |figures: &freeze::Figures| json!({"told_ms": Spread::of(&figures.told), "still_ms": Spread::of(&figures.still)});
        println!(
            "{}",
            json!({
                "bench": "alert", "rounds": ROUNDS,
                "edge_to_frozen": edge.as_ref().map(figures),
                "polled_at_10_hz_to_frozen": polled.as_ref().map(figures),
                "edge_to_action_us": Spread::of(&reactions),
                "policy_hold_s": first.hold.as_secs_f64(),
                "transactions_per_reading": first.transactions,
            })
        );
        return;
    }
    for (name, figures, wanted) in [
        ("edge to frozen", &edge, "wanted: p99 <= 5 ms"),
        ("polled at 10 Hz", &polled, "wanted: worst <= 110 ms"),
    ] {
        match figures {
            Some(freeze::Figures { told, still }) => {
                println!("{name:16}       told  {} ms ({} dips; {wanted})", Spread::of(told), told.len());
                println!(
                    "                       still {} ms, the last progress of a busy process",
                    Spread::of(still)
                );
            }
            None => println!("{name:16}       not measured: no control groups of version 2 can be made here"),
        }
    }
    println!("edge to first action   {} us, computed ({ROUNDS} collapses)", Spread::of(&reactions));
    println!(
        "edge to Halt           {:.1} s, the hold that the policy demands (simulated)",
        first.hold.as_secs_f64()
    );
    println!("one reading            {} bus transactions", first.transactions);
}

/// Half, nearly all, and the worst.
#[derive(serde::Serialize)]
struct Spread {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Spread {
    fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            // The nearest rank.
            let rank = (values.len() as f64 * share).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.2}, p99 {:.2}, worst {:.2}", self.p50, self.p99, self.max)
    }
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
            count: None,
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
