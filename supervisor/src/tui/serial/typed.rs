//! Keys from the bytes of a serial line: what a VT100 sends, and what noise looks like.

use std::time::Duration;

use protocol::Uptime;

use crate::tui::Key;

/// A key's bytes follow each other at once; an ESC that stands alone for so long was Escape.
const ALONE: Duration = Duration::from_millis(120);
/// No sequence is longer.
const SEQUENCE_MAX: usize = 12;

/// Something that came over the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A key.
    Key(Key),
    /// Where the far screen's cursor is, as asked for: column and row, counted from one.
    Cursor(u16, u16),
    /// Bytes that no terminal sends.
    Noise,
}

/// What was typed so far.
#[derive(Debug, Default)]
pub struct Typed {
    /// A sequence that has begun, from its ESC.
    begun: Vec<u8>,
    since: Option<Uptime>,
}

impl Typed {
    /// Takes one byte that came at `now`.
    pub fn take(&mut self, byte: u8, now: Uptime) -> Option<Word> {
        if !self.begun.is_empty() {
            return self.go_on(byte);
        }
        Some(Word::Key(match byte {
            b'\x1b' => {
                self.begun.push(byte);
                self.since = Some(now);
                return None;
            }
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            0x08 | 0x7f => Key::Backspace,
            0x03 => Key::Interrupt,
            0x0c => Key::Repaint,
            // XON, XOFF and padding: terminals send them, and they are no keys.
            0x00 | 0x11 | 0x13 => return None,
            b' '..=b'~' => Key::Char(char::from(byte)),
            _ => return Some(Word::Noise),
        }))
    }

    /// Time has passed: an ESC that stayed alone was Escape, a sequence that did not end was noise.
    pub fn wait(&mut self, now: Uptime) -> Option<Word> {
        let since = self.since.filter(|since| now.since(*since) >= ALONE)?;
        debug_assert!(now >= since);
        self.since = None;
        let alone = self.begun.len() == 1;
        self.begun.clear();
        Some(if alone { Word::Key(Key::Escape) } else { Word::Noise })
    }

    fn go_on(&mut self, byte: u8) -> Option<Word> {
        self.begun.push(byte);
        let word = match self.begun.as_slice() {
            [_, b'[' | b'O'] => return None,
            [_, b'[', .., b'0'..=b'9' | b';'] if self.begun.len() < SEQUENCE_MAX => return None,
            [_, b'[' | b'O', b'A'] => Word::Key(Key::Up),
            [_, b'[' | b'O', b'B'] => Word::Key(Key::Down),
            [_, b'[' | b'O', b'C'] => Word::Key(Key::Right),
            [_, b'[' | b'O', b'D'] => Word::Key(Key::Left),
            [_, b'[' | b'O', b'H'] | [_, b'[', b'1' | b'7', b'~'] => Word::Key(Key::Home),
            [_, b'[' | b'O', b'F'] | [_, b'[', b'4' | b'8', b'~'] => Word::Key(Key::End),
            [_, b'O', b'M'] => Word::Key(Key::Enter),
            [_, b'[', b'5', b'~'] => Word::Key(Key::PageUp),
            [_, b'[', b'6', b'~'] => Word::Key(Key::PageDown),
            [_, b'[', numbers @ .., b'R'] => cursor(numbers).unwrap_or(Word::Noise),
            _ => Word::Noise,
        };
        self.begun.clear();
        self.since = None;
        Some(word)
    }
}

/// `24;80` as a place that a terminal can have.
fn cursor(numbers: &[u8]) -> Option<Word> {
    let (rows, columns) = std::str::from_utf8(numbers).ok()?.split_once(';')?;
    let (rows, columns): (u16, u16) = (rows.parse().ok()?, columns.parse().ok()?);
    ((1..=200).contains(&rows) && (1..=400).contains(&columns)).then_some(Word::Cursor(columns, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(bytes: &[u8]) -> Vec<Word> {
        let mut typed = Typed::default();
        let mut words: Vec<Word> = bytes.iter().filter_map(|byte| typed.take(*byte, Uptime::START)).collect();
        words.extend(typed.wait(Uptime::START + Duration::from_secs(1)));
        words
    }

    #[test]
    fn keys_of_a_vt100_and_of_an_xterm_are_known() {
        use Key::{Char, Down, Enter, Escape, Home, PageUp, Up};
        let keys = words(b"\x1b[A\x1bOB\x1b[5~\x1b[1~\x1b[Hq\r\x1b");
        let wanted = [Up, Down, PageUp, Home, Home, Char('q'), Enter, Escape].map(Word::Key);
        assert_eq!(keys, wanted);
    }

    #[test]
    fn the_answer_to_where_is_the_cursor_is_understood() {
        assert_eq!(words(b"\x1b[24;80R"), [Word::Cursor(80, 24)]);
        for absurd in [&b"\x1b[0;0R"[..], b"\x1b[24R", b"\x1b[9999;80R", b"\x1b[;R", b"\x1b[24;80;1R"] {
            assert_eq!(words(absurd), [Word::Noise], "{absurd:?}");
        }
    }

    #[test]
    fn noise_is_noise_and_never_hangs_what_follows() {
        let mut typed = Typed::default();
        for byte in 0..=255_u8 {
            typed.take(byte, Uptime::START);
        }
        for _ in 0..100 {
            typed.take(b'\x1b', Uptime::START);
            for _ in 0..50 {
                typed.take(b'9', Uptime::START);
            }
        }
        typed.wait(Uptime::START + Duration::from_secs(1));
        assert_eq!(typed.take(b'?', Uptime::START), Some(Word::Key(Key::Char('?'))));
    }
}
