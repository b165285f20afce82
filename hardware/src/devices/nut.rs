//! What a NUT server says of a UPS.
//!
//! After Network UPS Tools, "Network protocol information" (net-protocol.txt, RFC 9271) for the lines and `docs/nut-names.txt` for the variables. One
//! question, `LIST VAR ups`, is answered by `BEGIN LIST VAR ups`, lines `VAR ups name "value"` and `END LIST VAR ups`, or
//! by `ERR` and a word.
//!
//! `ups.status` holds words: OL and OB say where its output comes from, LB that the battery is nearly empty: that counts as
//! empty, whatever percentage stands beside it. A UPS that does not tell `battery.voltage` is no sensor here.

use protocol::{Fault, Soc, Temperature, Voltage};
use thiserror::Error;

use super::Account;

/// An answer longer than this is none: a UPS has some fifty variables of some fifty bytes.
pub const ANSWER_MAX: usize = 16 * 1024;

/// The question.
pub fn question(ups: &str) -> String {
    format!("LIST VAR {ups}\n")
}

/// Why there is no account of the UPS.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NutError {
    /// The server knows no such UPS.
    #[error("the server has no UPS {0}: `upsc -l` lists what it has")]
    Unknown(String),
    /// The server lost the UPS.
    #[error("the server has lost the UPS ({0}): its driver does not run, or its cable is out")]
    Stale(String),
    /// The server refuses.
    #[error("the server refuses: {0}")]
    Refused(String),
    /// Something else than an answer came.
    #[error("the server does not speak NUT's protocol: {0:?}")]
    Garbled(String),
    /// The UPS tells no voltage of its battery.
    #[error("the UPS does not tell battery.voltage: it cannot measure a supply")]
    NoVoltage,
}

impl NutError {
    /// The fault that this is to the rest of the program.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unknown(_) | Self::Stale(_) | Self::Refused(_) => Fault::BusGone,
            Self::Garbled(_) | Self::NoVoltage => Fault::Garbled,
        }
    }
}

/// What the answer says; `None` while it has not ended.
///
/// # Errors
/// It says that there is nothing to tell, or it is no answer.
pub fn answer(ups: &str, heard: &[u8]) -> Result<Option<Account>, NutError> {
    let garbled = |line: &str| NutError::Garbled(line.chars().take(60).collect());
    if heard.len() > ANSWER_MAX {
        return Err(garbled("an answer without an end"));
    }
    let mut ups_state = Ups::default();
    let mut begun = false;
    for line in heard.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("ERR"), Some(word), ..) => return Err(refusal(ups, word)),
            (Some("BEGIN"), Some("LIST"), Some("VAR"), Some(name)) if name == ups => begun = true,
            (Some("END"), Some("LIST"), Some("VAR"), Some(name)) if name == ups && begun => {
                return ups_state.account().map(Some);
            }
            (Some("VAR"), Some(name), Some(variable), Some(value)) if name == ups && begun => {
                ups_state.take(variable, value).ok_or_else(|| garbled(line))?;
            }
            _ => return Err(garbled(line)),
        }
    }
    Ok(None)
}

fn refusal(ups: &str, word: &str) -> NutError {
    match word {
        "UNKNOWN-UPS" => NutError::Unknown(ups.to_owned()),
        "DATA-STALE" | "DRIVER-NOT-CONNECTED" => NutError::Stale(word.to_owned()),
        _ => NutError::Refused(word.to_owned()),
    }
}

/// What the variables say.
#[derive(Debug, Default)]
struct Ups {
    voltage: Option<Voltage>,
    charge: Option<Soc>,
    temperature: Option<Temperature>,
    is_low: bool,
}

impl Ups {
    /// Takes a variable; `None` when a known one has a value that is none.
    fn take(&mut self, variable: &str, quoted: &str) -> Option<()> {
        // A backslash stands before a quote or another one; no variable that counts here has either.
        let value = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let number = || value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        match variable {
            "battery.voltage" => self.voltage = Some(Voltage::from_volts(number()?)),
            "battery.charge" => {
                let percent = number()?;
                self.charge = Some(Soc::from_percent(percent));
                return (0.0..=100.0).contains(&percent).then_some(());
            }
            "battery.temperature" => self.temperature = Some(Temperature::from_celsius(number()?)),
            "ups.status" => self.is_low = value.split(' ').any(|word| word == "LB"),
            _ => {}
        }
        Some(())
    }

    fn account(&self) -> Result<Account, NutError> {
        Ok(Account {
            voltage: self.voltage.ok_or(NutError::NoVoltage)?,
            temperature: self.temperature,
            soc: if self.is_low { Some(Soc::EMPTY) } else { self.charge },
            ..Account::default()
        })
    }
}

#[cfg(test)]
mod tests;
