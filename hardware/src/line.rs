//! How a GPIO line is named in a config, on any Pi and any kernel.

use core::fmt;

use serde::Deserialize;

/// Which line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineAt {
    /// The chip's label (`pinctrl-rp1`), its name (`gpiochip0`) or its path; the header's, or the one that has a line of
    /// this name, when left out.
    pub chip: Option<String>,
    /// The line.
    pub line: LineId,
}

/// A line of a chip.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected the line's number, or its name in quotes")]
pub enum LineId {
    /// Its number on the chip: on the header's chip, the BCM number.
    Number(u32),
    /// Its name in the device tree, for example `GPIO17`.
    Name(String),
}

impl LineAt {
    /// Its number on the header, as far as that can be told without asking the kernel.
    pub fn on_header(&self) -> Option<u32> {
        match (&self.chip, &self.line) {
            (None, LineId::Number(number)) => Some(*number),
            (_, LineId::Name(name)) => name.strip_prefix("GPIO")?.parse().ok(),
            (Some(_), LineId::Number(_)) => None,
        }
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for LineAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.chip {
            Some(chip) => write!(f, "line {} of {chip}", self.line),
            None => write!(f, "GPIO line {}", self.line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(chip: Option<&str>, line: LineId) -> LineAt {
        LineAt { chip: chip.map(str::to_owned), line }
    }

    #[test]
    fn a_line_of_the_header_is_known_by_number_and_by_name() {
        assert_eq!(at(None, LineId::Number(17)).on_header(), Some(17));
        assert_eq!(at(None, LineId::Name("GPIO17".into())).on_header(), Some(17));
        assert_eq!(at(None, LineId::Name("ID_SDA".into())).on_header(), None);
        assert_eq!(at(Some("gpiochip4"), LineId::Number(17)).on_header(), None);
    }

    #[test]
    fn a_line_is_named_as_it_was_configured() {
        assert_eq!(at(None, LineId::Number(17)).to_string(), "GPIO line 17");
        assert_eq!(
            at(Some("pinctrl-rp1"), LineId::Name("GPIO17".into())).to_string(),
            "line GPIO17 of pinctrl-rp1"
        );
    }
}
