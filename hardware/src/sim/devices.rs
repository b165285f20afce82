//! Simulated devices that speak: the bytes of Victron's blocks, and a Modbus unit that answers.
//!
//! Written from the makers' papers, apart from the decoders in [`crate::devices`] that they test.

use std::collections::BTreeMap;

/// A VE.Direct block of these fields, with its checksum.
pub fn ve_direct_block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (label, value) in fields {
        block.extend(format!("\r\n{label}\t{value}").bytes());
    }
    block.extend(b"\r\nChecksum\t");
    let sum = block.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    block.push(sum.wrapping_neg());
    block
}

/// What an MPPT 100/20 says: millivolts and milliamperes at the battery, milliamperes of its load output where it has one,
/// watts of panel, an error code.
pub fn mppt_block(millivolts: i32, milliamps: i32, load: Option<i32>, watts: i32, error: u8) -> Vec<u8> {
    let [v, i, ppv, err] = [millivolts, milliamps, watts, error.into()].map(|number| number.to_string());
    let il = load.map(|load| load.to_string());
    let mut fields = vec![
        ("PID", "0xA05F"),
        ("FW", "161"),
        ("SER#", "HQ2132ABCDE"),
        ("V", v.as_str()),
        ("I", &i),
        ("VPV", "18560"),
        ("PPV", &ppv),
        ("CS", if watts > 0 { "3" } else { "0" }),
        ("MPPT", "2"),
        ("OR", "0x00000000"),
        ("ERR", &err),
    ];
    if let Some(il) = &il {
        fields.extend([("LOAD", "ON"), ("IL", il)]);
    }
    fields.extend([
        ("H19", "4321"),
        ("H20", "12"),
        ("H21", "72"),
        ("H22", "9"),
        ("H23", "80"),
        ("HSDS", "203"),
    ]);
    ve_direct_block(&fields)
}

/// What a BMV-712 says: millivolts and milliamperes of the battery (charging is positive), and its charge in per mille once it
/// was synchronised.
pub fn bmv_block(millivolts: i32, milliamps: i32, permille: Option<u16>) -> Vec<u8> {
    let [v, i] = [millivolts, milliamps].map(|number| number.to_string());
    let soc = permille.map_or_else(|| "---".to_owned(), |permille| permille.to_string());
    ve_direct_block(&[
        ("PID", "0xA381"),
        ("V", &v),
        ("T", "21"),
        ("I", &i),
        ("P", "-31"),
        ("CE", "-8800"),
        ("SOC", &soc),
        ("TTG", "1650"),
        ("Alarm", "OFF"),
        ("Relay", "OFF"),
        ("AR", "0"),
        ("BMV", "712 Smart"),
        ("FW", "0413"),
        ("MON", "0"),
    ])
}

/// What can be wrong with a Modbus unit or its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModbusFault {
    /// It says nothing.
    Silent,
    /// The CRC's last bit is flipped.
    WrongCrc,
    /// It answers as another unit.
    WrongUnit,
    /// Only the first bytes of an answer come.
    Cut,
}

/// A Modbus unit with registers; those that it does not have are refused with exception 2.
#[derive(Debug, Clone, Default)]
pub struct SimModbus {
    /// Its address.
    pub unit: u8,
    /// Its registers, holding and input alike.
    pub registers: BTreeMap<u16, u16>,
    /// What is wrong with it.
    pub fault: Option<ModbusFault>,
}

impl SimModbus {
    /// A Tracer of `EPEver`'s: hundredths of volts and of amperes net into the battery and out of the load output.
    pub fn epever(centivolts: u16, net: i32, load: u16) -> Self {
        let [low, high] = [net as u32 as u16, ((net as u32) >> 16) as u16];
        let registers = [
            (0x3102, 4200),
            (0x3103, 0),
            (0x310c, centivolts),
            (0x310d, load),
            (0x3110, 2150),
            (0x311a, 81),
            (0x3200, 0),
            (0x3201, 1),
            (0x3202, 1),
            (0x331a, centivolts),
            (0x331b, low),
            (0x331c, high),
        ];
        Self { unit: 1, registers: registers.into(), fault: None }
    }

    /// A Renogy Rover: tenths of volts, hundredths of amperes from the panel and out of the load output.
    pub fn renogy(decivolts: u16, charge: u16, load: u16) -> Self {
        let values = [76, decivolts, charge, 0x1915, decivolts, load, 27, 182, 400, 72];
        let mut registers: BTreeMap<u16, u16> = (0x0100..).zip(values).collect();
        registers.extend([(0x0121, 0), (0x0122, 0)]);
        Self { unit: 1, registers, fault: None }
    }

    /// What it sends when it hears these bytes; nothing to what is no question to it.
    pub fn answer(&self, heard: &[u8]) -> Vec<u8> {
        let &[unit, function, first_high, first_low, _, count, ref crc @ ..] = heard else {
            return Vec::new();
        };
        if unit != self.unit || crc != crc16(&heard[..6]) || self.fault == Some(ModbusFault::Silent) {
            return Vec::new();
        }
        let first = u16::from_be_bytes([first_high, first_low]);
        let asked = (first..).take(count.into());
        let found: Option<Vec<u16>> = asked.map(|register| self.registers.get(&register).copied()).collect();
        let unit = if self.fault == Some(ModbusFault::WrongUnit) { unit + 1 } else { unit };
        let mut answer = match found {
            Some(values) => {
                let mut bytes = vec![unit, function, count * 2];
                bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
                bytes
            }
            None => vec![unit, function | 0x80, 2],
        };
        answer.extend(crc16(&answer));
        match self.fault {
            Some(ModbusFault::WrongCrc) => {
                if let Some(last) = answer.last_mut() {
                    *last ^= 1;
                }
            }
            Some(ModbusFault::Cut) => answer.truncate(4),
            _ => {}
        }
        answer
    }
}

/// Bit by bit, as "MODBUS over Serial Line" draws it (section 6.2.2), the lower byte first.
fn crc16(bytes: &[u8]) -> [u8; 2] {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 };
        }
    }
    crc.to_le_bytes()
}
