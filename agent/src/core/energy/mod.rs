//! How much energy is left, and how sure that is.
//!
//! [`Estimator`] takes believable samples in time order and answers with a [`protocol::report::Energy`]. It is
//! deterministic on every platform (`libm`, no `std` transcendental), and a getter never changes it.
//!
//! A reading's way: `suspect` (is the sensor itself at fault?) -> coulombs are counted -> `window` (a few minutes
//! become one view) -> `bank` (hypotheses of charge, capacity and curve are weighed by how well `cell`, the datasheet
//! as an equation, foretells the voltage; `drift` follows offset and resistance) -> percentiles are the band. `full`
//! starts the count anew; `voltage_only` stands in where no current is measured. docs/energy.md has the physics.

use std::time::Duration;

use protocol::{Current, Fault, Soc, Uptime, Voltage};

use super::reading::{Count, Sample};
use crate::config::Battery;

mod anchors;
mod answer;
mod bank;
mod cell;
mod chance;
mod counting;
mod drift;
mod fall;
mod full;
mod learned;
mod load;
mod redraw;
mod suspect;
mod voltage_only;
mod window;

pub use learned::{FirstLearned, Learned};
pub use suspect::Advisory;

use anchors::EndMet;
use bank::{Bank, Belief, Start, View};
use cell::Cell;
use drift::{FAST, SLOW, WANDER};
use fall::Fall;
use full::Full;
use load::{PresentLoad, weight};
use suspect::Suspect;
use voltage_only::VoltageOnly;
use window::Window;

/// Samples farther apart than this are not joined by counting: nobody knows what flowed between.
const GAP_MAX: Duration = Duration::from_mins(5);
/// The compensated voltage is a mean over this.
const COMPENSATED_SECONDS: f64 = 300.0;
/// A band wider than this is no state of charge: its best value would be a guess. The voltage of LiFePO4 never narrows
/// a guess, so less is asked to be one.
const BAND_UNKNOWN_LEAD: f64 = 0.4;
const BAND_UNKNOWN_LITHIUM: f64 = 0.25;
/// Spread of a state of charge that a person vouches for.
const VOUCHED_SPREAD: f64 = 0.012;
/// So much of the capacity after a known start the voltmeter can be judged ...
const VOLTMETER_MOVED: f64 = 0.1;
/// ... and is at fault when its reading lies this far off, V: two percent of error and the widest datasheet do not.
const VOLTMETER_OFF: f64 = 0.4;
/// What may flow beyond the end of a shunt's range, in parts of what is read.
const UNSEEN: f64 = 0.5;
/// With less than so much of the label's capacity left, the slope of the voltage begins to have a say; with less than the
/// other, all of it ...
const FALLING_LEAD: (f64, f64) = (0.22, 0.12);
const FALLING_LITHIUM: (f64, f64) = (0.15, 0.11);
/// ... and of what its straight line promises, these parts are believed, since a knee bends ...
const FALL_BAND: [f64; 3] = [0.5, 0.75, 1.0];
/// ... down to so far above the cut-off, V: a voltmeter is off by half a percent, and the line is at its end soon.
const FALL_OVER: [f64; 3] = [0.08, 0.05, 0.0];
/// Percentiles of the band.
const BAND: [f64; 3] = [0.1, 0.5, 0.9];
/// Of the charge that can still be drawn: with much left as it is, near the end on the short side, since too short a
/// promise costs less there than too long a one, and the knee of LiFePO4 comes with less warning.
const BAND_USABLE_LEAD: [f64; 4] = [0.1, 0.2, 0.5, 0.9];
const BAND_USABLE_LITHIUM: [f64; 4] = [0.1, 0.3, 0.6, 0.9];

/// What was last drawn from the bank, and what flowed since.
#[derive(Debug, Clone, Copy, Default)]
struct Drawn {
    /// State of charge: 10th, 50th, 90th percentile.
    soc: [f64; 3],
    /// Charge that can still be drawn at the present load, Ah, likewise.
    usable: [f64; 3],
    /// Capacity, Ah, and its spread in parts of the label's.
    size: f64,
    size_spread: f64,
    /// Resistance at once and behind the slow pair, ohms.
    resistance: (f64, f64),
}

/// The state of the battery, as far as it can be known.
#[derive(Debug, Clone)]
pub struct Estimator {
    battery: Battery,
    cell: Cell,
    bank: Bank,
    start: Start,
    window: Window,
    full: Full,
    fall: Fall,
    suspect: Suspect,
    voltage_only: VoltageOnly,
    load: PresentLoad,
    drawn: Drawn,
    /// Charge out of and into the battery since the bank was told, Ah.
    pending: (f64, f64),
    /// What gassing took of it, in a new battery, Ah.
    gassed: f64,
    /// Charge out of and into the battery since the start, or the last time it was full, Ah; and the hours.
    counted: (f64, f64, f64),
    was_full: bool,
    /// The charge drawn since full is known.
    placed: bool,
    end_met: EndMet,
    /// Charge drawn since full when the count began, in parts of the label's capacity.
    drawn_before: f64,
    /// How many of the counted hours the bank knows.
    passed: f64,
    /// Charge read at the end of the shunt's range since the bank was told, Ah; positive out of the battery.
    unseen: f64,
    /// How far the voltmeter is off, once that was plain, V.
    volts_off: Option<f64>,
    celsius: f64,
    compensated: Option<f64>,
    last: Option<Last>,
    fault: Option<Fault>,
    leak: f64,
    reversed: bool,
}

/// The last believable sample.
#[derive(Debug, Clone, Copy)]
struct Last {
    at: Uptime,
    voltage: Voltage,
    current: Option<Current>,
    count: Option<Count>,
}

impl Estimator {
    /// Starts from what is configured, and from what an earlier life learned.
    ///
    /// `off_for` is how long nothing was observed since `learned` was written; `None` when that is not known (no
    /// clock at boot), which widens the band.
    pub fn new(battery: Battery, learned: Option<&Learned>, off_for: Option<Duration>) -> Self {
        let cell = Cell::new(&battery);
        let belief = learned.and_then(Learned::belief);
        let belief = belief.map_or_else(|| Belief::fresh(&cell), Belief::humble);
        let start = learned.map_or(Start::Unknown, |known| restart(known, off_for));
        let bank = Bank::new(&cell, start, &belief);
        let mut new = Self {
            celsius: battery.temperature.celsius(),
            battery,
            cell,
            bank,
            start,
            window: Window::default(),
            full: Full::default(),
            fall: Fall::default(),
            suspect: Suspect::default(),
            voltage_only: VoltageOnly::default(),
            load: PresentLoad::default(),
            drawn: Drawn::default(),
            pending: (0.0, 0.0),
            gassed: 0.0,
            counted: (0.0, 0.0, 0.0),
            was_full: false,
            placed: start.is_placed(),
            end_met: EndMet::No,
            drawn_before: start.drawn(),
            passed: 0.0,
            unseen: 0.0,
            volts_off: None,
            compensated: None,
            last: None,
            fault: None,
            leak: learned.map_or(0.0, |known| f64::from(known.leak)),
            reversed: learned.is_some_and(|known| known.reversed),
        };
        new.draw();
        new
    }

    /// A state of charge that a person vouches for (`replay --soc`), with the uncertainty of a guess by eye.
    pub fn assume_soc(&mut self, soc: Soc) {
        self.restart_at(Start::About { soc: soc.fraction(), spread: VOUCHED_SPREAD, trust: 1.0 });
    }

    fn restart_at(&mut self, start: Start) {
        self.start = start;
        self.drawn_before = start.drawn();
        self.passed = 0.0;
        self.bank.place(start);
        self.pending = (0.0, 0.0);
        self.counted = (0.0, 0.0, 0.0);
        self.was_full = false;
        self.placed = start.is_placed();
        self.draw();
    }

    /// The load changes for good: the node goes to another stage. What was drawn before says nothing of what comes.
    pub fn expect_other_load(&mut self) {
        self.load.begin_anew();
    }

    /// Takes one believable sample.
    pub fn observe(&mut self, now: Uptime, sample: &Sample) {
        let volts = sample.voltage.volts();
        if !sample.voltage.is_finite() || sample.current.is_some_and(|current| !current.is_finite()) {
            return;
        }
        let passed = self.last.map_or(Duration::ZERO, |last| now.since(last.at));
        let seconds = passed.as_secs_f64();
        if let Some(temperature) = sample.temperature.filter(|t| t.is_finite()) {
            let part = if self.last.is_none() { 1.0 } else { weight(seconds, 600.0) };
            self.celsius += (temperature.celsius() - self.celsius) * part;
        }
        self.fault = None;
        let last = self.last;
        let Some(read) = sample.current else {
            self.voltage_only.observe(&self.cell, volts, seconds);
            self.compensate(volts, seconds);
            self.last = Some(Last { at: now, voltage: sample.voltage, current: None, count: None });
            return;
        };
        self.suspect.observe(volts, self.turned(read.amps()), seconds, self.cell.label);
        if self.suspect.is_reversed() {
            self.turn();
        }
        let amps = self.turned(read.amps()) - self.leak;
        let current = Some(Current::from_amps(amps));
        self.last = Some(Last { at: now, voltage: sample.voltage, current, count: sample.count });
        let counted = self.counted_mean(last, sample, passed);
        if passed > GAP_MAX {
            match counted {
                Some(mean) => self.bridge_counted(mean, passed),
                None => self.bridge(passed),
            }
            return;
        }
        self.count(
            counted.unwrap_or_else(|| Self::mean_of(last.and_then(|last| last.current), amps)),
            seconds,
        );
        self.gassed += self.cell.gassing(volts, self.celsius) * seconds / 3600.0;
        self.load.observe(volts, amps, seconds);
        self.window.add(volts, amps, seconds, self.cell.label, self.cell.rest_most());
        let (quick, slow) = self.drawn.resistance;
        self.compensate(volts + amps * quick + self.window.amps_slow() * slow, seconds);
        if let Some(found) = self.full.observe(&self.cell, volts, amps, self.celsius, seconds) {
            self.found_full(found);
        } else if self.window.is_due() || self.meets_end(volts) {
            self.look();
        }
    }

    /// Whether a band of this width holds no state of charge.
    fn is_guess(&self, width: f64) -> bool {
        width > if self.cell.is_lead() { BAND_UNKNOWN_LEAD } else { BAND_UNKNOWN_LITHIUM }
    }

    /// The current with its right sign.
    fn turned(&self, amps: f64) -> f64 {
        if self.reversed { -amps } else { amps }
    }

    fn compensate(&mut self, rest: f64, seconds: f64) {
        let part = weight(seconds, COMPENSATED_SECONDS);
        self.compensated = Some(self.compensated.map_or(rest, |mean| mean + (rest - mean) * part));
    }

    /// Tells the bank what was counted, and lets it look at the window's voltage.
    fn look(&mut self) {
        self.settle_pending();
        let resistance = self.cell.resistance * self.cell.resistance_factor(self.celsius);
        if let Some((ohms, variance)) = self.suspect.take_resistance() {
            self.fall.see_resistance(ohms, variance);
            let seen = ohms / resistance;
            if (0.05..20.0).contains(&seen) {
                self.bank.see_resistance(seen, variance / (resistance * resistance) + 0.04);
            }
        }
        // A count from a known start is better than the voltage of a charge.
        if let Some((volts, amps)) = self.window.charge(self.cell.label).filter(|_| !self.placed) {
            self.bank.weigh_charge(&self.cell, volts, amps, self.celsius);
        }
        if let Some(mut view) =
            self.window.take(resistance, self.cell.label, self.drawn_since_full(), self.celsius)
        {
            view.places = self.places();
            self.check_voltmeter(&view);
            let usual = self.load.amps_slow();
            let (quick, slow) = self.resistance_now();
            let drop = (view.amps - usual) * quick + (view.amps_slow - usual) * slow;
            self.fall.observe(view.drawn, view.volts + drop);
            if self.cell.tells(view.volts - self.volts_off.unwrap_or(0.0)) {
                self.bank.weigh(&self.cell, &view);
                self.check_empty(&view);
            }
        }
        self.draw();
    }

    /// While the charge is still well known from the start, a voltage far off it is the voltmeter's fault.
    fn check_voltmeter(&mut self, view: &View) {
        let [low, _, high] = self.drawn.soc;
        let moved = (self.counted.0 + self.counted.1) / self.cell.label;
        let early = (self.cell.top_ends()..VOLTMETER_MOVED).contains(&moved);
        if self.volts_off.is_some() || !early || low < 0.6 || high - low > 0.2 {
            return;
        }
        let surprise = self.bank.surprise(&self.cell, view);
        if (surprise - self.cell.top_bias()).abs() > VOLTMETER_OFF * self.cell.wander_factor(self.celsius) {
            self.bank.doubt_voltmeter(surprise);
            self.volts_off = Some(surprise);
        }
    }

    fn settle_pending(&mut self) {
        let (out, into) = std::mem::take(&mut self.pending);
        let lost = into * (1.0 - self.cell.usual.charge_efficiency) + std::mem::take(&mut self.gassed);
        self.bank.count(&self.cell, out, into, lost);
        let unseen = std::mem::take(&mut self.unseen) * UNSEEN / self.cell.label;
        if unseen.abs() > 0.0 {
            self.bank.blur(-unseen.max(0.0), (-unseen).max(0.0));
        }
        self.bank.pass(
            &self.cell,
            (out + into) / self.cell.label,
            (self.counted.2 - self.passed).max(0.0),
            self.celsius,
        );
        self.passed = self.counted.2;
    }

    /// The sign was wrong all along: begins again from the start, with what was counted turned round.
    fn turn(&mut self) {
        self.reversed = !self.reversed;
        self.suspect.turned();
        let (into, out, hours) = self.counted;
        self.bank.place(self.start);
        self.pending = (out, into);
        self.counted = (out, into, hours);
        self.window = Window::default();
        self.load = PresentLoad::default();
        self.settle_pending();
        self.draw();
    }

    /// Nobody saw what flowed for so long: at worst the greatest load, at best a charge as strong.
    fn bridge(&mut self, passed: Duration) {
        self.settle_pending();
        let most = self.battery.load_max.watts() / 12.0 * passed.as_secs_f64() / 3600.0 / self.cell.label;
        let likely = self.load.amps() * passed.as_secs_f64() / 3600.0 / self.cell.label;
        let most = most.min(1.0);
        self.bank.blur(-(most.min(1.5 * likely.abs() + 0.02)), most.min(1.5 * likely.abs() + 0.02));
        self.drawn_before = self.drawn_since_full();
        self.counted = (0.0, 0.0, 0.0);
        self.passed = 0.0;
        (self.was_full, self.placed) = (false, false);
        self.window = Window::default();
        self.draw();
    }

    /// Reads the percentiles off the bank.
    fn draw(&mut self) {
        let load = self.load.amps().max(0.2 * 0.05 * self.cell.label);
        let (quick, _) = self.bank.mean(|one| one.errors[FAST]);
        let (slow, _) = self.bank.mean(|one| one.errors[SLOW]);
        let (size, size_spread) = self.bank.mean(|one| one.size);
        let ohms = self.cell.resistance * self.cell.resistance_factor(self.celsius) * self.bank.rise();
        self.drawn = Drawn {
            soc: self.bank.percentiles(|one| one.soc, BAND),
            usable: self.usable(load),
            size: size * self.cell.label,
            size_spread,
            resistance: (quick.max(0.1) * ohms, slow.max(0.0) * ohms * self.cell.slow_factor(self.celsius)),
        };
    }

    /// Resistance at once, as seen of late, and behind the slow pair, ohms.
    fn resistance_now(&self) -> (f64, f64) {
        let (quick, slow) = self.drawn.resistance;
        (self.fall.resistance().unwrap_or(quick), slow)
    }

    /// Charge that can still be drawn by this current, Ah: percentiles.
    fn usable(&self, amps: f64) -> [f64; 3] {
        let ohms = self.cell.resistance * self.cell.resistance_factor(self.celsius);
        let slower = self.cell.slow_factor(self.celsius);
        let label = self.cell.label;
        let ends = self.cell.ends(amps, self.celsius);
        let drawn = self.drawn_since_full();
        let (quick, slow) = self.resistance_now();
        let (peak, usual) = (self.load.peak(), self.load.amps_slow());
        let bursts = (peak * amps - usual) * quick + (amps - usual) * slow;
        let all = self.bank.percentiles(
            |one| {
                let end = ends.at(one.size);
                let offset = one.errors[WANDER] + self.bank.offset_when_empty(one, drawn);
                let drop = amps * ohms * (peak * one.errors[FAST] + slower * one.errors[SLOW]);
                let empty = self.cell.empty_at(one.shape, end, offset, drop);
                (one.soc - empty).max(0.0) * one.size * label
            },
            if self.cell.is_lead() { BAND_USABLE_LEAD } else { BAND_USABLE_LITHIUM },
        );
        let [low, near, far, high] = all;
        let (begins, whole) = if self.cell.is_lead() { FALLING_LEAD } else { FALLING_LITHIUM };
        let part = ((begins - far / label) / (begins - whole)).clamp(0.0, 1.0);
        let all = [low, far + part * (near - far), high];
        if part == 0.0 {
            return all;
        }
        let most = |over: f64| self.fall.most(self.cell.cutoff + bursts + over).unwrap_or(f64::MAX) * label;
        std::array::from_fn(|at| {
            let bound = all[at].min(most(FALL_OVER[at]) * FALL_BAND[at]);
            all[at] + part * (bound - all[at])
        })
    }

    /// Nothing believable was read at `now`, for this reason: what is known ages at its worst rate.
    pub fn miss(&mut self, now: Uptime, fault: Fault) {
        if let Fault::ShuntClipped { limit } = fault
            && limit.is_finite()
        {
            let amps = self.turned(limit.amps());
            self.suspect.told_clipped(amps);
            // At least this much flows; which beats not counting at all.
            if let Some(last) = self.last.as_mut().filter(|last| now.since(last.at) <= GAP_MAX) {
                let seconds = now.since(last.at).as_secs_f64();
                last.at = now;
                last.current = Some(Current::from_amps(amps));
                self.count(amps, seconds);
            }
        }
        self.fault = Some(fault);
    }
}

/// What a restart may believe of the state of charge.
fn restart(known: &Learned, off_for: Option<Duration>) -> Start {
    let Some(soc) = known.soc else { return Start::Unknown };
    let spread = f64::from(known.spread).clamp(0.005, 0.3);
    let Some(off) = off_for else {
        // A reboot, or weeks in the sun: nobody knows.
        return Start::Was { soc: soc.fraction(), spread: spread + 0.02 };
    };
    // A panel or another load may have been at work meanwhile.
    let hours = off.as_secs_f64() / 3600.0;
    let trust = 1.0 / (1.0 + hours / 24.0);
    Start::About { soc: soc.fraction(), spread: (spread + 0.02 * hours).min(0.3), trust }
}

#[cfg(test)]
mod tests;
