//! What visitors see: the energy, the nodes and why, what comes next. No addresses, no persons, no container names.

use std::collections::BTreeMap;

use protocol::Class;
use serde::Serialize;

use super::super::clock::Timestamp;
use super::super::history::Course;
use super::{Seen, words};
use crate::core::Liveness;
use crate::core::budget::view::{ForecastView, HourView};
use crate::core::history::{Quantity, Subject, class_counts};
use crate::core::view::{NodeView, SCHEMA, SupplyView};
use crate::tui::next_steps;

/// The last events that are shown.
const EVENTS: usize = 8;

/// The page's data. The time stands first: everything behind it is news.
#[derive(Debug, Serialize)]
struct Public {
    time: Timestamp,
    schema: u32,
    leading: bool,
    supplies: Vec<PublicSupply>,
    nodes: Vec<PublicNode>,
    events: Vec<PublicEvent>,
}

#[derive(Debug, Serialize)]
struct PublicSupply {
    name: String,
    known: bool,
    volts: Option<f64>,
    amps: Option<f64>,
    soc: Option<[f64; 3]>,
    empty_in: Option<String>,
    full_in: Option<String>,
    sunrise_in: Option<String>,
    next: Option<String>,
    ahead: Vec<Hour>,
}

/// One hour of the day to come: `[hours from when it was planned, charge in percent, the panel's watts]`.
type Hour = (f64, f64, f64);

#[derive(Debug, Serialize)]
struct PublicNode {
    name: String,
    state: &'static str,
    does: &'static str,
    why: String,
    run: [(usize, usize); 3],
}

#[derive(Debug, Serialize)]
struct PublicEvent {
    minutes_ago: u64,
    text: String,
}

/// All of it as JSON.
pub(super) fn json(seen: &Seen, time: Timestamp) -> String {
    let fleet = &seen.status.fleet;
    let told = fleet.recent.iter().rev().filter_map(|record| Some((record.at, words::told(record)?)));
    let event = |(at, text)| PublicEvent { minutes_ago: fleet.now.since(at).as_secs() / 60, text };
    let public = Public {
        time,
        schema: SCHEMA,
        leading: fleet.leading,
        supplies: fleet.supplies.iter().map(|view| supply(view, seen)).collect(),
        nodes: fleet.nodes.iter().map(node).collect(),
        events: told.take(EVENTS).map(event).collect(),
    };
    // Numbers, texts and lists: nothing in it cannot be JSON.
    serde_json::to_string(&public).unwrap_or_default()
}

fn supply(view: &SupplyView, seen: &Seen) -> PublicSupply {
    let energy = view.energy.filter(|_| view.known);
    let charging = energy.and_then(|energy| energy.current).is_some_and(|current| current.amps() < 0.0);
    let forecast = seen.forecasts.iter().find(|forecast| forecast.supply == view.name);
    PublicSupply {
        name: view.name.to_string(),
        known: view.known,
        volts: energy.and_then(|energy| energy.voltage).map(|voltage| tenth(voltage.volts())),
        amps: energy.and_then(|energy| energy.current).map(|current| tenth(current.amps())),
        soc: energy
            .and_then(|energy| energy.soc)
            .map(|soc| [soc.low, soc.best, soc.high].map(|soc| soc.percent().round())),
        empty_in: energy
            .and_then(|energy| energy.time_to_empty)
            .filter(|_| !charging)
            .map(|time| protocol::Seconds(time.best.0 / 600 * 600).to_string()),
        full_in: forecast
            .and_then(ForecastView::full_in)
            .filter(|_| charging)
            .map(|time| protocol::Seconds(time.0 / 600 * 600).to_string()),
        sunrise_in: forecast
            .and_then(|forecast| forecast.sunrise_in)
            .map(|within| protocol::Seconds(within.0 / 600 * 600).to_string()),
        next: forecast.and_then(|forecast| next_steps(&forecast.course)),
        ahead: forecast.map(ahead).unwrap_or_default(),
    }
}

/// A tenth is what a visitor can read; more would be news all the time.
fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The plan's own course through the day to come. It changes once an hour.
fn ahead(forecast: &ForecastView) -> Vec<Hour> {
    let hour = |hour: &HourView| {
        (f64::from(hour.begins_in.0) / 3600.0, hour.soc.percent().round(), hour.sun.watts().round())
    };
    forecast.course.iter().map(hour).collect()
}

fn node(view: &NodeView) -> PublicNode {
    let state = match (view.liveness, view.stage) {
        (Liveness::Alive, Some(stage)) => stage.name(),
        (Liveness::Alive | Liveness::NeverSeen, _) => "not seen",
        (Liveness::Late, _) => "late",
        (Liveness::Lost, _) => "lost",
        (Liveness::Parked, _) => "parked",
        (Liveness::Leaving, _) => "leaving",
    };
    let run = [Class::Critical, Class::Standard, Class::Deferrable].map(|class| class_counts(view, class));
    PublicNode { name: view.name.to_string(), state, does: words::does(view), why: words::why(view), run }
}

/// `{"garage": [[millis, low, high], ...]}`, a point for five minutes.
pub(super) fn curve(courses: &[Course]) -> String {
    let mut supplies: BTreeMap<String, BTreeMap<i64, [f64; 2]>> = BTreeMap::new();
    for course in courses {
        let Subject::Supply(name) = &course.series.subject else { continue };
        let place = match course.series.quantity {
            Quantity::SocLow => 0,
            Quantity::SocHigh => 1,
            _ => continue,
        };
        let points = supplies.entry(name.to_string()).or_default();
        for point in &course.points {
            let millis = point.time.as_millis();
            points.entry(millis - millis % 300_000).or_default()[place] = tenth(point.mean);
        }
    }
    let rows: BTreeMap<String, Vec<(i64, f64, f64)>> = supplies
        .into_iter()
        .map(|(name, points)| {
            (name, points.into_iter().map(|(millis, [low, high])| (millis, low, high.max(low))).collect())
        })
        .collect();
    serde_json::to_string(&rows).unwrap_or_default()
}
