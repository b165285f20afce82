//! `heliostat dashboard`: the board on this terminal, or on a serial line.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use super::console::{self, Console, Place};
use super::place::SocketArgs;
use crate::io::Clock;
use crate::io::feed::Feed;
use crate::tui::board::{Board, Heard, Lock, REDRAW, Rights, Wants};
use crate::tui::{Look, Screen, Turn};

/// What `dashboard` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Draw with nothing but ASCII
    #[arg(long)]
    ascii: bool,
    /// Draw without colours
    #[arg(long)]
    no_color: bool,
    /// Only show: take no orders
    #[arg(long)]
    read_only: bool,
    /// Take orders only from who knows the PIN in this file (one line, at least four characters)
    #[arg(long, value_name = "FILE", conflicts_with = "read_only")]
    pin_file: Option<PathBuf>,
    /// Show it at the other end of this serial line instead; there it takes orders only under a PIN
    #[arg(long, value_name = "DEVICE")]
    tty: Option<PathBuf>,
    /// The line's speed
    #[arg(long, default_value_t = 9600, requires = "tty", value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    baud: u32,
    /// The far screen's size, like 80x24; without it, the terminal is asked
    #[arg(long, value_name = "COLUMNSxROWS", requires = "tty", value_parser = size)]
    size: Option<(u16, u16)>,
    /// Ask the supervisor this often; on a thin line, more rarely costs less
    #[arg(long, value_name = "TIME", value_parser = pace)]
    every: Option<Duration>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// More rarely, and the board would call everything old (it does after 12 s).
fn pace(text: &str) -> Result<Duration, String> {
    let span = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
    let range = Duration::from_millis(1)..=Duration::from_secs(10);
    span.ok()
        .filter(|span| range.contains(span))
        .ok_or_else(|| "a time like \"1 s\" or \"500 ms\", from 1 ms to 10 s".to_owned())
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wanted = "columns x rows, like 80x24; from 60x16 to 400x200";
    let (columns, rows) = text.split_once('x').ok_or(wanted)?;
    match (columns.trim().parse(), rows.trim().parse()) {
        (Ok(columns @ 60..=400), Ok(rows @ 16..=200)) => Ok((columns, rows)),
        _ => Err(wanted.to_owned()),
    }
}

/// The supervisor is asked this often.
const PACE: Duration = Duration::from_secs(1);
/// A key, a signal or news is noticed within this time.
const WAIT: Duration = Duration::from_millis(100);

/// Shows the board until it is left.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let rights = args.rights()?;
    if let Some(tty) = &args.tty {
        let place = Place { tty: tty.clone(), baud: args.baud, size: args.size };
        let feed = Feed::start(args.socket.path(), args.every.unwrap_or(console::PACE))?;
        Console::new(place, rights, feed)?.run()?;
        return Ok(ExitCode::SUCCESS);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        bail!("the dashboard needs a terminal; for a script there is `heliostat status --json`");
    }
    let feed = Feed::start(args.socket.path(), args.every.unwrap_or(PACE))?;
    let mut screen = Screen::open()?;
    watch(&mut screen, Board::new(rights), &feed, Look::of_terminal(args.ascii, args.no_color))?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn rights(&self) -> anyhow::Result<Rights> {
        let Some(file) = &self.pin_file else {
            // Noise can press any key: on a line nobody gives orders without a PIN.
            let shows_only = self.read_only || self.tty.is_some();
            return Ok(if shows_only { Rights::ReadOnly } else { Rights::Operator });
        };
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let lock = Lock::new(text.trim()).with_context(|| {
            format!("{}: a PIN is 4 to 32 letters, digits or signs, without spaces", file.display())
        })?;
        Ok(Rights::Pin(lock))
    }
}

fn watch(screen: &mut Screen, mut board: Board, feed: &Feed, look: Look) -> anyhow::Result<()> {
    let clock = Clock::start();
    let mut drawn = None;
    loop {
        let mut news = drawn.is_none();
        while let Ok(heard) = feed.heard.try_recv() {
            board.hear(heard, clock.now());
            news = true;
        }
        board.tick(clock.now());
        let now = clock.now();
        if news || drawn.is_none_or(|drawn| now.since(drawn) >= REDRAW) {
            screen.draw(|frame| board.draw(frame.buffer_mut(), look, now))?;
            drawn = Some(now);
        }
        match screen.next(WAIT)? {
            Turn::Quit => return Ok(()),
            Turn::Redraw => drawn = None,
            Turn::Nothing => {}
            Turn::Key(key) => {
                drawn = None;
                match board.press(key, clock.now()) {
                    Wants::Quit => return Ok(()),
                    Wants::Repaint => screen.repaint()?,
                    Wants::Nothing => {}
                    Wants::Ask(asked) => {
                        if feed.orders.send(*asked).is_err() {
                            board.hear(Heard::NoAnswer("the feed has ended".to_owned()), clock.now());
                        }
                    }
                }
            }
        }
    }
}
