//! Packs what changed between two reports into a few bytes.
//!
//! ```text
//!  changed   varint   one bit for each field group that follows, lowest first
//!  uptime    varint   the difference in seconds
//!  presence  varint   which optional fields the new report has, if that changed
//!  numbers            for each changed one: the zigzag difference of its wire form (mV, mA, per mille, s, kHz)
//!  the rest           flags, stages, reason, containers, fault, order, count: each as it is now
//! ```
//!
//! A full report is the same encoding against a blank one, with every group present and `changed` left out: one
//! code, one set of golden bytes.
//!
//! **No drift.** Differences are taken between wire forms, which are integers, never between measured quantities. The
//! agent may keep its base as it measured it and the supervisor as it decoded it: both have the same wire form, so
//! that `apply(base, encode(base, new))` is `new` as it would have arrived in full, [`Report::as_received`], after
//! however many steps.
//!
//! **Append only.** A bit keeps its meaning for good. A later version gives a new field the next free bit of
//! `changed` and writes it behind all others; a bit or flag that this version does not know is an error, because the
//! length of what belongs to it is unknown. Both hold for the golden bytes in `tests/golden_v1.rs`.

mod wire;

use crate::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::report::Report;
use wire::{ALL, Wire};

/// No report's changes are longer, a full report's included: a buffer of this size always holds them.
pub const CHANGES_BYTES_MAX: usize = 512;

/// Packs what changed from `base` to `new` to the beginning of `out`; returns the number of bytes.
///
/// [`CHANGES_BYTES_MAX`] is always enough room. Nothing changed but the uptime: two bytes.
///
/// # Errors
/// [`EncodeError::NoRoom`], or [`EncodeError::NoWireForm`] where a quantity in either report is not finite.
pub fn encode(base: &Report, new: &Report, out: &mut [u8]) -> Result<usize, EncodeError> {
    let (base, new) = (Wire::of(base)?, Wire::of(new)?);
    let changed = new.changed_since(&base);
    let mut writer = Writer::new(out);
    writer.put(&changed)?;
    new.write(&base, changed, &mut writer)?;
    Ok(writer.length())
}

/// The report that [`encode`] packed, rebuilt on the same base: see [`Report::as_received`].
///
/// # Errors
/// Any [`DecodeError`] where `changes` are none, or do not fit this base. The base is not touched.
pub fn apply(base: &Report, changes: &[u8]) -> Result<Report, DecodeError> {
    let mut wire = Wire::of(base).map_err(|_| DecodeError::Malformed)?;
    let mut reader = Reader::new(changes);
    let changed: u32 = reader.take()?;
    if changed & !ALL != 0 {
        return Err(DecodeError::Malformed);
    }
    wire.read(changed, &mut reader)?;
    reader.finish()?;
    wire.report()
}

impl Report {
    /// This report as the other side has it once it arrived: every quantity rounded to its wire form.
    ///
    /// # Errors
    /// [`EncodeError::NoWireForm`] where a quantity is not finite or out of range.
    pub fn as_received(&self) -> Result<Self, EncodeError> {
        Wire::of(self)?.report().map_err(|_| EncodeError::NoWireForm)
    }
}

/// A full report inside a message: for `#[serde(with = "..")]`. Text formats get the report's own, readable form.
pub(crate) mod full {
    use core::fmt;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

    use super::CHANGES_BYTES_MAX;
    use super::wire::{ALL, Wire};
    use crate::codec::{DecodeError, EncodeError, Reader, Writer};
    use crate::report::Report;

    fn write(report: &Report, out: &mut [u8]) -> Result<usize, EncodeError> {
        let mut writer = Writer::new(out);
        Wire::of(report)?.write(&Wire::BLANK, ALL, &mut writer)?;
        Ok(writer.length())
    }

    fn read(bytes: &[u8]) -> Result<Report, DecodeError> {
        let mut wire = Wire::BLANK;
        let mut reader = Reader::new(bytes);
        wire.read(ALL, &mut reader)?;
        reader.finish()?;
        wire.report()
    }

    pub(crate) fn serialize<S: Serializer>(report: &Report, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return report.serialize(serializer);
        }
        let mut out = [0; CHANGES_BYTES_MAX];
        let length = write(report, &mut out).map_err(ser::Error::custom)?;
        serializer.serialize_bytes(&out[..length])
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Report, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Report;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a packed report")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Report, E> {
                read(bytes).map_err(E::custom)
            }
        }
        if deserializer.is_human_readable() {
            return Report::deserialize(deserializer);
        }
        deserializer.deserialize_bytes(Visitor)
    }
}
