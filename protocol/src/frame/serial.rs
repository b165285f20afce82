//! COBS frames with a CRC, which find their feet again after any damage.
