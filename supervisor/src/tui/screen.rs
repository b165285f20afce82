//! The real terminal: taken over on opening, given back on every way out.
//!
//! Ways out: [`Screen`] dropped (also by an error on its way up), a panic (a hook restores before the message is
//! printed), SIGTERM, SIGINT, SIGHUP (they arrive as [`Turn::Quit`]), SIGTSTP (restored before stopping, taken again
//! on continuing).
#![allow(clippy::disallowed_methods, reason = "this is io: it owns the terminal")]

use std::io::{self, IsTerminal, Stdout, Write};
use std::sync::Once;
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};

use super::signals::{Asked, Signals};
use super::{Key, Look, Scene, show};

/// What came of waiting for the person at the terminal, or for a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing within the time, or something without a meaning here.
    Nothing,
    /// A key.
    Key(Key),
    /// A signal asks for the end.
    Quit,
    /// Draw again: the size changed, or the terminal was taken again.
    Redraw,
}

/// The terminal, while it is ours.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    signals: Signals,
    /// Keys come from standard input; otherwise crossterm looks for the terminal by itself.
    keys_on_input: bool,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// If standard output is no terminal or cannot be set up; it is then left as it was.
    pub fn open() -> io::Result<Self> {
        restore_on_panic();
        let signals = Signals::watch()?;
        take().inspect_err(|_| give_back())?;
        match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => {
                let keys_on_input = io::stdin().is_terminal();
                Ok(Self { terminal, signals, keys_on_input })
            }
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws the scene.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn show(&mut self, scene: &Scene, look: Look) -> io::Result<()> {
        show(&mut self.terminal, scene, look)
    }

    /// Draws whatever is painted on the frame.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(paint).map(|_| ())
    }

    /// Has the next drawing paint every cell: something else wrote on the terminal.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Waits for a key or a signal, at most so long.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn next(&mut self, wait: Duration) -> io::Result<Turn> {
        let key = if self.has_event(wait)? { turn(&event::read()?) } else { Turn::Nothing };
        match self.signals.next() {
            Some(Asked::Quit) => Ok(Turn::Quit),
            Some(Asked::Suspend) => self.suspend(),
            None => Ok(key),
        }
    }

    /// Whether a key or another size is there, after so long at the most.
    ///
    /// The wait is ours: crossterm reads the end of a terminal that hung up for ever, so it may only be asked while there is
    /// somebody at the other end.
    fn has_event(&self, wait: Duration) -> io::Result<bool> {
        if !self.keys_on_input {
            return event::poll(wait);
        }
        // What crossterm has already read does not show on the terminal.
        wait_for_input(Duration::ZERO)?;
        if event::poll(Duration::ZERO)? {
            return Ok(true);
        }
        wait_for_input(wait)?;
        event::poll(Duration::ZERO)
    }

    /// Gives the terminal back, stops as the shell expects, and takes it again when continued.
    fn suspend(&mut self) -> io::Result<Turn> {
        give_back();
        kill_process(getpid(), Signal::STOP)?;
        take()?;
        self.terminal.clear()?;
        Ok(Turn::Redraw)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Waits until something can be read from standard input, or a signal came, at most so long.
fn wait_for_input(most: Duration) -> io::Result<()> {
    let input = io::stdin();
    let mut polled = [PollFd::new(&input, PollFlags::IN)];
    let most = Timespec {
        tv_sec: most.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    match poll(&mut polled, Some(&most)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let gone = polled.iter().any(|input| input.revents().intersects(PollFlags::HUP | PollFlags::ERR));
    if gone { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone")) } else { Ok(()) }
}

/// Raw mode and the alternate screen.
fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Back to what the shell had. Errors are of no use here: there is nothing left to try.
fn give_back() {
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    let _ = io::stdout().flush();
    let _ = disable_raw_mode();
}

/// Restores the terminal before a panic's message is printed, so that it can be read.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

/// What a terminal event means. Ctrl-Z becomes the signal that it would be outside raw mode, for the whole job.
fn turn(event: &Event) -> Turn {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => Turn::Nothing,
        Event::Key(key)
            if key.code == KeyCode::Char('z') && key.modifiers.contains(KeyModifiers::CONTROL) =>
        {
            // If it cannot be sent, the key did nothing: the person sees that at once.
            let _ = kill_current_process_group(Signal::TSTP);
            Turn::Nothing
        }
        Event::Key(key) => Key::of_event(*key).map_or(Turn::Nothing, Turn::Key),
        Event::Resize(..) => Turn::Redraw,
        _ => Turn::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[test]
    fn a_new_size_is_drawn_again_and_a_key_is_a_key() {
        assert_eq!(turn(&Event::Resize(100, 30)), Turn::Redraw);
        let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(turn(&Event::Key(key)), Turn::Key(Key::Interrupt));
    }
}
