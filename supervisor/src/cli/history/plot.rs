//! A course as characters: bars from least to most, in eighty columns.

use std::fmt::Write as _;

use super::title;
use crate::core::history::Quantity;
use crate::io::Timestamp;
use crate::io::history::{Course, Step};
use crate::tui::Look;

/// Columns of the drawing, and of the scale at its left.
const COLUMNS: i32 = 70;
const SCALE: usize = 8;
/// Rows of the drawing.
const ROWS: usize = 8;

/// The drawing with its title, scale and times.
pub(super) fn plot(course: &Course, step: Step, since: Timestamp, now: Timestamp, look: Look) -> String {
    let columns = columns(course, since, now);
    let (low, high) = range(course);
    let mut text = format!("{}, by {}\n", title(&course.series, &course.unit), step_name(step));
    for row in 0..ROWS {
        let scale = match row {
            0 => format!("{high:.1}"),
            row if row + 1 == ROWS => format!("{low:.1}"),
            _ => String::new(),
        };
        let line: String = columns.iter().map(|column| cell(*column, row, low, high, look)).collect();
        let _ = writeln!(text, "{scale:>width$} {}", line.trim_end(), width = SCALE - 1);
    }
    let _ = writeln!(text, "{:SCALE$}{}\n", "", times(since, now));
    text
}

/// The mean of what falls into each column; `None` where nothing does.
fn columns(course: &Course, since: Timestamp, now: Timestamp) -> Vec<Option<f64>> {
    let (from, span) = (since.as_millis(), (now.as_millis() - since.as_millis()).max(1));
    let mut sums = vec![(0.0, 0_u32); COLUMNS as usize];
    for point in &course.points {
        let place = (point.time.as_millis() - from).max(0) * i64::from(COLUMNS) / span;
        if let Some((sum, count)) = usize::try_from(place).ok().and_then(|place| sums.get_mut(place)) {
            *sum += point.mean;
            *count += 1;
        }
    }
    // Where points are farther apart than columns, each holds until the next.
    let gap = course.points.windows(2).map(|pair| pair[1].time.as_millis() - pair[0].time.as_millis()).min();
    let holds = gap.map_or(0, |gap| usize::try_from(gap * i64::from(COLUMNS) / span).unwrap_or(0));
    let mut columns: Vec<Option<f64>> =
        sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum / f64::from(count))).collect();
    let mut last: Option<(usize, f64)> = None;
    for (place, column) in columns.iter_mut().enumerate() {
        match (*column, last) {
            (Some(value), _) => last = Some((place, value)),
            (None, Some((at, value))) if place - at <= holds => *column = Some(value),
            (None, _) => {}
        }
    }
    columns
}

/// From where to where the scale goes: shares from nothing to all, everything else as it was.
fn range(course: &Course) -> (f64, f64) {
    let percent = matches!(course.series.quantity, Quantity::Soc | Quantity::Cpu);
    if percent {
        return (0.0, 100.0);
    }
    let low = course.points.iter().map(|point| point.min).fold(f64::INFINITY, f64::min);
    let high = course.points.iter().map(|point| point.max).fold(f64::NEG_INFINITY, f64::max);
    if high - low < 1e-6 { (low - 1.0, high + 1.0) } else { (low, high) }
}

fn cell(value: Option<f64>, row: usize, low: f64, high: f64, look: Look) -> &'static str {
    let Some(value) = value else { return " " };
    let below = (ROWS - 1 - row) as f64;
    let fill = (value - low) / (high - low) * ROWS as f64 - below;
    // The least is shown as a line, not as nothing: it was measured.
    let fill = if row + 1 == ROWS { fill.max(0.13) } else { fill };
    look.bar(fill)
}

fn step_name(step: Step) -> &'static str {
    match step {
        Step::Minute => "minute",
        Step::Hour => "hour",
        Step::Day => "day",
    }
}

/// The times of the left end, the middle and the right end.
fn times(since: Timestamp, now: Timestamp) -> String {
    let middle = Timestamp::from_millis(i64::midpoint(since.as_millis(), now.as_millis()));
    let short = |time: Timestamp| {
        let text = time.to_string();
        format!("{} {}", text.get(5..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
    };
    let (left, middle, right) = (short(since), short(middle), format!("{}Z", short(now)));
    let gap = (COLUMNS as usize - left.len() - middle.len() - right.len()) / 2;
    format!("{left}{:gap$}{middle}{:gap$}{right}", "", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::history::Point;

    fn course(values: &[(i64, f64)]) -> Course {
        let point = |&(minute, mean): &(i64, f64)| Point {
            time: Timestamp::from_millis(minute * 60_000),
            min: mean,
            mean,
            max: mean,
            count: 6,
        };
        Course {
            series: "supply/garage/soc".parse().unwrap(),
            unit: "%".to_owned(),
            points: values.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_plot_is_narrow_and_shows_gaps_as_gaps() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let minutes: Vec<(i64, f64)> =
            (0..1440).filter(|minute| !(600..900).contains(minute)).map(|minute| (minute, 75.0)).collect();
        let text =
            plot(&course(&minutes), Step::Minute, at(0), at(1440), Look { ascii: true, colour: false });
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "{text}");
        let bottom = text.lines().nth(ROWS).unwrap();
        assert!(bottom.contains("#   ") && bottom.ends_with('#'), "{bottom}");
        assert!(text.lines().nth(1).is_some_and(|top| !top.contains('#')), "{text}");
    }
}
