//! The lines of text: title, clock, what is happening, the supply, the decisions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::look::Look;
use super::scene::{DecisionLine, Scene, SupplyLine};
use super::words::{fit, whole_or_brief, wrap};

/// One line, if there is a row for it.
fn put(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

/// What this is.
pub(super) fn title(buffer: &mut Buffer, area: Rect, scene: &Scene, look: Look) {
    let width = usize::from(area.width);
    let room = width.saturating_sub(scene.keys.chars().count() + 1);
    let title = fit(&scene.title, room, look);
    let gap = " ".repeat(width.saturating_sub(title.chars().count() + scene.keys.chars().count()));
    let line = Line::from(vec![
        Span::styled(title, look.strong()),
        Span::raw(gap),
        Span::styled(scene.keys, look.faint()),
    ]);
    put(buffer, area, 0, &line);
}

/// Day, time, daylight, what the panel gives and the nodes take, speed.
pub(super) fn clock(buffer: &mut Buffer, area: Rect, scene: &Scene, look: Look) {
    let Scene { time, daylight, supply, .. } = scene;
    let line = Line::from(vec![
        Span::styled(format!("day {}  {}  {daylight}", time.day(), time.clock()), look.strong()),
        Span::styled("   sun ", look.faint()),
        Span::styled(format!("{:.0} W", supply.sun.watts()), look.sun()),
        Span::styled("  load ", look.faint()),
        Span::raw(format!("{:.0} W", supply.load.watts())),
        Span::styled(format!("   {}", scene.pace), look.faint()),
    ]);
    put(buffer, area, 0, &line);
}

/// What is happening, in plain words.
pub(super) fn now(buffer: &mut Buffer, area: Rect, scene: &Scene, look: Look) {
    for (row, text) in (0..).zip(wrap(&scene.now, usize::from(area.width), usize::from(area.height), look)) {
        put(buffer, area, row, &Line::raw(text));
    }
}

/// Volts, amperes, state of charge with its band (and the truth), time to empty.
pub(super) fn supply(buffer: &mut Buffer, area: Rect, supply: &SupplyLine, look: Look) {
    let mut spans = vec![Span::styled("battery ", look.faint())];
    match supply.voltage {
        Some(voltage) => spans.push(Span::styled(voltage.to_string(), look.strong())),
        None => spans.push(Span::raw("no reading")),
    }
    if let Some(current) = supply.current {
        let way = if current.amps() < 0.0 { "in" } else { "out" };
        spans.push(Span::raw(format!(" {:.1} A {way}", current.abs().amps())));
    }
    spans.push(Span::styled("  SoC ", look.faint()));
    match supply.soc {
        Some(soc) => {
            let (low, best, high) = (soc.low.percent(), soc.best.percent(), soc.high.percent());
            spans.push(Span::styled(format!("{best:.0} %"), look.battery().patch(look.strong())));
            spans.push(Span::raw(format!(" ({low:.0}..{high:.0})")));
        }
        None => spans.push(Span::raw("unknown")),
    }
    if let Some(truth) = supply.soc_truth {
        spans.push(Span::styled(format!(" truth {:.0} %", truth.percent()), look.faint()));
    }
    if let Some(time) = supply.time_to_empty {
        spans.push(Span::styled("  empty in ", look.faint()));
        spans.push(Span::raw(time.best.to_string()));
    }
    put(buffer, area, 0, &Line::from(spans));
}

/// The last decisions and why, newest at the bottom.
pub(super) fn decisions(buffer: &mut Buffer, area: Rect, decisions: &[DecisionLine], look: Look) {
    let hidden = decisions.len().saturating_sub(usize::from(area.height));
    for (row, decision) in (0..).zip(decisions.iter().skip(hidden)) {
        let head = format!("{} {:<9}", decision.time.clock(), decision.node);
        let room = usize::from(area.width).saturating_sub(head.chars().count());
        let line = Line::from(vec![
            Span::styled(head, look.faint()),
            Span::raw(fit(whole_or_brief(&decision.text, &decision.brief, room), room, look)),
        ]);
        put(buffer, area, row, &line);
    }
}
