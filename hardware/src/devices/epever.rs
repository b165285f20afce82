//! `EPEver`'s charge controllers (Tracer AN, BN, CN, XTRA and their rebrands): which registers say what.
//!
//! After the maker's "Tracer Modbus protocol", V2.5 (also called "Register Address List"): input registers (function 4), numbers times 100, pairs with the lower
//! half first. The battery's net current (331B, 331C) counts what charges as positive and includes the load output.

use protocol::{Current, Power, Soc, Temperature, Voltage};

use super::Account;
use super::modbus::{Function, Kind, Part, Registers};

/// What is asked of them. Registers that do not follow each other are refused together, hence the many parts.
pub const EPEVER: Kind = Kind {
    name: "EPEver",
    baud: 115_200,
    parts: &[
        // 331A battery voltage, 331B and 331C net battery current.
        Part { function: Function::Input, first: 0x331a, count: 3, read: battery },
        // 310C load voltage, 310D load current.
        Part { function: Function::Input, first: 0x310c, count: 2, read: load },
        // 3110 battery temperature.
        Part { function: Function::Input, first: 0x3110, count: 1, read: temperature },
        // 311A state of charge, by the controller's own guess.
        Part { function: Function::Input, first: 0x311a, count: 1, read: soc },
        // 3102 and 3103 panel power.
        Part { function: Function::Input, first: 0x3102, count: 2, read: panel },
        // 3200 battery status, 3201 charging status, 3202 discharging status.
        Part { function: Function::Input, first: 0x3200, count: 3, read: status },
    ],
};

/// Bits of 3200 that say something is wrong with the battery: voltage not normal in 3-0, too hot or cold in 7-4, resistance 8, rated
/// voltage 15.
const BATTERY_WRONG: u16 = 0x81ff;
/// Bits of 3201 and 3202 above "running", charging stage and input: faults of the charger and of the load output.
const CHARGER_WRONG: u16 = 0x3ff2;
const LOAD_WRONG: u16 = 0x0ff2;

fn hundredths(value: u16) -> f64 {
    f64::from(value) / 100.0
}

fn battery(registers: &Registers, account: &mut Account) -> Option<()> {
    account.voltage = Voltage::from_volts(hundredths(registers.get(0)?));
    let net = Current::from_amps(f64::from(registers.long(1)?) / 100.0);
    // With what the load output takes, which is asked for more seldom.
    account.charge_current = Some(net + account.load_current.unwrap_or_default());
    // What goes out of the battery on this device's account, wherever its loads hang.
    account.load_current = account.load_current.or(Some(Current::ZERO));
    Some(())
}

fn load(registers: &Registers, account: &mut Account) -> Option<()> {
    let load = Current::from_amps(hundredths(registers.get(1)?));
    let net = account.charge_current.zip(account.load_current).map(|(charge, load)| charge - load);
    account.load_current = Some(load);
    account.charge_current = net.map(|net| net + load);
    Some(())
}

fn temperature(registers: &Registers, account: &mut Account) -> Option<()> {
    let celsius = f64::from(registers.signed(0)?) / 100.0;
    // Without a probe it reads 25.00 for ever, which is also what it would be taken for.
    account.temperature = Some(Temperature::from_celsius(celsius));
    (-50.0..=120.0).contains(&celsius).then_some(())
}

fn soc(registers: &Registers, account: &mut Account) -> Option<()> {
    let percent = registers.get(0)?;
    account.soc = Some(Soc::from_percent(f64::from(percent)));
    (percent <= 100).then_some(())
}

fn panel(registers: &Registers, account: &mut Account) -> Option<()> {
    let watts = f64::from(registers.long(0)?) / 100.0;
    account.panel = Some(Power::from_watts(watts));
    (0.0..=20_000.0).contains(&watts).then_some(())
}

fn status(registers: &Registers, account: &mut Account) -> Option<()> {
    let (battery, charger, load) = (registers.get(0)?, registers.get(1)?, registers.get(2)?);
    account.error = (battery & BATTERY_WRONG) | (charger & CHARGER_WRONG) | (load & LOAD_WRONG);
    Some(())
}
