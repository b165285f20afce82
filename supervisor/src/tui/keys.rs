//! Keys, as every screen of ours takes them: from a terminal's events, or from the bytes of a serial line.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key that means something to some screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Rubs out one character.
    Backspace,
    /// To the next field.
    Tab,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-L: paint everything anew.
    Repaint,
    /// A printable character.
    Char(char),
}

impl Key {
    /// What a terminal's event means; `None` for keys that mean nothing to us.
    pub(super) fn of_event(key: KeyEvent) -> Option<Self> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        Some(match key.code {
            KeyCode::Char('c') if control => Self::Interrupt,
            KeyCode::Char('l') if control => Self::Repaint,
            KeyCode::Char(_) if control => return None,
            KeyCode::Char(character) => Self::Char(character),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Tab => Self::Tab,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_key_is_never_taken_for_its_letter() {
        let event = |character, modifiers| Key::of_event(KeyEvent::new(KeyCode::Char(character), modifiers));
        assert_eq!(event('c', KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(event('d', KeyModifiers::CONTROL), None);
        assert_eq!(event('d', KeyModifiers::NONE), Some(Key::Char('d')));
    }
}
