//! One node: why it is as it is, and what would change that.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::fleet::Standing;
use super::{Sheet, split};
use crate::core::view::{FleetView, NodeView};
use crate::tui::board::known::{Known, steps};
use crate::tui::board::services::speaks;
use crate::tui::facts::facts;

/// The last records about the node, at most.
const EVENTS: usize = 8;

/// The page.
pub(super) fn page(
    sheet: &mut Sheet<'_>,
    area: Rect,
    node: &NodeView,
    fleet: &FleetView,
    known: &Known,
    scroll: u16,
) {
    let standing = Standing::of(node);
    let role = if node.master { "master" } else { "worker" };
    let line = Line::from(vec![
        Span::styled(format!("{}  ", node.name), sheet.look.strong()),
        Span::styled(format!("{} {}", standing.letter(), standing.word()), standing.style(sheet.look)),
        Span::raw(format!("  {role} on {}, shed order {}", node.supply, node.shed_order)),
    ]);
    let (head, rest) = split(area, 2);
    sheet.put(head, 0, &line);
    let mut all: Vec<(String, String)> = facts(node, fleet.supply(&node.supply))
        .into_iter()
        .map(|(label, words)| (label.to_owned(), words))
        .collect();
    all.insert(0, ("link".to_owned(), link(node)));
    all.extend(board(node).map(|words| ("board".to_owned(), words)));
    all.extend(planned(node, known));
    let about: Vec<_> = known
        .events
        .iter()
        .rev()
        .filter(|entry| entry.record.node.as_ref() == Some(&node.name))
        .take(EVENTS)
        .collect();
    for (number, entry) in about.into_iter().rev().enumerate() {
        let label = if number == 0 { "before" } else { "" };
        let clock: String = entry.time.to_string().chars().skip(11).take(8).collect();
        all.push((label.to_owned(), format!("{clock} {}", known.words(entry))));
    }
    sheet.facts(rest, &all, scroll);
}

fn link(node: &NodeView) -> String {
    let silent =
        node.silent.map_or_else(|| "never heard".to_owned(), |silent| format!("last heard {silent} ago"));
    format!("{}, {silent}", node.liveness)
}

fn board(node: &NodeView) -> Option<String> {
    let host = node.host?;
    let mut words = Vec::new();
    words.extend(host.cpu_permille.map(|cpu| format!("processor {:.1} % busy", f64::from(cpu) / 10.0)));
    words.extend(host.temperature.map(|temperature| temperature.to_string()));
    words.extend(host.frequency_cap.map(|cap| format!("clock capped at {cap}")));
    words.extend(host.rail_low.map(|low| if low { "5 V rail TOO LOW" } else { "5 V rail good" }.to_owned()));
    // What is off or silent has no processor at work: that was then.
    let then = if speaks(node) { "" } else { "when last heard: " };
    (!words.is_empty()).then(|| format!("{then}{}", words.join(", ")))
}

/// What the plan is going to do with it.
fn planned(node: &NodeView, known: &Known) -> Vec<(String, String)> {
    let course = known.forecast(&node.supply).map(|forecast| forecast.course.as_slice()).unwrap_or_default();
    let mut planned = Vec::new();
    for (within, nodes) in steps(course) {
        if let Some((_, stage)) = nodes.iter().find(|(name, _)| *name == node.name) {
            let label = if planned.is_empty() { "planned" } else { "" };
            planned.push((label.to_owned(), format!("{stage} in {within}, under a middling sky")));
        }
    }
    planned
}
