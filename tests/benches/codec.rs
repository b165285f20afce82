//! What a report costs: its bytes on the wire and the nanoseconds to pack and unpack it, beside JSON of the same.
//!
//! The reports are those of one night on a car battery, one every ten seconds: the current jumps with the load and
//! carries a sensor's noise, so that no two readings are alike. Times are this machine's, ratios travel.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock and its arguments")]
#![allow(clippy::expect_used, reason = "a bench that cannot measure must stop")]

use std::hint::black_box;
use std::time::Instant;

use protocol::frame::{MESSAGE_BYTES_MAX, serial, stream};
use protocol::report::{Basis, ContainerReport, ContainerState, Energy, Host, Report, SocBand, TimeBand};
use protocol::{
    AgentMessage, ContainerSlot, Cpus, Current, Generation, OrderId, Reason, Seconds, Sequence, Soc, Stage,
    Temperature, Term, Voltage, delta,
};
use serde_json::json;

/// Between two reports.
const STEP_S: u32 = 10;
/// A night of twelve hours.
const REPORTS: u32 = 12 * 3600 / STEP_S;
/// Each figure is the best of so many rounds over the night: the others only add what the machine did meanwhile.
const ROUNDS: usize = 7;

/// Bytes on the wire, of a night's reports.
struct Bytes {
    full: Sizes,
    delta: Sizes,
    in_stream: Sizes,
    on_serial: Sizes,
    text: Sizes,
}

/// Nanoseconds to pack one and to unpack it.
type Times = (f64, f64);

/// What was measured.
struct Figures {
    bytes: Bytes,
    full: Times,
    delta: Times,
    text: Times,
}

fn main() {
    let figures = measure(&(0..REPORTS).map(report).collect::<Vec<_>>());
    if std::env::args().any(|argument| argument == "--json") {
        println!("{}", figures.json());
    } else {
        figures.print();
    }
}

fn measure(night: &[Report]) -> Figures {
    let full: Vec<Vec<u8>> = night.iter().map(packed_full).collect();
    let deltas: Vec<Vec<u8>> = night.windows(2).map(|pair| packed_delta(&pair[0], &pair[1])).collect();
    let texts: Vec<Vec<u8>> = night.iter().map(text).collect();
    let pairs: Vec<_> = night.windows(2).collect();
    let received: Vec<_> = night.iter().zip(&deltas).collect();
    let from_text =
        |bytes: &Vec<u8>| serde_json::from_slice::<Report>(bytes).expect("our own text").containers.len();
    Figures {
        full: (
            time(night, |report| packed_full(report).len()),
            time(&full, |bytes| usize::from(AgentMessage::decode(bytes).is_ok())),
        ),
        delta: (
            time(&pairs, |pair| packed_delta(&pair[0], &pair[1]).len()),
            time(&received, |(base, bytes)| unpacked_delta(base, bytes).containers.len()),
        ),
        text: (time(night, |report| text(report).len()), time(&texts, from_text)),
        bytes: Bytes {
            full: Sizes::of(&full),
            delta: Sizes::of(&deltas),
            in_stream: Sizes::of(&framed(&deltas, stream::encode)),
            on_serial: Sizes::of(&framed(&deltas, serial::encode)),
            text: Sizes::of(&texts),
        },
    }
}

/// How many times as much the text costs.
fn ratio(text: f64, ours: f64) -> f64 {
    (text / ours * 10.0).round() / 10.0
}

impl Figures {
    fn json(&self) -> serde_json::Value {
        let Self { bytes, full, delta, text } = self;
        let pair = |(encode, decode): &Times| json!({ "encode": encode, "decode": decode });
        let over = |size: &Sizes, times: &Times| {
            json!({
                "bytes": ratio(bytes.text.median as f64, size.median as f64),
                "encode": ratio(text.0, times.0),
                "decode": ratio(text.1, times.1),
            })
        };
        json!({
            "bench": "codec",
            "reports": REPORTS,
            "full_bytes": bytes.full.json(),
            "delta_bytes": bytes.delta.json(),
            "delta_bytes_in_stream": bytes.in_stream.json(),
            "delta_bytes_on_serial": bytes.on_serial.json(),
            "json_bytes": bytes.text.json(),
            "full_ns": pair(full),
            "delta_ns": pair(delta),
            "json_ns": pair(text),
            "json_over_full": over(&bytes.full, full),
            "json_over_delta": over(&bytes.delta, delta),
        })
    }

    fn print(&self) {
        let Self { bytes, full, delta, text } = self;
        println!("{REPORTS} reports of a night, four containers, one report every {STEP_S} s\n");
        println!(
            "{:26} {:>9} {:>9} {:>9} {:>12} {:>12}",
            "", "median B", "90 % B", "most B", "encode ns", "decode ns"
        );
        let row = |name: &str, size: &Sizes, times: Option<&Times>| {
            print!("{name:26} {:9} {:9} {:9}", size.median, size.ninth_tenth, size.most);
            match times {
                Some((encode, decode)) => println!(" {encode:12.0} {decode:12.0}"),
                None => println!(),
            }
        };
        row("full report", &bytes.full, Some(full));
        row("delta", &bytes.delta, Some(delta));
        row("delta, framed in a stream", &bytes.in_stream, None);
        row("delta, framed for serial", &bytes.on_serial, None);
        row("JSON of the full report", &bytes.text, Some(text));
        println!(
            "\nJSON costs {} times the bytes of a full report and {} times those of a delta; {} and {} times the time to encode one.",
            ratio(bytes.text.median as f64, bytes.full.median as f64),
            ratio(bytes.text.median as f64, bytes.delta.median as f64),
            ratio(text.0, full.0),
            ratio(text.0, delta.0),
        );
    }
}

/// A sensor's noise: the same at each run, between -1 and 1, different for each channel.
fn noise(step: u32, channel: u64) -> f64 {
    // SplitMix64's finaliser: neighbouring steps come out unrelated.
    let mut bits = (u64::from(step) << 8 | channel).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// To the steps in which an INA226 measures.
fn in_steps(value: f64, step: f64) -> f64 {
    (value / step).round() * step
}

/// The report at one moment of the night.
fn report(step: u32) -> Report {
    let elapsed = f64::from(step) / f64::from(REPORTS);
    // The load jumps every ten minutes or so, by half an ampere, and ripples in between.
    let amps = 2.4 + 0.5 * noise(step / 60, 1) + 0.05 * noise(step, 2);
    let soc = 0.9 - 0.4 * elapsed;
    let rest = 11.9 + 0.9 * soc;
    let volts = rest - amps * 0.03 + 0.003 * noise(step, 3);
    let left = |soc: f64| Seconds((soc / 0.4 * 43_200.0) as u32);
    let capped = elapsed > 0.6;
    let state = if capped { ContainerState::Capped(Cpus::from_milli(250)) } else { ContainerState::Running };
    let containers = [state, state, ContainerState::Running, ContainerState::Running];
    Report {
        uptime: Seconds(3600 + step * STEP_S),
        stage: if capped { Stage::Throttle } else { Stage::Normal },
        floor: if capped { Stage::Throttle } else { Stage::Normal },
        reason: if capped {
            Reason::SocBelow {
                soc: Soc::from_percent(61.3),
                threshold: Soc::from_percent(62.0),
                held: Seconds(60),
            }
        } else {
            Reason::Clear
        },
        energy: Energy {
            voltage: Some(Voltage::from_volts(in_steps(volts, 0.001_25))),
            current: Some(Current::from_amps(in_steps(amps, 0.001_25))),
            compensated: Some(Voltage::from_volts(rest + 0.0005 * noise(step, 4))),
            soc: Some(SocBand {
                low: Soc::from_fraction(soc - 0.05),
                best: Soc::from_fraction(soc),
                high: Soc::from_fraction(soc + 0.05),
            }),
            time_to_empty: Some(TimeBand { low: left(soc - 0.1), best: left(soc), high: left(soc + 0.1) }),
            basis: Basis::Counted,
            fault: None,
        },
        host: Host {
            cpu_permille: Some((300.0 + 40.0 * noise(step, 5)) as u16),
            temperature: Some(Temperature::from_celsius(in_steps(48.0 + noise(step, 6), 0.487))),
            frequency_cap: None,
            rail_low: Some(false),
        },
        order: Some(OrderId { term: Term(3), generation: Generation(17) }),
        containers_total: 4,
        containers: (0_u8..)
            .zip(containers)
            .map(|(slot, state)| ContainerReport { slot: ContainerSlot(slot), state })
            .collect(),
        docker_up: true,
    }
}

fn packed(message: &AgentMessage<'_>) -> Vec<u8> {
    let mut out = [0; MESSAGE_BYTES_MAX];
    let length = message.encode(&mut out).expect("it fits");
    out[..length].to_vec()
}

fn packed_full(report: &Report) -> Vec<u8> {
    packed(&AgentMessage::Report { sequence: Sequence(1000), report: report.clone() })
}

fn packed_delta(base: &Report, new: &Report) -> Vec<u8> {
    let mut changes = [0; delta::CHANGES_BYTES_MAX];
    let length = delta::encode(base, new, &mut changes).expect("it fits");
    packed(&AgentMessage::Delta { sequence: Sequence(1000), back: 1, changes: &changes[..length] })
}

fn unpacked_delta(base: &Report, bytes: &[u8]) -> Report {
    match AgentMessage::decode(bytes) {
        Ok(AgentMessage::Delta { changes, .. }) => delta::apply(base, changes).expect("our own changes"),
        other => unreachable!("a delta became {other:?}"),
    }
}

fn text(report: &Report) -> Vec<u8> {
    serde_json::to_vec(report).expect("a report has a text form")
}

type Framing = fn(&[u8], &mut [u8]) -> Result<usize, protocol::EncodeError>;

fn framed(messages: &[Vec<u8>], framing: Framing) -> Vec<Vec<u8>> {
    let framed = |message: &Vec<u8>| {
        let mut out = [0; serial::FRAME_BYTES_MAX];
        let length = framing(message, &mut out).expect("it fits");
        out[..length].to_vec()
    };
    messages.iter().map(framed).collect()
}

/// How long messages are.
struct Sizes {
    median: usize,
    ninth_tenth: usize,
    most: usize,
}

impl Sizes {
    fn of(messages: &[Vec<u8>]) -> Self {
        let mut sizes: Vec<_> = messages.iter().map(Vec::len).collect();
        sizes.sort_unstable();
        let at = |tenths: usize| sizes[(sizes.len() - 1) * tenths / 10];
        Self { median: at(5), ninth_tenth: at(9), most: at(10) }
    }

    fn json(&self) -> serde_json::Value {
        json!({"median": self.median, "p90": self.ninth_tenth, "max": self.most})
    }
}

/// Nanoseconds for one call.
fn time<T>(inputs: &[T], mut call: impl FnMut(&T) -> usize) -> f64 {
    let round = |_| {
        let start = Instant::now();
        for input in inputs {
            black_box(call(black_box(input)));
        }
        start.elapsed().as_nanos() as f64 / inputs.len() as f64
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min).round()
}
