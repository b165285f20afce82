//! The sun's energy to come, for planning: how much until when, how sure that is, and when the sun is back.
//!
//! No internet: the sun's way ([`sun`], [`mod@daylight`], `course`) and the clear sky's light are computed; what this panel
//! makes of it (`profile`), the clouds (`clouds`) and the forecast's own error (`error`) are learned from the panel's
//! days (`day`). The panel is rarely measured: [`inference`] finds its power from the battery's current and the load.
//! [`survival`] answers the planner's question. docs/forecast.md has the model and its measured skill.
//!
//! A clock is believed only while nothing speaks against it ([`clock`]). Without one, time is counted from the last
//! sunrise that the panel saw (`rise`); before one was seen there is no honest forecast, and [`Confidence`] says so.

mod band;
mod clock;
mod clouds;
mod course;
mod day;
pub mod daylight;
mod error;
pub mod inference;
mod learned;
mod outlook;
mod profile;
mod rise;
mod site;
mod skies;
pub mod sun;
pub mod survival;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use protocol::{Energy, Power, Seconds, Uptime};

pub use band::{Band, Chance};
pub use clock::{Doubt, WallClock};
pub use inference::Estimate;
pub use learned::Learned;
pub use site::{Site, SiteError};
pub use skies::{SKIES, Skies, Slot};
pub use sun::{Angle, Plane};
pub use survival::{Prospect, Store};

use clock::{Clock, Told};
use clouds::Clouds;
use course::Course;
use day::{Day, Stretch};
use daylight::{Daylight, daylight};
use error::{Errors, Horizon};
use outlook::{Foretold, HORIZON_MAX, Outlook};
use profile::Profile;
use rise::Watch;

/// Observations further apart than this leave a gap: nobody knows what the panel gave between.
const GAP_MAX: Duration = Duration::from_mins(5);
/// Less than this part of a day's light seen is no day to learn from.
const DAY_SEEN_MIN: f64 = 0.1;
/// After so many measured days the band is the site's own.
const DAYS_MEASURED: usize = 20;
/// Without a clock the band is so much wider than measured: when the sun stands where is known to half an hour only.
const BLUR: f64 = 2.0;
/// A panel that gives this part of its label while the sun is so far below the horizon contradicts the clock ...
const NIGHT_SUN_PART: f64 = 0.1;
const NIGHT_SUN: Angle = Angle::from_degrees(-6.0);
/// ... when it does for this long.
const NIGHT_SUN_HOLD: Duration = Duration::from_mins(20);
/// A sunrise confirms a clock when it was seen this long before ...
const RISE_EARLY_SECONDS: i64 = 30 * 60;
/// ... or after the clock's: shade and thick clouds delay it.
const RISE_LATE_SECONDS: i64 = 150 * 60;
/// With a clock, a sunrise is known to about this: hills hide it.
const RISE_SPREAD: Duration = Duration::from_mins(5);
/// The panel is back in earnest so long after sunrise.
const AFTER_RISE: Duration = Duration::from_hours(2);
/// Where no sunrise is known, this long a night is assumed.
const NIGHT_MAX: Duration = Duration::from_hours(26);
/// The sky gives a panel nothing while the sun is so far below the horizon (the end of civil twilight).
const DARK: Angle = Angle::from_degrees(-6.0);
/// A surplus lasts at least this long.
const SURPLUS_MIN: Duration = Duration::from_mins(30);

/// What is seen at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// What the machine's clock says, if it has one.
    pub wall: Option<WallClock>,
    /// The panel's power; `None` where it cannot be known now.
    pub panel: Option<Estimate>,
    /// Whether the charger held the panel back, because the battery takes no more.
    pub curtailed: bool,
}

/// What a forecast rests on: why its band is as wide as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confidence {
    /// On errors measured at this site.
    Measured {
        /// Days that were foretold and scored.
        days: usize,
    },
    /// On few days: the band is still mostly a prior.
    Learning {
        /// Days that were foretold and scored.
        days: usize,
    },
    /// No believable clock: on the time since the sun was last seen to rise.
    BySunrise {
        /// What is wrong with the clock.
        doubt: Doubt,
        /// How long ago it rose.
        since: Duration,
    },
    /// No believable clock, and no sunrise was seen yet: nobody knows what time of day it is.
    NoTime {
        /// What is wrong with the clock.
        doubt: Doubt,
    },
    /// The panel's label is not known, and no light was seen on it yet: no energy is promised.
    NoPanel,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured { days } => write!(f, "errors measured on {days} days here"),
            Self::Learning { days: 1 } => f.write_str("1 day seen so far: the band is still wide"),
            Self::Learning { days } => write!(f, "{days} days seen so far: the band is still wide"),
            Self::BySunrise { doubt, since } => {
                write!(f, "the sunrise seen {} ago, because {doubt}", Seconds::from(*since))
            }
            Self::NoTime { doubt } => {
                write!(f, "nothing: {doubt}, and no sunrise was seen yet: no energy is promised")
            }
            Self::NoPanel => f.write_str("nothing: the panel's power is not known yet"),
        }
    }
}

/// When the sun rises next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sunrise {
    /// Its upper rim appears.
    pub at: Uptime,
    /// It may be so much earlier or later.
    pub give_or_take: Duration,
}

/// The forecast of one panel.
#[derive(Debug, Clone)]
pub struct Forecast {
    site: Site,
    clock: Clock,
    watch: Watch,
    profile: Profile,
    clouds: Clouds,
    errors: Errors,
    day: Option<Day>,
    last: Option<Uptime>,
    /// Since when the panel has contradicted the clock.
    night_sun: Option<Uptime>,
}

impl Forecast {
    /// From what a person says of the site, and what an earlier life learned. What cannot be what a forecast wrote is
    /// left aside, and learned anew.
    pub fn new(site: Site, learned: Option<Learned>) -> Self {
        let mut learned = learned.and_then(Learned::sound).unwrap_or_else(|| Learned {
            profile: Profile::new(site.label()),
            clouds: Clouds::new(),
            errors: Errors::new(),
            newest: None,
        });
        if let Some(label) = site.label() {
            learned.profile.found(label); // the panel may be another one now
        }
        Self {
            site,
            clock: Clock::new(learned.newest),
            watch: Watch::default(),
            profile: learned.profile,
            clouds: learned.clouds,
            errors: learned.errors,
            day: None,
            last: None,
            night_sun: None,
        }
    }

    /// What is worth keeping; it changes when a day is over.
    pub fn learned(&self) -> Learned {
        Learned {
            profile: self.profile.clone(),
            clouds: self.clouds.clone(),
            errors: self.errors.clone(),
            newest: self.clock.newest(),
        }
    }

    /// Takes what is seen at `now`. Best each minute or oftener; five minutes apart is a gap.
    pub fn observe(&mut self, now: Uptime, seen: Observation) {
        let mut told = self.clock.tell(now, seen.wall);
        if let Some(panel) = seen.panel.filter(Estimate::is_finite) {
            if let Some(rose) = self.watch.look(now, panel.power, panel.spread)
                && self.is_sunrise(rose)
                && self.clock.confirmed(now) == Told::Shifted
            {
                told = Told::Shifted;
            }
            if self.contradicts(now, panel) && self.clock.contradicted() == Told::Shifted {
                told = Told::Shifted;
            }
        }
        if told == Told::Shifted {
            // What was seen today stands at the wrong hours; and days may be numbered in another way from now on.
            self.day = None;
            if let Some(course) = self.course(now) {
                self.clouds.renumber(course.at(Duration::ZERO).day);
            }
        }
        self.turn_page(now);
        let time = self.last.map_or(Duration::MAX, |last| now.since(last));
        self.last = seen.panel.is_some().then_some(now);
        if let Some(panel) = seen.panel.filter(Estimate::is_finite)
            && time <= GAP_MAX
        {
            self.see(now, time, panel.power, seen.curtailed);
        }
    }

    /// By the clock, believed or not: is this when the sun rises?
    fn is_sunrise(&self, at: Uptime) -> bool {
        let Some(wall) = self.clock.stated(at) else { return false };
        match daylight(self.site.latitude(), self.site.longitude(), wall) {
            Daylight::Between { rise, .. } => {
                let after = wall.unix_seconds() - rise.unix_seconds();
                (-RISE_EARLY_SECONDS..=RISE_LATE_SECONDS).contains(&after)
            }
            Daylight::Always | Daylight::Never => false,
        }
    }

    /// Whether the panel has given power for a while where the clock puts no sun.
    fn contradicts(&mut self, now: Uptime, panel: Estimate) -> bool {
        let (Some(wall), Some(scale)) = (self.clock.wall(now), self.profile.scale()) else {
            self.night_sun = None;
            return false;
        };
        let dark = sun::Sun::at(self.site.latitude(), self.site.longitude(), wall).elevation() < NIGHT_SUN;
        let much = (scale * NIGHT_SUN_PART).max(panel.spread * 3.0);
        if !dark || self.watch.smooth() < much {
            self.night_sun = None;
            return false;
        }
        now.since(*self.night_sun.get_or_insert(now)) >= NIGHT_SUN_HOLD
    }

    fn course(&self, now: Uptime) -> Option<Course> {
        if let Some(wall) = self.clock.wall(now) {
            return Some(Course::dated(&self.site, wall));
        }
        let (rose, rises) = self.watch.risen()?;
        let since = now.since(rose) + rise::LATE;
        Some(Course::seen(&self.site, since, rises, self.declination()))
    }

    /// The declination on the latest date that was believed, or that of the equinoxes.
    fn declination(&self) -> Angle {
        self.clock.newest().map_or(Angle::ZERO, |wall| sun::Ephemeris::at(wall).declination)
    }

    /// Closes the day when another has begun.
    fn turn_page(&mut self, now: Uptime) {
        let Some(course) = self.course(now) else { return };
        let number = course.at(Duration::ZERO).day;
        if self.day.as_ref().is_some_and(|day| day.number == number) {
            return;
        }
        if let Some(day) = self.day.take() {
            self.close(day);
        }
        let foretold = self.outlook(course.since_midnight()).rest_of_day();
        let mut day = Day::new(number);
        day.foretold = foretold;
        self.day = Some(day);
    }

    fn close(&mut self, day: Day) {
        let number = day.number;
        let shown = day.over(&self.profile);
        for (foretold, level) in &shown.rests {
            self.score(foretold, *level);
        }
        let Some((level, scatter)) = Profile::clearness(&shown.seen) else { return };
        if shown.part < DAY_SEEN_MIN {
            return;
        }
        if let Some(foretold) = &shown.foretold {
            self.score(foretold, level);
        }
        self.clouds.close(number, level, scatter, shown.part);
        self.profile.learn(&shown.seen);
    }

    fn score(&mut self, foretold: &Foretold, level: f64) {
        let error = (level - foretold.mean) / foretold.spread.max(1e-6);
        self.errors.keep(foretold.horizon, foretold.against_mean, error);
    }

    /// A stretch of time that ends now.
    fn see(&mut self, now: Uptime, time: Duration, panel: Power, curtailed: bool) {
        let Some(course) = self.course(now) else { return };
        let sun = course.at(Duration::ZERO).sun;
        let light = sun.clear_on(self.site.plane());
        let hour_angle = sun.hour_angle();
        let panel = panel.max(Power::ZERO);
        self.find_label(panel, light);
        let Some(day) = &mut self.day else { return };
        let due = day.see(&Stretch { time, panel, curtailed, hour_angle, light }, &self.profile);
        self.outgrow_label();
        if due
            && let Some(foretold) = self.outlook(course).rest_of_day()
            && let Some(day) = &mut self.day
            && foretold.horizon != Horizon::Day
        {
            day.foretell(foretold);
        }
    }

    /// Without a label, the first good light stands for it ...
    fn find_label(&mut self, panel: Power, light: sun::Irradiance) {
        if self.profile.scale().is_none() && light.watts_per_square_metre() > 150.0 && panel > Power::ZERO {
            let label = panel * (1000.0 / light.watts_per_square_metre() / profile::PRIOR);
            self.profile.found(label);
        }
    }

    /// ... until a better half-hour shows that it is more.
    fn outgrow_label(&mut self) {
        let (None, Some(scale), Some(day)) = (self.site.label(), self.profile.scale(), &mut self.day) else {
            return;
        };
        let Some(by) = day.newest().map(|seen| seen.of_label / seen.ratio) else {
            return;
        };
        if by > 1.2 && by.is_finite() {
            self.profile.found(scale * by);
            self.clouds.rescale(by);
            day.rescale(by);
        }
    }

    fn outlook(&self, course: Course) -> Outlook<'_> {
        let number = course.at(Duration::ZERO).day;
        let today = self.day.as_ref().filter(|day| day.number == number);
        Outlook {
            course,
            plane: self.site.plane(),
            profile: &self.profile,
            clouds: &self.clouds,
            errors: &self.errors,
            today: today.map(|day| day.today(&self.profile)).unwrap_or_default(),
            blur: if self.clock.doubt().is_some() { BLUR } else { 1.0 },
        }
    }

    /// The panel's energy from `now` until each time ahead, in steps of ten minutes, up to a week.
    fn walk(&self, now: Uptime, ahead: Duration) -> Vec<(Duration, Band<Energy>)> {
        match self.course(now) {
            Some(course) => self.outlook(course).walk(ahead),
            None => self.walk_blind(ahead),
        }
    }

    /// Nobody knows what time of day it is: at worst the sun has just set on an overcast week, at best it has just
    /// risen, and in the middle the day's energy comes evenly.
    fn walk_blind(&self, ahead: Duration) -> Vec<(Duration, Band<Energy>)> {
        let dawn = Course::seen(&self.site, Duration::ZERO, 0, self.declination());
        let mut outlook = self.outlook(dawn);
        outlook.blur = BLUR;
        let mut walk = outlook.walk(ahead.max(Duration::from_hours(24)));
        let day = Duration::from_hours(24);
        let daily = walk.iter().find(|(at, _)| *at >= day).map_or(Energy::ZERO, |(_, band)| band.best);
        walk.retain(|(at, _)| *at <= ahead.max(outlook::STEP));
        for (at, band) in &mut walk {
            band.low = Energy::ZERO;
            band.best = (daily * (at.as_secs_f64() / day.as_secs_f64())).min(band.high);
        }
        walk
    }

    /// The energy that the panel can give from `now` until a moment, whether or not the battery takes it. What lies
    /// beyond a week is not counted.
    pub fn energy_until(&self, now: Uptime, until: Uptime) -> Band<Energy> {
        let none = Band { low: Energy::ZERO, best: Energy::ZERO, high: Energy::ZERO };
        self.walk(now, until.since(now)).last().map_or(none, |(_, band)| *band)
    }

    /// When the sun rises next; `None` where nobody knows what time it is, or it does not rise within a week.
    pub fn next_sunrise(&self, now: Uptime) -> Option<Sunrise> {
        if let Some(wall) = self.clock.wall(now) {
            let rise = daylight::next_rise(self.site.latitude(), self.site.longitude(), wall)?;
            let seconds = u64::try_from(rise.unix_seconds() - wall.unix_seconds()).ok()?;
            return Some(Sunrise { at: now + Duration::from_secs(seconds), give_or_take: RISE_SPREAD });
        }
        let until = self.course(now)?.until_rise()?;
        Some(Sunrise { at: now + until, give_or_take: rise::LATE_SPREAD })
    }

    /// When the panel, at its median, begins to give more than a load for at least half an hour: within the next two
    /// days; `None` when it does not, or nobody knows what time it is.
    pub fn next_surplus(&self, now: Uptime, load: Power) -> Option<Uptime> {
        let outlook = self.outlook(self.course(now)?);
        let steps = (Duration::from_hours(48).as_secs() / outlook::STEP.as_secs()) as u32;
        let mut since = None;
        for step in 0..steps {
            let ahead = outlook::STEP * step;
            if outlook.power(ahead) <= load {
                since = None;
            } else if ahead + outlook::STEP >= *since.get_or_insert(ahead) + SURPLUS_MIN {
                return since.map(|since| now + since);
            }
        }
        None
    }

    /// How likely a store stays above its reserve under a load, until some moment within a week.
    pub fn prospect(&self, now: Uptime, store: &Store, load: Power, until: Uptime) -> Prospect {
        survival::prospect(now, store, load, &self.walk(now, until.since(now).min(HORIZON_MAX)))
    }

    /// The same until the panel is back in earnest: two hours after the next sunrise, at its latest. Where no sunrise is
    /// known, for as long as a night can be.
    pub fn prospect_until_sun(&self, now: Uptime, store: &Store, load: Power) -> Prospect {
        let until =
            self.next_sunrise(now).map_or(now + NIGHT_MAX, |rise| rise.at + rise.give_or_take + AFTER_RISE);
        self.prospect(now, store, load, until)
    }

    /// What the panel may give in stretches of time from now on; `None` where no energy can be promised at any hour.
    pub fn skies(&self, now: Uptime, lengths: &[Duration]) -> Option<Skies> {
        self.profile.scale()?;
        Some(self.outlook(self.course(now)?).skies(lengths))
    }

    /// The number of the present solar day, which begins at midnight by the sun; `None` where nobody knows.
    pub fn day(&self, now: Uptime) -> Option<i64> {
        self.course(now).map(|course| course.at(Duration::ZERO).day)
    }

    /// Whether it is night by a clock that is believed; `None` without one.
    pub fn is_dark(&self, now: Uptime) -> Option<bool> {
        let wall = self.clock.wall(now)?;
        Some(sun::Sun::at(self.site.latitude(), self.site.longitude(), wall).elevation() < DARK)
    }

    /// What the forecast rests on.
    pub fn confidence(&self, now: Uptime) -> Confidence {
        let days = self.errors.days();
        match (self.clock.doubt(), self.watch.risen()) {
            (Some(doubt), None) => Confidence::NoTime { doubt },
            (Some(doubt), Some((rose, _))) => {
                Confidence::BySunrise { doubt, since: now.since(rose) + rise::LATE }
            }
            _ if self.profile.scale().is_none() => Confidence::NoPanel,
            _ if days >= DAYS_MEASURED => Confidence::Measured { days },
            _ => Confidence::Learning { days },
        }
    }
}
