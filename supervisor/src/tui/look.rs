//! Symbols and colours. Whatever a colour says, a letter or a shape says too.

use protocol::Stage;
use protocol::report::ContainerState;
use ratatui::style::{Color, Modifier, Style};

use super::scene::NodeMode;

/// How the picture is to look on this terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Nothing but ASCII.
    pub ascii: bool,
    /// Colours may be used.
    pub colour: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { ascii: false, colour: true }
    }
}

/// The battery's charge as far as it is sure, and beyond. Of one hue, so that no other colour is spent on the difference.
const SURE: Color = Color::LightBlue;
const PERHAPS: Color = Color::Blue;

/// Bars of one cell, from empty to full.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// The same without Unicode.
const EIGHTHS_ASCII: [&str; 9] = [" ", ".", ".", "-", "-", "=", "=", "#", "#"];

impl Look {
    /// A bar that fills so much (0 to 1) of one cell.
    pub fn bar(self, fill: f64) -> &'static str {
        let bars = if self.ascii { EIGHTHS_ASCII } else { EIGHTHS };
        // A sliver counts from a sixteenth on; NaN is empty.
        let step = (fill.clamp(0.0, 1.0) * 8.0 + 0.5) as usize;
        bars.get(step).copied().unwrap_or(" ")
    }

    /// One cell of a column that is filled so far for sure, and perhaps so far (both as 0 to 1 of this cell); `None` when neither
    /// reaches into it. With colours both may end anywhere in a cell, but a cell holds two at most: where neither fills it, what
    /// is perhaps is left out unless it is most of the rest.
    pub fn charge(self, sure: f64, perhaps: f64) -> Option<(&'static str, Style)> {
        let (solid, shaded) = (self.bar(sure), self.bar(perhaps));
        let two_colours = self.colour && !self.ascii;
        match (solid, shaded) {
            (" ", " ") => None,
            (" ", _) if two_colours => Some((shaded, self.perhaps())),
            (" ", _) => Some((self.band(), self.perhaps())),
            (solid, _) if two_colours && solid != self.bar(1.0) && perhaps >= f64::midpoint(sure, 1.0) => {
                Some((solid, self.battery().bg(PERHAPS)))
            }
            (solid, _) => Some((solid, self.battery())),
        }
    }

    /// What fills the band between a lower and an upper bound.
    pub fn band(self) -> &'static str {
        if self.ascii { ":" } else { "░" }
    }

    /// Stands where text was cut.
    pub fn ellipsis(self) -> &'static str {
        if self.ascii { "~" } else { "…" }
    }

    /// Marks an hour on the time scale.
    pub fn tick(self) -> &'static str {
        if self.ascii { "|" } else { "╵" }
    }

    /// A container's state as one shape.
    pub fn container(self, state: ContainerState) -> &'static str {
        match (state, self.ascii) {
            (ContainerState::Running, false) => "●",
            (ContainerState::Running, true) => "#",
            (ContainerState::Capped(_), false) => "◐",
            (ContainerState::Capped(_), true) => "+",
            (ContainerState::Paused, false) => "‖",
            (ContainerState::Paused, true) => "=",
            (ContainerState::Stopped, false) => "○",
            (ContainerState::Stopped, true) => "o",
            (ContainerState::Down, false) => "·",
            (ContainerState::Down, true) => ".",
        }
    }

    /// A colour, or none where none may be used.
    fn tint(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    /// The style of a mode's letter and name.
    pub fn mode(self, mode: NodeMode) -> Style {
        match mode {
            NodeMode::Up(Stage::Normal) => self.tint(Color::Green),
            NodeMode::Up(Stage::Throttle) => self.tint(Color::Cyan),
            NodeMode::Up(Stage::Shed) => self.tint(Color::Yellow),
            NodeMode::Up(Stage::Drain) => self.tint(Color::Magenta),
            NodeMode::Up(Stage::Halt) | NodeMode::Dark => self.tint(Color::Red).add_modifier(Modifier::BOLD),
            NodeMode::Booting => self.tint(SURE),
            NodeMode::Parked => self.faint(),
        }
    }

    /// The style of a container's shape.
    pub fn container_style(self, state: ContainerState) -> Style {
        match state {
            ContainerState::Running => self.tint(Color::Green),
            ContainerState::Capped(_) => self.tint(Color::Cyan),
            ContainerState::Paused => self.tint(Color::Yellow),
            ContainerState::Stopped => self.tint(Color::Magenta),
            ContainerState::Down => self.faint(),
        }
    }

    /// What this terminal can show, as its environment says; an empty variable counts as none, as everywhere.
    #[expect(clippy::disallowed_methods, reason = "what a terminal can show is in the environment")]
    pub fn of_terminal(ascii: bool, no_color: bool) -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let terminal = variable("TERM").unwrap_or_default();
        let locale = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
        let unicode =
            locale.is_none_or(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"));
        let plain = ["linux", "dumb"].contains(&terminal.as_str()) || terminal.starts_with("vt");
        let monochrome = terminal == "dumb" || terminal.starts_with("vt");
        Self {
            ascii: ascii || plain || !unicode,
            colour: !no_color && !monochrome && variable("NO_COLOR").is_none(),
        }
    }

    /// The first and the last row of a screen.
    pub fn bar_line(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What must not be overlooked: it is also said in words.
    pub fn alarm(self) -> Style {
        self.tint(Color::Red).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// What the eye should find first.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What may be overlooked: headings, labels.
    pub fn faint(self) -> Style {
        self.tint(Color::DarkGray)
    }

    /// The sun.
    pub fn sun(self) -> Style {
        self.tint(Color::Yellow)
    }

    /// The battery.
    pub fn battery(self) -> Style {
        self.tint(SURE)
    }

    /// What the battery may hold beyond what is sure.
    pub fn perhaps(self) -> Style {
        self.tint(PERHAPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_never_outside_its_cell() {
        let look = Look::default();
        assert_eq!(look.bar(-1.0), " ");
        assert_eq!(look.bar(f64::NAN), " ");
        assert_eq!(look.bar(0.5), "▄");
        assert_eq!(look.bar(7.0), "█");
    }

    #[test]
    fn a_cell_of_charge_shows_what_is_sure_and_what_is_perhaps_as_finely_as_it_can() {
        let look = Look::default();
        assert_eq!(look.charge(0.0, 0.0), None);
        assert_eq!(look.charge(1.0, 1.2), Some(("█", look.battery())));
        assert_eq!(look.charge(-0.5, 0.25), Some(("▂", look.perhaps())), "not the whole cell");
        assert_eq!(
            look.charge(0.5, 1.3),
            Some(("▄", look.battery().bg(PERHAPS))),
            "no gap to the cell above"
        );
        assert_eq!(look.charge(0.5, 0.6), Some(("▄", look.battery())));
        let plain = Look { ascii: false, colour: false };
        assert_eq!(plain.charge(-0.5, 0.25), Some(("░", Style::new())), "without colours a shape says it");
        assert_eq!(plain.charge(0.5, 1.3), Some(("▄", Style::new())));
    }

    #[test]
    fn ascii_means_ascii() {
        let look = Look { ascii: true, colour: false };
        let states = [
            ContainerState::Running,
            ContainerState::Capped(protocol::Cpus::from_milli(250)),
            ContainerState::Paused,
            ContainerState::Stopped,
            ContainerState::Down,
        ];
        let mut shapes: Vec<&str> = states.map(|s| look.container(s)).to_vec();
        assert!(shapes.iter().all(|s| s.is_ascii()) && look.band().is_ascii() && look.ellipsis().is_ascii());
        shapes.dedup();
        assert_eq!(shapes.len(), states.len(), "each state has its own shape");
    }
}
