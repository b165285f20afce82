//! Where the charge is known apart from any curve: a charge that took all it could, a discharge at its end.
//!
//! "Full" is found by a small current at the charger's absorption voltage. How much is lacking then differs from battery to
//! battery: as long as that tail would still flow, its taper. Each hypothesis has one; that the tail halves after so many
//! amp-hours says which is right.

use libm::{exp, log};
use protocol::Current;

use super::Estimator;
use super::bank::{Bank, Hypothesis, Start, View, around};
use super::cell::{Cell, Ends, Shape};
use super::chance::{bell, even};
use super::full::Found;

/// How far a count from full to full may be off for reasons that no hypothesis has, in parts of the label's capacity.
pub(super) const MISS_SPREAD: f64 = 0.03;
/// ... and from a known start to the first full, which says where this battery's full is.
const FIRST_MISS: f64 = 0.012;
/// How far a count between two tail currents of one charge may be off, in parts of the label's capacity.
pub(super) const TAPER_MISS: f64 = 0.01;
/// How far one charge's end differs from the next at the same tail, in parts of the label's capacity: it was quicker or slower, warmer
/// or colder.
const FULL_SPREAD: f64 = 0.014;
/// A battery found full lacks no more than this.
const FULL_LACKS_MOST: f64 = 0.15;
/// How far a battery may be from its end when a mean of minutes shows it, in parts of the capacity: an old one ends
/// somewhat before its count does.
const EMPTY_SPREAD: f64 = 0.015;
/// A hypothesis that was so many of these away was not near its end at all ...
const FAR: f64 = 4.0;
/// ... and where no more than this part of all was near, none had thought of a battery like this.
const NEAR_LEAST: f64 = 0.05;
/// What was drawn from full to the end says what a battery holds to this, in parts of it: the count is off by a percent, the end by its
/// rate and its cold.
const END_SIZE_SPREAD: f64 = 0.03;
/// So much above its end of discharge a battery was charged again, V.
const EMPTY_OVER: f64 = 1.0;
/// A reading is at the end of discharge so far above it: a voltmeter is off by half a percent, V.
const END_METER: f64 = 0.06;
/// As long as no more charge moved since full (parts of the label's capacity, both ways), its place on the curve is known.
const COUNT_PLACES: f64 = 1.5;

/// How this discharge has met its end so far; each says more than the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EndMet {
    /// Not yet.
    #[default]
    No,
    /// A burst of the load did: of a battery that has much left, many do.
    ByBurst,
    /// A mean of minutes did.
    ByMean,
}

impl Hypothesis {
    /// Where it is when its tail current is so small (parts of the label's capacity an hour): what it lacks is what the tail
    /// would still bring.
    fn full_at(&self, tail: f64) -> f64 {
        1.0 - (tail * self.taper / self.size).min(FULL_LACKS_MOST)
    }

    /// Where its charge ends at this rate and temperature. Where the knee of LiFePO4 lies says nothing of where it ends.
    fn ends(&self, cell: &Cell, ends: &Ends) -> f64 {
        let shape = if cell.is_lead() { self.shape } else { Shape { end: 0.0, ..self.shape } };
        cell.end_of(shape, ends.at(self.size))
    }

    /// How little it fits a battery with such a tail: it was not there yet, or should have been long ago.
    fn miss(&self, tail: f64, allowed: f64) -> f64 {
        // By charge: all counted the same amp-hours, and in a larger battery the same amp-hours are a smaller part.
        let off = (self.soc + self.over - self.full_at(tail)) * self.size / allowed;
        -0.5 * off * off / (1.0 + off * off / 20.0)
    }
}

impl Bank {
    /// The battery takes no more than this tail at absorption voltage (parts of the label's capacity an hour): each
    /// hypothesis is judged by how near it was, and begins again from there. So much may its count be off (parts of the
    /// label's capacity).
    pub(super) fn full(&mut self, tail: f64, allowed: f64) {
        let best =
            self.all.iter().map(|one| one.miss(tail, allowed) + one.log_weight).fold(f64::MIN, f64::max);
        let agrees = self.all.iter().any(|one| one.soc > 0.8);
        for (index, one) in self.all.iter_mut().enumerate() {
            if agrees {
                one.log_weight += one.miss(tail, allowed) - best;
            }
            // By charge, as it is judged: a spread by parts would speak against every larger battery, cycle by cycle.
            one.soc = around(one.full_at(tail), FULL_SPREAD / one.size, bell(even(index, 0)));
            one.over = 0.0;
        }
        self.settle();
    }

    /// The battery is at its end of discharge: each hypothesis is judged by how near it was. That is where the capacity
    /// ends by definition, whatever the curve is worth. `amps` is the current that met it; `drawn` says whether the charge that was
    /// drawn since full is known.
    pub(super) fn empty(&mut self, cell: &Cell, amps: f64, celsius: f64, drawn: bool) {
        let ends = cell.ends(amps, celsius);
        let off = |one: &Hypothesis| (one.soc - one.ends(cell, &ends)) / EMPTY_SPREAD;
        let (near, _) = self.mean(|one| f64::from(u8::from(off(one).abs() < FAR)));
        if drawn && near < NEAR_LEAST {
            return self.end_here(cell, &ends);
        }
        for one in &mut self.all {
            let off = off(one);
            one.log_weight -= 0.5 * off * off / (1.0 + off * off / 20.0);
        }
        self.settle();
    }

    /// The battery ends where nobody thought of an end: it holds what was drawn from it, and each takes the capacity that its own count
    /// then means. In the cold an old battery comes to that: its sag passes for cold until the terminals meet the end. What was
    /// learned of the curve was learned by another capacity, and is forgotten.
    fn end_here(&mut self, cell: &Cell, ends: &Ends) {
        for (index, one) in self.all.iter_mut().enumerate() {
            let end = one.ends(cell, ends);
            let held = (1.0 - one.soc) * one.size / (1.0 - end);
            one.size = (held * exp(END_SIZE_SPREAD * bell(even(index, 1)))).clamp(0.2, 1.5);
            one.soc = around(end, EMPTY_SPREAD, bell(even(index, 0)));
            one.log_weight = 0.0;
        }
        self.forget_curve(cell);
        self.settle();
    }

    /// The hours of the taper, and the spread of their logarithm.
    pub(super) fn taper(&self) -> (f64, f64) {
        let (middle, spread) = self.mean(|one| log(one.taper));
        (exp(middle), spread)
    }
}

impl Estimator {
    /// Charge drawn since full, in parts of the label's capacity; from an unknown start, since that.
    pub(super) fn drawn_since_full(&self) -> f64 {
        let (out, into, _) = self.counted;
        self.drawn_before + (out - into * self.cell.usual.charge_efficiency) / self.cell.label
    }

    /// How well the charge drawn since full is known, 0 to 1: a count of weeks no more says where on its curve a battery is, and
    /// what the voltage shows then is the count's error.
    pub(super) fn places(&self) -> f64 {
        let moved = (self.counted.0 + self.counted.1) / self.cell.label;
        if self.placed && moved > COUNT_PLACES {
            (COUNT_PLACES / moved) * (COUNT_PLACES / moved)
        } else {
            1.0
        }
    }

    /// Full: the count begins anew, and a whole cycle tells what the current reads when nothing flows.
    pub(super) fn found_full(&mut self, found: Found) {
        self.settle_pending();
        let (out, into, hours) = std::mem::take(&mut self.counted);
        let lacked = self.drawn_before;
        let allowed = match (found.again, self.was_full) {
            (true, _) => TAPER_MISS,
            (false, false) if self.placed => FIRST_MISS,
            (false, _) => MISS_SPREAD,
        };
        if !found.again {
            self.bank.doubt_taper();
        }
        self.bank.full(found.tail, allowed);
        self.drawn_before = self.bank.mean(|one| (1.0 - one.soc) * one.size).0;
        if self.was_full && hours > 12.0 && out > 0.1 * self.cell.label {
            // From full to full all that is stored was drawn; what is left over is offset and loss.
            let less = (self.drawn_before - lacked) * self.cell.label;
            let left = out - into * self.cell.usual.charge_efficiency - less;
            let most = 0.001 * self.cell.label;
            self.leak = (self.leak + 0.2 * left / hours).clamp(-most, most);
        }
        (self.was_full, self.placed) = (true, true);
        self.passed = 0.0;
        let (soc, spread) = self.bank.mean(|one| one.soc);
        self.start = Start::About { soc, spread, trust: 1.0 };
        self.window.clear();
        self.draw();
    }

    /// Whether a reading is at the end of discharge, and the first one to be.
    pub(super) fn meets_end(&self, volts: f64) -> bool {
        let at_end = volts < self.cell.usual.empty.volts() + END_METER;
        self.cell.is_lead() && self.end_met == EndMet::No && at_end
    }

    /// Told once a discharge for a burst of the load, and once more for a mean of minutes, which says more: what was drawn until
    /// the end is what the battery holds.
    pub(super) fn check_empty(&mut self, view: &View) {
        let burst = self.last.filter(|last| self.meets_end(last.voltage.volts()));
        let met = if view.volts < self.cell.empty_below() {
            EndMet::ByMean
        } else if burst.is_some() {
            EndMet::ByBurst
        } else {
            EndMet::No
        };
        if met > self.end_met {
            self.end_met = met;
            // A burst that meets the end says less than a mean that does: somewhere between the two currents.
            let most = burst.and_then(|last| last.current).map_or(view.amps, Current::amps).max(view.amps);
            let drawn = self.placed && met == EndMet::ByMean;
            self.bank.empty(&self.cell, 0.5 * (view.amps + most), view.celsius, drawn);
        }
        if view.volts > self.cell.empty_below() + EMPTY_OVER {
            self.end_met = EndMet::No;
        }
    }
}
