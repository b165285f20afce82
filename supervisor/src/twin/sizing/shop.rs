//! What to buy next: one step more of each part, tried on the same skies.

use hardware::boards::{BOARDS, Board};
use hardware::sim::charger;
use protocol::{Charge, Class, Power};
use serde::Serialize;

use super::expect::{Expected, Skies, study};
use crate::twin::docker::Recipe;
use crate::twin::site::{Site, SiteNode};

/// The sizes that panels are sold in, in watts.
const PANELS: [f64; 16] = [
    20.0, 30.0, 50.0, 80.0, 100.0, 120.0, 150.0, 175.0, 200.0, 250.0, 300.0, 400.0, 500.0, 600.0, 800.0,
    1000.0,
];
/// The sizes that 12 V batteries are sold in, in ampere-hours.
const BATTERIES: [f64; 14] =
    [7.0, 12.0, 20.0, 35.0, 50.0, 70.0, 100.0, 120.0, 150.0, 200.0, 250.0, 300.0, 400.0, 600.0];
/// An unmanaged switch with green Ethernet, at 12 V: what a small one takes (3 W to 5 W with all ports up; plausible, measure
/// yours).
const SMALL_SWITCH: Power = Power::from_watts(3.0);

/// One thing that could be changed.
#[derive(Debug, Clone)]
pub struct Change {
    /// What a person would call it.
    pub name: String,
    /// Whether it costs money, and not only work or what is given up.
    pub buys: bool,
    /// The site with it.
    pub site: Site,
    /// The panel's label over the one before.
    pub panel_factor: f64,
}

/// What a change would bring.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gain {
    /// What is changed.
    pub change: String,
    /// Whether it is something to buy.
    pub buys: bool,
    /// Points of critical uptime gained.
    pub critical_points: f64,
    /// Points of standard uptime gained.
    pub standard_points: f64,
    /// Points of deferrable uptime gained.
    pub deferrable_points: f64,
    /// Points of worth served over wanted gained.
    pub worth_points: f64,
    /// Years of battery life gained.
    pub life_years: f64,
    /// What is to be expected with it.
    pub expected: Expected,
}

/// Tries one step more of each part; the best first: by critical uptime, then by worth.
pub fn what_next(site: &Site, now: &Expected, skies: &Skies, mut tell: impl FnMut()) -> Vec<Gain> {
    let mut gains: Vec<Gain> = changes(site)
        .into_iter()
        .map(|change| {
            let skies = skies.scaled(change.panel_factor);
            Gain::of(&change, now, study(&change.site, &skies, &mut tell).expected)
        })
        .collect();
    let rank = |gain: &Gain| (tenths(gain.critical_points), tenths(gain.worth_points));
    gains.sort_by_key(|gain| std::cmp::Reverse(rank(gain)));
    gains
}

/// Tenths of a point: less is no difference.
fn tenths(points: f64) -> i64 {
    (points * 10.0).round() as i64
}

impl Gain {
    fn of(change: &Change, now: &Expected, then: Expected) -> Self {
        let points = |class: &str| {
            let uptime = |expected: &Expected| expected.classes.get(class).map_or(0.0, |class| class.uptime);
            ((uptime(&then) - uptime(now)) * 1e4).round() / 100.0
        };
        Self {
            change: change.name.clone(),
            buys: change.buys,
            critical_points: points("critical"),
            standard_points: points("standard"),
            deferrable_points: points("deferrable"),
            worth_points: ((then.worth - now.worth) * 1e4).round() / 100.0,
            life_years: ((then.battery.life_years - now.battery.life_years) * 10.0).round() / 10.0,
            expected: then,
        }
    }
}

/// How many changes are tried for a site: for a progress bar.
pub fn changes_of(site: &Site) -> usize {
    changes(site).len()
}

/// What could be changed about a site.
fn changes(site: &Site) -> Vec<Change> {
    let mut changes: Vec<Change> = larger_panel(site).into_iter().collect();
    changes.push(larger_battery(site));
    changes.extend(smaller_switch(site));
    changes.extend(relays(site));
    changes.extend(boards(site));
    changes.extend(fewer_nodes(site));
    changes
}

fn change(name: String, buys: bool, site: Site) -> Change {
    Change { name, buys, site, panel_factor: 1.0 }
}

/// The next size up, or half as much again beyond the list.
fn next_size(sizes: &[f64], now: f64) -> f64 {
    sizes.iter().copied().find(|size| *size > now * 1.05).unwrap_or((now * 1.5).round())
}

fn larger_panel(site: &Site) -> Option<Change> {
    let label = Power::from_watts(next_size(&PANELS, site.panel.label.watts()));
    let factor = label / site.panel.label;
    let mut with = site.clone();
    with.panel.label = label;
    let name = format!("a panel of {label:.0} instead of {:.0}", site.panel.label);
    factor.is_finite().then(|| Change { panel_factor: factor, ..change(name, true, with) })
}

fn larger_battery(site: &Site) -> Change {
    let label = Charge::from_amp_hours(next_size(&BATTERIES, site.battery.capacity.amp_hours()));
    let with = with_capacity(site, label);
    change(format!("a battery of {label:.0} instead of {:.0}", site.battery.capacity), true, with)
}

/// The site with a battery of this label; the charger's tail current follows, its voltages stay.
pub fn with_capacity(site: &Site, label: Charge) -> Site {
    let mut with = site.clone();
    with.battery.capacity = label;
    with.charger.tail = charger::Settings::usual(site.battery.chemistry, label).tail;
    with
}

fn smaller_switch(site: &Site) -> Option<Change> {
    let mut with = site.clone();
    with.network = SMALL_SWITCH;
    let name = format!("a network switch that takes {SMALL_SWITCH:.0} instead of {:.0}", site.network);
    (site.network > SMALL_SWITCH * 1.2).then(|| change(name, true, with))
}

fn relays(site: &Site) -> Option<Change> {
    let lacking = site.nodes.iter().filter(|node| !node.relay).count();
    let mut with = site.clone();
    for node in &mut with.nodes {
        node.relay = true;
    }
    (lacking > 0).then(|| change(format!("relays for the {lacking} nodes without one"), true, with))
}

/// The same work on other boards: the next thriftier kind and, if work is left undone, none that is hungrier.
fn boards(site: &Site) -> Vec<Change> {
    let most = site.nodes.iter().map(|node| node.board.idle).fold(Power::ZERO, Power::max);
    let thriftier =
        |board: &&Board| board.idle < most && site.nodes.iter().any(|node| node.board.idle > board.idle);
    let best = BOARDS.iter().filter(thriftier).min_by(|a, b| a.idle.watts().total_cmp(&b.idle.watts()));
    let Some(board) = best else { return Vec::new() };
    let mut with = site.clone();
    let mut count = 0;
    for node in with.nodes.iter_mut().filter(|node| node.board.idle > board.idle) {
        node.board = board;
        count += 1;
    }
    let clock = f64::from(board.clock_max.kilohertz()) / 1e6;
    let name = format!("{count} boards replaced by {} (if {clock:.1} GHz and its memory do)", board.model);
    vec![change(name, true, with)]
}

/// The same work on one board less: the containers of the one that does least move to those with most room.
fn fewer_nodes(site: &Site) -> Option<Change> {
    let with = packed(site)?;
    let (before, after) = (site.nodes.len(), with.nodes.len());
    Some(change(format!("the same work on {after} boards instead of {before}"), false, with))
}

/// The site without the board that does least, if what must run of its work fits on the others at its busiest. Deferrable
/// work takes what is left.
fn packed(site: &Site) -> Option<Site> {
    let spare = |node: &SiteNode| f64::from(node.board.cores) - busiest_together(node);
    let others = site.nodes.iter().enumerate().filter(|(_, node)| !node.master);
    let (least, _) = others.min_by(|a, b| busiest_together(a.1).total_cmp(&busiest_together(b.1)))?;
    let mut with = site.clone();
    let gone = with.nodes.remove(least);
    for recipe in gone.work {
        let node = with.nodes.iter_mut().max_by(|a, b| spare(a).total_cmp(&spare(b)))?;
        if recipe.class != Class::Deferrable && spare(node) < busiest(&recipe) {
            return None;
        }
        node.work.push(recipe);
    }
    Some(with)
}

/// What a node's critical and standard containers want together if all are at their busiest.
fn busiest_together(node: &SiteNode) -> f64 {
    node.work.iter().filter(|recipe| recipe.class != Class::Deferrable).map(busiest).sum()
}

/// The most that a container wants on any day, in CPUs.
fn busiest(recipe: &Recipe) -> f64 {
    (0..48).map(|half| recipe.demand.at(f64::from(half) / 2.0, 0)).fold(0.0, f64::max)
}
