//! How both chips are spoken to ("Writing to/Reading from the INA226" in SBOS547, the same in SBOS448): the first byte of a write sets the
//! register pointer, two more bytes, the high one first, set that register; a read gives the register pointed at.

/// Splits a write into the new pointer and the value written there, if one came with it.
///
/// What the datasheets leave open is answered so: a lone high byte is dropped, and so is what follows the second byte.
pub(super) fn parse(bytes: &[u8]) -> Option<(u8, Option<u16>)> {
    match *bytes {
        [] => None,
        [pointer] | [pointer, _] => Some((pointer, None)),
        [pointer, high, low, ..] => Some((pointer, Some(u16::from_be_bytes([high, low])))),
    }
}

/// Answers a read: the register, high byte first; the bus idles high after it.
pub(super) fn answer(register: u16, buffer: &mut [u8]) {
    let bytes = register.to_be_bytes();
    for (index, byte) in buffer.iter_mut().enumerate() {
        *byte = bytes.get(index).copied().unwrap_or(0xff);
    }
}

/// As [`answer`], of a register of any width.
pub(super) fn answer_wide(value: u64, width: usize, buffer: &mut [u8]) {
    let bytes = value.to_be_bytes();
    let register = &bytes[bytes.len() - width.min(bytes.len())..];
    for (index, byte) in buffer.iter_mut().enumerate() {
        *byte = register.get(index).copied().unwrap_or(0xff);
    }
}
