//! The supplies: what the energy is, and how long it lasts.

use protocol::{NodeName, Seconds, Soc, Stage};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Sheet, curve, split};
use crate::core::Liveness;
use crate::core::view::{FleetView, NodeView, SupplyView};
use crate::tui::board::known::{Filling, Known, lowest, step_words, steps};
use crate::tui::{Look, counted};

/// Columns of the bar, and the least that is worth having.
const BAR: usize = 14;
const BAR_MIN: usize = 6;

/// Rows of the curve on a supply's page; more than the most shows nothing more.
const CHART_MIN: u16 = 5;
const CHART_MAX: u16 = 22;

/// Rows for the supplies, of at most so many.
pub(super) fn rows(fleet: &FleetView, most: u16) -> u16 {
    u16::try_from(fleet.supplies.len() * 2).unwrap_or(u16::MAX).min(most.max(2))
}

/// Two rows a supply, or one where there are too many.
pub(super) fn summary(sheet: &mut Sheet<'_>, area: Rect, fleet: &FleetView, known: &Known) {
    if fleet.supplies.is_empty() {
        sheet.text(area, 0, "No supply is known yet.", Style::new());
    }
    let two = fleet.supplies.len() * 2 <= usize::from(area.height);
    let mut row = 0;
    for supply in &fleet.supplies {
        let line = state(supply, known, area.width, sheet.look);
        sheet.put(area, row, &line);
        row += 1;
        if two {
            let text = format!("  {}", next(supply, known, usize::from(area.width).saturating_sub(2)));
            let style = if supply.known { Style::new() } else { sheet.look.alarm() };
            sheet.text(area, row, &text, style);
            row += 1;
        }
    }
}

/// `garage 12.31 V 2.4 A out  SoC 62 % (58..66) [####::..]  empty in 14 h (at least 11 h)`. What has no room is left out
/// whole: half a number is another number.
fn state(supply: &SupplyView, known: &Known, width: u16, look: Look) -> Line<'static> {
    let mut spans = vec![Span::styled(format!("{} ", supply.name), look.strong())];
    let Some(energy) = supply.energy else {
        spans.push(Span::raw("nobody has measured it yet"));
        return Line::from(spans);
    };
    spans.push(Span::raw(energy.voltage.map_or_else(|| "no voltage".to_owned(), |volts| volts.to_string())));
    if let Some(current) = energy.current {
        let way = if current.amps() < 0.0 { "in" } else { "out" };
        spans.push(Span::raw(format!(" {:.1} A {way}", current.abs().amps())));
    }
    match energy.soc {
        Some(soc) => {
            let (low, best, high) = (soc.low.percent(), soc.best.percent(), soc.high.percent());
            spans.push(Span::styled("  SoC ", look.faint()));
            spans.push(Span::styled(format!("{best:.0} %"), look.battery().patch(look.strong())));
            spans.push(Span::raw(format!(" ({low:.0}..{high:.0})")));
        }
        None => spans.push(Span::raw("  SoC unknown")),
    }
    let mut end = end(supply, known);
    let used: usize = spans.iter().map(Span::width).sum();
    if used + end.len() > usize::from(width) {
        end = end.replace("about ", "");
    }
    if used + end.len() > usize::from(width) {
        end.clear();
    }
    let least = energy.time_to_empty.filter(|_| !charges(supply));
    let least = least.map_or_else(String::new, |time| format!(" (at least {})", roughly(time.low)));
    let room = usize::from(width).saturating_sub(used + end.len());
    // The bar gives way to the words, down to what still is a picture; then the bound gives way to the bar.
    let cells = room.saturating_sub(3 + least.len()).min(BAR);
    let (cells, least) =
        if cells >= BAR_MIN { (cells, least) } else { (room.saturating_sub(3).min(BAR), String::new()) };
    if let Some(soc) = energy.soc.filter(|_| cells >= BAR_MIN) {
        spans.push(Span::raw(" "));
        spans.push(Span::styled(bar(soc.low, soc.high, cells, look), look.battery()));
    }
    spans.push(Span::raw(end));
    spans.push(Span::styled(least, look.faint()));
    Line::from(spans)
}

fn charges(supply: &SupplyView) -> bool {
    supply.energy.and_then(|energy| energy.current).is_some_and(|current| current.amps() < 0.0)
}

/// When it is empty, or full.
fn end(supply: &SupplyView, known: &Known) -> String {
    if charges(supply) {
        return match known.filling(&supply.name) {
            Filling::In(Seconds(0)) => "  full".to_owned(),
            Filling::In(time) => format!("  full in about {}", roughly(time)),
            Filling::NotWithinADay => "  fills, not full within a day".to_owned(),
            Filling::Unknown => "  fills".to_owned(),
        };
    }
    let time = supply.energy.and_then(|energy| energy.time_to_empty);
    time.map_or_else(String::new, |time| format!("  empty in {}", roughly(time.best)))
}

/// A time to come, as exactly as anybody knows it: from ten hours on, minutes say nothing.
fn roughly(time: Seconds) -> Seconds {
    if time.0 >= 36_000 { Seconds(time.0 / 3600 * 3600) } else { time }
}

/// What is sure, what may be, what is not there.
fn bar(low: Soc, high: Soc, width: usize, look: Look) -> String {
    let cells = |soc: Soc| (soc.fraction() * width as f64).round().clamp(0.0, width as f64) as usize;
    let (sure, maybe) = (cells(low), cells(high).max(cells(low)));
    let empty = if look.ascii { "." } else { "·" };
    format!(
        "[{}{}{}]",
        look.bar(1.0).repeat(sure),
        look.band().repeat(maybe - sure),
        empty.repeat(width - maybe)
    )
}

/// What comes next, in a line of so many columns. What has no room is left out whole: half a number is another number.
fn next(supply: &SupplyView, known: &Known, width: usize) -> String {
    if !supply.known {
        let age = supply.age.map_or_else(String::new, |age| format!(", last known {age} ago"));
        return format!("! not known{age}: nobody is ordered to spend more");
    }
    let Some(forecast) = known.forecast(&supply.name) else {
        let source =
            supply.source.as_ref().map_or_else(String::new, |source| format!("measured by {source}; "));
        return format!("{source}no site in the config: no forecast, thresholds rule");
    };
    let sun = forecast.sunrise_in.map(|within| format!("sunrise in {within}"));
    if forecast.course.is_empty() {
        let sun = sun.map_or_else(String::new, |sun| format!("{sun}; "));
        return format!("{sun}no plan on energy yet: thresholds rule");
    }
    let step = steps(&forecast.course).into_iter().next();
    let step = step.map_or_else(
        || match behind(supply, known) {
            0 => "no step planned for a day".to_owned(),
            1 => "1 node comes back as the battery allows".to_owned(),
            nodes => format!("{nodes} nodes come back one by one"),
        },
        |(within, nodes)| format!("next in {within}: {}", few_words(&nodes)),
    );
    // What comes next stands first.
    let mut all = step;
    let mut say = |words: &str| {
        let fits = all.chars().count() + 2 + words.chars().count() <= width;
        if fits {
            all = format!("{all}; {words}");
        }
        fits
    };
    sun.map(|sun| say(&sun));
    if let Some(plan) = &supply.plan {
        let (chance, reserve) = (plan.chance, plan.reserve);
        // Without the condition it would contradict a plan that lets everything run now and saves later.
        let long = format!("{chance} chance to stay above {reserve:.0} if all ran on");
        let _ = say(&format!("{long} ({} wanted)", plan.wanted))
            || say(&long)
            || say(&format!("all on: {chance} above {reserve:.0}"));
    }
    all
}

/// How many nodes of a supply are more careful than its plan is: they were parked, or their rungs take their time.
fn behind(supply: &SupplyView, known: &Known) -> usize {
    let Some(status) = &known.status else { return 0 };
    let course = known.forecast(&supply.name).and_then(|forecast| forecast.course.first());
    let planned = |node: &NodeView| {
        let saving = course.and_then(|hour| hour.saving.iter().find(|(name, _)| *name == node.name));
        saving.map_or(Stage::Normal, |(_, stage)| *stage)
    };
    let is_behind = |node: &&NodeView| {
        let stage = match node.liveness {
            Liveness::Alive => node.stage,
            Liveness::Parked => Some(Stage::Halt),
            _ => None,
        };
        node.supply == supply.name
            && node.person.is_none()
            && stage.is_some_and(|stage| stage > planned(node))
    };
    status.fleet.nodes.iter().filter(is_behind).count()
}

/// A step of many nodes in few words.
fn few_words(nodes: &[(NodeName, Stage)]) -> String {
    const FEW: usize = 2;
    match nodes.len().saturating_sub(FEW) {
        0 => step_words(nodes),
        more => format!("{} and {more} more", step_words(&nodes[..FEW])),
    }
}

/// Everything about one supply.
pub(super) fn page(
    sheet: &mut Sheet<'_>,
    area: Rect,
    supply: &SupplyView,
    fleet: &FleetView,
    known: &Known,
    scroll: u16,
) {
    let (head, rest) = split(area, 2);
    let line = state(supply, known, area.width, sheet.look);
    sheet.put(head, 0, &line);
    let about = about(supply, fleet, known);
    // The curve takes what the words leave; at 24 rows they need all, and a serial line is not to carry more.
    let most = if area.height >= 30 { CHART_MAX } else { CHART_MIN };
    let words = u16::try_from(Sheet::facts_rows(rest, &about)).unwrap_or(u16::MAX);
    let (chart, rest) = split(rest, rest.height.saturating_sub(words).clamp(CHART_MIN, most));
    curve::curve(sheet, chart, supply, known);
    sheet.facts(rest, &about, scroll);
}

fn about(supply: &SupplyView, fleet: &FleetView, known: &Known) -> Vec<(String, String)> {
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut say = |label: &str, words: String| facts.push((label.to_owned(), words));
    let fault = supply.energy.and_then(|energy| energy.fault);
    if !supply.known {
        say("trouble", "its state is not known well enough: nobody is ordered to spend more".to_owned());
    }
    if let Some(fault) = fault {
        say("sensor", format!("gives nothing that may be believed: {fault}"));
    }
    if let Some(apart) = &supply.disagreement {
        let words = format!(
            "{} says {}, {} says {} (lower bounds): the worse rules",
            apart.worse, apart.worse_soc, apart.other, apart.other_soc
        );
        say("sensors", words);
    }
    let source = supply.source.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let age = supply.age.map_or_else(String::new, |age| format!(", {age} ago"));
    let nodes = counted(supply.nodes, "node");
    say("measured", format!("by {source}{age}; {}, {nodes}", supply.battery()));
    if let Some(node) = &supply.recovering {
        say("recovers", format!("{node} recovers or wakes now: the others wait"));
    }
    if let Some(plan) = &supply.plan {
        let words = format!(
            "level {} of {}: with everything on, {} chance to stay above {:.0} until the sun is back in {} ({} wanted); \
             the sun brings about {:.0} within {}, everything takes {:.0}",
            plan.level,
            plan.levels,
            plan.chance,
            plan.reserve,
            plan.sun_in,
            plan.wanted,
            plan.sun,
            plan.within,
            plan.load
        );
        say("plan", words);
    }
    if charges(supply) {
        say("fills", end(supply, known).trim().to_owned());
    }
    if let Some(forecast) = known.forecast(&supply.name) {
        say("forecast", format!("rests on {}", forecast.rests_on));
        for sun in &forecast.sun {
            let band = sun.energy;
            say("", format!("within {}: {:.0} ({:.0} to {:.0})", sun.within, band.best, band.low, band.high));
        }
        if let Some((within, soc)) = lowest(&forecast.course) {
            say("lowest", format!("{soc:.0} in {within}, lower bound, under a middling sky"));
        }
        for (number, (within, nodes)) in steps(&forecast.course).iter().enumerate() {
            say(if number == 0 { "steps" } else { "" }, format!("in {within}: {}", step_words(nodes)));
        }
    }
    if let Some(today) = &supply.today {
        let words = format!(
            "{:.0} from the panel, {:.0} into the battery, {:.0} out of it",
            today.panel, today.charged, today.drawn
        );
        say("today", words);
    }
    let nodes: Vec<_> = fleet
        .nodes
        .iter()
        .filter(|node| node.supply == supply.name)
        .map(|node| node.name.to_string())
        .collect();
    say("nodes", nodes.join(", "));
    facts
}
