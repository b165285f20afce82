//! What lies over a page: help, an order on its way, a PIN, a word.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::Sheet;
use crate::core::person::Verb;
use crate::tui::board::dialog::{Dialog, State};
use crate::tui::board::{Board, Over, Rights};
use crate::tui::words::{fit, lines};

/// Nothing over a page is wider.
const WIDTH_MAX: u16 = 72;

const HELP: &[&str] = &[
    "up down j k   choose, scroll        Enter   why; open",
    "PgUp PgDn     ten rows              Esc     back",
    "1 overview   2 services   3 supply   4 events   Tab next page",
    "d drain   r resume   p park   w wake   the chosen node (asked again)",
    "Ctrl-L paints anew   q quits",
    "",
    "stages: N normal  T throttle  S shed  D drain  H halt",
    "p parked: off on purpose   ? late   ! LOST: it does not answer",
    "* may lead   link: since last heard   wgt: share of the traffic",
    "C/s/d run: critical, standard, deferrable containers that run, of all",
    "SoC 62 % (58..66): best guess, and what it may be eight times in ten",
];

/// Paints it, if there is something.
pub(super) fn over(sheet: &mut Sheet<'_>, area: Rect, board: &Board) {
    match &board.over {
        Over::Nothing => {}
        Over::Help => {
            let rows: Vec<String> = HELP.iter().map(|&line| line.to_owned()).collect();
            frame(sheet, area, "help: any key closes", &rows);
        }
        Over::Word(words) => frame(sheet, area, "any key closes", &lines(words, 60)),
        Over::Order(dialog) => order(sheet, area, dialog),
        Over::Pin(verb, node) => {
            let Rights::Pin(lock) = &board.rights else { return };
            let typed = "*".repeat(lock.typed());
            let mut rows = vec![format!("PIN: {typed}_")];
            if let Some(left) = lock.blocked(sheet.now) {
                rows.push(format!("No PIN is taken for {}.", protocol::Seconds::from(left)));
            }
            frame(sheet, area, &format!("{verb} {node}: Enter goes on, Esc leaves"), &rows);
        }
    }
}

fn order(sheet: &mut Sheet<'_>, area: Rect, dialog: &Dialog) {
    let Dialog { verb, node, reason, force, state, .. } = dialog;
    let title = format!("{verb} {node}?");
    let mut rows = Vec::new();
    match state {
        State::Open => {
            rows.extend(lines(meaning(*verb), 62));
            if dialog.has_span() {
                let span = dialog
                    .span()
                    .map_or_else(|| "until it is resumed".to_owned(), |span| format!("for {span}"));
                rows.push(format!("left/right  {span}"));
            }
            rows.push(format!("why         {reason}_"));
            rows.push(format!("Tab         force: {}", if *force { "yes" } else { "no" }));
            rows.push(String::new());
            rows.push(format!("Enter does it   Esc leaves it   closes in {}", dialog.closes_in(sheet.now)));
        }
        State::Waiting => rows.push("asking the supervisor ...".to_owned()),
        State::Answered(done, words) => {
            rows.push(if *done { "It will be done." } else { "Not done." }.to_owned());
            rows.extend(lines(words, 62));
            rows.push("any key closes".to_owned());
        }
    }
    frame(sheet, area, &title, &rows);
}

/// What an order comes to, before it is given.
fn meaning(verb: Verb) -> &'static str {
    match verb {
        Verb::Drain => "Traffic and work leave it; it keeps only what is critical.",
        Verb::Resume => "What was asked of it ends; the plan alone rules it again.",
        Verb::Park => "Traffic and work leave it, then it switches itself off until it is woken.",
        Verb::Wake => "It is switched on, if the energy carries it, and stays on.",
    }
}

/// A box in the middle.
fn frame(sheet: &mut Sheet<'_>, area: Rect, title: &str, rows: &[String]) {
    let widest =
        rows.iter().map(|row| row.chars().count()).chain([title.chars().count() + 2]).max().unwrap_or(0);
    let width = (u16::try_from(widest).unwrap_or(WIDTH_MAX) + 4).min(WIDTH_MAX + 4).min(area.width);
    let height = u16::try_from(rows.len() + 2).unwrap_or(area.height).min(area.height);
    let spot =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let inside = usize::from(width - 4);
    let [side, across, corners @ ..] = if sheet.look.ascii {
        ["|", "-", "+", "+", "+", "+"]
    } else {
        ["│", "─", "┌", "┐", "└", "┘"]
    };
    let title = fit(title, inside, sheet.look);
    let rest = usize::from(width - 4).saturating_sub(title.chars().count());
    let [left, right, low_left, low_right] = corners;
    let top = format!("{left}{across} {title} {}{right}", across.repeat(rest.saturating_sub(1)));
    let bottom = format!("{low_left}{}{low_right}", across.repeat(usize::from(width - 2)));
    sheet.put(spot, 0, &Line::styled(top, sheet.look.strong()));
    for (row, text) in (1..height.saturating_sub(1)).zip(rows) {
        let text = fit(text, inside, sheet.look);
        sheet.put(spot, row, &Line::styled(format!("{side} {text:inside$} {side}"), Style::new()));
    }
    sheet.put(spot, height - 1, &Line::styled(bottom, sheet.look.strong()));
}
