//! What hangs on an ADS1115's inputs.

use std::time::Duration;

use protocol::{Current, Resistance, Voltage};

use super::SettingsError;
use crate::chips::DividerTrouble;

/// The most that an input bears on a chip fed with a Pi's 3.3 V (SBAS444D 7.3: VDD).
pub const INPUT_MAX: Voltage = Voltage::from_volts(3.3);
/// The last of AIN0 to AIN3.
const CHANNEL_MAX: u8 = 3;
/// What a divider's parts may be.
const PARTS: [Resistance; 2] = [Resistance::from_ohms(1.0), Resistance::from_ohms(10e6)];

/// What the driver keeps the chip at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Where the battery's voltage comes in.
    pub voltage: VoltageInput,
    /// Where a current comes in, if one does.
    pub current: Option<CurrentInput>,
}

/// A voltage behind a divider.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoltageInput {
    /// AIN0 to AIN3.
    pub channel: u8,
    /// Between the battery and the input.
    pub top: Resistance,
    /// Between the input and ground.
    pub bottom: Resistance,
}

impl VoltageInput {
    /// The voltage that makes this at the input.
    #[must_use]
    pub fn before_divider(&self, at_input: Voltage) -> Voltage {
        at_input * ((self.top + self.bottom).ohms() / self.bottom.ohms())
    }

    /// Whether the divider keeps `highest` within what the input bears.
    ///
    /// # Errors
    /// It does not, or it is no divider.
    pub fn prove(&self, highest: Voltage) -> Result<(), SettingsError> {
        let (top, bottom, [least, most]) = (self.top, self.bottom, PARTS);
        let refused = |why| Err(SettingsError::Divider { top, bottom, why });
        // Not `< least || > most`: a NaN is within no range.
        if [top, bottom].iter().any(|part| !(*part >= least && *part <= most)) {
            return refused(DividerTrouble::Parts { least, most });
        }
        let at_input = highest * (bottom.ohms() / (top + bottom).ohms());
        if at_input > INPUT_MAX {
            return refused(DividerTrouble::TooHigh { highest, at_input, bears: INPUT_MAX });
        }
        Ok(())
    }
}

/// A current as a voltage: behind a shunt amplifier, or out of a hall sensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurrentInput {
    /// AIN0 to AIN3.
    pub channel: u8,
    /// What the input shows at no current.
    pub zero: Voltage,
    /// By how much the input rises for each ampere: volts per ampere are ohms.
    pub per_amp: Resistance,
}

impl CurrentInput {
    /// The current that makes this at the input.
    pub fn current(&self, at_input: Voltage) -> Current {
        (at_input - self.zero) / self.per_amp
    }
}

impl Settings {
    /// From one result of an input to the next, with a tenth for the chip's own clock (SBAS444D 7.5, data rate), for each
    /// input.
    pub fn update_time(&self) -> Duration {
        Duration::from_millis(138)
    }

    /// Whether an ADS1115 can be used so; for a config, long before there is a chip.
    ///
    /// # Errors
    /// Inputs that are none, or parts of a divider that are none.
    pub fn prove(&self) -> Result<(), SettingsError> {
        self.voltage.prove(Voltage::ZERO)?;
        let channels = [Some(self.voltage.channel), self.current.map(|current| current.channel)];
        for channel in channels.into_iter().flatten() {
            if channel > CHANNEL_MAX {
                return Err(SettingsError::Channel { channel, most: CHANNEL_MAX });
            }
        }
        let Some(current) = self.current else { return Ok(()) };
        if current.channel == self.voltage.channel {
            return Err(SettingsError::SameChannel { channel: current.channel });
        }
        let ohms = current.per_amp.ohms().abs();
        if !((1e-4..=1e3).contains(&ohms) && current.zero.is_finite()) {
            let [least, most] = [1e-4, 1e3].map(Resistance::from_ohms);
            return Err(SettingsError::Shunt { shunt: current.per_amp, least, most });
        }
        Ok(())
    }
}

/// CONFIG (SBAS444D table 8): MUX in bits 14-12 (100 and the channel: that input against ground), PGA 11-9 (001: 4.096 V), MODE
/// 8 (0: continuous), DR 7-5 (001: 16 a second, which averages a Pi's bursts), comparator off in 1-0. Never the 0x8583
/// of a chip after power-on, which does not convert.
pub(super) const fn register(channel: u8) -> u16 {
    (0b100 << 12) | ((channel as u16) << 12) | (0b001 << 9) | (0b001 << 5) | 0b11
}
