//! Words that may quote a file or a stranger, made safe for a terminal.

use core::fmt::{self, Write};

/// Shows a value with its control characters escaped and its length bounded: an error that quotes a file given by mistake
/// neither moves somebody's cursor nor fills the screen. Ends of lines and tabulators stay.
#[derive(Debug, Clone, Copy)]
pub struct Printable<T>(pub T);

/// More characters than this are not shown: a screen of 80x50.
pub const PRINTABLE_MAX: usize = 4000;

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut filter = Filter { out: f, left: PRINTABLE_MAX };
        // What is too long ends the writing early, which is no error of the reader's.
        match write!(filter, "{}", self.0) {
            Err(_) if filter.left == 0 => f.write_str(" ..."),
            result => result,
        }
    }
}

/// An error with its causes in one line, each told once: many an error names its cause in its own words.
#[cfg(feature = "trust")]
pub fn causes<'a>(chain: impl IntoIterator<Item = &'a (dyn std::error::Error + 'static)>) -> String {
    chain.into_iter().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.contains(&cause) {
            told
        } else {
            told + ": " + &cause
        }
    })
}

struct Filter<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
}

impl Write for Filter<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.left == 0 {
                return Err(fmt::Error);
            }
            self.left -= 1;
            if c.is_control() && c != '\n' && c != '\t' {
                write!(self.out, "{}", c.escape_default())?;
            } else {
                self.out.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "trust"))]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("night.csv: {source}")]
    struct Named {
        source: std::io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the agent does not run")]
    struct Bare(#[source] Named);

    #[test]
    fn a_cause_that_its_error_names_already_is_not_told_twice() {
        let error = Bare(Named { source: std::io::Error::other("no such file") });
        let chain =
            std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
        assert_eq!(causes(chain), "the agent does not run: night.csv: no such file");
    }
}
