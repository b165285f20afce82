//! The pages, painted.

mod curve;
mod fleet;
mod head;
mod node;
mod over;
mod service;
mod supply;

use protocol::Uptime;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::known::Link;
use super::{Board, Page, SIZE_MIN};
use crate::io::journal::Entry;
use crate::tui::Look;
use crate::tui::words::{fit, lines};

/// Columns of a fact's label.
const LABEL: usize = 9;

/// Where and how to paint, and when: everything but what.
struct Sheet<'a> {
    buffer: &'a mut Buffer,
    look: Look,
    now: Uptime,
}

impl Sheet<'_> {
    /// One line at a row of an area, if it has that row.
    fn put(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        if row < area.height {
            self.buffer.set_line(area.x, area.y + row, line, area.width);
        }
    }

    /// A text at a row of an area, cut to fit.
    fn text(&mut self, area: Rect, row: u16, text: &str, style: Style) {
        let text = fit(text, usize::from(area.width), self.look);
        self.put(area, row, &Line::styled(text, style));
    }

    /// A row with something at its left and something at its right; the left gives way.
    fn ends(&mut self, area: Rect, row: u16, left: &str, right: &str, style: Style) {
        let width = usize::from(area.width);
        let room = width.saturating_sub(right.chars().count() + 1);
        let left = fit(left, room, self.look);
        let gap = width.saturating_sub(left.chars().count() + right.chars().count());
        self.put(area, row, &Line::styled(format!("{left}{:gap$}{right}", ""), style));
    }

    /// Columns that the words of facts have.
    fn facts_width(area: Rect) -> usize {
        usize::from(area.width).saturating_sub(LABEL).max(1)
    }

    /// Rows that facts fill.
    fn facts_rows(area: Rect, facts: &[(String, String)]) -> usize {
        facts.iter().map(|(_, words)| lines(words, Self::facts_width(area)).len()).sum()
    }

    /// Facts with their labels, wrapped below themselves; what is above `scroll` is left out.
    fn facts(&mut self, area: Rect, facts: &[(String, String)], scroll: u16) {
        let width = Self::facts_width(area);
        let mut rows: Vec<Line<'static>> = Vec::new();
        for (label, words) in facts {
            for (number, line) in lines(words, width).into_iter().enumerate() {
                let label = if number == 0 { fit(label, LABEL - 1, self.look) } else { String::new() };
                rows.push(Line::from(vec![
                    Span::styled(format!("{label:LABEL$}"), self.look.faint()),
                    Span::raw(line),
                ]));
            }
        }
        self.scrolled(area, &rows, scroll);
    }

    /// Rows of which the first ones are above the top; the end does not leave the bottom.
    fn scrolled(&mut self, area: Rect, rows: &[Line<'_>], scroll: u16) {
        let most = rows.len().saturating_sub(usize::from(area.height));
        let from = usize::from(scroll).min(most);
        for (row, line) in (0..area.height).zip(rows.iter().skip(from)) {
            self.put(area, row, line);
        }
        let below = rows.len() - from;
        if below > usize::from(area.height) && area.height > 0 {
            let words = format!(" {} more below ", below - usize::from(area.height));
            let left = area.right().saturating_sub(words.chars().count() as u16);
            self.buffer.set_string(left, area.bottom() - 1, words, self.look.bar_line());
        }
    }
}

/// The first rows of an area, and the rest.
fn split(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

impl Board {
    /// Paints everything into a buffer, whatever its size.
    pub fn draw(&self, buffer: &mut Buffer, look: Look, now: Uptime) {
        let area = buffer.area;
        let mut sheet = Sheet { buffer, look, now };
        if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
            too_small(&mut sheet, area);
            return;
        }
        let (head, rest) = split(area, 1);
        let (page, foot) = split(rest, rest.height - 1);
        head::title(&mut sheet, head, &self.known);
        head::keys(&mut sheet, foot, self);
        self.page(&mut sheet, page);
        over::over(&mut sheet, area, self);
    }

    fn page(&self, sheet: &mut Sheet<'_>, area: Rect) {
        let Some(fleet) = self.fleet() else {
            let words = match &self.known.link {
                Link::Lost(why) => format!("No supervisor yet: {why}. Trying again."),
                _ => "Asking the supervisor ...".to_owned(),
            };
            sheet.facts(area, &[(String::new(), words)], 0);
            return;
        };
        match &self.page {
            Page::Overview => self.overview(sheet, area, fleet),
            Page::Services => service::list(sheet, area, &self.services(), Some(self.service)),
            Page::Events => self.events(sheet, area, self.scroll),
            Page::Node(name) => match fleet.node(name.as_str()) {
                Some(node) => node::page(sheet, area, node, fleet, &self.known, self.scroll),
                None => sheet.text(area, 0, &format!("{name} is not known any more."), Style::new()),
            },
            Page::Service(name) => match self.services().iter().find(|service| service.name == *name) {
                Some(service) => service::page(sheet, area, service, fleet, self.scroll),
                None => sheet.text(area, 0, &format!("{name} runs nowhere any more."), Style::new()),
            },
            Page::Supply(name) => match fleet.supply(name) {
                Some(supply) => supply::page(sheet, area, supply, fleet, &self.known, self.scroll),
                None => sheet.text(area, 0, &format!("{name} is not known any more."), Style::new()),
            },
        }
    }

    fn overview(&self, sheet: &mut Sheet<'_>, area: Rect, fleet: &crate::core::view::FleetView) {
        let mut rest = area;
        let mut take = |rows: u16| {
            let (part, below) = split(rest, rows);
            rest = below;
            part
        };
        let supplies = take(supply::rows(fleet, area.height / 3));
        supply::summary(sheet, supplies, fleet, &self.known);
        let nodes = u16::try_from(fleet.nodes.len().max(1)).unwrap_or(u16::MAX).saturating_add(1);
        let spare = area.height.saturating_sub(supplies.height);
        // Three rows of events at the least, and a curve where both fit beside the nodes.
        let table = take(nodes.min(spare.saturating_sub(4)));
        fleet::table(sheet, table, fleet, self.chosen_row());
        let why = take(1);
        if let Some(node) = fleet.nodes.get(self.chosen_row()) {
            sheet.text(why, 0, &format!("{}: {}", node.name, fleet::reason(node)), sheet.look.strong());
        }
        let left = spare - table.height;
        if left >= 9 {
            let curve = take((left / 2).min(8));
            curve::curves(sheet, curve, fleet, &self.known);
        }
        if left >= 24 {
            let services = self.services();
            let rows = u16::try_from(services.len() + 1).unwrap_or(u16::MAX);
            service::list(sheet, take(rows.min(left - 16)), &services, None);
        }
        self.events(sheet, rest, 0);
    }

    /// The last events that fit, newest at the bottom; `back` says how many of the newest to leave out.
    fn events(&self, sheet: &mut Sheet<'_>, area: Rect, back: u16) {
        let mut rows: Vec<Line<'static>> = Vec::new();
        let skip = usize::from(back).min(self.known.events.len().saturating_sub(1));
        for entry in self.known.events.iter().rev().skip(skip) {
            let room = usize::from(area.height).saturating_sub(rows.len());
            if room == 0 {
                break;
            }
            // Of one that has no room the beginning is shown: when, and of whom.
            let words = format!("{}: {}", entry.record.whom(), self.known.words(entry));
            let lines = event_lines(entry, &words, area.width, sheet.look);
            rows.extend(lines.into_iter().take(room).rev());
        }
        if rows.is_empty() {
            sheet.text(area, 0, "nothing yet", sheet.look.faint());
        }
        let count = u16::try_from(rows.len()).unwrap_or(u16::MAX).min(area.height);
        for (line, row) in rows.iter().zip((0..count).rev()) {
            sheet.put(area, row, line);
        }
    }
}

/// `18:04:11 pi7: normal -> throttle: ...`, on as many lines as it needs.
fn event_lines(entry: &Entry, words: &str, width: u16, look: Look) -> Vec<Line<'static>> {
    let time = entry.time.to_string();
    let clock: String = time.chars().skip(11).take(8).collect();
    let width = usize::from(width).saturating_sub(9).max(1);
    let text = lines(words, width);
    let row = |(number, line): (usize, String)| {
        let clock = if number == 0 { clock.clone() } else { String::new() };
        Line::from(vec![Span::styled(format!("{clock:9}"), look.faint()), Span::raw(line)])
    };
    text.into_iter().enumerate().map(row).collect()
}

/// Politely.
fn too_small(sheet: &mut Sheet<'_>, area: Rect) {
    let words = format!(
        "Heliostat's dashboard needs {} columns and {} rows; here are {} and {}. Make the window larger, or ask with \
         `heliostat status`. q leaves.",
        SIZE_MIN.0, SIZE_MIN.1, area.width, area.height
    );
    for (row, line) in (0..area.height).zip(lines(&words, usize::from(area.width.max(1)))) {
        sheet.text(area, row, &line, Style::new());
    }
}
