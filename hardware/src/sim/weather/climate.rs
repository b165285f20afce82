//! What a place's sky is like over the year, as data.
//!
//! A month is given by its sunshine (the part of the daylight in which the sun casts a shadow, as weather services
//! publish it), its days with rain, and its mean temperature. How the kinds of days follow from the sunshine is in
//! [`Month::with_sunshine`]; a test plays years and measures that it does. Named climates are rounded from published
//! means of a place: good for comparing, no forecast of any year there.

use protocol::Temperature;

/// The sunshine of the three kinds of days: what their skies come to over their dwell times (see `Sky::character`).
const SUNSHINE_FAIR: f64 = 0.95;
const SUNSHINE_MIXED: f64 = 0.60;
const SUNSHINE_DULL: f64 = 0.08;

/// The middle of the first month, and the length of one, in days.
const MONTH_DAYS: f64 = 365.0 / 12.0;

/// One month of a climate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Month {
    /// How likely a day is fair ...
    pub fair: f64,
    /// ... or mixed; otherwise it is dull.
    pub mixed: f64,
    /// The part of the days on which it rains enough to wash a panel.
    pub rain: f64,
    /// The mean temperature.
    pub mean: Temperature,
}

impl Month {
    /// A month with this part of sunshine, 0.1 to 0.9: mixed days are most frequent in the middle, the rest is fair or
    /// dull as the sunshine needs.
    pub const fn with_sunshine(sunshine: f64, rain: f64, mean_celsius: f64) -> Self {
        let mixed = if sunshine < 0.5 { sunshine } else { 1.0 - sunshine };
        let rest = sunshine - SUNSHINE_MIXED * mixed - SUNSHINE_DULL * (1.0 - mixed);
        let fair = rest / (SUNSHINE_FAIR - SUNSHINE_DULL);
        let fair = if fair < 0.0 { 0.0 } else { fair };
        Self { fair, mixed, rain, mean: Temperature::from_celsius(mean_celsius) }
    }
}

/// What a place is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Climate {
    /// The months, January first.
    pub months: [Month; 12],
    /// How likely a day is of the same kind as the one before, whatever the month says: it makes spells. The lag-one
    /// correlation of daily clearness is about 0.3 at most places (Graham, Hollands and Huget, Solar Energy 40, 1988).
    pub persistence: f64,
    /// How much the afternoon is warmer than the mean.
    pub swing: Temperature,
    /// The part of the light that a day without rain takes more, as dust on the panel.
    pub dust: f64,
}

/// Twelve months from sunshine, rain and temperature.
const fn months(sunshine: [f64; 12], rain: [f64; 12], mean: [f64; 12]) -> [Month; 12] {
    let mut all = [Month::with_sunshine(0.5, 0.0, 0.0); 12];
    let mut i = 0;
    while i < 12 {
        all[i] = Month::with_sunshine(sunshine[i], rain[i], mean[i]);
        i += 1;
    }
    all
}

impl Climate {
    /// A good place for a panel, the same all year.
    pub const SUNNY: Self = Self::even(0.65, 0.27, 22.0, 6.0);
    /// Middle Europe outside of winter, the same all year.
    pub const TEMPERATE: Self = Self::even(0.35, 0.4, 14.0, 5.0);

    /// Like Libreville: sun and showers from October to May, and a dry season from June to September that hides under
    /// cloud for weeks. Rounded from the published monthly means of sunshine hours, days of rain and temperature.
    pub const EQUATORIAL: Self = Self {
        months: months(
            [0.47, 0.52, 0.47, 0.48, 0.43, 0.36, 0.31, 0.24, 0.27, 0.30, 0.37, 0.45],
            [0.55, 0.50, 0.60, 0.60, 0.50, 0.10, 0.05, 0.10, 0.45, 0.75, 0.70, 0.55],
            [26.8, 27.0, 27.1, 26.6, 26.7, 25.4, 24.3, 24.3, 25.4, 25.7, 25.9, 26.2],
        ),
        persistence: 0.45,
        swing: Temperature::from_celsius(3.0),
        dust: 0.001,
    };
    /// Like Munich, all seasons. From the published means of sunshine hours over the hours of daylight.
    pub const SEASONAL: Self = Self {
        months: months(
            [0.27, 0.33, 0.36, 0.41, 0.45, 0.44, 0.49, 0.50, 0.43, 0.37, 0.26, 0.21],
            [0.33, 0.30, 0.33, 0.33, 0.40, 0.43, 0.40, 0.37, 0.33, 0.30, 0.33, 0.35],
            [-0.5, 0.8, 4.7, 9.0, 13.5, 16.8, 18.6, 18.2, 14.0, 9.2, 3.8, 0.6],
        ),
        persistence: 0.4,
        swing: Temperature::from_celsius(4.5),
        dust: 0.0005,
    };
    /// Like Niamey, at the edge of the desert: months without a cloud worth the name, with dust on everything, and three
    /// months of thunderstorms. Dust of 0.2 % a day: Kimber et al., IEEE 4th WCPEC, 2006 (dry parts of California).
    pub const DRY: Self = Self {
        months: months(
            [0.78, 0.79, 0.71, 0.68, 0.66, 0.65, 0.60, 0.53, 0.62, 0.77, 0.82, 0.79],
            [0.0, 0.0, 0.01, 0.03, 0.10, 0.20, 0.32, 0.40, 0.23, 0.04, 0.0, 0.0],
            [24.2, 27.4, 31.3, 33.8, 33.9, 31.4, 28.8, 27.6, 28.8, 30.5, 28.0, 25.0],
        ),
        persistence: 0.35,
        swing: Temperature::from_celsius(7.0),
        dust: 0.002,
    };

    /// A climate by its name, as a site file has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, climate)| *climate)
    }

    /// The named climates.
    pub const NAMES: [(&'static str, Self); 3] =
        [("equatorial", Self::EQUATORIAL), ("temperate", Self::SEASONAL), ("dry", Self::DRY)];

    /// The same all year: no rain, no dust.
    pub const fn even(fair: f64, mixed: f64, mean_celsius: f64, swing_kelvin: f64) -> Self {
        let month = Month { fair, mixed, rain: 0.0, mean: Temperature::from_celsius(mean_celsius) };
        let swing = Temperature::from_celsius(swing_kelvin);
        Self { months: [month; 12], persistence: 0.4, swing, dust: 0.0 }
    }

    /// The same climate south of the equator: half a year later.
    #[must_use]
    pub fn of_the_south(mut self) -> Self {
        self.months.rotate_right(6);
        self
    }

    /// The month of a day (1 is the first of January).
    pub fn month(&self, day: u32) -> &Month {
        let day = f64::from(day.saturating_sub(1) % 365);
        let index = ((day / MONTH_DAYS) as usize).min(11);
        self.months.get(index).unwrap_or(&self.months[0])
    }

    /// The mean temperature around a day: from the middle of one month to that of the next in a straight line.
    pub fn mean(&self, day: u32) -> Temperature {
        let place = f64::from(day.saturating_sub(1) % 365) / MONTH_DAYS + 11.5;
        let (from, into) = (place as usize % 12, place - libm::floor(place));
        let (this, next) = (self.months[from].mean, self.months[(from + 1) % 12].mean);
        this + (next - this) * into
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::sun::SolarTime;
    use crate::sim::weather::{DayKind, Sky, Weather};

    /// The sunshine of a month over many years: the time under clear sky, and half of that under broken clouds.
    fn sunshine(climate: &Climate, month: usize) -> f64 {
        let mut climate = *climate;
        climate.months = [climate.months[month]; 12];
        let mut weather = Weather::new(climate, 9, 1);
        let mut now = SolarTime { day: 1, since_midnight: Duration::ZERO };
        let step = Duration::from_mins(5);
        let (mut sun, mut all) = (0.0, 0.0);
        for _ in 0..288 * 1500 {
            now = now.after(step);
            weather.step(step, now);
            all += 1.0;
            sun += match weather.sky() {
                Sky::Clear => 1.0,
                Sky::Broken => 0.5,
                Sky::Overcast => 0.0,
            };
        }
        sun / all
    }

    #[test]
    fn months_have_the_sunshine_that_they_were_given() {
        for (month, wanted) in [(1, 0.52), (7, 0.24)] {
            let found = sunshine(&Climate::EQUATORIAL, month);
            assert!((found - wanted).abs() < 0.05, "{found} instead of {wanted}");
        }
        let found = sunshine(&Climate::DRY, 10);
        assert!((found - 0.82).abs() < 0.05, "{found}");
    }

    #[test]
    fn chances_are_chances_in_every_month() {
        for (name, climate) in Climate::NAMES {
            for month in &climate.months {
                let dull = 1.0 - month.fair - month.mixed;
                assert!(month.fair >= 0.0 && month.mixed >= 0.0 && dull >= -1e-12, "{name}: {month:?}");
                assert!((0.0..=1.0).contains(&month.rain), "{name}");
            }
        }
    }

    #[test]
    fn the_south_has_its_winter_in_july() {
        let south = Climate::SEASONAL.of_the_south();
        assert!(south.mean(196) < Temperature::from_celsius(0.0));
        assert!(Climate::SEASONAL.mean(196) > Temperature::from_celsius(18.0));
    }

    #[test]
    fn the_mean_has_no_step_at_new_year() {
        let climate = Climate::SEASONAL;
        assert!((climate.mean(365) - climate.mean(366)).celsius().abs() < 0.1);
    }

    #[test]
    fn rain_falls_on_as_many_days_as_the_month_says() {
        for (climate, month) in [(Climate::EQUATORIAL, 9), (Climate::SEASONAL, 5), (Climate::DRY, 7)] {
            let mut climate = climate;
            climate.months = [climate.months[month]; 12];
            let mut weather = Weather::new(climate, 4, 1);
            let days = 3000;
            let wet = (2..days).filter(|day| {
                weather
                    .step(Duration::from_hours(24), SolarTime { day: *day, since_midnight: Duration::ZERO });
                weather.rained()
            });
            let found = wet.count() as f64 / f64::from(days);
            let wanted = climate.months[month].rain;
            assert!((found - wanted).abs() < 0.1, "{found} instead of {wanted}");
        }
    }

    #[test]
    fn spells_are_longer_than_chance_makes_them() {
        let mut weather = Weather::new(Climate::EQUATORIAL, 3, 1);
        let kinds: Vec<DayKind> = (2..4000)
            .map(|day| {
                let now = SolarTime { day: 1 + day % 28, since_midnight: Duration::ZERO };
                weather.step(Duration::from_hours(24), now);
                weather.kind()
            })
            .collect();
        let same = kinds.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / kinds.len() as f64;
        let by_chance: f64 = [DayKind::Fair, DayKind::Mixed, DayKind::Dull]
            .iter()
            .map(|kind| kinds.iter().filter(|k| *k == kind).count() as f64 / kinds.len() as f64)
            .map(|part| part * part)
            .sum();
        assert!(same > by_chance + 0.2, "{same} of the days are as the one before, {by_chance} by chance");
    }
}
