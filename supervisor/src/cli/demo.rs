//! `heliostat demo`: a simulated site in the terminal, or its summary.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use protocol::Uptime;

use crate::tui::scene::DAY_S;
use crate::tui::{Input, Look, Screen, picture, svg};
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
const KEYS: &str = "q quits";
/// Between two lines about the whole site, where there is no terminal.
const PLAIN_STEP: Duration = Duration::from_hours(1);

/// Plays the site.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.days > 0.0 && args.days <= DAYS_MAX,
        "--days {}: from 0 to {DAYS_MAX} are possible",
        args.days
    );
    ensure!(
        (1.0..=1e7).contains(&args.speed),
        "--speed {}: from 1 (as fast as life) to 10000000 are possible",
        args.speed
    );
    let mut twin = Twin::new(Plan::demo()?, args.seed)?;
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

/// On a terminal: the picture, until the end or `q`.
fn play(twin: &mut Twin, args: &Args, end: Uptime) -> anyhow::Result<()> {
    let look = look(args);
    let mut screen = Screen::open()?;
    let (mut speed, mut paused) = (args.speed, false);
    let mut last = Instant::now();
    while twin.now() < end {
        let frame = Instant::now();
        if !paused {
            let target = (twin.now() + last.elapsed().min(FRAME_WORK_MAX).mul_f64(speed)).min(end);
            advance(twin, target, frame)?;
        }
        last = frame;
        let pace = if paused { "paused (space goes on)".to_owned() } else { pace(speed) };
        screen.show(&twin.scene(pace, KEYS, args.days), look)?;
        match screen.next(FRAME.saturating_sub(frame.elapsed()))? {
            Input::Quit => break,
            Input::Pause => paused = !paused,
            Input::Faster => speed = (speed * 2.0).min(1e7),
            Input::Slower => speed = (speed / 2.0).max(1.0),
            // However long the program was stopped, the site's time was too.
            Input::Redraw => last = Instant::now(),
            Input::Nothing => {}
        }
    }
    Ok(())
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

/// What this terminal can show. An empty variable counts as none, as everywhere.
fn look(args: &Args) -> Look {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let terminal = variable("TERM").unwrap_or_default();
    let locale = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
    let unicode = locale.is_none_or(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let plain = ["linux", "dumb"].contains(&terminal.as_str()) || terminal.starts_with("vt");
    let monochrome = terminal == "dumb" || terminal.starts_with("vt");
    Look {
        ascii: args.ascii || plain || !unicode,
        colour: !args.no_color && !monochrome && variable("NO_COLOR").is_none(),
    }
}
