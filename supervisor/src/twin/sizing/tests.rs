//! The sizing model: that it does what a person would expect of sites, and says what the twin says.

use protocol::{Charge, Power, Soc};

use super::rule::{Limits, Rule};
use super::shop::with_capacity;
use super::*;
use crate::twin::oracle::crew::Crew;
use crate::twin::oracle::fleet::{Fleet, SLOTS};
use crate::twin::oracle::sky::sky;
use crate::twin::oracle::{Aim, STEP};
use crate::twin::policy::{Command, Controller, Seen};
use crate::twin::{Site, bare};

fn example() -> Site {
    Site::example().unwrap()
}

fn uptime(expected: &Expected, class: &str) -> f64 {
    expected.classes[class].uptime
}

#[test]
fn a_larger_panel_or_battery_never_serves_less() {
    let site = example();
    let skies = Skies::over(&site, 1, 40);
    let worth = |site: &Site, factor: f64| study(site, &skies.scaled(factor), || {}).expected.worth;
    let with_panel = |factor: f64| {
        let mut site = site.clone();
        site.panel.label = site.panel.label * factor;
        worth(&site, factor)
    };
    let panels: Vec<f64> = [0.25, 0.5, 1.0, 2.0].into_iter().map(with_panel).collect();
    assert!(panels.windows(2).all(|pair| pair[1] > pair[0] - 0.002), "{panels:?}");
    assert!(panels[3] > panels[0] + 0.2, "{panels:?}");
    let with_battery = |amp_hours| worth(&with_capacity(&site, Charge::from_amp_hours(amp_hours)), 1.0);
    let batteries: Vec<f64> = [35.0, 70.0, 140.0].into_iter().map(with_battery).collect();
    assert!(batteries.windows(2).all(|pair| pair[1] > pair[0] - 0.005), "{batteries:?}");
}

#[test]
fn what_matters_more_runs_more_and_energy_adds_up() {
    let site = example();
    let skies = Skies::over(&site, 2, 30);
    let Study { expected, worst_year, floor, .. } = study(&site, &skies, || {});
    assert!(uptime(&expected, "critical") >= uptime(&expected, "standard") - 1e-9);
    assert!(uptime(&expected, "standard") >= uptime(&expected, "deferrable") - 1e-9);
    let energy = expected.energy;
    assert!(energy.taken_wh <= energy.available_wh && energy.used_wh <= energy.wanted_wh + 0.1);
    assert!((energy.available_wh - energy.taken_wh - energy.curtailed_wh).abs() < 0.2);
    // What was taken and not used is what the battery lost, give or take what is left in it.
    let lost = (energy.taken_wh - energy.used_wh) / energy.taken_wh;
    assert!((-0.05..0.25).contains(&lost), "{lost} lost in the battery");
    let week = expected.worst_week.as_ref().unwrap();
    assert!(week.first_day + 7 <= 30 && week.worth <= expected.worth + 1e-3);
    let stays = |look: &&year::Look| look.soc < floor && look.running[2] > 0.0;
    assert_eq!(worst_year.looks.iter().filter(stays).count(), 0, "nothing deferrable runs under the floor");
}

#[test]
fn at_the_floor_everything_halts_until_the_level_that_wakes() {
    let site = example();
    let fleet = Fleet::of(&site, Aim::Worth);
    let limits = Limits::of(site.battery.chemistry, site.battery.capacity);
    let sun = [Power::from_watts(30.0); SLOTS];
    let mut rule = Rule::new(&fleet, site.network, limits, sun);
    assert_eq!(rule.decide(1, limits.floor), 0);
    assert_eq!(rule.decide(2, limits.floor.plus_points(5.0)), 0, "a little more is no reason to wake");
    let wakes = (3..12).any(|slot| rule.decide(slot, limits.wake.plus_points(1.0)) > 0);
    assert!(wakes, "within its pace");
    let full = (40..60).map(|slot| usize::from(rule.decide(slot, Soc::FULL))).max();
    let all = fleet.slots[40..60].iter().map(|slot| slot.front.choices().len() - 1).max();
    assert_eq!(full, all, "a full battery carries everything");
}

#[test]
fn a_fleets_watts_are_those_of_its_boards() {
    let site = example();
    let fleet = Fleet::of(&site, Aim::Worth);
    let idle: f64 = site.nodes.iter().map(|node| node.converter.input(node.board.idle).watts()).sum();
    let loaded: f64 = site.nodes.iter().map(|node| node.converter.input(node.board.loaded).watts()).sum();
    for slot in &fleet.slots {
        let choices = slot.front.choices();
        assert!(choices.first().unwrap().power < Power::from_watts(0.01), "relays break everything");
        let all = choices.last().unwrap().power.watts();
        assert!((idle..=loaded).contains(&all), "{idle} <= {all} <= {loaded}");
        assert!((choices.last().unwrap().critical - 1.0).abs() < 1e-9);
        assert!(
            choices.windows(2).all(|pair| pair[1].power > pair[0].power && pair[1].worth > pair[0].worth)
        );
    }
    let noon = (12.0 * 3600.0 / STEP.as_secs_f64()) as usize;
    assert!(fleet.wanted[noon][0] > fleet.wanted[0][0], "people sleep at night");
}

#[test]
fn a_site_takes_as_many_nodes_as_are_asked_for() {
    let site = example();
    for count in [1, 2, 3, 10, 25] {
        let with = Choices { nodes: Some(count), ..Choices::default() }.apply(&site);
        assert_eq!(with.nodes.len(), count);
        let mut names: Vec<String> = with.nodes.iter().map(|node| node.name.to_string()).collect();
        names.dedup();
        assert_eq!(names.len(), count, "each has a name of its own");
        assert!(with.nodes[0].master, "one can lead");
    }
}

#[test]
fn what_to_buy_names_each_part_and_keeps_the_work() {
    let mut site = example();
    site.nodes[5].relay = false;
    let skies = Skies::over(&site, 1, 21);
    let now = study(&site, &skies, || {}).expected;
    let mut years = 0;
    let gains = what_next(&site, &now, &skies, || years += 1);
    assert_eq!(years, changes_of(&site), "progress is told for each");
    let names: Vec<&str> = gains.iter().map(|gain| gain.change.as_str()).collect();
    for part in [
        "a panel of 250 W",
        "a battery of 120 Ah",
        "a network switch",
        "relays for the 1",
        "boards replaced by",
        "the same work on",
    ] {
        assert!(
            names.iter().any(|name| name.starts_with(part) || name.contains(part)),
            "{part} is not in {names:?}"
        );
    }
    assert!(gains.iter().any(|gain| gain.worth_points > 0.5), "{gains:?}");
}

/// The rule as a controller of the twin.
struct Played<'a> {
    model: &'a year::Model,
    rule: Rule,
    crew: Crew,
    sun: Power,
    looks: u32,
    decided: Option<usize>,
}

impl Controller for Played<'_> {
    fn name(&self) -> &'static str {
        "rule"
    }

    fn decide(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        let step = (seen.now.as_millis() / STEP.as_millis() as u64) as usize;
        if self.decided == Some(step) {
            (self.sun, self.looks) = (self.sun + seen.available, self.looks + 1);
            if !self.crew.must_repeat(seen) {
                return;
            }
        } else {
            if let Some(last) = self.decided {
                self.rule.observe(last % SLOTS, self.sun / f64::from(self.looks.max(1)));
            }
            (self.sun, self.looks, self.decided) = (seen.available, 1, Some(step));
            let slot = &self.model.fleet().slots[step % SLOTS];
            let choice = self.rule.decide(step % SLOTS, seen.true_soc);
            self.crew.set(&slot.front.choices()[usize::from(choice)].modes);
        }
        self.crew.command(seen, commands);
    }
}

#[test]
fn the_same_rule_comes_to_the_same_in_the_twin() {
    let mut site = example();
    site.faults = crate::twin::site::Faults::default();
    let days = 21;
    let sky = sky(&site, 1, days);
    let model = year::Model::of(&site, std::slice::from_ref(&sky));
    let rule = model.rule(&site, &sky);
    let mut played =
        Played { model: &model, rule, crew: Crew::default(), sun: Power::ZERO, looks: 0, decided: None };
    let twin = bare::run(&site, &mut played, 1, f64::from(days));
    let expected = study(&site, &Skies::over(&site, 1, days), || {}).expected;
    let worth = twin.worth_served / twin.worth_wanted;
    println!("worth: model {:.4}, twin {worth:.4}", expected.worth);
    assert!((expected.worth - worth).abs() < 0.03, "worth: {} and {worth}", expected.worth);
    for class in ["critical", "standard", "deferrable"] {
        let (model, twin) = (uptime(&expected, class), twin.classes[class].uptime);
        println!("{class}: model {model:.4}, twin {twin:.4}");
        assert!((model - twin).abs() < 0.05, "{class}: {model} and {twin}");
    }
    let daily = |energy: f64| energy / f64::from(days);
    let (available, taken) = (twin.energy_wh.panel_available, twin.energy_wh.panel_taken);
    assert!((expected.energy.available_wh / daily(available) - 1.0).abs() < 0.002, "the same sky");
    assert!(
        (expected.energy.taken_wh / daily(taken) - 1.0).abs() < 0.04,
        "{} and {taken}",
        expected.energy.taken_wh
    );
    let wear = (twin.battery.wear_cycles + twin.battery.wear_calendar) * 365.0 / f64::from(days);
    println!("life: model {} years, twin {:.1}", expected.battery.life_years, 1.0 / wear);
    assert!(
        (expected.battery.life_years * wear - 1.0).abs() < 0.25,
        "{} and {wear}",
        expected.battery.life_years
    );
}
