//! The strip of the day: sun, state of charge with its band, and the stages, over time from left to right.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::{SOC_ROWS_MAX, STRIP_FIXED};
use super::look::Look;
use super::scene::{DAY_S, NodeMode, Scene, SiteTime, Strip, StripSample};
use super::words::fit;

/// Columns of the labels.
const LABEL: u16 = 9;

/// Paints the strip; without at least four rows, nothing.
pub(super) fn strip(buffer: &mut Buffer, area: Rect, scene: &Scene, look: Look) {
    if area.height < STRIP_FIXED + 2 || area.width <= LABEL + 8 {
        return;
    }
    let chart = Rect { x: area.x + LABEL, width: area.width - LABEL, ..area };
    let columns = scene.strip.columns(chart.width);
    let rows = area.height - STRIP_FIXED;
    let every_node = rows > u16::try_from(scene.nodes.len()).unwrap_or(u16::MAX);
    let stage_rows = if every_node { scene.nodes.len() as u16 } else { 1 };
    let soc_rows = (rows - stage_rows).clamp(1, SOC_ROWS_MAX);

    let mut y = area.y;
    label(buffer, area.x, y, "sun", look);
    sun(buffer, chart, y, &scene.strip, &columns, look);
    y += 1;
    label(buffer, area.x, y, "battery", look);
    charge(buffer, Rect { y, height: soc_rows, ..chart }, &columns, look);
    y += soc_rows;
    if every_node {
        for (index, node) in scene.nodes.iter().enumerate() {
            label(buffer, area.x, y, &node.name, look);
            stages(buffer, chart, y, &columns, look, |sample| sample.modes.get(index).copied());
            y += 1;
        }
    } else {
        label(buffer, area.x, y, "stages", look);
        stages(buffer, chart, y, &columns, look, |sample| sample.modes.iter().copied().max());
        y += 1;
    }
    hours(buffer, chart, y, &scene.strip, look);
}

/// A label at the left.
fn label(buffer: &mut Buffer, x: u16, y: u16, text: &str, look: Look) {
    buffer.set_string(x, y, fit(text, usize::from(LABEL) - 1, look), look.faint());
}

/// One cell of the chart.
fn cell(buffer: &mut Buffer, chart: Rect, column: usize, y: u16, symbol: &str, style: Style) {
    let x = chart.x + column as u16;
    if x < chart.right() && y < buffer.area.bottom() {
        buffer.set_string(x, y, symbol, style);
    }
}

/// The panel's power: its mean over each column.
fn sun(buffer: &mut Buffer, chart: Rect, y: u16, strip: &Strip, columns: &[&[StripSample]], look: Look) {
    for (column, samples) in columns.iter().enumerate().filter(|(_, samples)| !samples.is_empty()) {
        let mean = samples.iter().map(|s| s.sun.watts()).sum::<f64>() / samples.len() as f64;
        let part = if strip.sun_max.watts() > 0.0 { mean / strip.sun_max.watts() } else { 0.0 };
        // However little, sun is shown: a grey dawn is not night.
        let part = if mean > 1.0 { part.max(0.1) } else { part };
        cell(buffer, chart, column, y, look.bar(part), look.sun());
    }
}

/// The state of charge: solid up to the lower bound, shaded up to the upper one.
fn charge(buffer: &mut Buffer, chart: Rect, columns: &[&[StripSample]], look: Look) {
    let rows = chart.height;
    for (column, samples) in columns.iter().enumerate() {
        let Some(last) = samples.last() else { continue };
        for row in 0..rows {
            // How much of this row, counted from the bottom, is filled.
            let below = f64::from(rows - 1 - row);
            let y = chart.y + row;
            match last.soc {
                None => cell(buffer, chart, column, y, if row + 1 == rows { "?" } else { " " }, look.faint()),
                Some(soc) => {
                    let solid = soc.low.fraction() * f64::from(rows) - below;
                    let shaded = soc.high.fraction() * f64::from(rows) - below;
                    let (symbol, style) = look.charge(solid, shaded).unwrap_or((" ", look.battery()));
                    cell(buffer, chart, column, y, symbol, style);
                }
            }
        }
    }
}

/// The most careful mode of each column, as a letter in its colour.
fn stages(
    buffer: &mut Buffer,
    chart: Rect,
    y: u16,
    columns: &[&[StripSample]],
    look: Look,
    mode_of: impl Fn(&StripSample) -> Option<NodeMode>,
) {
    for (column, samples) in columns.iter().enumerate() {
        if let Some(mode) = samples.iter().filter_map(&mode_of).max() {
            let letter = mode.letter();
            cell(buffer, chart, column, y, letter.encode_utf8(&mut [0; 4]), look.mode(mode));
        }
    }
}

/// The time scale: a mark and the hour every six hours.
fn hours(buffer: &mut Buffer, chart: Rect, y: u16, strip: &Strip, look: Look) {
    let span = strip.to.seconds.saturating_sub(strip.from.seconds);
    if span == 0 {
        return;
    }
    let step = DAY_S / if span > 4 * DAY_S { 1 } else { 4 };
    let first = strip.from.seconds.div_ceil(step) * step;
    for seconds in (first..strip.to.seconds).step_by(step as usize) {
        let offset = u64::from(seconds - strip.from.seconds) * u64::from(chart.width) / u64::from(span);
        let text = format!("{}{}", look.tick(), SiteTime { seconds }.clock());
        if offset as usize + text.chars().count() <= usize::from(chart.width) {
            buffer.set_string(chart.x + offset as u16, y, text, look.faint());
        }
    }
}
