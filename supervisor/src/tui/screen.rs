//! The real terminal: taken over on opening, given back on every way out.
//!
//! Ways out: [`Screen`] dropped (also by an error on its way up), a panic (a hook restores before the message is
//! printed), SIGTERM, SIGINT, SIGHUP (they arrive as [`Input::Quit`]), SIGTSTP (restored before stopping, taken again
//! on continuing).
#![allow(clippy::disallowed_methods, reason = "this is io: it owns the terminal and a thread for signals")]

use std::io::{self, Stdout, Write};
use std::sync::Once;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use tokio::signal::unix::{SignalKind, signal};

use super::{Look, Scene, show};

/// What the person at the terminal, or a signal, asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing within the time, or something without a meaning here.
    Nothing,
    /// End.
    Quit,
    /// Stop the time, or let it go on.
    Pause,
    /// Time is to pass faster.
    Faster,
    /// Time is to pass slower.
    Slower,
    /// Draw again: the size changed, or the terminal was taken again.
    Redraw,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Quit,
    Suspend,
}

/// The terminal, while it is ours.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    signals: Receiver<Asked>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// If standard output is no terminal or cannot be set up; it is then left as it was.
    pub fn open() -> io::Result<Self> {
        restore_on_panic();
        let signals = watch_signals()?;
        take().inspect_err(|_| give_back())?;
        match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => Ok(Self { terminal, signals }),
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

    /// Waits for a key or a signal, at most so long.
    ///
    /// # Errors
    ///
    /// If the terminal is gone.
    pub fn next(&mut self, wait: Duration) -> io::Result<Input> {
        let key = if event::poll(wait)? { input(&event::read()?) } else { Input::Nothing };
        match self.signals.try_recv() {
            Ok(Asked::Quit) => Ok(Input::Quit),
            Ok(Asked::Suspend) => self.suspend(),
            Err(_) => Ok(key),
        }
    }

    /// Gives the terminal back, stops as the shell expects, and takes it again when continued.
    fn suspend(&mut self) -> io::Result<Input> {
        give_back();
        kill_process(getpid(), Signal::STOP)?;
        take()?;
        self.terminal.clear()?;
        Ok(Input::Redraw)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
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

/// Listens for signals on a thread of its own, which ends with the program.
fn watch_signals() -> io::Result<Receiver<Asked>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (sender, receiver) = mpsc::channel();
    // Registered before the terminal is taken: a signal in between must not kill us with the terminal broken.
    let (ready, registered) = mpsc::channel();
    thread::spawn(move || runtime.block_on(forward_signals(&sender, &ready)));
    registered.recv().map_err(io::Error::other)??;
    Ok(receiver)
}

/// Turns signals into [`Asked`], until nobody listens.
async fn forward_signals(sender: &Sender<Asked>, ready: &Sender<io::Result<()>>) {
    let all = || -> io::Result<_> {
        Ok((
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
        ))
    };
    let (mut terminate, mut interrupt, mut hangup, mut stop) = match all() {
        Ok(all) => all,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    loop {
        let asked = tokio::select! {
            _ = terminate.recv() => Asked::Quit,
            _ = interrupt.recv() => Asked::Quit,
            _ = hangup.recv() => Asked::Quit,
            _ = stop.recv() => Asked::Suspend,
        };
        if sender.send(asked).is_err() {
            return;
        }
    }
}

/// What a terminal event means.
fn input(event: &Event) -> Input {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_input(*key),
        Event::Resize(..) => Input::Redraw,
        _ => Input::Nothing,
    }
}

/// What a key means. Ctrl-Z becomes the signal that it would be outside raw mode, for the whole job.
fn key_input(key: KeyEvent) -> Input {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Input::Quit,
        KeyCode::Char('z') if control => {
            // If it cannot be sent, the key did nothing: the person sees that at once.
            let _ = kill_current_process_group(Signal::TSTP);
            Input::Nothing
        }
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Input::Quit,
        KeyCode::Char(' ' | 'p') => Input::Pause,
        KeyCode::Char('+' | '=') | KeyCode::Right => Input::Faster,
        KeyCode::Char('-') | KeyCode::Left => Input::Slower,
        _ => Input::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_that_end_a_program_end_this_one() {
        for event in [
            key(KeyCode::Char('q'), KeyModifiers::NONE),
            key(KeyCode::Esc, KeyModifiers::NONE),
            key(KeyCode::Char('c'), KeyModifiers::CONTROL),
        ] {
            assert_eq!(input(&event), Input::Quit);
        }
        assert_eq!(input(&key(KeyCode::Char('c'), KeyModifiers::NONE)), Input::Nothing);
    }

    #[test]
    fn a_new_size_is_drawn_again() {
        assert_eq!(input(&Event::Resize(100, 30)), Input::Redraw);
    }
}
