//! A year of simulated sky over a panel, and a forecast that lives under it.

#![allow(clippy::large_types_passed_by_value, reason = "a scene is made where it is used")]

use std::time::Duration;

use hardware::sim::panel::Panel;
use hardware::sim::sun::{SolarTime, Sun};
use hardware::sim::weather::{Climate, Weather};
use protocol::{Energy, Power, Uptime};

use super::super::{Angle, Estimate, Forecast, Observation, Plane, Site, WallClock};

/// Between two looks.
pub(super) const LOOK: Duration = Duration::from_mins(5);
/// Midnight of 1 January 2027, UTC.
pub(super) const NEW_YEAR: i64 = 1_798_761_600;
/// The reference site.
pub(super) const LIBREVILLE: (f64, f64) = (0.39, 9.45);
/// Tilt of the simulated panel, towards the equator.
const TILT: f64 = 10.0;

/// What the world is like.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) place: (f64, f64),
    pub(super) climate: Climate,
    pub(super) seed: u64,
    pub(super) start_day: u32,
    /// Hours (by the sun) in which a tree leaves this part of the light.
    pub(super) shade: Option<(f64, f64, f64)>,
    /// From this hour on the charger takes only this part of what the panel can give.
    pub(super) curtailed: Option<(f64, f64)>,
}

pub(super) const SCENE: Scene = Scene {
    place: LIBREVILLE,
    climate: Climate::TEMPERATE,
    seed: 1,
    start_day: 1,
    shade: None,
    curtailed: None,
};

pub(super) fn site(place: (f64, f64)) -> Site {
    let towards = if place.0 < 0.0 { 0.0 } else { 180.0 };
    let plane = Plane { tilt: Angle::from_degrees(TILT), azimuth: Angle::from_degrees(towards) };
    Site::new(Angle::from_degrees(place.0), Angle::from_degrees(place.1))
        .and_then(|site| site.with_label(Power::from_watts(100.0)))
        .and_then(|site| site.with_plane(plane))
        .expect("a sound site")
}

/// The world's time, sky and panel, stepped together with a forecast.
pub(super) struct World {
    pub(super) scene: Scene,
    pub(super) now: Uptime,
    weather: Weather,
    panel: Panel,
    pub(super) time: SolarTime,
    /// All that the panel could have given since the start.
    pub(super) total: Energy,
    /// What the machine's clock is off by, in seconds; `None` is no clock.
    pub(super) clock: Option<i64>,
}

impl World {
    pub(super) fn new(scene: Scene) -> Self {
        Self {
            scene,
            now: Uptime::START,
            weather: Weather::new(scene.climate, scene.seed, scene.start_day),
            panel: Panel {
                label: Power::from_watts(100.0),
                tilt_degrees: TILT,
                azimuth_degrees: 0.0,
                soiling: 0.05,
            },
            time: SolarTime { day: scene.start_day, since_midnight: Duration::ZERO },
            total: Energy::ZERO,
            clock: Some(0),
        }
    }

    /// The true wall time. The simulated sun keeps apparent solar time; the equation of time is Woolf's (Duffie and
    /// Beckman, "Solar Engineering of Thermal Processes", 1.5.3, the short form), not the forecast's own.
    pub(super) fn wall(&self) -> i64 {
        let begun = NEW_YEAR + i64::from(self.scene.start_day - 1) * 86_400;
        let days = f64::from(self.scene.start_day) + self.now.as_secs_f64() / 86_400.0;
        let turn = (days - 81.0) / 364.0 * std::f64::consts::TAU;
        let equation = 60.0 * (9.87 * (2.0 * turn).sin() - 7.53 * turn.cos() - 1.5 * turn.sin());
        begun - (self.scene.place.1 * 240.0 + equation) as i64 + self.now.as_secs_f64() as i64
    }

    pub(super) fn stated(&self) -> Option<WallClock> {
        self.clock.map(|off| WallClock::from_unix_seconds(self.wall() + off))
    }

    /// The same sky from here on.
    pub(super) fn clone_sky(&mut self, other: &Self) {
        self.now = other.now;
        self.time = other.time;
        self.weather = other.weather.clone();
    }

    /// One look later; what the panel could give.
    pub(super) fn pass(&mut self) -> Power {
        self.now += LOOK;
        self.time = self.time.after(LOOK);
        self.weather.step(LOOK, self.time);
        let sun = Sun::at(self.scene.place.0, self.time);
        let mut power = self.panel.available(&sun, self.weather.clearness(), self.weather.air(self.time));
        if let Some((from, to, left)) = self.scene.shade
            && (from..to).contains(&self.time.hour())
        {
            power = power * left;
        }
        self.total += power * LOOK;
        power
    }

    /// One look later, and the forecast sees it.
    pub(super) fn step(&mut self, forecast: &mut Forecast) {
        let power = self.pass();
        let hour = self.time.hour();
        let held = self.scene.curtailed.filter(|(from, _)| hour >= *from && power > Power::ZERO);
        let given = held.map_or(power, |(_, part)| power * part);
        let panel = Some(Estimate { power: given, spread: Power::from_watts(1.0) });
        let seen = Observation { wall: self.stated(), panel, curtailed: held.is_some() };
        forecast.observe(self.now, seen);
    }

    pub(super) fn run(&mut self, forecast: &mut Forecast, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step(forecast);
        }
    }

    /// Runs until it is this hour by the sun, today or tomorrow.
    pub(super) fn run_to_hour(&mut self, forecast: &mut Forecast, hour: f64) {
        loop {
            let before = self.time.hour();
            self.step(forecast);
            if before < hour && self.time.hour() >= hour {
                return;
            }
        }
    }
}
