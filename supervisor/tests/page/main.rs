//! The status page in a real browser: Chromium without a window, driven by its `chromedriver`.
//!
//! Ignored by default, because it needs Debian's `chromium` and `chromium-driver`: `tests/run page` brings them.

#![expect(clippy::disallowed_methods, reason = "tests start processes and read clocks")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, reason = "what these tests share with others they do not use up")]

#[path = "../serve/agent.rs"]
mod agent;
mod browser;
#[path = "../serve/served.rs"]
mod served;

use std::path::Path;
use std::time::Duration;

use protocol::{OrderId, OrderReason, Reason, Report, Soc, Stage};

use supervisor::core::history::{Quantity, Sample, Series, Subject};
use supervisor::io::Timestamp;
use supervisor::io::history::History;

use agent::{Agent, hello, report};
use browser::Browser;
use served::Served;

/// A node, and what it reports.
fn node(served: &Served, number: u8, stage: Stage) -> (Agent, Report) {
    let mut report = report(62.0);
    report.stage = stage;
    let why = OrderReason::SupplyLow {
        soc: Soc::from_percent(58.0),
        threshold: Soc::from_percent(61.0),
        place: number,
        of: 4,
    };
    if stage > Stage::Normal {
        report.reason = Reason::Ordered { order: OrderId::default(), why };
    }
    let agent = Agent::join_and_report(served.address, hello(&format!("pi{number}")), report.clone());
    (agent, report)
}

/// A page, and a supply under a sky where it is three in the afternoon now: a picture shows the coming night whenever it
/// is made.
fn config() -> String {
    let hours = Timestamp::now().as_millis() as f64 / 3_600_000.0;
    // The sundial runs up to 16 minutes fast or slow over the year (the usual two-term fit of the equation of time).
    let season = std::f64::consts::TAU * (hours / 24.0 % 365.25 - 81.0) / 364.0;
    let fast = (9.87 * (2.0 * season).sin() - 7.53 * season.cos() - 1.5 * season.sin()) / 60.0;
    let longitude = ((15.0 - fast - hours % 24.0) * 15.0 + 540.0) % 360.0 - 180.0;
    format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n\n[[supply]]\nname = \"garage\"\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\n\
         [supply.site]\nlatitude = 0.39\nlongitude = {longitude:.2}\npanel = \"100 W\"\n"
    )
}

/// What an earlier life of the supervisor wrote down: a day and a night of a battery.
fn past_day(data: &Path) {
    let now = Timestamp::now();
    let times: Vec<u32> = (0..24 * 12).rev().map(|five| five * 5).collect();
    // So many readings may wait for the disk at one time; more would be left out.
    for some in times.chunks(50) {
        let history = History::open(&data.join("history.db"), 100_000).unwrap();
        for minutes in some {
            let ago = f64::from(*minutes) / 60.0;
            // Full in the afternoon a day ago, down to 40 % at dawn, up again since.
            let soc = if ago > 8.0 { 40.0 + (ago - 8.0) * 3.5 } else { 40.0 + (8.0 - ago) * 3.1 };
            let sample = |quantity, value| Sample {
                series: Series { subject: Subject::Supply("garage".parse().unwrap()), quantity },
                value,
            };
            let samples = vec![sample(Quantity::SocLow, soc - 3.0), sample(Quantity::SocHigh, soc + 3.0)];
            history.add(now.earlier(Duration::from_mins(u64::from(*minutes))), samples);
        }
        history.close();
    }
}

/// The share of a picture's blocks that may look otherwise: a clock's, an age's.
const DIFFERENCE_MAX: f64 = 0.008;

#[test]
#[ignore = "needs chromium and chromium-driver: tests/run page"]
fn the_page_is_live_in_a_real_browser_and_asks_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    past_day(folder.path());
    let (served, web) = Served::with_web(folder.path(), &config());
    let stages = [(1, Stage::Normal), (2, Stage::Normal), (3, Stage::Throttle), (4, Stage::Shed)];
    let mut agents: Vec<_> = stages.into_iter().map(|(number, stage)| node(&served, number, stage)).collect();
    let mut browser = Browser::open(&format!("http://{web}/"));
    browser.wait_for_text("Live, ");
    browser.wait_for_text("pi4");
    // The first plan is made within a minute.
    browser.wait_for_text_while("Right of it: how full the plan expects it to be", || {
        for (agent, report) in &mut agents {
            agent.report(report.clone());
        }
    });
    let text = browser.text();
    for words in [
        "2 of 4 computers run everything, 2 do less to save energy.",
        "garage",
        "62 %",
        "pi4 pauses what can wait",
        "supply at 58.0 % (lower bound) < 61.0 %, turn 4 of 4",
    ] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
    let of_four = browser.picture();
    // A node that comes is there without anybody pressing anything.
    let _fifth = node(&served, 5, Stage::Normal);
    browser.wait_for_text("pi5");
    let asked = browser.run("return performance.getEntriesByType('resource').map(e=>e.name).join(' ')");
    let strangers: Vec<&str> =
        asked.split_whitespace().filter(|url| !url.starts_with(&format!("http://{web}/"))).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    // What is not in the page does not run in it: the headers forbid it.
    browser.run(
        "const s=document.createElement('script');s.textContent='window.stranger=1';document.body.append(s);return ''",
    );
    assert_eq!(browser.run("return String(window.stranger)"), "undefined");
    let picture = browser.picture();
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} bytes", picture.len());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/img/page.png");
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        std::fs::write(&kept, &picture).unwrap();
    }
    let again = format!("{}: UPDATE_PICTURES=1 makes it", kept.display());
    let kept = std::fs::read(&kept).unwrap_or_else(|error| panic!("{again}: {error}"));
    // The supervisor ends: the page says that it is not live, and keeps what it had.
    served.stop();
    browser.run("last-=60000;age();return ''");
    browser.wait_for_text("Not live any more");
    assert!(browser.text().contains("pi4"));
    // The picture in the documents is what the page looks like; one row less is another picture.
    let (stale, wrong) = (browser.difference(&kept, &picture), browser.difference(&of_four, &picture));
    println!(
        "page: {:.1} % of the document's picture differ, {:.1} % where a node is missing",
        100.0 * stale,
        100.0 * wrong
    );
    assert!(wrong > DIFFERENCE_MAX, "what is compared does not tell pictures apart: {wrong}");
    assert!(stale <= DIFFERENCE_MAX, "{again}: it shows something else ({stale})");
}
