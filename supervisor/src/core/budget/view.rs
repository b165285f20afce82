//! What a person may see of energy and plan: the values behind `heliostat energy`, `heliostat forecast` and the dashboard.

use std::time::Duration;

use protocol::{Energy, NodeName, Power, Seconds, Soc, Stage, SupplyName, Uptime};
use serde::{Deserialize, Serialize};

use super::aim::steps;
use super::{Aim, Budget, Budgets, DayEnergy};
use crate::core::forecast::{Band, Chance, SKIES};

/// The sun to come is told until these hours from now.
const AHEAD: [u64; 5] = [6, 12, 24, 48, 72];
/// The plan is told for so many hours.
const HOURS: usize = 24;

/// The plan in force on one supply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanView {
    /// The level of the fleet's ladder; 0 is everything runs.
    pub level: u16,
    /// The last level: all that may be parked is.
    pub levels: u16,
    /// The chance to stay above the reserve until the sun is back if everything runs.
    pub chance: Chance,
    /// What is wanted of it.
    pub wanted: Chance,
    /// What is kept back.
    pub reserve: Soc,
    /// How long until the sun is back in earnest.
    pub sun_in: Seconds,
    /// What the panel brings within the outlook, at its median ...
    pub sun: Energy,
    /// ... what everything would take ...
    pub load: Energy,
    /// ... within this time.
    pub within: Seconds,
}

impl Aim {
    /// For people.
    pub(crate) fn view(&self, now: Uptime) -> PlanView {
        let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        PlanView {
            level: count(self.level),
            levels: count(self.levels.saturating_sub(1)),
            chance: self.chance,
            wanted: self.wanted,
            reserve: self.reserve,
            sun_in: self.sun_at.since(now).into(),
            sun: self.sun,
            load: self.load,
            within: self.within.into(),
        }
    }
}

/// Where the energy of one supply went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyView {
    /// The supply.
    pub supply: SupplyName,
    /// What a full battery gives, as learned.
    pub capacity: Energy,
    /// The days, oldest first; the last is today.
    pub days: Vec<DayEnergy>,
}

/// The sun to come on one supply, and what is planned with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForecastView {
    /// The supply.
    pub supply: SupplyName,
    /// What the forecast rests on, in words.
    pub rests_on: String,
    /// How long until the sun rises; `None` where nobody knows, or it does not within a week.
    pub sunrise_in: Option<Seconds>,
    /// The panel's energy from now on.
    pub sun: Vec<SunView>,
    /// The plan in force; `None` where the forecast promises nothing or the supply's state is not known.
    pub plan: Option<PlanView>,
    /// What the plan expects of the next day, hour by hour, if the sky is middling.
    pub course: Vec<HourView>,
}

impl ForecastView {
    /// A battery takes ever less as it fills: from here on it is as good as full.
    const FULL: f64 = 0.97;

    /// Until the plan expects the battery to be full, by its lower bound and under a middling sky; `None` where it does
    /// not within its day, or there is no plan.
    pub fn full_in(&self) -> Option<Seconds> {
        self.course.iter().find(|hour| hour.soc.fraction() >= Self::FULL).map(|hour| hour.begins_in)
    }
}

/// The panel's energy until some time from now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SunView {
    /// Until then.
    pub within: Seconds,
    /// Its 80 % band.
    pub energy: Band<Energy>,
}

/// One hour of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HourView {
    /// When it begins, from when the plan was made.
    pub begins_in: Seconds,
    /// The charge then, lower bound.
    pub soc: Soc,
    /// The level.
    pub level: u16,
    /// What the fleet takes there.
    pub load: Power,
    /// What the panel gives.
    pub sun: Power,
    /// Nodes that are not in `Normal` there.
    pub saving: Vec<(NodeName, Stage)>,
}

impl Budgets {
    /// Where the energy went, for every supply with a site.
    pub(crate) fn energy_views(&self) -> Vec<EnergyView> {
        self.supplies.values().map(Budget::energy_view).collect()
    }

    /// The sun to come, for every supply with a site.
    pub(crate) fn forecast_views(&self, now: Uptime) -> Vec<ForecastView> {
        self.supplies.values().map(|budget| budget.forecast_view(now, self.aim(&budget.name, now))).collect()
    }
}

impl Budget {
    /// Today so far.
    pub(crate) fn today(&self) -> Option<DayEnergy> {
        self.accounts.days().last().cloned()
    }

    fn energy_view(&self) -> EnergyView {
        EnergyView {
            supply: self.name.clone(),
            capacity: self.capacity.energy(),
            days: self.accounts.days().cloned().collect(),
        }
    }

    fn forecast_view(&self, now: Uptime, aim: Option<&Aim>) -> ForecastView {
        let sunrise = self.forecast.next_sunrise(now);
        let sun = AHEAD.map(|hours| {
            let within = Duration::from_hours(hours);
            SunView { within: within.into(), energy: self.forecast.energy_until(now, now + within) }
        });
        ForecastView {
            supply: self.name.clone(),
            rests_on: self.forecast.confidence(now).to_string(),
            sunrise_in: sunrise.map(|rise| rise.at.since(now).into()),
            sun: sun.to_vec(),
            plan: aim.map(|aim| aim.view(now)),
            course: aim.map(|aim| self.course(now, aim)).unwrap_or_default(),
        }
    }

    /// The plan's own course through a middling day.
    fn course(&self, now: Uptime, aim: &Aim) -> Vec<HourView> {
        let (Some(schedule), Some(made), Some(soc)) = (&self.schedule, self.planned, self.soc) else {
            return Vec::new();
        };
        let Some(skies) = self.forecast.skies(made.min(now), &steps()) else { return Vec::new() };
        let mut soc = soc;
        let mut begins = Duration::ZERO;
        let mut course = Vec::with_capacity(HOURS);
        for (number, slot) in skies.slots.iter().take(HOURS).enumerate() {
            let level = if number == 0 { aim.level } else { schedule.level(number, soc) };
            let load = self.level_power(level);
            let sun = slot.panel[SKIES / 2];
            course.push(HourView {
                begins_in: begins.into(),
                soc,
                level: u16::try_from(level).unwrap_or(u16::MAX),
                load,
                sun,
                saving: self.saving(level),
            });
            soc = self.store().after(soc, sun, load, slot.length);
            begins += slot.length;
        }
        course
    }

    fn saving(&self, level: usize) -> Vec<(NodeName, Stage)> {
        let stage = |name: &NodeName| self.ladder.stage(level, name).filter(|stage| *stage > Stage::Normal);
        let members = self.ladder.members().iter();
        members.filter_map(|member| Some((member.name.clone(), stage(&member.name)?))).collect()
    }
}
