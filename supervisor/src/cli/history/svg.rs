//! Courses as a picture: one chart below the other, the least and the most as a band around the mean.

use std::fmt::Write as _;

use super::{is_drawn, title};
use crate::core::history::{Quantity, Series};
use crate::io::Timestamp;
use crate::io::history::{Course, Point};
use crate::io::operator::Past;

/// One chart, in pixels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 150.0;
/// Around a chart: for the scale, the title and the times.
const LEFT: f64 = 60.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 24.0;
/// Points farther apart than so many of their usual steps have a gap between them.
const GAP: i64 = 3;

/// The document.
pub(super) fn svg(past: &Past, since: Timestamp, now: Timestamp) -> String {
    let drawn: Vec<&Course> = past.series.iter().filter(|course| is_drawn(course)).collect();
    let height = drawn.len() as f64 * (HEIGHT + TOP + BOTTOM) + 10.0;
    let width = LEFT + WIDTH + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (place, course) in drawn.into_iter().enumerate() {
        let chart = Chart::new(course, past, since, now, place as f64 * (HEIGHT + TOP + BOTTOM) + TOP);
        chart.draw(&mut out, course, past);
    }
    out.push_str("</svg>\n");
    out
}

/// Where things are in one chart.
struct Chart {
    top: f64,
    from: i64,
    to: i64,
    low: f64,
    high: f64,
    gap: i64,
}

impl Chart {
    fn new(course: &Course, past: &Past, since: Timestamp, now: Timestamp, top: f64) -> Self {
        let bounds = course.points.iter().flat_map(|point| [point.min, point.max]);
        let (low, high) = bounds
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = match course.series.quantity {
            Quantity::Soc | Quantity::Cpu => (0.0, 100.0),
            _ if high - low < 1e-6 => (low - 1.0, high + 1.0),
            _ => (low, high),
        };
        let gap = past.step.seconds() * 1000 * GAP;
        Self { top, from: since.as_millis(), to: now.as_millis(), low, high, gap }
    }

    fn x(&self, millis: i64) -> f64 {
        LEFT + (millis - self.from) as f64 / (self.to - self.from).max(1) as f64 * WIDTH
    }

    fn y(&self, value: f64) -> f64 {
        self.top + HEIGHT - (value - self.low) / (self.high - self.low) * HEIGHT
    }

    // Writing to a String cannot fail.
    fn draw(&self, out: &mut String, course: &Course, past: &Past) {
        let (top, bottom, right) = (self.top, self.top + HEIGHT, LEFT + WIDTH);
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#ccc\"/>",
            top - 8.0,
            title(&course.series, &course.unit)
        );
        for (value, y) in [(self.high, top + 10.0), (self.low, bottom)] {
            let _ =
                writeln!(out, "<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{value:.1}</text>", LEFT - 6.0);
        }
        for (time, x, anchor) in [(self.from, LEFT, "start"), (self.to, right, "end")] {
            let text = Timestamp::from_millis(time).to_string();
            let text = text.get(..16).unwrap_or_default().replace('T', " ");
            let _ = writeln!(
                out,
                "<text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{text}Z</text>",
                bottom + 16.0
            );
        }
        let band = band(course, past);
        for run in runs(&band, self.gap) {
            self.area(out, run);
        }
        for run in runs(&course.points, self.gap) {
            let points: Vec<_> = run
                .iter()
                .map(|p| format!("{:.1},{:.1}", self.x(p.time.as_millis()), self.y(p.mean)))
                .collect();
            let points = points.join(" ");
            let _ = writeln!(
                out,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"#0072b2\" stroke-width=\"1.5\"/>"
            );
        }
    }

    fn area(&self, out: &mut String, run: &[Point]) {
        let at =
            |point: &Point, value: f64| format!("{:.1},{:.1}", self.x(point.time.as_millis()), self.y(value));
        let above = run.iter().map(|point| at(point, point.max));
        let below = run.iter().rev().map(|point| at(point, point.min));
        let points: Vec<_> = above.chain(below).collect();
        let points = points.join(" ");
        let _ = writeln!(out, "<polygon points=\"{points}\" fill=\"#56b4e9\" fill-opacity=\"0.35\"/>");
    }
}

/// What lies around the mean: the estimate's own band for the state of charge, least and most for everything else.
fn band(course: &Course, past: &Past) -> Vec<Point> {
    if course.series.quantity != Quantity::Soc {
        return course.points.clone();
    }
    let other = |quantity| {
        let series = Series { subject: course.series.subject.clone(), quantity };
        past.series.iter().find(|course| course.series == series)
    };
    let (Some(low), Some(high)) = (other(Quantity::SocLow), other(Quantity::SocHigh)) else {
        return Vec::new();
    };
    let pair = |(low, high): (&Point, &Point)| {
        (low.time == high.time).then_some(Point { max: high.mean, min: low.mean, ..*low })
    };
    low.points.iter().zip(&high.points).filter_map(pair).collect()
}

/// Stretches without gaps.
fn runs(points: &[Point], gap: i64) -> impl Iterator<Item = &[Point]> {
    points.chunk_by(move |a, b| b.time.as_millis() - a.time.as_millis() <= gap)
}
