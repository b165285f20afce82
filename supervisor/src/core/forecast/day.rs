//! The present day as it is seen: half-hour by half-hour, until it is over and can be learned from.

use std::time::Duration;

use protocol::{Energy, Power};

use super::clouds::{FADE, Today};
use super::outlook::Foretold;
use super::profile::{Profile, Seen, bin_of};
use super::sun::{Angle, Irradiance};

/// A half-hour counts when at least this part of it was seen ...
const COVERED: f64 = 0.6;
/// ... and no more than this part of that was curtailed.
const CURTAILED: f64 = 0.1;
/// Half an hour's light below this (in hours of full sun) is too little to tell anything from.
const LIGHT_MIN: f64 = 0.01;
/// Light that counts fully as an observation of the sky, as part of full sun.
const LIGHT_FULL: f64 = 0.3;
/// A forecast is scored when at least this part of its light was seen uncurtailed.
const SCORED: f64 = 0.85;
/// Hour angles, in degrees, at which the rest of the day is foretold to be scored: 9, 11 and 13 o'clock by the sun.
const CHECKPOINTS: [f64; 3] = [-45.0, -15.0, 15.0];

/// A stretch of time as seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) time: Duration,
    pub(super) panel: Power,
    pub(super) curtailed: bool,
    pub(super) hour_angle: Angle,
    pub(super) light: Irradiance,
}

/// A half-hour that is still going on.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    bin: usize,
    got: Energy,
    /// Hours of full sun, and the same times what the profile expects of the label.
    clear: f64,
    expected: f64,
    seconds: f64,
    curtailed: f64,
}

/// A forecast of the rest of the day, to be scored.
#[derive(Debug, Clone, Copy)]
struct Checkpoint {
    foretold: Foretold,
    /// The first half-hour of that rest.
    bin: usize,
}

/// The log of one day.
#[derive(Debug, Clone)]
pub(super) struct Day {
    pub(super) number: i64,
    /// What was foretold of the whole of it.
    pub(super) foretold: Option<Foretold>,
    seen: Vec<Seen>,
    open: Open,
    checkpoints: Vec<Checkpoint>,
    got: f64,
    expected: f64,
    half_hours: f64,
    present: (f64, f64),
}

/// What a day that is over has shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) seen: Vec<Seen>,
    /// What was foretold of all of it, if enough of it was seen to score that.
    pub(super) foretold: Option<Foretold>,
    /// The part of its light that was seen uncurtailed.
    pub(super) part: f64,
    /// Forecasts of its rest, and what clearness came of them.
    pub(super) rests: Vec<(Foretold, f64)>,
}

impl Day {
    pub(super) fn new(number: i64) -> Self {
        Self {
            number,
            foretold: None,
            seen: Vec::new(),
            open: Open::default(),
            checkpoints: Vec::new(),
            got: 0.0,
            expected: 0.0,
            half_hours: 0.0,
            present: (0.0, 0.0),
        }
    }

    /// Takes a stretch of time. `true` at the moments at which the rest of the day is to be foretold.
    pub(super) fn see(&mut self, stretch: &Stretch, profile: &Profile) -> bool {
        let bin = bin_of(stretch.hour_angle);
        let mut due = false;
        if bin != self.open.bin {
            due = CHECKPOINTS.iter().any(|angle| bin_of(Angle::from_degrees(angle + 0.1)) == bin)
                && self.open.bin + 1 == bin;
            self.close_bin(profile);
            self.open = Open { bin, ..Open::default() };
        }
        let seconds = stretch.time.as_secs_f64();
        let hours = seconds / 3600.0;
        self.open.seconds += seconds;
        if stretch.curtailed {
            self.open.curtailed += seconds;
        } else {
            self.open.got += stretch.panel * stretch.time;
            let clear = stretch.light.watts_per_square_metre() / 1000.0 * hours;
            self.open.clear += clear;
            self.open.expected += clear * profile.ratio(stretch.hour_angle);
        }
        self.follow(stretch, profile);
        due
    }

    /// Today's level and the present sky, for the forecast.
    fn follow(&mut self, stretch: &Stretch, profile: &Profile) {
        let seconds = stretch.time.as_secs_f64();
        let kept = libm::exp(-seconds / FADE.as_secs_f64());
        self.present = (self.present.0 * kept, self.present.1 * kept);
        let clear = profile.clear(stretch.hour_angle, stretch.light);
        if stretch.curtailed || clear <= Power::ZERO {
            return;
        }
        let (got, expected) =
            ((stretch.panel * stretch.time).watt_hours(), (clear * stretch.time).watt_hours());
        self.present = (self.present.0 + got, self.present.1 + expected);
        self.got += got;
        self.expected += expected;
        let light = stretch.light.watts_per_square_metre() / 1000.0;
        self.half_hours += (light / LIGHT_FULL).min(1.0) * seconds / 1800.0;
    }

    fn close_bin(&mut self, profile: &Profile) {
        let Open { bin, got, clear, expected, seconds, curtailed } = self.open;
        let (Some(scale), true) = (profile.scale(), clear > LIGHT_MIN) else { return };
        if seconds < COVERED * 1800.0 || curtailed > CURTAILED * seconds {
            return;
        }
        let of_label = got.watt_hours() / scale.watts() / clear;
        self.seen.push(Seen { bin, of_label, clear, ratio: expected / clear });
    }

    /// The rest of the day was foretold.
    pub(super) fn foretell(&mut self, foretold: Foretold) {
        self.checkpoints.push(Checkpoint { foretold, bin: self.open.bin });
    }

    /// The newest half-hour that counts.
    pub(super) fn newest(&self) -> Option<&Seen> {
        self.seen.last()
    }

    /// The panel's full power was taken for too little by this factor.
    pub(super) fn rescale(&mut self, by: f64) {
        for seen in &mut self.seen {
            seen.of_label /= by;
        }
        self.expected *= by;
        self.present.1 *= by;
        self.foretold = None;
        self.checkpoints.clear();
    }

    /// What the forecast may know of today.
    pub(super) fn today(&self, profile: &Profile) -> Today {
        let (got, expected) = self.present;
        // An hour like the one that was foretold counts fully; at dawn there was no such hour yet.
        let scale = profile.scale().map_or(0.0, Power::watts);
        let hour = 0.25 * scale * FADE.as_secs_f64() / 3600.0;
        Today {
            half_hours: self.half_hours,
            level: if self.expected > 0.0 { self.got / self.expected } else { 0.0 },
            present: if expected > 0.0 { got / expected } else { 0.0 },
            present_seen: if hour > 0.0 { (expected / hour).min(1.0) } else { 0.0 },
        }
    }

    /// The day is over.
    pub(super) fn over(mut self, profile: &Profile) -> Shown {
        self.close_bin(profile);
        let scale = profile.scale().map_or(0.0, Power::watts);
        let part = |seen: &[Seen], of: &Foretold| {
            let light: f64 = seen.iter().map(|seen| seen.clear * seen.ratio).sum();
            if of.clear > Energy::ZERO { (light * scale / of.clear.watt_hours()).min(1.0) } else { 0.0 }
        };
        let rests = self
            .checkpoints
            .iter()
            .filter_map(|checkpoint| {
                let rest: Vec<Seen> =
                    self.seen.iter().filter(|seen| seen.bin >= checkpoint.bin).copied().collect();
                let (level, _) = Profile::clearness(&rest)?;
                let enough = part(&rest, &checkpoint.foretold) >= SCORED;
                enough.then_some((checkpoint.foretold, level))
            })
            .collect();
        let part = self.foretold.as_ref().map_or(0.0, |foretold| part(&self.seen, foretold));
        Shown { foretold: self.foretold.filter(|_| part >= SCORED), part, rests, seen: self.seen }
    }
}
