//! What visitors see: the energy, the nodes and why, what comes next. No addresses, no persons, no container names.

use std::collections::BTreeMap;

use protocol::{Class, Stage};
use serde::Serialize;

use super::super::clock::Timestamp;
use super::super::history::Course;
use super::Seen;
use crate::core::Liveness;
use crate::core::budget::view::ForecastView;
use crate::core::history::{Quantity, Subject, class_counts};
use crate::core::journal::What;
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
}

#[derive(Debug, Serialize)]
struct PublicNode {
    name: String,
    state: &'static str,
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
    let tells = |what: &What| {
        matches!(what, What::Stage { .. } | What::Liveness { .. } | What::Waking { .. } | What::Woke { .. })
    };
    let events = fleet.recent.iter().rev().filter(|record| tells(&record.what)).take(EVENTS);
    let public = Public {
        time,
        schema: SCHEMA,
        leading: fleet.leading,
        supplies: fleet.supplies.iter().map(|view| supply(view, seen)).collect(),
        nodes: fleet.nodes.iter().map(node).collect(),
        events: events
            .map(|record| PublicEvent {
                minutes_ago: fleet.now.since(record.at).as_secs() / 60,
                text: record.to_string(),
            })
            .collect(),
    };
    // Numbers, texts and lists: nothing in it cannot be JSON.
    serde_json::to_string(&public).unwrap_or_default()
}

fn supply(view: &SupplyView, seen: &Seen) -> PublicSupply {
    let energy = view.energy.filter(|_| view.known);
    let charging = energy.and_then(|energy| energy.current).is_some_and(|current| current.amps() < 0.0);
    let forecast = seen.forecasts.iter().find(|forecast| forecast.supply == view.name);
    // A tenth is what a visitor can read; more would be news all the time.
    let tenth = |value: f64| (value * 10.0).round() / 10.0;
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
    }
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
    let saves = view.stage.is_some_and(|stage| stage > Stage::Normal);
    let why = match (&view.reason, view.liveness) {
        (Some(reason), Liveness::Alive) if saves => reason.to_string(),
        (_, Liveness::Parked) => "switched off to save energy".to_owned(),
        _ => String::new(),
    };
    let run = [Class::Critical, Class::Standard, Class::Deferrable].map(|class| class_counts(view, class));
    PublicNode { name: view.name.to_string(), state, why, run }
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
            points.entry(millis - millis % 300_000).or_default()[place] = point.mean.round();
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
