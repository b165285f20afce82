//! A node, its order and its supply in words: the same for `heliostat why`, `status` and the dashboard.

use std::fmt::Write as _;

use protocol::report::{ContainerState, Energy};
use protocol::{Seconds, Stage};

use crate::core::Liveness;
use crate::core::view::{ContainerView, NodeView, OrderView, Outlook, SupplyView};

/// Everything that answers "why is it as it is, and what would change it", each with its label. An empty label goes on
/// with the one before.
pub(crate) fn facts(node: &NodeView, supply: Option<&SupplyView>) -> Vec<(&'static str, String)> {
    let because =
        node.reason.as_ref().map_or_else(|| "it has not reported yet".to_owned(), ToString::to_string);
    let ordered = node.order.as_ref().map_or_else(|| "none: it goes by its own floor".to_owned(), order);
    let mut facts = vec![("because", because), ("floor", floor(node)), ("order", ordered)];
    facts.extend(node.person.as_ref().map(|person| ("person", person.to_string())));
    facts.push(("supply", supply_words(node, supply)));
    facts.push(("turn", format!("sheds {} of {} on this supply", node.place, node.of)));
    facts.extend(node.fault.map(|fault| ("sensor", format!("gives nothing that may be believed: {fault}"))));
    facts.extend(changes(node.liveness, &node.outlook).into_iter().map(|change| ("next", change)));
    // Of a node that is off or lost it is known what ran, not what does.
    let runs = if matches!(node.liveness, Liveness::Alive | Liveness::Late) { "runs" } else { "did run" };
    let label = |index| if index == 0 { runs } else { "" };
    facts.extend(node.containers.iter().enumerate().map(|(index, view)| (label(index), container(view))));
    facts
}

fn floor(node: &NodeView) -> String {
    match node.floor {
        None => "not known yet".to_owned(),
        Some(Stage::Normal) => "normal: its own readings allow everything".to_owned(),
        Some(floor) => format!("{floor}: its own readings allow nothing less careful"),
    }
}

fn order(order: &OrderView) -> String {
    let id = order.id.map_or_else(|| "not sent yet".to_owned(), |id| format!("order {id}"));
    let answer = match order.answer {
        Some(Ok(stage)) => format!(", obeyed in {stage}"),
        Some(Err(_)) => ", refused".to_owned(),
        None => String::new(),
    };
    format!("{} for {} ({id}{answer}): {}", order.stage, order.since, order.reason)
}

fn supply_words(node: &NodeView, supply: Option<&SupplyView>) -> String {
    let Some(supply) = supply else { return format!("{}: nothing is known", node.supply) };
    let Some(state) = supply.energy.as_ref().map(energy) else {
        return format!("{}: never measured; not known well enough to spend more", supply.name);
    };
    let plan = supply.plan.as_ref().map_or_else(String::new, |plan| {
        let (sun, within, load) = (plan.sun, plan.within, plan.load);
        format!("; the sun brings about {sun:.0} within {within}, everything takes {load:.0}")
    });
    let unknown = if supply.known { "" } else { "; not known well enough to spend more" };
    format!("{}: {state} ({}){plan}{unknown}", supply.name, age(supply.age))
}

/// What would make the leader change its order.
fn changes(liveness: Liveness, outlook: &Outlook) -> Vec<String> {
    let charging = if outlook.needs_charging { " while the battery charges" } else { "" };
    let verb = if liveness == Liveness::Parked { "is woken" } else { "may come one rung back" };
    let save = outlook.save_below.map(|soc| format!("one rung more careful below SoC {soc} (lower bound)"));
    let spend = outlook.spend_above.map(|soc| format!("{verb} above SoC {soc} (lower bound){charging}"));
    save.into_iter().chain(spend).collect()
}

/// The supply's energy in a few words; nothing is invented where nothing is known.
pub(crate) fn energy(energy: &Energy) -> String {
    let mut words = Vec::new();
    words.push(match energy.soc {
        Some(band) => format!(
            "SoC {:.0} % ({:.0} to {:.0})",
            band.best.percent(),
            band.low.percent(),
            band.high.percent()
        ),
        None => "SoC unknown".to_owned(),
    });
    words.extend(energy.voltage.map(|voltage| voltage.to_string()));
    words.extend(energy.current.map(|current| {
        let direction = if current.amps() < 0.0 { "charging" } else { "drawing" };
        format!("{direction} {}", current.abs())
    }));
    words.extend(energy.time_to_empty.map(|band| format!("empty in {} at the least", band.low)));
    words.extend(energy.fault.map(|fault| format!("fault: {fault}")));
    words.join(", ")
}

/// The containers by state: `3 run 2 capped 1 paused`.
pub(crate) fn containers(node: &NodeView) -> String {
    let count = |wanted: fn(&ContainerState) -> bool| {
        node.containers.iter().filter(|container| wanted(&container.state)).count()
    };
    let groups = [
        (count(|state| matches!(state, ContainerState::Running)), "run"),
        (count(|state| matches!(state, ContainerState::Capped(_))), "capped"),
        (count(|state| matches!(state, ContainerState::Paused)), "paused"),
        (count(|state| matches!(state, ContainerState::Stopped)), "stopped"),
        (count(|state| matches!(state, ContainerState::Down)), "down"),
    ];
    let words: Vec<_> = groups
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    match (words.is_empty(), node.docker_up) {
        (_, Some(false)) => "no docker".to_owned(),
        (true, _) => "-".to_owned(),
        (false, _) => words.join(" "),
    }
}

/// One container in words.
pub(crate) fn container(view: &ContainerView) -> String {
    let name = view.name.as_deref().unwrap_or("(not introduced yet)");
    let class = view.class.map_or("class not known", |class| class.name());
    let mut text = format!("{name} {class} ");
    let _ = match view.state {
        ContainerState::Running => write!(text, "running"),
        ContainerState::Capped(cpus) => write!(text, "capped at {cpus}"),
        ContainerState::Paused => write!(text, "paused by us"),
        ContainerState::Stopped => write!(text, "stopped by us"),
        ContainerState::Down => write!(text, "down, not by us"),
    };
    text
}

/// `for 12 min`, or nothing.
pub(crate) fn age(age: Option<Seconds>) -> String {
    age.map_or_else(String::new, |age| format!("{age} ago"))
}
