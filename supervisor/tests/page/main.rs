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

use protocol::{OrderId, OrderReason, Reason, Soc, Stage};

use agent::{Agent, hello, report};
use browser::Browser;
use served::Served;

fn node(served: &Served, number: u8, stage: Stage) -> Agent {
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
    Agent::join_and_report(served.address, hello(&format!("pi{number}")), report)
}

#[test]
#[ignore = "needs chromium and chromium-driver: tests/run page"]
fn the_page_is_live_in_a_real_browser_and_asks_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (served, web) = Served::with_web(folder.path(), "[web]\nlisten = \"127.0.0.1:0\"\n");
    let stages = [(1, Stage::Normal), (2, Stage::Normal), (3, Stage::Throttle), (4, Stage::Shed)];
    let _agents: Vec<_> = stages.into_iter().map(|(number, stage)| node(&served, number, stage)).collect();
    let mut browser = Browser::open(&format!("http://{web}/"));
    browser.wait_for_text("Live, ");
    browser.wait_for_text("pi4");
    let text = browser.text();
    for words in ["garage", "62 %", "shed", "supply at 58.0 % (lower bound) < 61.0 %, turn 4 of 4"] {
        assert!(text.contains(words), "{words:?} is missing:\n{text}");
    }
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
    assert!(kept.exists(), "{}: UPDATE_PICTURES=1 makes it", kept.display());
    // The supervisor ends: the page says that it is not live, and keeps what it had.
    served.stop();
    browser.run("last-=60000;age();return ''");
    browser.wait_for_text("Not live any more");
    assert!(browser.text().contains("pi4"));
}
