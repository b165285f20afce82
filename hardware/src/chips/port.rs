//! One chip's registers on a bus: 16 bits each, most significant byte first.

use embedded_hal::i2c::I2c;

use super::error::{Error, SettingsError};

/// A bus and the chip's place on it.
#[derive(Debug)]
pub(crate) struct Port<I2C> {
    i2c: I2C,
    address: u8,
}

impl<I2C: I2c> Port<I2C> {
    /// Sixteen addresses can be made with the two address pins (SBOS547B 6.5.5.1, SBOS448G 8.5.5.1).
    pub(crate) fn new(chip: &'static str, i2c: I2C, address: u8) -> Result<Self, SettingsError> {
        if !(0x40..=0x4f).contains(&address) {
            return Err(SettingsError::Address { chip, address });
        }
        Ok(Self { i2c, address })
    }

    /// One transaction: the pointer, a repeated start, two bytes (SBOS547B 6.5.5.3, SBOS448G 8.5.6).
    pub(crate) fn read(&mut self, register: u8) -> Result<u16, Error<I2C::Error>> {
        let mut bytes = [0; 2];
        self.i2c.write_read(self.address, &[register], &mut bytes).map_err(Error::from_bus)?;
        Ok(u16::from_be_bytes(bytes))
    }

    /// One transaction: the pointer and two bytes.
    pub(crate) fn write(&mut self, register: u8, value: u16) -> Result<(), Error<I2C::Error>> {
        let [high, low] = value.to_be_bytes();
        self.i2c.write(self.address, &[register, high, low]).map_err(Error::from_bus)
    }

    /// Gives the bus back.
    pub(crate) fn release(self) -> I2C {
        self.i2c
    }
}
