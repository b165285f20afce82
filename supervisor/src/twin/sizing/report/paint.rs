//! Numbers, axes and colours that the figures share.

use std::fmt::Write as _;

use super::super::super::site::Site;

/// Every figure is so wide, in its own units: what a phone shows without shrinking the text.
pub(super) const WIDTH: f64 = 480.0;
/// Room for the numbers at the left, and at the right.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
/// Characters of a line of text in a figure.
const LINE: usize = 76;

/// Colours and text. Written out for light and for dark: not every viewer of pictures knows variables.
pub(super) const STYLE: &str = "
svg text{font:11px system-ui,'DejaVu Sans',sans-serif;fill:#1b1f24}svg .soft{fill:#5c6570}svg .title{font-size:15px;font-weight:600}
.ground{fill:#fff}.grid{stroke:#d9dde2;fill:none}.end{text-anchor:end}.middle{text-anchor:middle}
.sun{fill:#e69f00}.spare{fill:#f6dfa4}.used{fill:#0072b2}.charge{fill:#009e73;fill-opacity:.6}
.line{stroke:#0072b2;fill:none;stroke-width:1.4}.mid{stroke:#009e73;fill:none;stroke-width:1.6}.floor{stroke:#d55e00;stroke-dasharray:4 3;fill:none}
@media (prefers-color-scheme:dark){svg text{fill:#e3e6ea}svg .soft{fill:#9aa3ae}.ground{fill:#16181d}.grid{stroke:#363b44}
.sun{fill:#f0b93a}.spare{fill:#5c4a1e}.used{fill:#5ab4ec}.charge{fill:#2fc79a}.line{stroke:#5ab4ec}.mid{stroke:#2fc79a}.floor{stroke:#f2804a}}
";

/// From nothing to all: cividis in nine steps.
pub(super) const HEAT: [&str; 9] =
    ["#00224e", "#213b6e", "#4c546c", "#6c6e72", "#7f7c75", "#a69d75", "#c4b56c", "#e4cf5b", "#fee838"];

/// One plot with its words.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) title: String,
    pub(super) caption: String,
    pub(super) height: f64,
    pub(super) body: String,
}

/// The part of a figure in which values are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// As wide as figures are.
    pub(super) const fn new(top: f64, height: f64) -> Self {
        Self { left: LEFT, top, width: WIDTH - LEFT - RIGHT, height }
    }

    /// Across, from a part of the width.
    pub(super) fn x(&self, part: f64) -> f64 {
        self.left + self.width * part
    }

    /// Up, from a part of the height; held to the area.
    pub(super) fn y(&self, part: f64) -> f64 {
        self.top + self.height * (1.0 - part.clamp(0.0, 1.0))
    }

    /// A level across the area with its name at the left.
    pub(super) fn level(&self, out: &mut String, part: f64, name: &str) {
        let y = self.y(part);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{} {}h{}\"/><text class=\"soft end\" x=\"{}\" y=\"{}\">{name}</text>",
            number(self.left),
            number(y),
            number(self.width),
            number(self.left - 5.0),
            number(y + 4.0)
        );
    }

    /// The months under the area, for a year that begins on a day and has so many.
    pub(super) fn months(&self, out: &mut String, site: &Site, days: f64) {
        let first = f64::from(site.place.start.day - 1);
        let mut last = f64::NEG_INFINITY;
        for month in 0..12 * 11 {
            let begins = f64::from(MONTHS[month % 12].1) + 365.0 * (month / 12) as f64;
            let x = self.x((begins - first) / days);
            // Names that would not fit beside each other are left out.
            if begins < first || begins >= first + days || x - last < 24.0 {
                continue;
            }
            last = x;
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{0} {1}v4\"/><text class=\"soft\" x=\"{0}\" y=\"{2}\">{3}</text>",
                number(x),
                number(self.top + self.height),
                number(self.top + self.height + 15.0),
                MONTHS[month % 12].0
            );
        }
    }

    /// A line through points of the width and the height.
    pub(super) fn line(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (index, (x, y)) in points.enumerate() {
            let pen = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{pen}{} {}", number(self.x(x)), number(self.y(y)));
        }
        path
    }
}

/// The months and the days before them.
const MONTHS: [(&str, u16); 12] = [
    ("Jan", 0),
    ("Feb", 31),
    ("Mar", 59),
    ("Apr", 90),
    ("May", 120),
    ("Jun", 151),
    ("Jul", 181),
    ("Aug", 212),
    ("Sep", 243),
    ("Oct", 273),
    ("Nov", 304),
    ("Dec", 334),
];

/// A coordinate, short.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A round number at or over a value, to end an axis with.
pub(super) fn round_up(value: f64) -> f64 {
    let mut size = 1.0;
    while size * 10.0 < value {
        size *= 10.0;
    }
    [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .iter()
        .map(|step| step * size)
        .find(|end| *end >= value)
        .unwrap_or(value)
}

/// A little square of a colour with its name, from this place on; gives the place behind it.
pub(super) fn key(out: &mut String, x: f64, y: f64, class: &str, name: &str) -> f64 {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"10\" height=\"10\"/><text x=\"{}\" y=\"{}\">{name}</text>",
        number(x),
        number(y - 9.0),
        number(x + 14.0),
        number(y)
    );
    x + 26.0 + 6.0 * name.chars().count() as f64
}

/// The step of [`HEAT`] for a part.
pub(super) fn shade(part: f64) -> usize {
    // Only all of it is the last step, only nothing the first.
    match part {
        part if part > 0.999 => HEAT.len() - 1,
        part if part < 0.001 => 0,
        part => 1 + (part * (HEAT.len() - 2) as f64) as usize,
    }
    .min(HEAT.len() - 1)
}

/// Text that HTML and XML take as text.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A text in lines that fit a figure.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
