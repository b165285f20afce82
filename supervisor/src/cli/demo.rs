//! `heliostat demo`: a simulated site in the terminal, or its summary.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::Uptime;

use crate::io::journal::Entry;
use crate::io::operator::Status;
use crate::io::{Clock, Timestamp};
use crate::tui::board::{Board, CurvePoint, Heard, Rights, Wants};
use crate::tui::scene::{DAY_S, StripSample};
use crate::tui::{Key, Look, Screen, Turn, picture, svg};
use crate::twin::{Plan, Twin};

/// What `demo` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many days of the site to play
    #[arg(long, default_value_t = 2.0)]
    days: f64,
    /// Which story: the same seed is the same weather, noise and mishaps
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many times faster than life
    #[arg(long, default_value_t = SPEED)]
    speed: f64,
    /// Show nothing on the way, print the summary
    #[arg(long)]
    headless: bool,
    /// Print the summary as JSON (means --headless)
    #[arg(long)]
    json: bool,
    /// Draw with nothing but ASCII
    #[arg(long)]
    ascii: bool,
    /// Draw without colours
    #[arg(long)]
    no_color: bool,
    /// Write the picture at the end of the run to this file, as SVG (means --headless)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Days that fit the site's clock, with room.
const DAYS_MAX: f64 = 3650.0;
/// Between two frames.
const FRAME: Duration = Duration::from_millis(50);
/// The most that is computed for one frame, so that keys stay quick on a slow machine.
const FRAME_WORK_MAX: Duration = Duration::from_millis(120);
/// What is computed between two looks at the clock.
const BITE: Duration = Duration::from_mins(1);
/// The size of [`Args::picture`], in characters.
const PICTURE: (u16, u16) = (104, 44);
/// Two days in a minute.
const SPEED: f64 = 2880.0;
/// The key that everybody looks for.
const KEYS: &str = "Tab dashboard  q quits";
/// The dashboard behind the demo asks for the plan this often, in the site's time.
const PLAN_STEP: Duration = Duration::from_mins(10);
/// Between two lines about the whole site, where there is no terminal.
const PLAIN_STEP: Duration = Duration::from_hours(1);

/// Plays the site.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.days > 0.0 && args.days <= DAYS_MAX,
        "--days {}: more than 0 and up to {DAYS_MAX} are possible",
        args.days
    );
    ensure!(
        (1.0..=1e7).contains(&args.speed),
        "--speed {}: from 1 (as fast as life) to 10000000 are possible",
        args.speed
    );
    let plan = Plan::demo()?;
    if io::stdout().is_terminal() {
        let days = plan.past_days;
        eprintln!(
            "First the {days} days before, unseen: in them the supervisor learns its panel and its loads."
        );
    }
    let mut twin = Twin::new(plan, args.seed)?;
    let end = Uptime::START + Duration::from_secs((args.days * f64::from(DAY_S)) as u64);
    if let Some(file) = &args.picture {
        twin.advance_to(end)?;
        return write_picture(&twin, args.days, file);
    }
    if args.headless || args.json {
        twin.advance_to(end)?;
    } else if io::stdout().is_terminal() {
        play(&mut twin, args, end)?;
    } else {
        tell(&mut twin, end)?;
    }
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &twin.summary())?;
        writeln!(out)?;
    } else {
        write!(out, "{}", twin.summary())?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// On a terminal: the picture, and behind it the dashboard, until `q`.
fn play(twin: &mut Twin, args: &Args, end: Uptime) -> anyhow::Result<()> {
    let look = Look::of_terminal(args.ascii, args.no_color);
    let mut screen = Screen::open()?;
    let mut player = Player { speed: args.speed, paused: false, ended: false, board: None };
    let clock = Clock::start();
    let mut last = Instant::now();
    // At the end time stands still: whoever reads on is not thrown out.
    loop {
        let frame = Instant::now();
        player.ended = twin.now() >= end;
        if !player.paused && !player.ended {
            let target = (twin.now() + last.elapsed().min(FRAME_WORK_MAX).mul_f64(player.speed)).min(end);
            advance(twin, target, frame)?;
        }
        last = frame;
        let pace = player.pace();
        match &mut player.board {
            Some(seat) => {
                seat.look(twin, &pace, clock.now());
                screen.draw(|frame| seat.board.draw(frame.buffer_mut(), look, clock.now()))?;
            }
            None => screen.show(&twin.scene(pace, KEYS, args.days), look)?,
        }
        match screen.next(FRAME.saturating_sub(frame.elapsed()))? {
            Turn::Quit => break,
            Turn::Key(key) => {
                if player.press(key, clock.now()) == Wants::Quit {
                    break;
                }
            }
            // However long the program was stopped, the site's time was too.
            Turn::Redraw => last = Instant::now(),
            Turn::Nothing => {}
        }
    }
    Ok(())
}

/// How the demo is played.
struct Player {
    speed: f64,
    paused: bool,
    /// All days were played.
    ended: bool,
    /// The dashboard, while it is in front.
    board: Option<Seat>,
}

impl Player {
    /// Takes a key: time is the demo's, everything else is the dashboard's while that is in front.
    fn press(&mut self, key: Key, now: Uptime) -> Wants {
        match (key, &mut self.board) {
            (Key::Char(' '), _) => self.paused = !self.paused,
            (Key::Char('+' | '='), _) | (Key::Right, None) => self.speed = (self.speed * 2.0).min(1e7),
            (Key::Char('-'), _) | (Key::Left, None) => self.speed = (self.speed / 2.0).max(1.0),
            (Key::Escape, Some(seat)) if seat.board.is_at_start() => self.board = None,
            (key, Some(seat)) => return seat.board.press(key, now),
            // Two days in a minute is too fast to read by.
            (Key::Tab | Key::Enter, None) => (self.board, self.paused) = (Some(Seat::new()), true),
            (Key::Char('q' | 'Q') | Key::Escape | Key::Interrupt, None) => return Wants::Quit,
            (_, None) => {}
        }
        Wants::Nothing
    }

    fn pace(&self) -> String {
        match (self.ended, self.paused) {
            (true, _) => "the end (q quits)".to_owned(),
            (false, true) => "paused (space goes on)".to_owned(),
            (false, false) => pace(self.speed),
        }
    }
}

/// The dashboard of the site's supervisor.
struct Seat {
    board: Board,
    /// Records up to here were shown.
    told: Uptime,
    /// Whether the hours before were shown.
    remembers: bool,
    /// When the plan was asked for, in the site's time.
    planned: Option<Uptime>,
}

impl Seat {
    fn new() -> Self {
        Self { board: Board::new(Rights::ReadOnly), told: Uptime::START, remembers: false, planned: None }
    }

    /// Tells the board how it is.
    fn look(&mut self, twin: &Twin, pace: &str, now: Uptime) {
        let Some(fleet) = twin.fleet() else {
            let why = "the supervisor's node is off: agents go on by their own readings".to_owned();
            self.board.hear(Heard::Lost(why), now);
            return;
        };
        let wall = Timestamp::from_millis(twin.wall().unix_seconds().saturating_mul(1000));
        // A supervisor that started again counts from its own beginning.
        if fleet.now < self.told {
            self.told = Uptime::START;
        }
        let at = |at: Uptime| wall.earlier(fleet.now.since(at));
        let new = fleet.recent.iter().filter(|record| record.at > self.told);
        let events =
            new.map(|record| Entry { number: None, time: at(record.at), record: record.clone() }).collect();
        self.told = fleet.now;
        if self.planned.is_none_or(|planned| twin.now().since(planned) >= PLAN_STEP) {
            self.planned = Some(twin.now());
            self.board.hear(Heard::Forecast(twin.forecast()), now);
        }
        let status = Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listen: format!("demo, {pace},"),
            fleet,
        };
        if !std::mem::replace(&mut self.remembers, true) {
            for supply in &status.fleet.supplies {
                self.board.hear(Heard::Curve(supply.name.clone(), course(twin, wall)), now);
            }
        }
        self.board.hear(Heard::Events(events), now);
        self.board.hear(Heard::Status(Box::new(status), wall), now);
    }
}

/// The charge so far, as the supervisor's history has it.
fn course(twin: &Twin, wall: Timestamp) -> Vec<CurvePoint> {
    let now = twin.time().seconds;
    let point = |sample: &StripSample| {
        let ago = Duration::from_secs(now.saturating_sub(sample.time.seconds).into());
        CurvePoint { millis: wall.earlier(ago).as_millis(), soc: sample.soc }
    };
    twin.chronicle().strip.iter().map(point).collect()
}

/// How fast time passes, and how to change that.
fn pace(speed: f64) -> String {
    format!("{speed:.0}x (space pauses, +- speed)")
}

/// Lets the site's time pass, at most for as long as a frame may take.
fn advance(twin: &mut Twin, target: Uptime, frame: Instant) -> anyhow::Result<()> {
    while twin.now() < target && frame.elapsed() < FRAME_WORK_MAX {
        let next = (twin.now() + BITE).min(target);
        twin.advance_to(next)?;
    }
    Ok(())
}

/// Without a terminal: every decision as a line, and the site once an hour.
fn tell(twin: &mut Twin, end: Uptime) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let mut told = 0;
    while twin.now() < end {
        let next = (twin.now() + PLAIN_STEP).min(end);
        twin.advance_to(next)?;
        let said = twin.chronicle().said();
        for decision in twin.chronicle().decisions_since(told) {
            let (day, clock) = (decision.time.day(), decision.time.clock());
            writeln!(out, "day {day} {clock} {:<8} {}", decision.node, decision.text)?;
        }
        told = said;
        let time = twin.time();
        let (day, clock, daylight) = (time.day(), time.clock(), twin.daylight());
        writeln!(out, "day {day} {clock} {daylight}: {}", twin.now_in_words())?;
    }
    Ok(())
}

/// The picture of this moment as a file.
fn write_picture(twin: &Twin, days: f64, file: &Path) -> anyhow::Result<ExitCode> {
    std::fs::write(file, svg_of(twin, days)?).with_context(|| file.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// The picture of this moment as SVG.
pub(crate) fn svg_of(twin: &Twin, days: f64) -> io::Result<String> {
    let scene = twin.scene(pace(SPEED), KEYS, days);
    Ok(svg::svg(&picture(&scene, Look::default(), PICTURE.0, PICTURE.1)?))
}

/// What the dashboard behind the demo shows: the overview, or the page of a node.
#[cfg(test)]
pub(crate) fn board_of(twin: &Twin, size: (u16, u16), node: &[&str]) -> String {
    let mut seat = Seat::new();
    seat.look(twin, "", Uptime::START);
    let mut press = |key| drop(seat.board.press(key, Uptime::START));
    for name in node {
        let place =
            twin.fleet().and_then(|fleet| fleet.nodes.iter().position(|known| known.name.as_str() == *name));
        (0..place.unwrap_or_default()).for_each(|_| press(Key::Down));
        press(Key::Enter);
    }
    let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, size.0, size.1));
    seat.board.draw(&mut buffer, Look { ascii: true, colour: false }, Uptime::START);
    let rows = buffer.content.chunks(usize::from(size.0));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_while_somebody_reads_and_goes_on_when_they_say_so() {
        let mut player = Player { speed: SPEED, paused: false, ended: false, board: None };
        player.press(Key::Tab, Uptime::START);
        assert!(player.board.is_some() && player.paused, "why a node was shed is read at leisure");
        player.press(Key::Char(' '), Uptime::START);
        assert!(!player.paused);
        player.press(Key::Escape, Uptime::START);
        assert!(player.board.is_none());
        player.ended = true;
        assert_eq!(player.pace(), "the end (q quits)");
        assert_eq!(player.press(Key::Char('q'), Uptime::START), Wants::Quit);
    }
}
