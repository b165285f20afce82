//! The simulated I2C bus: what a driver cannot tell from a wire, and what a test can break.
//!
//! A [`SimBus`] is a handle; its clones are the same bus, so that a driver owns one and the world keeps another.
//! Chips hang on it by address. [`SimBus::inject`] breaks it while the driver runs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use embedded_hal::i2c::{self, ErrorKind, NoAcknowledgeSource, Operation, SevenBitAddress};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

/// A chip as the bus sees it: bytes in, bytes out. Any byte sequence is answered; none may panic.
pub trait SimChip: Send {
    /// The bytes of one write, up to the next start or stop condition. May be empty (an address probe).
    fn write(&mut self, bytes: &[u8]);

    /// Fills the bytes of one read.
    fn read(&mut self, buffer: &mut [u8]);

    /// The power was gone for a moment: every register is as the datasheet's reset column says.
    fn power_on_reset(&mut self);

    /// Whether the measurements stop changing while the chip goes on answering.
    fn set_frozen(&mut self, frozen: bool);
}

/// What can be wrong with a bus, seen so in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusFault {
    /// No chip acknowledges: unplugged, or unpowered.
    Nak,
    /// A line is held: every transaction fails before the address is through.
    HeldLine,
    /// Chips answer, but their measurements are frozen.
    Stuck,
    /// The bus itself is gone: the device file vanished.
    BusGone,
    /// Reads give random bytes: a loose clock line.
    Garbage,
    /// A brown-out: every chip has its power-on settings again. Momentary; other faults stand as they were.
    ForgetSettings,
}

impl BusFault {
    /// By the word that a trace's `sensor_fault` column uses.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "nak" => Self::Nak,
            "held-line" => Self::HeldLine,
            "stuck" => Self::Stuck,
            "gone" => Self::BusGone,
            "garbage" => Self::Garbage,
            "forget" => Self::ForgetSettings,
            _ => return None,
        })
    }
}

/// Why a transaction failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimBusError {
    /// Nobody acknowledged this address.
    #[error("no acknowledgement from {address:#04x}")]
    NoAcknowledge {
        /// The 7-bit address.
        address: u8,
    },
    /// The bus did not get as far as an address.
    #[error("a line is held")]
    HeldLine,
    /// There is no bus any more.
    #[error("the bus is gone")]
    Gone,
}

impl i2c::Error for SimBusError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAcknowledge { .. } => ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address),
            Self::HeldLine => ErrorKind::Bus,
            Self::Gone => ErrorKind::Other,
        }
    }
}

/// Nobody may hold a lock over a panic here, but a panicking test must not hide behind a poisoned one either.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The world's grip on a chip that hangs on a bus.
#[derive(Debug)]
pub struct Attached<C>(Arc<Mutex<C>>);

impl<C> Attached<C> {
    /// Does something with the chip, between two transactions.
    pub fn with<T>(&self, action: impl FnOnce(&mut C) -> T) -> T {
        action(&mut lock(&self.0))
    }
}

impl<C> Clone for Attached<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Wires {
    chips: BTreeMap<u8, Arc<Mutex<dyn SimChip>>>,
    fault: Option<BusFault>,
    transactions: u64,
    garbage: Pcg32,
}

/// A handle to a simulated bus; clones are the same bus.
#[derive(Clone)]
pub struct SimBus(Arc<Mutex<Wires>>);

impl fmt::Debug for SimBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wires = lock(&self.0);
        f.debug_struct("SimBus")
            .field("addresses", &wires.chips.keys())
            .field("fault", &wires.fault)
            .field("transactions", &wires.transactions)
            .finish()
    }
}

impl Default for SimBus {
    fn default() -> Self {
        Self::new()
    }
}

impl SimBus {
    /// A bus with nothing on it.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Wires {
            chips: BTreeMap::new(),
            fault: None,
            transactions: 0,
            garbage: Pcg32::seed_from_u64(0),
        })))
    }

    /// Hangs a chip on a 7-bit address; one that hung there before is taken off.
    pub fn attach<C: SimChip + 'static>(&self, address: u8, mut chip: C) -> Attached<C> {
        let mut wires = lock(&self.0);
        chip.set_frozen(wires.fault == Some(BusFault::Stuck));
        let chip = Arc::new(Mutex::new(chip));
        wires.chips.insert(address, Arc::clone(&chip) as Arc<Mutex<dyn SimChip>>);
        Attached(chip)
    }

    /// Takes the chip off an address: from now on nobody acknowledges it.
    pub fn detach(&self, address: u8) {
        lock(&self.0).chips.remove(&address);
    }

    /// Breaks the bus this way, in place of the way it was broken before.
    pub fn inject(&self, fault: BusFault) {
        let mut wires = lock(&self.0);
        if fault == BusFault::ForgetSettings {
            wires.chips.values().for_each(|chip| lock(chip).power_on_reset());
        } else {
            wires.set_fault(Some(fault));
        }
    }

    /// Mends the bus. What a fault did to the chips' settings stays done.
    pub fn heal(&self) {
        lock(&self.0).set_fault(None);
    }

    /// The fault that stands.
    pub fn fault(&self) -> Option<BusFault> {
        lock(&self.0).fault
    }

    /// How many transactions were begun, failed ones included.
    pub fn transactions(&self) -> u64 {
        lock(&self.0).transactions
    }
}

impl Wires {
    fn set_fault(&mut self, fault: Option<BusFault>) {
        self.fault = fault;
        let frozen = fault == Some(BusFault::Stuck);
        self.chips.values().for_each(|chip| lock(chip).set_frozen(frozen));
    }

    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), SimBusError> {
        self.transactions += 1;
        match self.fault {
            Some(BusFault::BusGone) => return Err(SimBusError::Gone),
            Some(BusFault::HeldLine) => return Err(SimBusError::HeldLine),
            Some(BusFault::Nak) => return Err(SimBusError::NoAcknowledge { address }),
            _ => {}
        }
        let chip = self.chips.get(&address).ok_or(SimBusError::NoAcknowledge { address })?;
        let mut chip = lock(chip);
        for operation in operations {
            match operation {
                Operation::Write(bytes) => chip.write(bytes),
                Operation::Read(buffer) => {
                    chip.read(buffer);
                    if self.fault == Some(BusFault::Garbage) {
                        buffer.fill_with(|| self.garbage.random());
                    }
                }
            }
        }
        Ok(())
    }
}

impl i2c::ErrorType for SimBus {
    type Error = SimBusError;
}

impl i2c::I2c<SevenBitAddress> for SimBus {
    fn transaction(&mut self, address: u8, operations: &mut [Operation<'_>]) -> Result<(), SimBusError> {
        lock(&self.0).transaction(address, operations)
    }
}

#[cfg(test)]
mod tests {
    use embedded_hal::i2c::{Error, I2c};

    use super::*;

    /// Reads back what was written; frozen and reset as told.
    #[derive(Default)]
    struct Echo {
        byte: u8,
        frozen: bool,
    }

    impl SimChip for Echo {
        fn write(&mut self, bytes: &[u8]) {
            self.byte = *bytes.last().unwrap_or(&self.byte);
        }
        fn read(&mut self, buffer: &mut [u8]) {
            buffer.fill(self.byte);
        }
        fn power_on_reset(&mut self) {
            self.byte = 0;
        }
        fn set_frozen(&mut self, frozen: bool) {
            self.frozen = frozen;
        }
    }

    fn read(bus: &SimBus, address: u8) -> Result<[u8; 4], SimBusError> {
        let mut buffer = [0; 4];
        bus.clone().read(address, &mut buffer).map(|()| buffer)
    }

    #[test]
    fn a_chip_answers_at_its_address_only() {
        let bus = SimBus::new();
        let chip = bus.attach(0x40, Echo::default());
        bus.clone().write(0x40, &[7]).unwrap();
        assert_eq!(read(&bus, 0x40), Ok([7; 4]));
        assert_eq!(chip.with(|chip| chip.byte), 7);
        assert_eq!(read(&bus, 0x41), Err(SimBusError::NoAcknowledge { address: 0x41 }));
        bus.detach(0x40);
        assert_eq!(read(&bus, 0x40), Err(SimBusError::NoAcknowledge { address: 0x40 }));
        assert_eq!(bus.transactions(), 4, "failed transactions count too");
    }

    #[test]
    fn every_fault_shows_as_its_kind_and_heals() {
        let bus = SimBus::new();
        let chip = bus.attach(0x40, Echo::default());
        bus.clone().write(0x40, &[7]).unwrap();
        for (fault, kind) in [
            (BusFault::Nak, ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address)),
            (BusFault::HeldLine, ErrorKind::Bus),
            (BusFault::BusGone, ErrorKind::Other),
        ] {
            bus.inject(fault);
            assert_eq!(read(&bus, 0x40).unwrap_err().kind(), kind, "{fault:?}");
        }
        bus.inject(BusFault::Stuck);
        assert!(chip.with(|chip| chip.frozen));
        assert_eq!(read(&bus, 0x40), Ok([7; 4]), "a stuck chip still answers");
        bus.inject(BusFault::Garbage);
        assert!(!chip.with(|chip| chip.frozen), "one fault takes the place of the other");
        assert_ne!(read(&bus, 0x40), Ok([7; 4]));
        bus.heal();
        assert_eq!(read(&bus, 0x40), Ok([7; 4]));
    }

    #[test]
    fn a_brown_out_resets_the_chips_and_lets_a_standing_fault_stand() {
        let bus = SimBus::new();
        bus.attach(0x40, Echo::default());
        bus.clone().write(0x40, &[7]).unwrap();
        bus.inject(BusFault::Nak);
        bus.inject(BusFault::ForgetSettings);
        assert_eq!(bus.fault(), Some(BusFault::Nak));
        bus.heal();
        assert_eq!(read(&bus, 0x40), Ok([0; 4]));
    }
}
