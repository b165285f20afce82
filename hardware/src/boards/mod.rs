//! Raspberry Pis as data: how much they draw, how fast they run, what they can tell about their own rail.
//!
//! The watts are starting points for plans and for the simulated site, measured by others on other boards at
//! 5 V; what a site's own sensor says rules. Each board bears its sources.

use protocol::{Frequency, Power};

/// One model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Board {
    /// Its name, as the device tree begins with it (a revision may follow).
    pub model: &'static str,
    /// How many cores.
    pub cores: u32,
    /// Booted, headless, network up, nothing to do.
    pub idle: Power,
    /// All cores busy.
    pub loaded: Power,
    /// Halted, yet still fed: what only a power switch can save.
    pub halted: Power,
    /// Where the three come from.
    pub sources: &'static str,
    /// The least clock of the stock firmware.
    pub clock_min: Frequency,
    /// The greatest clock of the stock firmware.
    pub clock_max: Frequency,
    /// Whether the firmware can see the 5 V rail go under 4.63 V (the Zeros and compute modules cannot).
    pub sees_rail: bool,
}

/// The step between two clocks that the firmware's cpufreq driver offers (Linux, `drivers/cpufreq/raspberrypi-cpufreq.c`:
/// `RASPBERRYPI_FREQ_INTERVAL`).
pub const CLOCK_STEP: Frequency = Frequency::from_kilohertz(100_000);

/// Megahertz as a clock.
const fn mhz(megahertz: u32) -> Frequency {
    Frequency::from_kilohertz(megahertz * 1000)
}

/// The models known here, longer names before the names that they begin with.
pub const BOARDS: [Board; 5] = [
    Board {
        model: "Raspberry Pi Zero 2 W",
        cores: 4,
        idle: Power::from_watts(0.6),
        loaded: Power::from_watts(2.6),
        halted: Power::from_watts(0.1),
        sources: "cnx-software.com 2021-12-09 (120 mA idle); loaded: the Zero's 1.2 W (pidramble.com) and the 1.4 W \
                  more that andrejacobs.org measured; pidramble.com (halted)",
        clock_min: mhz(600),
        clock_max: mhz(1000),
        sees_rail: false,
    },
    Board {
        model: "Raspberry Pi 3 Model B Plus",
        cores: 4,
        idle: Power::from_watts(1.9),
        loaded: Power::from_watts(5.1),
        halted: Power::from_watts(0.2),
        sources: "pidramble.com power benchmarks: 350 mA idle, 980 mA at 400 % CPU",
        clock_min: mhz(600),
        clock_max: mhz(1400),
        sees_rail: true,
    },
    Board {
        model: "Raspberry Pi 3 Model B",
        cores: 4,
        idle: Power::from_watts(1.4),
        loaded: Power::from_watts(3.7),
        halted: Power::from_watts(0.2),
        sources: "pidramble.com power benchmarks: 260 mA idle, 730 mA at 400 % CPU",
        clock_min: mhz(600),
        clock_max: mhz(1200),
        sees_rail: true,
    },
    Board {
        model: "Raspberry Pi 4 Model B",
        cores: 4,
        idle: Power::from_watts(2.3),
        loaded: Power::from_watts(5.4),
        halted: Power::from_watts(1.6),
        sources: "chipwired.com, 36 measurements (idle, high load); jeffgeerling.com (halted, stock EEPROM settings)",
        clock_min: mhz(600),
        clock_max: mhz(1500),
        sees_rail: true,
    },
    Board {
        model: "Raspberry Pi 5 Model B",
        cores: 4,
        idle: Power::from_watts(2.7),
        loaded: Power::from_watts(7.0),
        halted: Power::from_watts(1.4),
        sources: "idle and loaded: no measurement at hand, between those that reviews give (measure yours); \
                  jeffgeerling.com (halted; 0.01 W with POWER_OFF_ON_HALT=1)",
        clock_min: mhz(1500),
        clock_max: mhz(2400),
        sees_rail: true,
    },
];

impl Board {
    /// The board behind a device tree's `model` text, for example `Raspberry Pi 4 Model B Rev 1.5`.
    pub fn from_model(text: &str) -> Option<&'static Self> {
        let text = text.trim_end_matches(['\0', '\n']).trim();
        BOARDS.iter().find(|board| match text.strip_prefix(board.model) {
            Some(rest) => rest.is_empty() || rest.starts_with(" Rev "),
            None => false,
        })
    }

    /// The clocks that the stock firmware offers, least first.
    pub fn clocks(&self) -> impl Iterator<Item = Frequency> {
        (self.clock_min.kilohertz()..=self.clock_max.kilohertz())
            .step_by(CLOCK_STEP.kilohertz() as usize)
            .map(Frequency::from_kilohertz)
    }

    /// What it draws while this part of its processor time is used (0..=1; held to that), between idle and loaded.
    pub fn power_at(&self, used: f64) -> Power {
        let used = if used.is_nan() { 1.0 } else { used.clamp(0.0, 1.0) };
        self.idle + (self.loaded - self.idle) * used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_does_not_hide_the_model() {
        let name = |text| Board::from_model(text).map(|board| board.model);
        assert_eq!(name("Raspberry Pi 4 Model B Rev 1.5\0"), Some("Raspberry Pi 4 Model B"));
        assert_eq!(name("Raspberry Pi 3 Model B Plus Rev 1.3\0"), Some("Raspberry Pi 3 Model B Plus"));
        assert_eq!(name("Raspberry Pi 3 Model B Rev 1.2\0"), Some("Raspberry Pi 3 Model B"));
        assert_eq!(name("Raspberry Pi Zero 2 W Rev 1.0\0"), Some("Raspberry Pi Zero 2 W"));
        assert_eq!(name("Raspberry Pi 5 Model B Rev 1.0\0"), Some("Raspberry Pi 5 Model B"));
    }

    #[test]
    fn what_is_not_in_the_table_is_not_taken_for_a_relative() {
        for other in
            ["", "Raspberry Pi 4", "Raspberry Pi 4 Model Be", "Raspberry Pi Compute Module 4 Rev 1.0", "QEMU"]
        {
            assert_eq!(Board::from_model(other), None, "{other:?}");
        }
    }

    #[test]
    fn every_board_draws_more_the_more_it_does() {
        for board in &BOARDS {
            assert!(
                board.halted > Power::ZERO && board.halted < board.idle && board.idle < board.loaded,
                "{board:?}"
            );
            assert!(board.clock_min < board.clock_max, "{board:?}");
            let clocks: Vec<_> = board.clocks().collect();
            assert_eq!(clocks.first(), Some(&board.clock_min));
            assert_eq!(clocks.last(), Some(&board.clock_max));
            assert_eq!(board.power_at(0.0), board.idle);
            assert_eq!(board.power_at(7.0), board.loaded);
            assert_eq!(board.power_at(f64::NAN), board.loaded, "unknown use counts as full use");
        }
    }
}
