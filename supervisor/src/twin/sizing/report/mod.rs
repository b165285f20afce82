//! The report: one page, or one picture, that needs nothing else: no script, no font, no network.
//!
//! Colours are those of Okabe and Ito, and cividis for the heat map (Nuñez, Anderton and Renslow, PLOS ONE 13, 2018): both
//! made for colour-blind eyes. Light and dark follow the reader's setting. A figure is as wide as a phone and grows with
//! the screen.

use std::fmt::Write as _;

use super::alternative::Alternative;
use super::expect::{Expected, Study};
use super::shop::Gain;

mod energy;
mod heat;
mod paint;
mod soc;
mod tables;
mod week;

#[cfg(test)]
mod tests;

use paint::{Figure, STYLE, WIDTH, escape, number};

/// Stands at the head of every report, so that a later run knows that it may write over it.
pub const MARK: &str = "report of heliostat plan";

/// What is reported: sites with their studies, the one asked about first, and what would change that one.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The sites.
    pub sites: &'a [Alternative],
    /// Of each of them.
    pub studies: &'a [Study],
    /// For the first one, the best first.
    pub gains: &'a [Gain],
}

/// Parts as a person reads them: 99.95 % is not 100 %.
pub fn percent(part: f64) -> String {
    let percent = part * 100.0;
    if percent >= 100.0 - 1e-9 {
        "100 %".to_owned()
    } else if percent > 99.0 {
        // Towards zero, so that what is missing still shows.
        format!("{:.2} %", (percent * 100.0).floor() / 100.0)
    } else {
        format!("{percent:.1} %")
    }
}

fn uptime(expected: &Expected, class: &str) -> f64 {
    expected.classes.get(class).map_or(0.0, |class| class.uptime)
}

/// What to expect in a sentence or two.
pub fn headline(report: &Report<'_>) -> String {
    let Some(expected) = report.studies.first().map(|study| &study.expected) else { return String::new() };
    let [critical, standard, deferrable] =
        ["critical", "standard", "deferrable"].map(|class| percent(uptime(expected, class)));
    let mut text = format!(
        "Critical work runs {critical} of the time, standard work {standard}, deferrable work {deferrable}."
    );
    if let Some(gain) = best(report.gains) {
        let _ = write!(
            text,
            " What helps most: {} ({:+.1} points of critical uptime, {:+.1} of all work by its worth).",
            gain.change, gain.critical_points, gain.worth_points
        );
    }
    text
}

/// The first thing that helps at all, bought things before others.
fn best(gains: &[Gain]) -> Option<&Gain> {
    let helps = |gain: &&Gain| gain.critical_points >= 0.05 || gain.worth_points >= 0.5;
    gains.iter().find(|gain| gain.buys && helps(gain)).or_else(|| gains.iter().find(helps))
}

/// The other numbers, a line each.
pub fn words(report: &Report<'_>) -> Vec<String> {
    let Some(study) = report.studies.first() else { return Vec::new() };
    let expected = &study.expected;
    let (years, energy, battery) = (expected.seeds.len(), expected.energy, expected.battery);
    let mut lines = vec![format!(
        "Simulated: {years} times {} days, each under its own sky; {} of all work by its worth.",
        expected.days,
        percent(expected.worth)
    )];
    if let Some(week) = &expected.worst_week {
        let part = |class: &str| percent(week.uptime.get(class).copied().unwrap_or(0.0));
        lines.push(format!(
            "Worst week: from day {} of year {}: critical {}, standard {}, deferrable {}.",
            week.first_day + 1,
            week.seed,
            part("critical"),
            part("standard"),
            part("deferrable")
        ));
    }
    lines.push(format!(
        "With the weather known beforehand, all critical work could have run all the time in {} of {years} years.",
        expected.critical_reachable
    ));
    lines.push(format!(
        "Energy a day: the panel could give {:.0} Wh; {:.0} Wh are taken, {:.0} Wh curtailed; {:.0} Wh are used; \
         everything running would use {:.0} Wh.",
        energy.available_wh, energy.taken_wh, energy.curtailed_wh, energy.used_wh, energy.wanted_wh
    ));
    lines.push(format!(
        "Battery: {:.0} full cycles a year, full on {:.0} days, never under {}; {:.1} years until a fifth of its label is \
         gone ({} of its wear is the calendar's).",
        battery.cycles_a_year,
        battery.days_full,
        percent(battery.soc_lowest),
        battery.life_years,
        percent(battery.calendar_part)
    ));
    lines
}

/// Where the numbers come from, for the foot of a report.
const FOOT: &str = "Made by the sizing model: the simulated sky, boards, converters and battery of the twin in quarters of \
                    an hour, under a rule without foresight that stands for Heliostat's planner. Boots, faults and the \
                    estimate's errors are left out. Battery life: cycles against depth and years against temperature as \
                    usual datasheets have them. `heliostat twin` plays the site in full.";

/// The plots of the first site.
fn figures(report: &Report<'_>) -> Vec<Figure> {
    let (Some(site), Some(study)) = (report.sites.first(), report.studies.first()) else { return Vec::new() };
    vec![
        soc::band(&site.site, study),
        energy::weekly(&site.site, study),
        heat::served(&site.site, study),
        week::worst(study),
    ]
}

/// The report as a page.
pub fn html(report: &Report<'_>) -> String {
    let name = report.sites.first().map_or("", |site| &site.name);
    let mut out = format!(
        "<!DOCTYPE html>\n<!-- {MARK} -->\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>{STYLE}{PAGE}</style>\n</head>\n\
         <body>\n<h1>{0}</h1>\n<p class=\"lead\">{1}</p>\n",
        escape(name),
        escape(&headline(report))
    );
    out.push_str(&tables::classes(report));
    out.push_str("<ul>\n");
    for line in words(report) {
        let _ = writeln!(out, "<li>{}</li>", escape(&line));
    }
    out.push_str("</ul>\n<div class=\"figures\">\n");
    for figure in figures(report) {
        let _ = writeln!(
            out,
            "<figure>\n<figcaption><b>{}</b> {}</figcaption>\n\
             <svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n</figure>",
            escape(&figure.title),
            escape(&figure.caption),
            number(figure.height),
            escape(&figure.title),
            figure.body
        );
    }
    out.push_str("</div>\n");
    out.push_str(&tables::next(report));
    out.push_str(&tables::alternatives(report));
    let _ = writeln!(out, "<footer>{}</footer>\n</body>\n</html>", escape(FOOT));
    out
}

/// The report as one picture.
pub fn svg(report: &Report<'_>) -> String {
    let name = report.sites.first().map_or("", |site| &site.name);
    let mut body = String::new();
    let mut top = 34.0;
    let _ = writeln!(body, "<text x=\"12\" y=\"24\" class=\"title\">{}</text>", escape(name));
    let mut lines = paint::wrapped(&headline(report));
    for line in words(report) {
        lines.extend(paint::wrapped(&line));
    }
    for line in lines {
        top += 15.0;
        let _ = writeln!(body, "<text x=\"12\" y=\"{}\">{}</text>", number(top), escape(&line));
    }
    top += 16.0;
    for figure in figures(report).iter().chain(&tables::pictures(report)) {
        top += 20.0;
        let _ = writeln!(
            body,
            "<text x=\"12\" y=\"{}\" class=\"title\">{}</text>",
            number(top),
            escape(&figure.title)
        );
        for line in paint::wrapped(&figure.caption) {
            top += 14.0;
            let _ = writeln!(
                body,
                "<text x=\"12\" y=\"{}\" class=\"soft\">{}</text>",
                number(top),
                escape(&line)
            );
        }
        top += 6.0;
        let _ = writeln!(body, "<g transform=\"translate(0 {})\">\n{}</g>", number(top), figure.body);
        top += figure.height + 8.0;
    }
    for line in paint::wrapped(FOOT) {
        top += 14.0;
        let _ =
            writeln!(body, "<text x=\"12\" y=\"{}\" class=\"soft\">{}</text>", number(top), escape(&line));
    }
    let height = number(top + 14.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{}\" height=\"{}\">\n\
         <!-- {MARK} -->\n<style>{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>\n",
        number(WIDTH * 1.6),
        number((top + 14.0) * 1.6),
    )
}

/// The page around the figures.
const PAGE: &str = "
body{margin:0 auto;padding:16px;max-width:1080px;background:#fff;color:#1b1f24;font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.4em;margin:.2em 0}h2{font-size:1.1em;margin:1.6em 0 .4em}
.lead{font-size:1.1em}ul{padding-left:1.2em;margin:.6em 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:20px;align-items:start}
figure{margin:0}figcaption{font-size:.9em;margin-bottom:4px;color:#5c6570}figcaption b{color:#1b1f24}
svg{width:100%;height:auto;display:block}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.92em}
th,td{padding:4px 10px 4px 0;text-align:right;border-bottom:1px solid #d9dde2;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:11em}
footer{margin:2em 0 0;font-size:.85em;color:#5c6570}
@media (prefers-color-scheme:dark){body{background:#16181d;color:#e3e6ea}figcaption,footer{color:#9aa3ae}figcaption b{color:#e3e6ea}
th,td{border-color:#363b44}}
";
