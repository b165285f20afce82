//! The tables: classes, what to buy next, alternatives.

use std::fmt::Write as _;

use super::paint::{Figure, WIDTH, escape, number, wrapped};
use super::{Report, percent, uptime};

const CLASSES: [&str; 3] = ["critical", "standard", "deferrable"];
/// One row of a table in a picture.
const ROW: f64 = 16.0;
/// Where the numbers of a table in a picture stand.
const COLUMNS: [f64; 4] = [300.0, 355.0, 415.0, 470.0];

/// Cells of a table: the first is text, the rest are numbers.
type Row = (String, Vec<String>);

/// What to expect of each class.
pub(super) fn classes(report: &Report<'_>) -> String {
    let Some(study) = report.studies.first() else { return String::new() };
    let row = |class: &&'static str| {
        let found = study.expected.classes.get(*class).copied().unwrap_or_default();
        let cells = [found.uptime, found.uptime_worst_year, found.served].map(percent);
        ((*class).to_owned(), cells.to_vec())
    };
    let rows: Vec<Row> = CLASSES.iter().map(row).collect();
    table(None, &["class of work", "uptime", "in the worst year", "work done"], &rows)
}

/// What would change it.
pub(super) fn next(report: &Report<'_>) -> String {
    if report.gains.is_empty() {
        return String::new();
    }
    let rows: Vec<Row> = report
        .gains
        .iter()
        .map(|gain| {
            let points =
                [gain.critical_points, gain.standard_points, gain.deferrable_points, gain.worth_points]
                    .map(|points| format!("{points:+.1}"));
            (gain.change.clone(), points.into_iter().chain([format!("{:+.1}", gain.life_years)]).collect())
        })
        .collect();
    let head = ["points gained by", "critical", "standard", "deferrable", "worth", "battery, years"];
    table(Some("What to change next"), &head, &rows)
}

/// All sites beside each other.
pub(super) fn alternatives(report: &Report<'_>) -> String {
    if report.sites.len() < 2 {
        return String::new();
    }
    let rows: Vec<Row> = report
        .sites
        .iter()
        .zip(report.studies)
        .map(|(site, study)| {
            let expected = &study.expected;
            let week = expected.worst_week.as_ref().and_then(|week| week.uptime.get("critical")).copied();
            let mut cells = CLASSES.map(|class| percent(uptime(expected, class))).to_vec();
            cells.push(percent(expected.worth));
            cells.push(week.map_or_else(|| "-".to_owned(), percent));
            cells.push(format!("{:.0}", expected.energy.curtailed_wh));
            cells.push(format!("{:.1}", expected.battery.life_years));
            (site.name.clone(), cells)
        })
        .collect();
    let head = [
        "site",
        "critical",
        "standard",
        "deferrable",
        "worth",
        "critical, worst week",
        "curtailed, Wh a day",
        "battery, years",
    ];
    table(Some("Alternatives"), &head, &rows)
}

fn table(title: Option<&str>, head: &[&str], rows: &[Row]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    if let Some(title) = title {
        let _ = writeln!(out, "<h2>{}</h2>", escape(title));
    }
    out.push_str("<div class=\"wide\"><table>\n<tr>");
    for cell in head {
        let _ = write!(out, "<th>{}</th>", escape(cell));
    }
    out.push_str("</tr>\n");
    for (name, cells) in rows {
        let _ = write!(out, "<tr><td>{}</td>", escape(name));
        for cell in cells {
            let _ = write!(out, "<td>{}</td>", escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
    out
}

/// The tables for a report that is a picture.
pub(super) fn pictures(report: &Report<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    if !report.gains.is_empty() {
        let rows: Vec<Row> = report
            .gains
            .iter()
            .map(|gain| {
                let points = [gain.critical_points, gain.standard_points, gain.worth_points, gain.life_years];
                (gain.change.clone(), points.map(|points| format!("{points:+.1}")).to_vec())
            })
            .collect();
        figures.push(picture(
            "What to change next",
            "Points gained, and years of battery life.",
            ["critical", "standard", "worth", "years"],
            &rows,
        ));
    }
    if report.sites.len() > 1 {
        let row = |(site, study): (&super::Alternative, &super::Study)| {
            let expected = &study.expected;
            let cells = [
                percent(uptime(expected, "critical")),
                percent(uptime(expected, "standard")),
                percent(expected.worth),
                format!("{:.1}", expected.battery.life_years),
            ];
            (site.name.clone(), cells.to_vec())
        };
        let rows: Vec<Row> = report.sites.iter().zip(report.studies).map(row).collect();
        figures.push(picture(
            "Alternatives",
            "Uptime, worth served, and years of battery life.",
            ["critical", "standard", "worth", "years"],
            &rows,
        ));
    }
    figures
}

fn picture(title: &str, caption: &str, head: [&str; 4], rows: &[Row]) -> Figure {
    let mut body = String::new();
    let mut y = ROW;
    let cells = |body: &mut String, y: f64, class: &str, cells: &mut dyn Iterator<Item = &str>| {
        for (cell, x) in cells.zip(COLUMNS) {
            let _ = writeln!(
                body,
                "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
                number(x),
                number(y),
                escape(cell)
            );
        }
    };
    cells(&mut body, y, "soft end", &mut head.into_iter());
    for (name, numbers) in rows {
        y += ROW;
        cells(&mut body, y, "end", &mut numbers.iter().map(String::as_str));
        for (index, line) in wrapped_name(name).iter().enumerate() {
            y += if index > 0 { ROW * 0.8 } else { 0.0 };
            let _ = writeln!(body, "<text x=\"12\" y=\"{}\">{}</text>", number(y), escape(line));
        }
        let _ =
            writeln!(body, "<path class=\"grid\" d=\"M12 {}H{}\"/>", number(y + 4.5), number(WIDTH - 10.0));
    }
    Figure { title: title.to_owned(), caption: caption.to_owned(), height: y + 10.0, body }
}

/// A name in lines that end before the numbers.
fn wrapped_name(name: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in wrapped(name).join(" ").split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() < 40 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
