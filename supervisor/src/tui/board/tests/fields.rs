//! The fields of the machine output, as the code writes them: `docs/schema.md` lists them all, and this keeps it so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use protocol::report::Host;
use protocol::standing::Wish;
use protocol::{Energy as WattHours, Fault, Frequency, Seconds, Soc, Stage, Temperature, Term, Voltage};
use serde::Serialize;
use serde_json::Value;

use super::night;
use crate::core::address::{LeaderView, Standby};
use crate::core::budget::view::EnergyView;
use crate::core::budget::{DayEnergy, NodeEnergy};
use crate::core::forecast::WallClock;
use crate::core::history::{Quantity, Series, Subject};
use crate::core::person::{Accepted, StandingView, Verb};
use crate::core::view::{Disagreement, SCHEMA};
use crate::io::Timestamp;
use crate::io::history::{Course, Point, Step};
use crate::io::operator::{Energies, Events, Forecasts, Past, Status, Why};

/// Where the list begins and ends in the document.
const BEGIN: &str = "<!-- made by the tests: fields -->\n";
const END: &str = "<!-- end of what the tests made -->\n";

/// Values that are one of several forms: the text says which, their insides are not listed.
const FORMS: [&str; 6] = ["reason", "answer", "fault", "standby", "state", "notes[]"];

fn standing() -> StandingView {
    StandingView {
        wish: Wish::Drain,
        who: "ada".to_owned(),
        why: "a new fan".to_owned(),
        left: Some(Seconds(3600)),
    }
}

/// A fleet of which everything is known that can be: no field is empty.
fn status() -> Status {
    let name = |text: &str| text.parse().unwrap();
    let mut node = night::node(7, crate::core::Liveness::Parked, Stage::Shed);
    node.energy = night::supply().energy;
    node.fault = Some(Fault::ShuntClipped { limit: protocol::Current::from_amps(8.0) });
    node.person = Some(standing());
    node.host = Some(Host {
        cpu_permille: Some(123),
        temperature: Some(Temperature::from_celsius(47.6)),
        frequency_cap: Some(Frequency::from_kilohertz(600_000)),
        rail_low: Some(false),
    });
    let mut supply = night::supply();
    supply.recovering = Some(name("pi4"));
    supply.today = Some(today());
    let (soc, volts) = (Soc::from_percent, Voltage::from_volts);
    supply.disagreement = Some(Disagreement {
        worse: name("pi1"),
        worse_soc: soc(55.0),
        worse_voltage: Some(volts(12.1)),
        other: name("pi2"),
        other_soc: soc(70.0),
        other_voltage: Some(volts(12.5)),
    });
    if let Some(energy) = &mut supply.energy {
        (energy.compensated, energy.fault) = (Some(volts(12.4)), node.fault);
    }
    node.energy = supply.energy;
    let mut status = night::status(vec![node]);
    status.fleet.supplies = vec![supply];
    status.fleet.standby = Some(Standby::NotHeld);
    status.fleet.leader = Some(LeaderView { node: name("pi2"), term: Term(5), age: Seconds(3), old: false });
    status.fleet.recent = night::events().into_iter().take(1).map(|entry| entry.record).collect();
    status
}

fn today() -> DayEnergy {
    DayEnergy {
        began: Some(WallClock::from_unix_seconds(1_795_383_600)),
        nodes: BTreeMap::from([("pi7".parse().unwrap(), NodeEnergy::default())]),
        ..DayEnergy::default()
    }
}

/// Every form, by the command that prints it.
fn forms() -> Vec<(&'static str, Value)> {
    fn value(form: &impl Serialize) -> Value {
        serde_json::to_value(form).unwrap()
    }
    let status = status();
    let (node, supply) = (status.fleet.nodes[0].clone(), status.fleet.supplies.first().cloned());
    let events = || night::events().into_iter().take(1).collect();
    let energy = EnergyView {
        supply: "garage".parse().unwrap(),
        capacity: WattHours::from_watt_hours(800.0),
        days: vec![today()],
    };
    let series = Series { subject: Subject::Supply("garage".parse().unwrap()), quantity: Quantity::Soc };
    let point =
        Point { time: Timestamp::from_millis(night::NOW_MS), min: 61.0, mean: 62.0, max: 63.0, count: 6 };
    let course = Course { series, unit: "%".to_owned(), points: vec![point] };
    let accepted = Accepted {
        node: "pi7".parse().unwrap(),
        verb: Verb::Drain,
        standing: Some(standing()),
        notes: Vec::new(),
    };
    vec![
        ("status", value(&status)),
        ("why", value(&Why { schema: SCHEMA, node, supply, events: events() })),
        ("events", value(&Events { schema: SCHEMA, events: events() })),
        ("energy", value(&Energies { schema: SCHEMA, supplies: vec![energy] })),
        ("forecast", value(&Forecasts { schema: SCHEMA, supplies: vec![night::forecast()] })),
        ("history", value(&Past { schema: SCHEMA, step: Step::Minute, series: vec![course] })),
        ("drain", value(&accepted)),
    ]
}

/// Every field below this value, with an example.
fn walk(path: &str, value: &Value, fields: &mut Vec<(String, String)>) {
    let last = path.rsplit('.').next().unwrap_or_default();
    let is_form = FORMS.contains(&last);
    match value {
        Value::Object(object) if !is_form => {
            for (name, value) in object {
                // Names of nodes are no fields, and a record's own fields depend on its kind.
                let name = if name.starts_with("pi") { "NODE" } else { name };
                walk(&format!("{path}{}{name}", if path.is_empty() { "" } else { "." }), value, fields);
            }
        }
        Value::Array(list) if list.first().is_some_and(Value::is_object) => {
            walk(&format!("{path}[]"), &list[0], fields);
        }
        leaf => {
            assert!(!leaf.is_null(), "{path} has no example: what is in it would not be listed");
            fields.push((path.to_owned(), leaf.to_string()));
        }
    }
}

/// The lists of all forms, as the document has them.
fn lists() -> String {
    let mut text = String::new();
    for (command, value) in forms() {
        let mut fields = Vec::new();
        walk("", &value, &mut fields);
        let _ = write!(text, "\n`{command} --json`:\n\n| field | for example |\n|---|---|\n");
        for (path, example) in &fields {
            let _ = writeln!(text, "| `{path}` | `{}` |", example.replace('|', "\\|"));
        }
    }
    text
}

#[test]
fn every_field_of_the_machine_output_is_in_the_document_and_no_other() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the mark before the lists");
    let (_, after) = rest.split_once(END).expect("the mark behind the lists");
    let made = format!("{before}{BEGIN}{}\n{END}{after}", lists());
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(&file, &made).unwrap();
        return;
    }
    assert!(made == text, "docs/schema.md is out of date: UPDATE_DOCUMENTS=1 writes it anew");
}

/// The tables that say what the fields mean, by hand, name each of the fleet's.
#[test]
fn every_field_of_the_fleet_has_its_meaning_in_the_document() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let by_hand = text.split(BEGIN).next().unwrap();
    let value = serde_json::to_value(status()).unwrap();
    for (of, value) in [
        ("the fleet", &value),
        ("a supply", &value["supplies"][0]),
        ("a node", &value["nodes"][0]),
        ("a backend", &value["backends"][0]),
        ("a server", &value["backends"][0]["servers"][0]),
        ("an estimate", &value["supplies"][0]["energy"]),
    ] {
        for name in value.as_object().unwrap().keys() {
            assert!(by_hand.contains(&format!("`{name}")), "{name} of {of} is not in docs/schema.md");
        }
    }
}
