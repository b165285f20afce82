//! The fleet: one row a node.

use protocol::{Class, Reason, Seconds, Stage};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::Sheet;
use crate::core::Liveness;
use crate::core::history::class_counts;
use crate::core::person::{ParkedBy, StandingView};
use crate::core::view::{FleetView, NodeView};
use crate::tui::Look;
use crate::tui::board::services::speaks;
use crate::tui::brief;
use crate::tui::scene::NodeMode;
use crate::tui::words::fit;

/// Columns of the name.
const NAME: usize = 10;

/// Columns before the reason.
const FIXED: usize = 1 + NAME + 1 + 11 + 5 + 5 + 5 + 15 + 5;

/// With less room than this for the reason, its numbers alone are told; the line below the table has the chosen node's in full.
const BRIEF: usize = 40;

/// The nodes under their heading, the chosen one always among them.
pub(super) fn table(sheet: &mut Sheet<'_>, area: Rect, fleet: &FleetView, chosen: usize) {
    let heading = format!(
        " {:NAME$} {:11}{:>4} {:>4} {:>4} {:15}{:>4} {}",
        "node", "stage", "link", "cpu", "temp", "C/s/d run", "wgt", "why"
    );
    sheet.text(area, 0, &heading, sheet.look.faint());
    let rows = usize::from(area.height.saturating_sub(1));
    let from = chosen.saturating_sub(rows / 2).min(fleet.nodes.len().saturating_sub(rows));
    for (row, (index, node)) in (1..area.height).zip(fleet.nodes.iter().enumerate().skip(from)) {
        let line = line(node, fleet, usize::from(area.width), sheet.look);
        let line = if index == chosen { line.style(Modifier::REVERSED) } else { line };
        sheet.put(area, row, &line);
    }
    let hidden = fleet.nodes.len().saturating_sub(rows);
    if hidden > 0 && area.height > 0 {
        let words = format!(" {} of {} ", rows, fleet.nodes.len());
        let left = area.right().saturating_sub(words.len() as u16);
        sheet.buffer.set_string(left, area.y, words, sheet.look.faint());
    }
    if fleet.nodes.is_empty() {
        sheet.text(area, 1, "No node has called yet.", Style::new());
    }
}

fn line(node: &NodeView, fleet: &FleetView, width: usize, look: Look) -> Line<'static> {
    let standing = Standing::of(node);
    let weight = fleet.supply(&node.supply).and_then(|supply| supply.weight);
    let (cpu, temperature) = board(node);
    let role = if node.master { "*" } else { " " };
    let name = fit(node.name.as_str(), NAME, look);
    let room = width.saturating_sub(FIXED);
    Line::from(vec![
        Span::raw(format!("{role}{name:NAME$} ")),
        Span::styled(format!("{} ", standing.letter()), standing.style(look).patch(look.strong())),
        Span::styled(format!("{:9}", standing.word()), standing.style(look)),
        Span::raw(format!("{:>4} {cpu:>4} {temperature:>4} ", short(node.silent))),
        Span::raw(format!("{:15}", containers(node))),
        Span::raw(format!("{:>4} ", weight.map_or_else(|| "-".to_owned(), |weight| weight.to_string()))),
        Span::raw(fit(&if room < BRIEF { brief(node) } else { reason(node) }, room, look)),
    ])
}

/// Processor and temperature, where they are known.
fn board(node: &NodeView) -> (String, String) {
    let host = node.host.filter(|_| speaks(node));
    let cpu = host.and_then(|host| host.cpu_permille);
    let temperature = host.and_then(|host| host.temperature);
    (
        cpu.map_or_else(|| "-".to_owned(), |cpu| format!("{}%", (cpu + 5) / 10)),
        temperature.map_or_else(|| "-".to_owned(), |at| format!("{:.0}C", at.celsius())),
    )
}

/// How long ago, in four columns.
pub(super) fn short(span: Option<Seconds>) -> String {
    match span.map(|span| span.0) {
        None => "-".to_owned(),
        // A node is heard every few seconds: counting those is no news.
        Some(0..=9) => "now".to_owned(),
        Some(seconds @ 10..=99) => format!("{seconds}s"),
        Some(seconds @ 100..=5999) => format!("{}m", seconds / 60),
        Some(seconds @ 6000..=359_999) => format!("{}h", seconds / 3600),
        Some(seconds) => format!("{}d", seconds / 86_400),
    }
}

/// By class, how many run of how many: `2/2 3/4 0/1`.
fn containers(node: &NodeView) -> String {
    if !speaks(node) {
        return "-".to_owned();
    }
    if node.docker_up == Some(false) {
        return "no docker".to_owned();
    }
    let part = |class: Class| {
        let (runs, of) = class_counts(node, class);
        format!("{runs}/{of}")
    };
    [Class::Critical, Class::Standard, Class::Deferrable].map(part).join(" ")
}

/// Why it is as it is, in one line: what stands first in its way.
pub(super) fn reason(node: &NodeView) -> String {
    let parked = || match node.parked_by {
        Some(ParkedBy::Person) => "parked by a person".to_owned(),
        Some(ParkedBy::Plan) => "parked by the plan, to save energy".to_owned(),
        Some(ParkedBy::Itself) => "parked by itself: its own readings asked for it".to_owned(),
        None => "parked; why was not heard".to_owned(),
    };
    let silent = || node.silent.map_or_else(String::new, |silent| format!("silent for {silent}"));
    match (&node.person, node.liveness, &node.reason) {
        (Some(person), ..) => person.to_string(),
        (None, Liveness::Parked, _) => parked(),
        (None, Liveness::Lost | Liveness::Late, _) => silent(),
        (None, Liveness::NeverSeen, _) => "has never called".to_owned(),
        (None, Liveness::Leaving, _) => "its agent stops; the node stays up".to_owned(),
        (None, Liveness::Alive, Some(reason)) => match node.fault {
            Some(fault) => format!("sensor: {fault}; {reason}"),
            // Which order it was stands on the node's page: here is little room, and the why matters.
            None => match reason {
                Reason::Ordered { why, .. } => why.to_string(),
                reason => reason.to_string(),
            },
        },
        (None, Liveness::Alive, None) => "has not reported yet".to_owned(),
    }
}

/// As [`reason`], in some twenty columns: the two numbers that decided it, and nothing that the stage's word says already.
fn brief(node: &NodeView) -> String {
    match (&node.person, node.liveness, &node.reason, node.fault) {
        (Some(StandingView { who, left: Some(left), .. }), ..) => format!("by {who}, {left} left"),
        (Some(StandingView { who, left: None, .. }), ..) => format!("by {who}, until resumed"),
        (None, Liveness::Parked, ..) => match node.parked_by {
            Some(ParkedBy::Person) => "by a person".to_owned(),
            Some(ParkedBy::Plan) => "by the plan".to_owned(),
            Some(ParkedBy::Itself) => "by its own readings".to_owned(),
            None => "why was not heard".to_owned(),
        },
        (None, Liveness::Alive, Some(why), None) => brief::reason(why),
        _ => reason(node),
    }
}

/// What a node is, for the eye: each has a letter and a word of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Up(Stage),
    Late,
    Lost,
    Parked,
    Leaving,
    NeverSeen,
}

impl Standing {
    pub(super) fn of(node: &NodeView) -> Self {
        match (node.liveness, node.stage) {
            (Liveness::Alive, Some(stage)) => Self::Up(stage),
            (Liveness::Alive | Liveness::NeverSeen, _) => Self::NeverSeen,
            (Liveness::Late, _) => Self::Late,
            (Liveness::Lost, _) => Self::Lost,
            (Liveness::Parked, _) => Self::Parked,
            (Liveness::Leaving, _) => Self::Leaving,
        }
    }

    pub(super) fn letter(self) -> char {
        match self {
            Self::Up(stage) => NodeMode::Up(stage).letter(),
            Self::Late => '?',
            Self::Lost => '!',
            Self::Parked => NodeMode::Parked.letter(),
            Self::Leaving => '<',
            Self::NeverSeen => '-',
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Up(stage) => stage.name(),
            Self::Late => "late",
            Self::Lost => "LOST",
            Self::Parked => "parked",
            Self::Leaving => "leaving",
            Self::NeverSeen => "not seen",
        }
    }

    pub(super) fn style(self, look: Look) -> Style {
        match self {
            Self::Up(stage) => look.mode(NodeMode::Up(stage)),
            Self::Late => look.sun(),
            Self::Lost => look.mode(NodeMode::Dark),
            Self::Parked | Self::Leaving | Self::NeverSeen => look.mode(NodeMode::Parked),
        }
    }
}
