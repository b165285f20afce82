//! The dashboard at the end of a serial line: in small bites, for as long as the program runs, whatever happens to the
//! line.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use protocol::Uptime;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::io::Clock;
use crate::io::feed::Feed;
use crate::io::line::Line;
use crate::tui::board::{Board, Heard, Rights, Wants};
use crate::tui::serial::{Paper, Pulse, Typed, Word};
use crate::tui::{Key, Look, Signals};

/// What a screen that stands still costs, in bytes a second: news and rows that are written anew together.
const CALM: f64 = 194.0;
/// The same for a terminal that does not say whether it still shows the picture: rows that are written anew must come round
/// within ten seconds, whatever it lost.
const CALM_MUTE: f64 = 198.0;
/// Of what the line carries, so much is used while somebody waits for a picture.
const SHARE: f64 = 0.9;
/// Who pressed a key is waiting for so long.
const LIVELY_FOR: Duration = Duration::from_secs(2);
/// How much may be saved up to be written at once.
const BURST: f64 = 300.0;
/// The line is looked at this often.
const WAIT: Duration = Duration::from_millis(50);
/// A line that is gone is tried again this often.
const AGAIN: Duration = Duration::from_secs(1);
/// Noise has the picture written anew at once, but no more often than this.
const NOISE_SPACING: Duration = Duration::from_secs(5);
/// A terminal that does not answer how large it is within this time does not answer at all.
const SIZE_WITHIN: Duration = Duration::from_secs(2);
/// Columns and rows that a terminal can have; an answer beyond them is noise.
const SIZES: (RangeInclusive<u16>, RangeInclusive<u16>) = (20..=400, 4..=200);
/// The size of a VT100.
const SIZE: (u16, u16) = (80, 24);
/// The supervisor is asked this often: more would not fit through the line.
pub(super) const PACE: Duration = Duration::from_secs(5);
/// A VT100.
const LOOK: Look = Look { ascii: true, colour: false };

/// Which line, and how.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) tty: PathBuf,
    pub(super) baud: u32,
    /// Columns and rows; asked of the terminal when nobody says.
    pub(super) size: Option<(u16, u16)>,
}

/// The dashboard on a line.
pub(super) struct Console {
    place: Place,
    clock: Clock,
    signals: Signals,
    feed: Feed,
    board: Board,
    paper: Paper,
    pulse: Pulse,
    typed: Typed,
    /// Bytes that the line did not take yet.
    waiting: Vec<u8>,
    /// Bytes that may be written now, and since when that is counted.
    allowance: f64,
    counted: Uptime,
    key_at: Option<Uptime>,
    noise_at: Option<Uptime>,
    sized: Option<Uptime>,
}

impl Console {
    pub(super) fn new(place: Place, rights: Rights, feed: Feed) -> anyhow::Result<Self> {
        let (width, height) = place.size.unwrap_or(SIZE);
        let clock = Clock::start();
        Ok(Self {
            place,
            signals: Signals::watch()?,
            feed,
            board: Board::new(rights),
            paper: Paper::new(width, height),
            pulse: Pulse::default(),
            typed: Typed::default(),
            waiting: Vec::new(),
            allowance: 0.0,
            counted: clock.now(),
            clock,
            key_at: None,
            noise_at: None,
            sized: None,
        })
    }

    /// Shows the board until a signal ends the program. The first opening must succeed: a name that is mistyped is no
    /// line that comes back.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut line = Some(Line::open(&self.place.tty, self.place.baud)?);
        let mut gone = self.clock.now();
        self.begin();
        loop {
            if self.signals.asks_to_quit() {
                if let Some(line) = &mut line {
                    // The last word: if the line does not take it, nobody is there to read it.
                    let _ = line.write(Paper::leave());
                }
                return Ok(());
            }
            self.hear();
            if let Some(open) = &mut line {
                if let Err(error) = self.turn(open) {
                    eprintln!("heliostat: {}: {error}: waiting for it", self.place.tty.display());
                    (line, gone) = (None, self.clock.now());
                }
            } else {
                std::thread::sleep(WAIT);
                if self.clock.now().since(gone) >= AGAIN {
                    gone = self.clock.now();
                    line = Line::open(&self.place.tty, self.place.baud).ok();
                    self.begin();
                }
            }
        }
    }

    /// Nothing is known of the far end.
    fn begin(&mut self) {
        self.paper.forget();
        self.waiting.clear();
        self.pulse = Pulse::default();
        (self.typed, self.noise_at, self.key_at) = (Typed::default(), None, None);
        (self.allowance, self.counted) = (BURST, self.clock.now());
        self.sized = self.place.size.is_none().then(|| self.clock.now());
        if self.sized.is_some() {
            self.waiting.extend_from_slice(Paper::ask_size());
        }
    }

    fn hear(&mut self) {
        let now = self.clock.now();
        while let Ok(heard) = self.feed.heard.try_recv() {
            self.board.hear(heard, now);
        }
        self.board.tick(now);
    }

    /// Reads what came, and writes what fits.
    fn turn(&mut self, line: &mut Line) -> std::io::Result<()> {
        for byte in line.read(WAIT)? {
            let now = self.clock.now();
            if let Some(word) = self.typed.take(byte, now) {
                self.on_word(word, now);
            }
        }
        let now = self.clock.now();
        if let Some(word) = self.typed.wait(now) {
            self.on_word(word, now);
        }
        // The picture waits for the size that it is to have, but not for ever.
        if self.sized.is_some_and(|asked| now.since(asked) < SIZE_WITHIN) && self.waiting.is_empty() {
            return Ok(());
        }
        if self.waiting.is_empty() {
            self.compose(now);
        }
        let written = line.write(&self.waiting)?;
        self.waiting.drain(..written);
        Ok(())
    }

    fn on_word(&mut self, word: Word, now: Uptime) {
        match word {
            // Who sits at the far end cannot end the program that serves the line, nor can noise.
            Word::Key(Key::Interrupt) => {}
            Word::Key(key) => {
                self.key_at = Some(now);
                match self.board.press(key, now) {
                    Wants::Repaint => self.begin(),
                    Wants::Ask(asked) => {
                        if self.feed.orders.send(*asked).is_err() {
                            self.board.hear(Heard::NoAnswer("the feed has ended".to_owned()), now);
                        }
                    }
                    Wants::Quit | Wants::Nothing => {}
                }
            }
            Word::Cursor(width, height) if self.sized.is_some() => {
                self.sized = None;
                let sane = SIZES.0.contains(&width) && SIZES.1.contains(&height);
                if sane && self.paper.size() != (width, height) {
                    self.paper = Paper::new(width, height);
                }
            }
            Word::Cursor(_, row) => {
                if self.pulse.answered(row, self.paper.size().1) {
                    self.disturbed(now);
                }
            }
            // What disturbed our ears disturbed the far screen, too.
            Word::Noise => self.disturbed(now),
        }
    }

    /// The far screen may show anything: it is written anew at once, but not again and again.
    fn disturbed(&mut self, now: Uptime) {
        if self.noise_at.is_none_or(|at| now.since(at) >= NOISE_SPACING) {
            self.noise_at = Some(now);
            self.paper.forget();
        }
    }

    /// The next bytes, as many as the line may carry now.
    fn compose(&mut self, now: Uptime) {
        let (width, height) = self.paper.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        self.board.draw(&mut buffer, LOOK, now);
        self.paper.want(&buffer);
        let mute = self.pulse.is_mute();
        if mute {
            self.paper.thin();
        }
        let lively = self.key_at.is_some_and(|at| now.since(at) < LIVELY_FOR) || self.paper.has_unknown();
        let full = f64::from(self.place.baud) / 10.0 * SHARE;
        let calm = if mute { CALM_MUTE } else { CALM };
        let rate = if lively { full } else { calm.min(full) };
        let since = now.since(self.counted).as_secs_f64();
        self.counted = now;
        self.allowance = (self.allowance + since * rate).min(BURST.max(full * WAIT.as_secs_f64()));
        if self.allowance < 1.0 {
            return;
        }
        let most = self.allowance as usize;
        // Where nobody answers, each row tells its news in its turn.
        let bytes = if !self.paper.is_settled() && (lively || !mute) {
            self.paper.changes(most)
        } else if let Some(question) = self.pulse.ask(now) {
            question
        } else {
            self.scrub(most, lively)
        };
        self.allowance -= bytes.len() as f64;
        self.waiting = bytes;
    }

    /// While nothing else is to be written, the next row is written anew.
    fn scrub(&mut self, most: usize, lively: bool) -> Vec<u8> {
        // Somebody who waits is not to wait for that; a row is begun when it is paid for.
        if lively || most < usize::from(self.paper.size().0) {
            Vec::new()
        } else {
            self.paper.scrub(1, self.pulse.is_mute())
        }
    }
}
