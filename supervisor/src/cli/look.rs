//! How things look on a terminal: 80 columns, colour only where somebody sees it.

use std::fmt;
use std::io::IsTerminal;

use protocol::Stage;

use crate::core::Liveness;
pub(super) use crate::tui::facts::{containers, energy};

/// Nothing printed for people is wider.
pub(super) const COLUMNS: usize = 80;

/// Whether colour is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    colour: bool,
}

impl Look {
    /// For standard output: no colour in files and pipes, nor where `NO_COLOR` is set.
    pub(super) fn of_stdout() -> Self {
        Self { colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// Without colour.
    #[cfg(test)]
    pub(super) const fn plain() -> Self {
        Self { colour: false }
    }

    /// A stage, padded to a width; the words alone say everything.
    pub(super) fn stage(self, stage: Option<Stage>, width: usize) -> String {
        let text = format!("{:width$}", stage.map_or("-", Stage::name));
        let code = match stage {
            Some(Stage::Normal) => "32",
            Some(Stage::Throttle) => "33",
            Some(Stage::Shed) => "35",
            Some(Stage::Drain | Stage::Halt) => "31",
            None => "2",
        };
        self.paint(text, code)
    }

    /// Whether a node is there, padded to a width.
    pub(super) fn liveness(self, liveness: Liveness, width: usize) -> String {
        let code = match liveness {
            Liveness::Alive => "32",
            Liveness::Late => "33",
            Liveness::Lost => "31",
            Liveness::Parked => "36",
            Liveness::NeverSeen | Liveness::Leaving => "2",
        };
        self.paint(format!("{liveness:width$}"), code)
    }

    fn paint(self, text: String, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    }
}

/// A text cut to a width, with two dots where something is missing.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{kept}..")
}

/// A text broken at spaces into lines of at most [`COLUMNS`], each begun with an indent.
pub(super) fn wrap(text: &str, indent: usize) -> String {
    let (width, mut lines, mut line) = (COLUMNS - indent, Vec::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, width));
    }
    lines.push(line);
    lines.iter().map(|line| format!("{:indent$}{line}", "")).collect::<Vec<_>>().join("\n")
}

/// A text filled with spaces.
pub(super) struct Padded<'a>(pub(super) &'a str, pub(super) usize);

impl fmt::Display for Padded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:width$}", self.0, width = self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_wrapped_within_the_columns() {
        let text = wrap(&"order 3.17: supply at 54.2 % (lower bound) < 61.0 %, turn 1 of 10 ".repeat(4), 4);
        assert!(text.lines().count() > 2);
        assert!(
            text.lines().all(|line| line.chars().count() <= COLUMNS && line.starts_with("    ")),
            "{text}"
        );
    }

    #[test]
    fn a_word_longer_than_the_line_is_cut_and_not_lost() {
        assert_eq!(cut("abcdef", 4), "ab..");
        assert!(wrap(&"x".repeat(200), 2).lines().all(|line| line.len() <= COLUMNS));
    }

    #[test]
    fn plain_text_bears_no_colour() {
        assert_eq!(Look::plain().stage(Some(Stage::Shed), 6), "shed  ");
        assert_eq!(Look { colour: true }.stage(Some(Stage::Shed), 4), "\x1b[35mshed\x1b[0m");
    }
}
