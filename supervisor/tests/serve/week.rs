//! The dashboard of the built program, in a terminal, open for a week of a simulated site: its memory stays what it was.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use protocol::Uptime;
use supervisor::core::view::SCHEMA;
use supervisor::io::Timestamp;
use supervisor::io::history::Step;
use supervisor::io::journal::Entry;
use supervisor::io::operator::{Answer, Events, Forecasts, Past, Request, Status};
use supervisor::twin::{Plan, Twin};

use crate::terminal::Window;

const WEEK: Duration = Duration::from_hours(7 * 24);
/// So much of the site's time passes between two answers.
const STEP: Duration = Duration::from_mins(2);
/// What the dashboard may hold more at the end of the week than at a tenth of it, in kB. Whoever kept a fifth of a kilobyte of
/// each of the thousands of answers would hold more.
const GROWTH_MAX_KB: u64 = 512;

/// A supervisor whose fleet lives so fast that a week passes in a minute: the twin, asked by the operators' protocol.
struct Feeder {
    twin: Twin,
    /// Records up to here were told, and the number of the newest.
    told: (Uptime, i64),
    /// How many thousandths of the week have passed.
    passed: Arc<AtomicU32>,
}

impl Feeder {
    fn new(passed: Arc<AtomicU32>) -> Self {
        let mut plan = Plan::demo().unwrap();
        // Coarse and unwatched, or a week would take long.
        (plan.told, plan.past_days, plan.field.step) = (false, 0, Duration::from_secs(10));
        let mut twin = Twin::new(plan, 1).unwrap();
        twin.advance_to(Uptime::from_secs(600)).unwrap();
        Self { twin, told: (Uptime::START, 0), passed }
    }

    fn serve(mut self, listener: &UnixListener) {
        while let Ok((stream, _)) = listener.accept() {
            // The dashboard's end of the conversation: the next one calls anew.
            let _ = self.converse(stream);
        }
    }

    fn converse(&mut self, stream: UnixStream) -> std::io::Result<()> {
        let mut write = stream.try_clone()?;
        for line in BufReader::new(stream).lines() {
            let request: Request = serde_json::from_str(&line?).unwrap();
            let mut answer = serde_json::to_vec(&self.answer(&request)).unwrap();
            answer.push(b'\n');
            write.write_all(&answer)?;
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request {
            Request::Status => self.pass().map_or_else(off, Answer::Status),
            Request::Forecast => {
                Answer::Forecast(Forecasts { schema: SCHEMA, supplies: self.twin.forecast() })
            }
            Request::Events { .. } => Answer::Events(Events { schema: SCHEMA, events: self.news() }),
            Request::History { .. } => {
                Answer::History(Past { schema: SCHEMA, step: Step::Minute, series: Vec::new() })
            }
            other => panic!("the dashboard asks {other:?}"),
        }
    }

    /// Lets time pass; how the fleet is then.
    fn pass(&mut self) -> Option<Status> {
        let end = Uptime::START + WEEK;
        self.twin.advance_to((self.twin.now() + STEP).min(end)).unwrap();
        let share = self.twin.now().since(Uptime::START).as_secs() * 1000 / WEEK.as_secs();
        self.passed.store(u32::try_from(share).unwrap(), Ordering::Relaxed);
        let fleet = self.twin.fleet()?;
        Some(Status { version: "0".to_owned(), pid: 1, listen: "127.0.0.1:7464".to_owned(), fleet })
    }

    fn news(&mut self) -> Vec<Entry> {
        let Some(fleet) = self.twin.fleet() else { return Vec::new() };
        // A supervisor that started again counts from its own beginning.
        if fleet.now < self.told.0 {
            self.told.0 = Uptime::START;
        }
        let time = Timestamp::from_millis(self.twin.wall().unix_seconds() * 1000);
        let mut news = Vec::new();
        for record in fleet.recent.iter().filter(|record| record.at > self.told.0) {
            self.told.1 += 1;
            news.push(Entry { number: Some(self.told.1), time, record: record.clone() });
        }
        self.told.0 = fleet.now;
        news
    }
}

/// The supervisor's node is off.
fn off() -> Answer {
    Answer::Error { message: "the supervisor is stopping".to_owned() }
}

/// What a process holds in memory now, in kB.
fn resident_kb(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Plays the week before a dashboard on a terminal; what it held at each of these thousandths of it, and what it drew last.
fn play(folder: &Path, marks: &[u32]) -> (Vec<u64>, vt100::Parser) {
    let socket = folder.join("week.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let passed = Arc::new(AtomicU32::new(0));
    let feeder = Feeder::new(Arc::clone(&passed));
    // Ends with the test's process: it waits for the next dashboard.
    std::thread::spawn(move || feeder.serve(&listener));
    let words = ["dashboard", "--every", "1 ms", "--socket", socket.to_str().unwrap()];
    let mut window = Window::open(&words, false);
    let mut screen = vt100::Parser::new(24, 80, 0);
    let mut held = Vec::new();
    for mark in marks {
        let drawn = window.read_while(|| passed.load(Ordering::Relaxed) < *mark);
        // A picture is drawn in whole: what stands there at last is what counts.
        screen.process(&drawn);
        held.push(resident_kb(window.process()));
    }
    (held, screen)
}

#[test]
fn a_dashboard_that_is_open_for_a_week_holds_no_more_than_on_its_first_day() {
    let folder = tempfile::tempdir().unwrap();
    let (held, screen) = play(folder.path(), &[20, 100, 300, 500, 700, 1000]);
    println!(
        "dashboard: resident after 2 %, 10 %, 30 %, 50 %, 70 % and all of a simulated week: {held:?} kB"
    );
    let picture = screen.screen().contents();
    assert!(picture.contains("node-7") && picture.contains("battery"), "it draws the fleet: {picture}");
    let (early, last) = (held[1], held[5]);
    assert!(last <= early + GROWTH_MAX_KB, "{early} kB on the first day, {last} kB at the end: {held:?}");
}
