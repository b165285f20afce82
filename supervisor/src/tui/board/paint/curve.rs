//! The charge over time: half a day back, as it was, and a day ahead, as the plan expects it.

use protocol::report::SocBand;
use protocol::{Soc, SupplyName};
use ratatui::layout::Rect;

use super::Sheet;
use crate::core::view::{FleetView, SupplyView};
use crate::tui::board::known::Known;

/// So much of the past, in milliseconds.
const BACK_MS: i64 = 12 * 3_600_000;
/// So much of what is to come.
const AHEAD_MS: i64 = 24 * 3_600_000;
/// Columns of the scale.
const SCALE: u16 = 6;

/// The curve of each supply side by side, as many as have room.
pub(super) fn curves(sheet: &mut Sheet<'_>, area: Rect, fleet: &FleetView, known: &Known) {
    let fit = usize::from(area.width / 60).clamp(1, fleet.supplies.len().max(1));
    let width = area.width / fit as u16;
    for (place, supply) in (0..).zip(fleet.supplies.iter().take(fit)) {
        let part = Rect { x: area.x + place * width, width, ..area };
        curve(sheet, part, supply, known);
    }
}

/// One supply's curve: the scale at its left, the hours below.
pub(super) fn curve(sheet: &mut Sheet<'_>, area: Rect, supply: &SupplyView, known: &Known) {
    let Some(now) = known.time else { return };
    if area.height < 3 || area.width < SCALE + 20 {
        return;
    }
    let chart = Rect { x: area.x + SCALE, width: area.width - SCALE - 1, height: area.height - 1, ..area };
    let faint = sheet.look.faint();
    for (row, text) in [(0, "100 %"), (chart.height - 1, "  0 %")] {
        sheet.buffer.set_string(area.x, area.y + row, text, faint);
    }
    let from = now.as_millis() - BACK_MS;
    let step = (BACK_MS + AHEAD_MS) / i64::from(chart.width);
    for column in 0..chart.width {
        let begins = from + i64::from(column) * step;
        column_of(sheet, chart, column, value(known, &supply.name, begins, step, now.as_millis()));
    }
    hours(sheet, area, chart, from, step);
    let here = chart.x + (BACK_MS / step.max(1)) as u16;
    let mark = format!("now {}", supply.name);
    sheet.buffer.set_stringn(
        here + 1,
        area.y,
        mark,
        usize::from(area.right().saturating_sub(here + 1)),
        faint,
    );
    for row in 0..chart.height {
        sheet.buffer.set_string(here, chart.y + row, "|", faint);
    }
}

/// What is known of a column.
#[derive(Clone, Copy)]
enum Value {
    Nothing,
    Was(SocBand),
    Unknown,
    /// Expected, lower bound.
    Expected(Soc),
}

fn value(known: &Known, supply: &SupplyName, begins: i64, step: i64, now: i64) -> Value {
    if begins < now {
        let within = |millis: i64| millis >= begins && millis < begins + step;
        return match known.curve(supply).filter(|point| within(point.millis)).last() {
            Some(point) => point.soc.map_or(Value::Unknown, Value::Was),
            None => Value::Nothing,
        };
    }
    let course = known.forecast(supply).map(|forecast| forecast.course.as_slice()).unwrap_or_default();
    let ahead = (begins - now) / 1000;
    let hour = course.iter().rev().find(|hour| i64::from(hour.begins_in.0) <= ahead);
    hour.map_or(Value::Nothing, |hour| Value::Expected(hour.soc))
}

fn column_of(sheet: &mut Sheet<'_>, chart: Rect, column: u16, value: Value) {
    let look = sheet.look;
    let rows = chart.height;
    for row in 0..rows {
        let below = f64::from(rows - 1 - row);
        let part = |soc: Soc| soc.fraction() * f64::from(rows) - below;
        let drawn = match value {
            Value::Unknown if row + 1 == rows => Some(("?", look.battery())),
            Value::Was(band) => look.charge(part(band.low), part(band.high)),
            Value::Expected(soc) => look.charge(0.0, part(soc)),
            Value::Nothing | Value::Unknown => None,
        };
        if let Some((symbol, style)) = drawn {
            sheet.buffer.set_string(chart.x + column, chart.y + row, symbol, style);
        }
    }
}

/// A mark and the hour, every six hours.
fn hours(sheet: &mut Sheet<'_>, area: Rect, chart: Rect, from: i64, step: i64) {
    const EVERY: i64 = 6 * 3_600_000;
    let mut at = (from / EVERY + 1) * EVERY;
    while at < from + BACK_MS + AHEAD_MS {
        let x = chart.x + ((at - from) / step.max(1)) as u16;
        let text = format!("{}{:02}:00", sheet.look.tick(), at / 3_600_000 % 24);
        if x + 6 <= area.right() {
            sheet.buffer.set_string(x, area.bottom() - 1, text, sheet.look.faint());
        }
        at += EVERY;
    }
}
