//! What a device that speaks for itself says, as a sample; its errors go to the log once each.

use hardware::devices::Account;
use tracing::{info, warn};

use crate::core::reading::Sample;

/// How a device's word is taken.
#[derive(Debug)]
pub(super) struct Told {
    sensor: usize,
    load_output: bool,
    charge: bool,
    /// The error that was told last.
    error: u16,
}

impl Told {
    /// Whether all loads hang on its output, and whether its own charge counts.
    pub(super) const fn new(sensor: usize, load_output: bool, charge: bool) -> Self {
        Self { sensor, load_output, charge, error: 0 }
    }

    /// The account as a sample. `life` changes with each account: a digital word that repeats itself is no stuck converter.
    pub(super) fn sample(&mut self, account: &Account, life: u64) -> Sample {
        if account.error != self.error {
            self.error = account.error;
            match account.error {
                0 => info!(sensor = self.sensor, "the device reports no error any more"),
                error => {
                    warn!(sensor = self.sensor, error, "the device reports an error: its manual lists them");
                }
            }
        }
        Sample {
            voltage: account.voltage,
            current: account.battery_current(self.load_output),
            temperature: account.temperature,
            reported: account.soc.filter(|_| self.charge),
            count: None,
            raw: life,
        }
    }
}
