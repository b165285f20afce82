//! `heliostat forecast`: the sun to come, how sure that is, and what is planned with it.

use std::fmt::Write as _;
use std::process::ExitCode;

use protocol::{NodeName, Stage};

use super::answer;
use super::look::wrap;
use super::place::SocketArgs;
use crate::core::budget::view::{ForecastView, HourView, PlanView};
use crate::io::operator::{Answer, Request};

/// What is said where no supply has a site.
pub(super) const NO_SITE: &str = "No supply has a site, so nothing is forecast and nothing accounted for.\n\
    Add latitude, longitude and panel under [supply.site] in supervisor.toml (docs/config.md).\n";

/// What `forecast` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Asks and prints.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let forecasts = answer::ask(&args.socket, &Request::Forecast, "its forecast", |answer| match answer {
        Answer::Forecast(forecasts) => Some(forecasts),
        _ => None,
    })?;
    answer::print(args.json, &forecasts, |forecasts| render(&forecasts.supplies))?;
    Ok(ExitCode::SUCCESS)
}

/// The forecast, at most 80 columns wide.
fn render(supplies: &[ForecastView]) -> String {
    if supplies.is_empty() {
        return NO_SITE.to_owned();
    }
    let mut text = String::new();
    for supply in supplies {
        let _ =
            writeln!(text, "{}", wrap(&format!("Supply {}: rests on {}", supply.supply, supply.rests_on), 0));
        match supply.sunrise_in {
            Some(within) => {
                let _ = writeln!(text, "The sun rises in {within}.");
            }
            None => text.push_str("Nobody knows when the sun rises.\n"),
        }
        let _ = writeln!(text, "\n{:14} {:>10} {:>10} {:>10}", "SUN WITHIN", "LOW", "BEST", "HIGH");
        for sun in &supply.sun {
            let band = sun.energy;
            let [low, best, high] = [band.low, band.best, band.high].map(|energy| format!("{energy:.0}"));
            let _ = writeln!(text, "{:14} {low:>10} {best:>10} {high:>10}", sun.within.to_string());
        }
        match &supply.plan {
            Some(plan) => render_plan(&mut text, plan, &supply.course),
            None => text.push_str("\nNo plan on energy: thresholds rule until there is a forecast.\n"),
        }
    }
    text
}

fn render_plan(text: &mut String, plan: &PlanView, course: &[HourView]) {
    let words = format!(
        "Level {} of {}. With everything on, {} chance to stay above {:.0} until the sun is back in {} ({} wanted); \
         the sun brings about {:.0} within {}, everything takes {:.0}.",
        plan.level,
        plan.levels,
        plan.chance,
        plan.reserve,
        plan.sun_in,
        plan.wanted,
        plan.sun,
        plan.within,
        plan.load
    );
    let _ = writeln!(text, "\n{}", wrap(&words, 0));
    if course.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{:>9} {:>6} {:>6} {:>8} {:>8}  SAVING", "IN", "SOC", "LEVEL", "LOAD", "SUN");
    for hour in course {
        let _ = writeln!(
            text,
            "{:>9} {:>6} {:>6} {:>8} {:>8}  {}",
            hour.begins_in.to_string(),
            format!("{:.0}", hour.soc),
            hour.level,
            format!("{:.0}", hour.load),
            format!("{:.0}", hour.sun),
            saving(&hour.saving),
        );
    }
}

/// How many nodes are in each stage.
fn saving(nodes: &[(NodeName, Stage)]) -> String {
    let count = |stage: Stage| nodes.iter().filter(|(_, at)| *at == stage).count();
    let word = |stage: Stage| match count(stage) {
        0 => None,
        count => Some(format!("{count} {stage}")),
    };
    let words: Vec<_> = Stage::ALL.into_iter().skip(1).filter_map(word).collect();
    if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::budget::view::SunView;
    use crate::core::forecast::{Band, Chance};
    use protocol::{Energy, Power, Seconds, Soc};

    #[test]
    fn sun_plan_and_course_are_shown_in_eighty_columns() {
        let wh = Energy::from_watt_hours;
        let plan = PlanView {
            level: 7,
            levels: 36,
            chance: Chance::from_fraction(0.62),
            wanted: Chance::from_fraction(0.9),
            reserve: Soc::from_percent(48.0),
            sun_in: Seconds(35_400),
            sun: wh(900.0),
            load: wh(2100.0),
            within: Seconds(259_200),
        };
        let hour = HourView {
            begins_in: Seconds(3600),
            soc: Soc::from_percent(66.0),
            level: 7,
            load: Power::from_watts(28.0),
            sun: Power::ZERO,
            saving: vec![("pi9".parse().unwrap(), Stage::Throttle), ("pi8".parse().unwrap(), Stage::Halt)],
        };
        let band = Band { low: wh(100.0), best: wh(300.0), high: wh(420.0) };
        let view = ForecastView {
            supply: "garage".parse().unwrap(),
            rests_on: "errors measured on 40 days here".to_owned(),
            sunrise_in: Some(Seconds(28_200)),
            sun: vec![SunView { within: Seconds(86_400), energy: band }],
            plan: Some(plan),
            course: vec![hour],
        };
        let text = render(&[view]);
        for words in
            ["62 % chance", "above 48 %", "9 h 50 min", "300 Wh", "1 throttle, 1 halt", "Level 7 of 36"]
        {
            assert!(text.contains(words), "{words:?} is missing:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
