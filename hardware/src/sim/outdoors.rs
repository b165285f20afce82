//! What is outside of the battery's box: sun, clouds, air, and a panel that gathers dust until it rains.
//!
//! Nothing here depends on what the site does with the power, so a clone of it tells beforehand what the sky will give.

use std::sync::Arc;
use std::time::Duration;

use protocol::{Power, Temperature};

use super::panel::Panel;
use super::record::{Light, Record};
use super::site::Settings;
use super::sun::{SolarTime, Sun};
use super::weather::Weather;

/// The most light that dust takes before the wind takes some of it again (plausible, not measured).
const DUST_MAX: f64 = 0.25;
/// Clear sky below this, in W/m2, says nothing about clouds: dawn and dusk.
const CLEAR_MIN: f64 = 20.0;

/// Sky and panel, stepped through time.
#[derive(Debug, Clone)]
pub struct Outdoors {
    weather: Weather,
    record: Option<Arc<Record>>,
    panel: Panel,
    latitude_degrees: f64,
    /// What the last rain left of the dust.
    washed: f64,
    day: u32,
    available: Power,
    air: Temperature,
}

impl Outdoors {
    /// At the first moment of a site.
    pub fn new(settings: &Settings) -> Self {
        let weather = Weather::new(settings.climate, settings.seed, settings.start.day);
        let air = match &settings.record {
            Some(record) => record.at(settings.start).1,
            None => weather.air(settings.start),
        };
        Self {
            weather,
            record: settings.record.clone(),
            panel: settings.panel,
            latitude_degrees: settings.latitude_degrees,
            washed: settings.panel.soiling,
            day: settings.start.day,
            available: Power::ZERO,
            air,
        }
    }

    /// A stretch of time that ends at this moment.
    pub fn step(&mut self, dt: Duration, time: SolarTime) {
        self.weather.step(dt, time);
        if time.day != self.day {
            self.day = time.day;
            self.gather_dust();
        }
        let sun = Sun::at(self.latitude_degrees, time);
        let Some(record) = &self.record else {
            self.air = self.weather.air(time);
            self.available = self.panel.available(&sun, self.weather.clearness(), self.air);
            return;
        };
        let (light, air) = record.at(time);
        self.air = air;
        self.available = match light {
            Light::Plane(light) => self.panel.under(light, air),
            Light::Global(light) => {
                let clear = sun.clear().watts_per_square_metre().max(CLEAR_MIN);
                self.panel.available(&sun, light.watts_per_square_metre() / clear, air)
            }
        };
    }

    /// A day without rain leaves its dust; rain washes the panel to what was there at first.
    fn gather_dust(&mut self) {
        let dust = self.weather.climate().dust;
        let soiling = &mut self.panel.soiling;
        *soiling = if self.weather.rained() {
            self.washed
        } else {
            (*soiling + dust).min(DUST_MAX.max(self.washed))
        };
    }

    /// What the panel could give during the last step.
    pub fn available(&self) -> Power {
        self.available
    }

    /// The air's temperature.
    pub fn air(&self) -> Temperature {
        self.air
    }

    /// The panel as it is now.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// The weather.
    pub fn weather(&self) -> &Weather {
        &self.weather
    }

    /// The weather, to ordain it.
    pub fn weather_mut(&mut self) -> &mut Weather {
        &mut self.weather
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use protocol::{Charge, Soc};

    use super::*;
    use crate::battery::Chemistry;
    use crate::sim::battery::Condition;
    use crate::sim::charger;
    use crate::sim::record::Place;
    use crate::sim::weather::Climate;

    const STEP: Duration = Duration::from_mins(10);

    fn settings(climate: &Climate, record: Option<Record>) -> Settings {
        let (chemistry, label) = (Chemistry::Agm, Charge::from_amp_hours(70.0));
        Settings {
            chemistry,
            label,
            condition: Condition::NEW,
            soc: Soc::FULL,
            panel: Panel {
                label: Power::from_watts(100.0),
                tilt_degrees: 0.0,
                azimuth_degrees: 0.0,
                soiling: 0.02,
            },
            charger: charger::Settings::usual(chemistry, label),
            latitude_degrees: 13.5,
            climate: *climate,
            record: record.map(Arc::new),
            ages: false,
            start: SolarTime { day: 1, since_midnight: Duration::ZERO },
            network: Power::ZERO,
            seed: 1,
        }
    }

    fn run(outdoors: &mut Outdoors, from: SolarTime, days: u32, mut look: impl FnMut(&Outdoors)) {
        let mut time = from;
        for _ in 0..days * 144 {
            time = time.after(STEP);
            outdoors.step(STEP, time);
            look(outdoors);
        }
    }

    #[test]
    fn dust_gathers_until_it_rains() {
        let settings = settings(&Climate::DRY, None);
        let mut outdoors = Outdoors::new(&settings);
        let (mut most, mut washed) = (0.0_f64, 0);
        run(&mut outdoors, settings.start, 365, |outdoors| {
            let soiling = outdoors.panel().soiling;
            washed += u32::from(most > 0.05 && soiling <= 0.02);
            most = most.max(soiling);
        });
        assert!(most > 0.15 && most <= DUST_MAX, "months without rain: {most}");
        assert!(washed > 0, "and then it rains");
    }

    #[test]
    fn a_measured_sky_gives_what_was_measured() {
        let mut text = String::from("time_s,plane_W_m2,temp_C\n");
        for hour in 0..24 {
            let light = if (8..16).contains(&hour) { 500 } else { 0 };
            writeln!(text, "{},{light},30", hour * 3600).unwrap();
        }
        let record = Record::parse(&text, Place { longitude_degrees: 0.0, start_day: 1 }).unwrap();
        let settings = settings(&Climate::DRY, Some(record));
        let mut outdoors = Outdoors::new(&settings);
        let mut energy = 0.0;
        run(&mut outdoors, settings.start, 1, |outdoors| energy += outdoors.available().watts() / 6.0);
        assert_eq!(outdoors.air(), Temperature::from_celsius(30.0));
        // Eight hours at half the label's light, less warmth, dust and tracker.
        assert!((300.0..370.0).contains(&energy), "{energy} Wh");
    }

    #[test]
    fn the_same_seed_is_the_same_sky() {
        let series = |seed| {
            let settings = Settings { seed, ..settings(&Climate::EQUATORIAL, None) };
            let mut all = Vec::new();
            run(&mut Outdoors::new(&settings), settings.start, 5, |o| {
                all.push(o.available().watts().to_bits());
            });
            all
        };
        assert_eq!(series(1), series(1));
        assert_ne!(series(1), series(2));
    }
}
