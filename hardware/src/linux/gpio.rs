//! A GPIO line that switches a relay, and stays as it is when the program ends.
//!
//! rppal puts a line back to what it was when its handle is dropped; a relay would then flip as the agent exits or
//! crashes, and a parked node would wake. So that is switched off, and opening a line takes over the level it has.

use rppal::gpio::{Gpio, Level, OutputPin};

/// Why a line cannot be had or did not follow.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// No Pi, or its lines are hidden.
    #[error("no GPIO here ({0}): this needs a Raspberry Pi with /dev/gpiomem")]
    NoGpio(rppal::gpio::Error),
    /// This user may not.
    #[error("{path} is not permitted: run as root, or add this user to the group gpio")]
    Denied {
        /// The device.
        path: String,
    },
    /// The line does not exist or is taken.
    #[error("GPIO {line} cannot be had: {source}")]
    Line {
        /// The BCM number.
        line: u8,
        /// Why.
        source: rppal::gpio::Error,
    },
    /// The level read back is another than was set: a short, or another program holds the line.
    #[error("GPIO {line} does not follow: set {}, reads {}", level(*set), level(!*set))]
    DoesNotFollow {
        /// The BCM number.
        line: u8,
        /// The level set, true for high.
        set: bool,
    },
}

fn level(high: bool) -> &'static str {
    if high { "high" } else { "low" }
}

/// One output line, however it is reached.
pub trait Line {
    /// Sets the level, true for high.
    fn set(&mut self, high: bool);
    /// Reads the level back.
    fn is_high(&self) -> bool;
}

/// A line of the Pi's header.
#[derive(Debug)]
pub struct PiLine(OutputPin);

impl Line for PiLine {
    fn set(&mut self, high: bool) {
        self.0.write(if high { Level::High } else { Level::Low });
    }

    fn is_high(&self) -> bool {
        self.0.is_set_high()
    }
}

/// A switch on a line.
#[derive(Debug)]
pub struct Relay<L = PiLine> {
    line: L,
    number: u8,
    active_low: bool,
}

impl Relay<PiLine> {
    /// Takes a line of the Pi's header by its BCM number. Its level stays as it is until [`Self::switch`].
    ///
    /// # Errors
    /// No Pi, no permission, or the line is taken.
    pub fn open(number: u8, active_low: bool) -> Result<Self, GpioError> {
        let gpio = Gpio::new().map_err(|error| match error {
            rppal::gpio::Error::PermissionDenied(path) => GpioError::Denied { path },
            other => GpioError::NoGpio(other),
        })?;
        let pin = gpio.get(number).map_err(|source| GpioError::Line { line: number, source })?;
        // An output's level is latched while the line is still an input: set it before it drives.
        let mut pin = match pin.read() {
            Level::High => pin.into_output_high(),
            Level::Low => pin.into_output_low(),
        };
        pin.set_reset_on_drop(false);
        Ok(Self::new(PiLine(pin), number, active_low))
    }
}

impl<L: Line> Relay<L> {
    /// A switch on any line; `number` is for errors.
    pub fn new(line: L, number: u8, active_low: bool) -> Self {
        Self { line, number, active_low }
    }

    /// Switches, and reads the level back.
    ///
    /// # Errors
    /// The line did not follow.
    pub fn switch(&mut self, on: bool) -> Result<(), GpioError> {
        let high = on != self.active_low;
        self.line.set(high);
        if self.line.is_high() == high {
            Ok(())
        } else {
            Err(GpioError::DoesNotFollow { line: self.number, set: high })
        }
    }

    /// Whether it is on, read from the line.
    pub fn is_on(&self) -> bool {
        self.line.is_high() != self.active_low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wire {
        high: bool,
        held: bool,
    }

    impl Line for Wire {
        fn set(&mut self, high: bool) {
            if !self.held {
                self.high = high;
            }
        }
        fn is_high(&self) -> bool {
            self.high
        }
    }

    #[test]
    fn opening_a_relay_changes_nothing() {
        let relay = Relay::new(Wire { high: true, held: false }, 17, false);
        assert!(relay.is_on());
    }

    #[test]
    fn an_active_low_relay_is_on_when_the_line_is_low() {
        let mut relay = Relay::new(Wire { high: true, held: false }, 17, true);
        assert!(!relay.is_on());
        relay.switch(true).unwrap();
        assert!(relay.is_on() && !relay.line.high);
        relay.switch(false).unwrap();
        assert!(!relay.is_on() && relay.line.high);
    }

    #[test]
    fn a_line_that_does_not_follow_is_an_error_that_names_it() {
        let mut relay = Relay::new(Wire { high: false, held: true }, 17, false);
        let error = relay.switch(true).unwrap_err();
        assert_eq!(error.to_string(), "GPIO 17 does not follow: set high, reads low");
        relay.switch(false).unwrap();
    }

    #[test]
    fn without_a_pi_the_error_says_so() {
        // On a Pi this would take a real line: there, nothing is to be shown.
        if Gpio::new().is_err() {
            let error = Relay::open(17, false).unwrap_err();
            assert!(matches!(error, GpioError::NoGpio(_) | GpioError::Denied { .. }), "{error}");
        }
    }
}
