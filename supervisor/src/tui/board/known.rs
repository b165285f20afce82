//! What the dashboard was told, and how old it is. Bounded, however long it is open.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::report::SocBand;
use protocol::{NodeName, Reason, Seconds, Soc, Stage, SupplyName, Uptime};

use crate::core::budget::view::{ForecastView, HourView};
use crate::core::journal::What;
use crate::io::Timestamp;
use crate::io::journal::Entry;
use crate::io::operator::{Answer, Status};

/// So many events are kept; the journal keeps the others.
pub(super) const EVENTS_MAX: usize = 300;
/// A point of the curve is this long.
const POINT_MS: i64 = 5 * 60 * 1000;
/// The curve goes back so many points: a day.
const POINTS_MAX: usize = 288;
/// The pace of a battery is taken over this time.
const PACE_MS: i64 = 30 * 60 * 1000;
/// What was told is called old after this: it comes every second, for a serial line every five.
const FRESH: Duration = Duration::from_secs(12);

/// Something that was heard of the supervisor.
#[derive(Debug, Clone)]
pub enum Heard {
    /// The fleet, with the time of day when it was so.
    Status(Box<Status>, Timestamp),
    /// The sun to come, and the plan.
    Forecast(Vec<ForecastView>),
    /// New records, oldest first.
    Events(Vec<Entry>),
    /// Earlier points of a supply's curve, oldest first.
    Curve(SupplyName, Vec<CurvePoint>),
    /// What was answered to a person's order.
    Answer(Box<Answer>),
    /// A person's order could not be asked, or its answer did not come.
    NoAnswer(String),
    /// The supervisor does not answer.
    Lost(String),
}

/// One moment of a supply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// When, in milliseconds since 1970.
    pub millis: i64,
    /// The state of charge; `None` where it was not known.
    pub soc: Option<SocBand>,
}

/// How it stands with the supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing was heard yet.
    Waiting,
    /// It answers.
    Live,
    /// It does not answer, in these words.
    Lost(String),
}

/// When a battery that charges is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filling {
    /// After about this time.
    In(Seconds),
    /// Not within the day that the plan looks ahead.
    NotWithinADay,
    /// Nobody can say.
    Unknown,
}

/// Everything that was told.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) link: Link,
    pub(super) status: Option<Status>,
    /// When the status was heard, by our own clock, and by the time of day.
    heard: Uptime,
    pub(super) time: Option<Timestamp>,
    pub(super) forecasts: Vec<ForecastView>,
    pub(super) events: VecDeque<Entry>,
    curves: Vec<(SupplyName, VecDeque<CurvePoint>)>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            link: Link::Waiting,
            status: None,
            heard: Uptime::START,
            time: None,
            forecasts: Vec::new(),
            events: VecDeque::new(),
            curves: Vec::new(),
        }
    }

    /// How old the picture is, when it is old.
    pub(super) fn old(&self, now: Uptime) -> Option<Seconds> {
        let age = now.since(self.heard);
        (self.status.is_some() && (age > FRESH || matches!(self.link, Link::Lost(_)))).then(|| age.into())
    }

    pub(super) fn on_status(&mut self, status: Status, time: Timestamp, now: Uptime) {
        for supply in &status.fleet.supplies {
            let soc = supply.energy.filter(|_| supply.known).and_then(|energy| energy.soc);
            let points = self.curve_mut(&supply.name);
            let millis = time.as_millis();
            if points.back().is_none_or(|last| millis / POINT_MS > last.millis / POINT_MS) {
                points.push_back(CurvePoint { millis, soc });
            }
            while points.len() > POINTS_MAX {
                points.pop_front();
            }
        }
        self.curves.retain(|(name, _)| status.fleet.supply(name).is_some());
        (self.link, self.heard, self.time, self.status) = (Link::Live, now, Some(time), Some(status));
    }

    /// A record in words. A stage that was ordered has its reason in the order's own record: where that is here, too, the
    /// reason is not told twice.
    pub(super) fn words(&self, entry: &Entry) -> String {
        let record = &entry.record;
        let What::Stage { from: Some(from), to, reason: Reason::Ordered { order, .. }, .. } = &record.what
        else {
            return record.what.to_string();
        };
        let is_it = |other: &Entry| {
            other.record.node == record.node
                && matches!(&other.record.what, What::Ordered { id, .. } if id == order)
        };
        if self.events.iter().any(is_it) {
            format!("{from} -> {to}, as ordered ({order})")
        } else {
            record.what.to_string()
        }
    }

    pub(super) fn on_events(&mut self, events: Vec<Entry>) {
        self.events.extend(events);
        while self.events.len() > EVENTS_MAX {
            self.events.pop_front();
        }
    }

    /// Points from before the dashboard was opened; its own are kept.
    pub(super) fn on_curve(&mut self, supply: &SupplyName, earlier: Vec<CurvePoint>) {
        let points = self.curve_mut(supply);
        let first = points.front().map_or(i64::MAX, |point| point.millis);
        for point in earlier.into_iter().rev().filter(|point| point.millis < first) {
            if points.len() < POINTS_MAX {
                points.push_front(point);
            }
        }
    }

    fn curve_mut(&mut self, supply: &SupplyName) -> &mut VecDeque<CurvePoint> {
        let index = self.curves.iter().position(|(name, _)| name == supply).unwrap_or_else(|| {
            self.curves.push((supply.clone(), VecDeque::new()));
            self.curves.len() - 1
        });
        &mut self.curves[index].1
    }

    /// A supply's past, oldest first.
    pub(super) fn curve(&self, supply: &SupplyName) -> impl Iterator<Item = &CurvePoint> {
        self.curves.iter().filter(move |(name, _)| name == supply).flat_map(|(_, points)| points)
    }

    /// When a battery that charges is full: as the plan expects it, or where there is none, at the pace of the last half
    /// hour.
    pub(super) fn filling(&self, supply: &SupplyName) -> Filling {
        match self.forecast(supply).filter(|forecast| !forecast.course.is_empty()) {
            Some(forecast) => forecast.full_in().map_or(Filling::NotWithinADay, Filling::In),
            None => self.at_this_pace(supply).map_or(Filling::Unknown, Filling::In),
        }
    }

    fn at_this_pace(&self, supply: &SupplyName) -> Option<Seconds> {
        let known: Vec<_> = self.curve(supply).filter_map(|at| Some((at.millis, at.soc?.best))).collect();
        let (now, soc) = *known.last()?;
        let (then, before) = *known.iter().rev().find(|(millis, _)| now - millis >= PACE_MS)?;
        let (gained, missing) = (soc.fraction() - before.fraction(), 1.0 - soc.fraction());
        let seconds = missing / gained * ((now - then) as f64 / 1000.0);
        // A battery that does not rise is not full in any time; more than some days is no forecast.
        (gained > 0.0 && now - then < 4 * PACE_MS && seconds < 3.0 * 86_400.0)
            .then_some(Seconds(seconds.round() as u32))
    }

    /// What is forecast for a supply.
    pub(super) fn forecast(&self, supply: &SupplyName) -> Option<&ForecastView> {
        self.forecasts.iter().find(|forecast| forecast.supply == *supply)
    }
}

/// What the plan is going to change, and when: nodes whose stage differs from the hour before.
pub(super) fn steps(course: &[HourView]) -> Vec<(Seconds, Vec<(NodeName, Stage)>)> {
    let stage = |hour: &HourView, name: &NodeName| {
        hour.saving.iter().find(|(saving, _)| saving == name).map_or(Stage::Normal, |(_, stage)| *stage)
    };
    let mut steps = Vec::new();
    for pair in course.windows(2) {
        let [before, after] = pair else { continue };
        let mut names: Vec<&NodeName> =
            before.saving.iter().chain(&after.saving).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        let changed: Vec<_> = names
            .into_iter()
            .filter(|name| stage(before, name) != stage(after, name))
            .map(|name| (name.clone(), stage(after, name)))
            .collect();
        if !changed.is_empty() {
            steps.push((after.begins_in, changed));
        }
    }
    steps
}

/// The least charge that the course expects, lower bound, and when.
pub(super) fn lowest(course: &[HourView]) -> Option<(Seconds, Soc)> {
    let least = course.iter().min_by(|a, b| a.soc.fraction().total_cmp(&b.soc.fraction()))?;
    Some((least.begins_in, least.soc))
}

/// `pi9 to shed, pi10 to normal`.
pub(super) fn step_words(nodes: &[(NodeName, Stage)]) -> String {
    let words: Vec<_> = nodes.iter().map(|(node, stage)| format!("{node} to {stage}")).collect();
    words.join(", ")
}
