//! Renogy's charge controllers (Rover, Wanderer, Adventurer and their rebrands of SRNE): which registers say what.
//!
//! After Renogy, "ROVER MODBUS" register list: holding registers (function 3). The charging current is what is given to the
//! battery and the loads together.

use protocol::{Current, Power, Soc, Temperature, Voltage};

use super::Account;
use super::modbus::{Function, Kind, Part, Registers};

/// What is asked of them.
pub const RENOGY: Kind = Kind {
    name: "Renogy",
    baud: 9600,
    parts: &[
        // 0100 charge in %, 0101 battery in 0.1 V, 0102 charging in 0.01 A, 0103 temperatures, 0104 to 0106 load in 0.1 V,
        // 0.01 A and W, 0107 to 0109 panel in 0.1 V, 0.01 A and W.
        Part { function: Function::Holding, first: 0x0100, count: 10, read: battery },
        // 0121 and 0122: faults, a bit each.
        Part { function: Function::Holding, first: 0x0121, count: 2, read: faults },
    ],
};

fn battery(registers: &Registers, account: &mut Account) -> Option<()> {
    let amps = |value: u16| Current::from_amps(f64::from(value) / 100.0);
    let percent = registers.get(0)?;
    account.soc = Some(Soc::from_percent(f64::from(percent)));
    account.voltage = Voltage::from_volts(f64::from(registers.get(1)?) / 10.0);
    account.charge_current = Some(amps(registers.get(2)?));
    // The lower byte is the battery's: a sign in bit 7, and degrees.
    let temperature = registers.get(3)? & 0xff;
    let degrees = f64::from(temperature & 0x7f);
    let celsius = if temperature & 0x80 == 0 { degrees } else { -degrees };
    account.temperature = Some(Temperature::from_celsius(celsius));
    account.load_current = Some(amps(registers.get(5)?));
    account.panel = Some(Power::from_watts(f64::from(registers.get(9)?)));
    (percent <= 100).then_some(())
}

fn faults(registers: &Registers, account: &mut Account) -> Option<()> {
    account.error = registers.get(0)? | registers.get(1)?;
    Some(())
}
