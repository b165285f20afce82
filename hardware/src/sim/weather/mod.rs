//! Clouds from a seed.
//!
//! Each day is of a kind, and tends to be like the day before; which kinds are likely follows from the [`climate`] and the
//! month. The kind says how likely the sky is clear, broken or
//! overcast whenever it changes, which it does after a time drawn from an exponential distribution. A state lets
//! part of the clear sky's light through, with a jitter of about a minute and a half around it: edges of clouds.
//! The levels are those usual for the clear-sky index of such skies (for example Hollands and Suehrcke, Solar Energy 96,
//! 2013); the dwell times are plausible for cumulus, not measured at any site.

mod climate;

use std::time::Duration;

use protocol::Temperature;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

pub use climate::{Climate, Month};

use super::noise::Gaussian;
use super::sun::SolarTime;

/// How fast the jitter forgets.
const JITTER_SECONDS: f64 = 90.0;
/// How much more likely rain is on a fair, a mixed and a dull day, against each other. Plausible, not measured.
const RAIN_WEIGHT: [f64; 3] = [0.3, 1.0, 1.5];
/// The hour at which the air is warmest.
const WARMEST_HOUR: f64 = 15.0;

/// What kind of day it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayKind {
    /// Mostly clear.
    Fair,
    /// Sun and clouds in turn.
    Mixed,
    /// Mostly overcast.
    Dull,
}

/// What the sky is like right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sky {
    /// No clouds before the sun.
    Clear,
    /// Clouds pass before the sun.
    Broken,
    /// Clouds everywhere.
    Overcast,
}

impl Sky {
    /// The part of the clear sky's light that comes through, how much it jitters, and how long it lasts on average.
    const fn character(self) -> (f64, f64, Duration) {
        match self {
            Self::Clear => (0.98, 0.01, Duration::from_mins(40)),
            Self::Broken => (0.6, 0.2, Duration::from_mins(12)),
            Self::Overcast => (0.22, 0.05, Duration::from_mins(35)),
        }
    }
}

/// The weather at one site, stepped through time.
#[derive(Debug, Clone)]
pub struct Weather {
    climate: Climate,
    rng: Pcg32,
    noise: Gaussian,
    day: u32,
    kind: DayKind,
    sky: Sky,
    /// Until the sky changes.
    left: Duration,
    jitter: f64,
    /// For a step of the last length: the part of the jitter that is kept, and of fresh noise that comes.
    fading: (Duration, f64, f64),
    ordained: Option<DayKind>,
    /// Rain has dice of its own, so that a climate without rain has the same clouds as one with it.
    rain: Pcg32,
    rained: bool,
}

impl Weather {
    /// The weather that belongs to a seed, from this day on.
    pub fn new(climate: Climate, seed: u64, day: u32) -> Self {
        let mut weather = Self {
            climate,
            rng: Pcg32::seed_from_u64(seed),
            noise: Gaussian::new(seed ^ 0x5ca1_ab1e),
            day,
            kind: DayKind::Fair,
            sky: Sky::Clear,
            left: Duration::ZERO,
            jitter: 0.0,
            fading: (Duration::ZERO, 1.0, 0.0),
            ordained: None,
            rain: Pcg32::seed_from_u64(seed ^ 0x0dd_da75),
            rained: false,
        };
        weather.kind = weather.draw_kind();
        weather.rained = weather.draw_rain();
        weather
    }

    /// From now on every day is of this kind; `None` leaves it to chance again.
    pub fn ordain(&mut self, kind: Option<DayKind>) {
        self.ordained = kind;
        self.kind = kind.unwrap_or(self.kind);
        self.left = Duration::ZERO;
    }

    /// What kind of day it is.
    pub fn kind(&self) -> DayKind {
        self.kind
    }

    /// Whether it rains on this day, enough to wash a panel.
    pub fn rained(&self) -> bool {
        self.rained
    }

    /// What the place is like.
    pub fn climate(&self) -> &Climate {
        &self.climate
    }

    /// What the sky is like.
    pub fn sky(&self) -> Sky {
        self.sky
    }

    /// The part of the clear sky's light that comes through; a little over 1 at the edge of a cloud.
    pub fn clearness(&self) -> f64 {
        let (level, spread, _) = self.sky.character();
        (level + spread * self.jitter).clamp(0.05, 1.15)
    }

    /// The air's temperature: a cosine over the day.
    pub fn air(&self, time: SolarTime) -> Temperature {
        let phase = std::f64::consts::TAU * (time.hour() - WARMEST_HOUR) / 24.0;
        self.climate.mean(time.day) + self.climate.swing * libm::cos(phase)
    }

    /// A stretch of time that ends at `now`.
    pub fn step(&mut self, dt: Duration, now: SolarTime) {
        if now.day != self.day {
            self.day = now.day;
            self.kind = self.draw_kind();
            self.rained = self.draw_rain();
        }
        match self.left.checked_sub(dt) {
            Some(left) if !left.is_zero() => self.left = left,
            _ => self.change(),
        }
        // First-order autoregression with unit variance, exact for any step.
        if self.fading.0 != dt {
            let kept = libm::exp(-dt.as_secs_f64() / JITTER_SECONDS);
            self.fading = (dt, kept, libm::sqrt(1.0 - kept * kept));
        }
        let (_, kept, fresh) = self.fading;
        self.jitter = self.jitter * kept + fresh * self.noise.draw();
    }

    fn draw_kind(&mut self) -> DayKind {
        // Both are drawn in any case, so that what a test ordains does not shift the days after it.
        let (same, draw): (f64, f64) = (self.rng.random(), self.rng.random());
        let month = self.climate.month(self.day);
        match self.ordained {
            Some(kind) => kind,
            None if same < self.climate.persistence => self.kind,
            None if draw < month.fair => DayKind::Fair,
            None if draw < month.fair + month.mixed => DayKind::Mixed,
            None => DayKind::Dull,
        }
    }

    /// Whether this day is wet: the month's chance, more of it on dull days than on fair ones.
    fn draw_rain(&mut self) -> bool {
        let draw: f64 = self.rain.random();
        let (by_kind, month) = (|kind| RAIN_WEIGHT[kind as usize], self.climate.month(self.day));
        let dull = (1.0 - month.fair - month.mixed).max(0.0);
        let mean = month.fair * by_kind(DayKind::Fair)
            + month.mixed * by_kind(DayKind::Mixed)
            + dull * by_kind(DayKind::Dull);
        draw * mean < month.rain * by_kind(self.kind)
    }

    fn change(&mut self) {
        let (clear, broken) = match self.kind {
            DayKind::Fair => (0.85, 0.12),
            DayKind::Mixed => (0.35, 0.4),
            DayKind::Dull => (0.03, 0.2),
        };
        let draw: f64 = self.rng.random();
        self.sky = if draw < clear {
            Sky::Clear
        } else if draw < clear + broken {
            Sky::Broken
        } else {
            Sky::Overcast
        };
        let (_, _, mean) = self.sky.character();
        // 1 - [0, 1) is never zero, so the logarithm is finite.
        let lasts = -libm::log(1.0 - self.rng.random::<f64>());
        self.left = mean.mul_f64(lasts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean clearness of each of some days.
    fn days(seed: u64, count: u32, ordained: Option<DayKind>) -> Vec<f64> {
        let mut weather = Weather::new(Climate::TEMPERATE, seed, 1);
        weather.ordain(ordained);
        let step = Duration::from_mins(1);
        let mut now = SolarTime { day: 1, since_midnight: Duration::ZERO };
        (0..count)
            .map(|_| {
                let mut sum = 0.0;
                for _ in 0..24 * 60 {
                    now = now.after(step);
                    weather.step(step, now);
                    sum += weather.clearness();
                }
                sum / (24.0 * 60.0)
            })
            .collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_days_and_another_does_not() {
        assert_eq!(days(3, 5, None), days(3, 5, None));
        assert_ne!(days(3, 5, None), days(4, 5, None));
    }

    #[test]
    fn kinds_of_days_differ_as_their_names_say() {
        let mean = |kind| days(1, 20, Some(kind)).iter().sum::<f64>() / 20.0;
        let (fair, mixed, dull) = (mean(DayKind::Fair), mean(DayKind::Mixed), mean(DayKind::Dull));
        assert!(fair > 0.85, "{fair}");
        assert!((0.5..0.8).contains(&mixed), "{mixed}");
        assert!(dull < 0.4, "{dull}");
    }

    #[test]
    fn overcast_spells_of_several_days_happen() {
        let dull = days(11, 120, None).windows(3).any(|days| days.iter().all(|clear| *clear < 0.45));
        assert!(dull);
    }

    #[test]
    fn the_afternoon_is_warmer_than_the_night() {
        let weather = Weather::new(Climate::TEMPERATE, 1, 1);
        let at = |hour| weather.air(SolarTime { day: 1, since_midnight: Duration::from_hours(hour) });
        assert!(at(15) > at(3) + Temperature::from_celsius(8.0));
    }
}
