//! One chip's registers on a bus: 16 bits each, or wider ones, most significant byte first.

use core::ops::RangeInclusive;

use embedded_hal::i2c::I2c;

use super::error::{Error, SettingsError};

/// A bus and the chip's place on it.
#[derive(Debug)]
pub(crate) struct Port<I2C> {
    i2c: I2C,
    address: u8,
}

impl<I2C: I2c> Port<I2C> {
    /// Sixteen addresses can be made with the two address pins (SBOS547B 6.5.5.1, SBOS448G 8.5.5.1, SLYS021A 7.5.1.1).
    pub(crate) fn new(chip: &'static str, i2c: I2C, address: u8) -> Result<Self, SettingsError> {
        Self::within(chip, i2c, address, 0x40..=0x4f)
    }

    /// A chip that can have these addresses.
    pub(crate) fn within(
        chip: &'static str,
        i2c: I2C,
        address: u8,
        can: RangeInclusive<u8>,
    ) -> Result<Self, SettingsError> {
        if !can.contains(&address) {
            return Err(SettingsError::Address { chip, address, least: *can.start(), most: *can.end() });
        }
        Ok(Self { i2c, address })
    }

    /// One transaction: the pointer, a repeated start, two bytes (SBOS547B 6.5.5.3, SBOS448G 8.5.6).
    pub(crate) fn read(&mut self, register: u8) -> Result<u16, Error<I2C::Error>> {
        let mut bytes = [0; 2];
        self.i2c.write_read(self.address, &[register], &mut bytes).map_err(Error::from_bus)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// As [`Self::read`], of a register of `N` bytes, eight at most.
    pub(crate) fn read_wide<const N: usize>(&mut self, register: u8) -> Result<u64, Error<I2C::Error>> {
        let mut bytes = [0; N];
        self.i2c.write_read(self.address, &[register], &mut bytes).map_err(Error::from_bus)?;
        Ok(bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// Reads a register that tells one kind of chip from another. Nothing is written.
    pub(crate) fn expect(
        &mut self,
        chip: &'static str,
        (register, mask, expected): (u8, u16, u16),
    ) -> Result<(), Error<I2C::Error>> {
        let found = self.read(register)?;
        if found & mask == expected { Ok(()) } else { Err(Error::NotThisChip { chip, register, found }) }
    }

    /// One transaction: the pointer and two bytes.
    pub(crate) fn write(&mut self, register: u8, value: u16) -> Result<(), Error<I2C::Error>> {
        let [high, low] = value.to_be_bytes();
        self.i2c.write(self.address, &[register, high, low]).map_err(Error::from_bus)
    }

    /// Reads bytes from a chip that has no registers, or from wherever its pointer stands: nothing is written.
    pub(crate) fn read_plain<const N: usize>(&mut self) -> Result<[u8; N], Error<I2C::Error>> {
        let mut bytes = [0; N];
        self.i2c.read(self.address, &mut bytes).map_err(Error::from_bus)?;
        Ok(bytes)
    }

    /// Writes the one byte of a chip that has no registers.
    pub(crate) fn write_plain(&mut self, byte: u8) -> Result<(), Error<I2C::Error>> {
        self.i2c.write(self.address, &[byte]).map_err(Error::from_bus)
    }

    /// Gives the bus back.
    pub(crate) fn release(self) -> I2C {
        self.i2c
    }
}
