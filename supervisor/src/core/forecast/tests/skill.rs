//! Is it better than what anyone could say, and does its band mean what it says?

#![allow(clippy::large_types_passed_by_value, reason = "a scene is made where it is used")]

use std::time::Duration;

use hardware::sim::weather::Climate;
use protocol::Energy;

use super::super::{Band, Forecast};
use super::world::{SCENE, Scene, World, site};

/// Days of learning that are not scored.
const LEARNING: usize = 20;
const DAY: Duration = Duration::from_hours(24);

/// One forecast and what came of it, in watt-hours.
struct Case {
    band: Band<Energy>,
    persistence: f64,
    climatology: f64,
    /// The 10th and 90th percentile of all days so far.
    past: (f64, f64),
    came: f64,
}

/// Lost at a percentile: the proper score of a quantile.
fn pinball(part: f64, said: f64, came: f64) -> f64 {
    if came >= said { part * (came - said) } else { (1.0 - part) * (said - came) }
}

#[derive(Debug, Clone, Copy)]
struct Score {
    /// Mean absolute errors.
    forecast: f64,
    persistence: f64,
    climatology: f64,
    /// Of the bands' two ends together.
    band: f64,
    past: f64,
    /// Parts of the cases within the band, and below it.
    within: f64,
    below: f64,
    /// Root mean square errors.
    rms: [f64; 3],
}

fn score(cases: &[Case]) -> Score {
    let mean = |value: &dyn Fn(&Case) -> f64| cases.iter().map(value).sum::<f64>() / cases.len() as f64;
    let best = |case: &Case| case.band.best.watt_hours();
    let (low, high) = (|case: &Case| case.band.low.watt_hours(), |case: &Case| case.band.high.watt_hours());
    let part = |holds: bool| f64::from(u8::from(holds));
    let rms = |said: &dyn Fn(&Case) -> f64| mean(&|case| (said(case) - case.came).powi(2)).sqrt();
    Score {
        forecast: mean(&|case| (best(case) - case.came).abs()),
        persistence: mean(&|case| (case.persistence - case.came).abs()),
        climatology: mean(&|case| (case.climatology - case.came).abs()),
        band: mean(&|case| pinball(0.1, low(case), case.came) + pinball(0.9, high(case), case.came)),
        past: mean(&|case| pinball(0.1, case.past.0, case.came) + pinball(0.9, case.past.1, case.came)),
        within: mean(&|case| part(low(case) <= case.came && case.came <= high(case))),
        below: mean(&|case| part(case.came < low(case))),
        rms: [rms(&best), rms(&|case| case.persistence), rms(&|case| case.climatology)],
    }
}

fn show(name: &str, score: &Score) {
    let Score { forecast, persistence, climatology, band, past, within, below, rms } = score;
    println!(
        "{name}: MAE {forecast:.1} Wh (persistence {persistence:.1}, climatology {climatology:.1}); RMSE {:.1} \
         ({:.1}, {:.1}); band pinball {band:.1} (past days {past:.1}); within {:.0} %, below {:.0} %",
        rms[0],
        rms[1],
        rms[2],
        within * 100.0,
        below * 100.0
    );
}

/// A median, and the 10th and 90th percentile.
fn past(days: &[f64]) -> (f64, (f64, f64)) {
    let mut sorted = days.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| super::super::band::percentile(&sorted, part).unwrap_or(0.0);
    (at(0.5), (at(0.1), at(0.9)))
}

/// A year: at each sunset the next day is foretold, and at nine in the morning the rest of the day.
fn year(scene: Scene) -> (Vec<Case>, Vec<Case>) {
    let mut world = World::new(scene);
    let mut forecast = Forecast::new(site(scene.place), None);
    let (mut tomorrow, mut rest) = (Vec::new(), Vec::new());
    let (mut days, mut rests): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    for day in 0..365 {
        world.run_to_hour(&mut forecast, 9.0);
        let (began, morning) = (world.total, forecast.energy_until(world.now, world.now + DAY / 2));
        world.run_to_hour(&mut forecast, 20.5);
        let came = (world.total - began).watt_hours();
        if day > LEARNING {
            let (median, past) = past(&rests);
            let persistence = rests.last().copied().unwrap_or(0.0);
            rest.push(Case { band: morning, persistence, climatology: median, past, came });
        }
        rests.push(came);
        let today = world.total.watt_hours() - days.iter().sum::<f64>();
        days.push(today);
        if day > LEARNING {
            let band = forecast.energy_until(world.now, world.now + DAY);
            let (median, past) = past(&days);
            tomorrow.push(Case { band, persistence: today, climatology: median, past, came: f64::NAN });
        }
        if day > LEARNING + 1
            && let Some(case) = tomorrow.iter_mut().rev().nth(1)
        {
            case.came = today;
        }
    }
    tomorrow.pop();
    (tomorrow, rest)
}

/// The reference site and middle Europe, some years each.
fn years(place: (f64, f64), climate: Climate, name: &str) {
    let (mut tomorrow, mut rest) = (Vec::new(), Vec::new());
    for seed in 1..=3 {
        let (days, rests) = year(Scene { place, climate, seed, ..SCENE });
        let one = score(&days);
        assert!(
            (0.70..=0.90).contains(&one.within),
            "{name}, seed {seed}: {:.2} within tomorrow's band",
            one.within
        );
        let one = score(&rests);
        assert!(
            (0.70..=0.90).contains(&one.within),
            "{name}, seed {seed}: {:.2} within today's band",
            one.within
        );
        tomorrow.extend(days);
        rest.extend(rests);
    }
    for (horizon, cases) in [("tomorrow", tomorrow), ("rest of today from 9", rest)] {
        let all = score(&cases);
        show(&format!("{name}, {horizon}"), &all);
        assert!(all.forecast < all.persistence, "{name}, {horizon}: no better than persistence");
        assert!(all.forecast < all.climatology, "{name}, {horizon}: no better than climatology");
        // Where there are no seasons the percentiles of all past days are close to the best that can be said of tomorrow.
        assert!(all.band < all.past * 1.02, "{name}, {horizon}: the band is worse than past days");
        assert!((0.74..=0.86).contains(&all.within), "{name}, {horizon}: {:.3} within", all.within);
        assert!((0.06..=0.14).contains(&all.below), "{name}, {horizon}: {:.3} below", all.below);
    }
}

#[test]
fn beats_persistence_and_climatology_over_years_on_the_equator_and_its_band_holds() {
    years(SCENE.place, Climate::TEMPERATE, "Libreville, changeable");
}

#[test]
fn beats_persistence_and_climatology_over_years_under_fair_skies_and_its_band_holds() {
    years(SCENE.place, Climate::SUNNY, "Libreville, fair");
}

#[test]
fn beats_persistence_and_climatology_over_years_with_seasons_and_its_band_holds() {
    years((48.0, 11.0), Climate::TEMPERATE, "48 N, changeable");
}
