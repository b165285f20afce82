//! A few minutes of readings, folded into one [`View`]: quick enough to follow a discharge, long enough that noise and
//! the RC pairs average out.

use super::bank::View;
use super::load::weight;

/// The slow RC pair: diffusion of acid or of ions.
const SLOW_SECONDS: f64 = 1800.0;
/// A window closes after this long ...
const SPAN_SECONDS: f64 = 600.0;
/// ... or after this much charge (parts of the capacity), if it has this many seconds.
const SPAN_MOVED: f64 = 0.005;
const SPAN_SECONDS_LEAST: f64 = 60.0;
/// After a charge, the acid near the plates stands too high for this many hours, or until so much is drawn.
const SURFACE_HOURS: f64 = 1.5;
const SURFACE_MOVED: f64 = 0.02;

/// Under this, in parts of the capacity an hour, the load may be a charger's.
const DISCHARGE_LEAST: f64 = 0.002;

/// Over this, in parts of the capacity an hour, a charge moves the voltage by more than a voltmeter's error ...
const CHARGE_LEAST: f64 = 0.01;
/// ... once the slow pair has followed so far.
const CHARGE_LASTS: f64 = 0.6;

/// Sums since the last view.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    seconds: f64,
    volts: f64,
    amps: f64,
    amps_squared: f64,
    moved: f64,
    amps_slow: f64,
    begun: bool,
    /// Trace of the last charge: 1 right after it, 0 when its surface charge is gone.
    surface: f64,
    first_done: bool,
}

impl Window {
    /// One reading that stands for these seconds. `label` is the label's capacity in Ah.
    /// `rest_most` is the highest voltage that this battery can show without a charger.
    pub(super) fn add(&mut self, volts: f64, amps: f64, seconds: f64, label: f64, rest_most: f64) {
        if !self.begun {
            self.begun = true;
            // Nobody knows the current before the first reading; most likely it was the same.
            self.amps_slow = amps;
        }
        self.amps_slow += (amps - self.amps_slow) * weight(seconds, SLOW_SECONDS);
        self.seconds += seconds;
        self.volts += volts * seconds;
        self.amps += amps * seconds;
        self.amps_squared += amps * amps * seconds;
        let moved = amps.abs() * seconds / 3600.0 / label;
        // A charge is only counted; there is nothing to look at.
        if amps > 0.0 {
            self.moved += moved;
        }
        if amps < DISCHARGE_LEAST * label && volts > rest_most {
            // A charger holds the terminals, and the load as well.
            self.surface = 1.0;
        } else if amps < -0.004 * label {
            let part = (moved / SURFACE_MOVED * 4.0).min(1.0);
            self.surface += (1.0 - self.surface) * part;
        } else {
            self.surface *= 1.0 - weight(seconds / 3600.0 / SURFACE_HOURS + moved / SURFACE_MOVED, 1.0);
        }
    }

    /// Whether it is time for a view.
    pub(super) fn is_due(&self) -> bool {
        let moved = self.moved >= SPAN_MOVED || !self.first_done;
        self.seconds >= SPAN_SECONDS || (moved && self.seconds >= SPAN_SECONDS_LEAST)
    }

    /// Closes the window. `None` where its voltage says nothing of the charge: while charging, and shortly after.
    pub(super) fn take(&mut self, resistance: f64, label: f64, drawn: f64, celsius: f64) -> Option<View> {
        let seconds = self.seconds.max(1e-9);
        let (volts, amps) = (self.volts / seconds, self.amps / seconds);
        let swing = (self.amps_squared / seconds - amps * amps).max(0.0);
        self.clear();
        self.first_done = true;
        if amps < -DISCHARGE_LEAST * label || self.surface > 0.3 {
            return None;
        }
        // What the equation leaves out: quicker RC pairs, after the load changed; what is left of a charge.
        let lag = 0.7 * (amps - self.amps_slow) * resistance;
        let surface = 0.25 * self.surface;
        let noise = 0.03 * 0.03 + lag * lag + surface * surface + 0.1 * swing * resistance * resistance;
        Some(View { volts, amps, amps_slow: self.amps_slow, drawn, celsius, noise, places: 1.0 })
    }

    /// Mean voltage and current (A, into the battery) of a window in which it was charged, as it was before; `None` otherwise.
    pub(super) fn charge(&self, label: f64) -> Option<(f64, f64)> {
        let (volts, amps) = (self.volts / self.seconds, -self.amps / self.seconds);
        let lasts = -self.amps_slow > CHARGE_LASTS * amps;
        (self.seconds >= SPAN_SECONDS_LEAST && amps > CHARGE_LEAST * label && lasts).then_some((volts, amps))
    }

    /// Drops what was gathered: a gap lies in it.
    pub(super) fn clear(&mut self) {
        self.seconds = 0.0;
        self.volts = 0.0;
        self.amps = 0.0;
        self.amps_squared = 0.0;
        self.moved = 0.0;
    }

    /// Current behind the slow RC pair, A.
    pub(super) fn amps_slow(&self) -> f64 {
        self.amps_slow
    }
}
