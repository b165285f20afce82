//! Victron's VE.Direct text protocol: what an MPPT charge controller or a BMV battery monitor says each second.
//!
//! After Victron, "VE.Direct Protocol", version 3.33, and "VE.Direct Protocol FAQ". 19200 baud, 8 bits, no parity. A block is lines of `CR LF label
//! TAB value`, the last of them `Checksum` with one byte that makes the sum of all the block's bytes a multiple of 256.
//! Frames of another protocol (`:` ... `LF`) may come between the blocks or in the middle of one and belong to no sum.
//!
//! [`Decoder`] takes bytes as they come, in any pieces. A block counts only with its checksum and with a voltage in it;
//! after damage the next whole block is heard again. What a device says beyond [`Account`] is skipped.
//!
//! **The current.** A BMV's `I` is the battery's, positive while it charges. An MPPT's `I` is what it gives to the battery
//! terminals; with a load output it is that less what the output takes (`IL`), so it is the battery's own as soon as
//! nothing else hangs on the battery.

use protocol::{Current, Power, Soc, Temperature, Voltage};

use super::Account;

/// The line's speed.
pub const BAUD: u32 = 19_200;
/// A label or value is no longer than this; longer ones belong to fields that are skipped (names, serial numbers).
const WORD_MAX: usize = 16;
/// A block that has not ended after so many bytes is none: the longest has about 22 lines of at most 45.
const BLOCK_MAX: u32 = 2048;
/// A frame of the other protocol that has not ended after so many bytes is none.
const HEX_MAX: u32 = 256;

/// What was heard so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Blocks with a right checksum and a voltage.
    pub blocks: u32,
    /// Blocks whose checksum was wrong, or that did not end.
    pub damaged: u32,
}

/// Where in a block the decoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a line, or in one of its first two bytes.
    Between,
    Label,
    Value,
    /// The next byte is the checksum's value.
    Checksum,
}

/// A word of bounded length.
#[derive(Debug, Clone, Copy)]
struct Word {
    bytes: [u8; WORD_MAX],
    length: usize,
}

impl Word {
    const EMPTY: Self = Self { bytes: [0; WORD_MAX], length: 0 };

    /// Beyond its length a word only grows longer: it is then no word that is known.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = (self.length + 1).min(WORD_MAX + 1);
    }

    fn text(&self) -> Option<&str> {
        core::str::from_utf8(self.bytes.get(..self.length)?).ok()
    }
}

/// What a block has said so far.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    voltage: Option<Voltage>,
    current: Option<Current>,
    load: Option<Current>,
    panel: Option<Power>,
    temperature: Option<Temperature>,
    soc: Option<Soc>,
    error: u16,
    /// Fields that only a charge controller has, or only a battery monitor.
    is_charger: bool,
    is_monitor: bool,
    /// Something that is known had a value that is none.
    is_garbled: bool,
}

/// Takes bytes, gives accounts.
#[derive(Debug, Clone)]
pub struct Decoder {
    place: Place,
    label: Word,
    value: Word,
    sum: u8,
    /// Bytes of this block.
    length: u32,
    /// Bytes of a frame that came in between.
    hex: Option<u32>,
    block: Block,
    counts: Counts,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Begins to listen, in the midst of a block for all it knows.
    pub const fn new() -> Self {
        Self {
            place: Place::Between,
            label: Word::EMPTY,
            value: Word::EMPTY,
            sum: 0,
            length: 0,
            hex: None,
            block: Block {
                voltage: None,
                current: None,
                load: None,
                panel: None,
                temperature: None,
                soc: None,
                error: 0,
                is_charger: false,
                is_monitor: false,
                is_garbled: false,
            },
            counts: Counts { blocks: 0, damaged: 0 },
        }
    }

    /// What was heard so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes one byte; an account when it ended a good block.
    pub fn push(&mut self, byte: u8) -> Option<Account> {
        if self.skips(byte) {
            return None;
        }
        self.sum = self.sum.wrapping_add(byte);
        self.length += 1;
        if self.length > BLOCK_MAX {
            self.end(false);
            return None;
        }
        match (self.place, byte) {
            (Place::Checksum, _) => return self.end(self.sum == 0),
            (_, b'\n') => {
                self.field();
                (self.label, self.value) = (Word::EMPTY, Word::EMPTY);
                self.place = Place::Label;
            }
            (Place::Between, _) | (_, b'\r') => {}
            (Place::Label, b'\t') => {
                let is_last = self.label.text() == Some("Checksum");
                self.place = if is_last { Place::Checksum } else { Place::Value };
            }
            (Place::Label, _) => self.label.push(byte),
            (Place::Value, _) => self.value.push(byte),
        }
        None
    }

    /// Takes many; the last account that they made.
    pub fn push_all(&mut self, bytes: &[u8]) -> Option<Account> {
        bytes.iter().filter_map(|byte| self.push(*byte)).last()
    }

    /// Whether a byte belongs to a frame of the other protocol: from a colon, which stands in no text but as a checksum, to the end of its line.
    fn skips(&mut self, byte: u8) -> bool {
        match self.hex {
            Some(length) if byte == b'\n' || length >= HEX_MAX => {
                self.hex = None;
                // A frame that never ended was none.
                byte == b'\n'
            }
            Some(length) => {
                self.hex = Some(length + 1);
                true
            }
            None if byte == b':' && self.place != Place::Checksum => {
                self.hex = Some(1);
                true
            }
            None => false,
        }
    }

    fn end(&mut self, is_right: bool) -> Option<Account> {
        let block = self.block;
        let counts = self.counts;
        *self = Self::new();
        self.counts = counts;
        let account = if is_right { block.account() } else { None };
        if account.is_some() {
            self.counts.blocks = self.counts.blocks.wrapping_add(1);
        } else if !is_right || block.is_garbled {
            self.counts.damaged = self.counts.damaged.wrapping_add(1);
        }
        account
    }

    fn field(&mut self) {
        if self.place == Place::Value
            && let (Some(label), Some(value)) = (self.label.text(), self.value.text())
        {
            self.block.take(label, value);
        }
    }
}

impl Block {
    /// Fields and units: VE.Direct Protocol 3.33, pages 2 to 6.
    fn take(&mut self, label: &str, value: &str) {
        match label {
            "V" => self.voltage = self.number(value).map(|v| Voltage::from_volts(v / 1000.0)),
            "I" => self.current = self.number(value).map(|v| Current::from_amps(v / 1000.0)),
            "IL" => self.load = self.number(value).map(|v| Current::from_amps(v / 1000.0)),
            "PPV" => self.panel = self.number(value).map(Power::from_watts),
            // "---" where no probe is fitted, and where the monitor was not synchronised yet.
            "T" if value != "---" => self.temperature = self.number(value).map(Temperature::from_celsius),
            "SOC" if value != "---" => {
                self.soc = self.number(value).map(|permille| Soc::from_fraction(permille / 1000.0));
            }
            "ERR" => self.error = self.number(value).map_or(u16::MAX, |v| v as u16),
            _ => {}
        }
        self.is_charger |= matches!(label, "VPV" | "PPV" | "CS");
        self.is_monitor |= matches!(label, "CE" | "SOC" | "TTG");
    }

    /// A whole number with a sign.
    fn number(&mut self, value: &str) -> Option<f64> {
        let number = value.parse::<i32>().ok().map(f64::from);
        self.is_garbled |= number.is_none();
        number
    }

    /// Some devices tell in two blocks; the one without a voltage is none of ours.
    fn account(&self) -> Option<Account> {
        if self.is_garbled {
            return None;
        }
        let is_charger = self.is_charger && !self.is_monitor;
        // Both count what charges as positive; out of the battery is positive here.
        let out = self.current.map(|current| -current);
        // An MPPT without a load output has no IL, and cannot know what hangs on the battery.
        let given = self.current.filter(|_| is_charger).zip(self.load).map(|(net, load)| net + load);
        Some(Account {
            voltage: self.voltage?,
            current: if is_charger { None } else { out },
            charge_current: given.or(self.current.filter(|_| is_charger)),
            load_current: self.load,
            panel: self.panel,
            temperature: self.temperature,
            soc: self.soc,
            error: self.error,
        })
    }
}

#[cfg(test)]
mod tests;
