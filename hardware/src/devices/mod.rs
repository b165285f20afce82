//! Devices that know the battery by themselves and speak of it: charge controllers, battery monitors, UPSs.
//!
//! Pure: bytes in, an [`Account`] out; no port is opened and no clock is read here. [`ve_direct`] hears what a Victron
//! device says once a second; [`modbus`] asks, and [`epever`] and [`renogy`] say what for; [`nut`] reads what a UPS server
//! answers. Whatever bytes come, none of them panics or grows without bound.
//!
//! **Whose current?** A charge controller measures what it gives to the battery and what its load output takes, not what
//! hangs on the battery directly. So it knows the battery's current only where all that is fed hangs on its output; a
//! battery monitor with a shunt in the battery's lead always knows.

use protocol::{Current, Power, Soc, Temperature, Voltage};

pub mod epever;
pub mod modbus;
pub mod nut;
pub mod renogy;
pub mod ve_direct;

/// The speeds that a serial line can be set to.
pub const SPEEDS: [u32; 8] = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200];

/// What a device says of the battery at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Account {
    /// At the device's battery terminals.
    pub voltage: Voltage,
    /// Out of the battery, where a shunt in its lead measures it.
    pub current: Option<Current>,
    /// Into the battery and the loads, by a charge controller.
    pub charge_current: Option<Current>,
    /// Out of a charge controller's load output.
    pub load_current: Option<Current>,
    /// From the panel.
    pub panel: Option<Power>,
    /// Of the battery, where a probe is fitted.
    pub temperature: Option<Temperature>,
    /// As the device holds it.
    pub soc: Option<Soc>,
    /// The device's own error code; 0 is none. docs/sensors says where they are listed.
    pub error: u16,
}

impl Account {
    /// The current out of the battery: measured in its lead, or, where all loads hang on the charge controller's output,
    /// what goes out there less what comes in.
    pub fn battery_current(&self, loads_on_output: bool) -> Option<Current> {
        let balance = || Some(self.load_current? - self.charge_current?);
        self.current.or_else(|| if loads_on_output { balance() } else { None })
    }
}
