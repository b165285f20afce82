//! What measures the battery: `[[sensor]]`, by `kind`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use hardware::chips::ads1115;
use hardware::line::LineAt;
use protocol::{Current, Resistance, Voltage};
use serde::Deserialize;

use super::Voltmeter;

/// A sensor, by its `kind`.
#[derive(Debug, Clone, PartialEq)]
pub enum Sensor {
    /// A TI INA219.
    Ina219(ShuntSensor),
    /// A TI INA226.
    Ina226(ShuntSensor),
    /// A TI INA228.
    Ina228(ShuntSensor),
    /// One channel of a TI INA3221.
    Ina3221(ChannelSensor),
    /// A TI ADS1115 behind a divider.
    Ads1115(ConverterSensor),
    /// A Maxim MAX17048 on one cell.
    Max17048(GaugeSensor),
    /// A kernel hwmon device.
    Hwmon(HwmonSensor),
    /// A kernel `power_supply` device.
    PowerSupply(PowerSupplySensor),
    /// A kernel IIO device.
    Iio(IioSensor),
    /// A Victron MPPT charge controller or BMV battery monitor on a serial line.
    VeDirect(ChargerSensor),
    /// A charge controller of `EPEver`'s on a serial line.
    Epever(ModbusSensor),
    /// A Renogy charge controller on a serial line.
    Renogy(ModbusSensor),
    /// A UPS behind a NUT server.
    Nut(NutSensor),
    /// A recorded trace, played through the registers of a simulated INA226.
    Replay(ReplaySensor),
}

impl Sensor {
    /// The kinds, as `kind` names them.
    pub(crate) const KINDS: [&str; 14] = [
        "ina219",
        "ina226",
        "ina228",
        "ina3221",
        "ads1115",
        "max17048",
        "hwmon",
        "power_supply",
        "iio",
        "ve_direct",
        "epever",
        "renogy",
        "nut",
        "replay",
    ];

    /// The most current that it is configured to see; `None` where its range is its own affair.
    pub fn current_max(&self) -> Option<Current> {
        match self {
            Self::Ina219(shunt) | Self::Ina226(shunt) | Self::Ina228(shunt) => Some(shunt.current_max),
            Self::Ina3221(channel) => Some(channel.current_max),
            Self::Ads1115(converter) => converter.current_max,
            Self::Max17048(_)
            | Self::Hwmon(_)
            | Self::PowerSupply(_)
            | Self::Iio(_)
            | Self::VeDirect(_)
            | Self::Epever(_)
            | Self::Renogy(_)
            | Self::Nut(_)
            | Self::Replay(_) => None,
        }
    }

    /// How its volts compare with a multimeter's; `None` for devices that are set right themselves.
    pub(crate) const fn voltmeter(&self) -> Option<&Voltmeter> {
        match self {
            Self::Ina219(s) | Self::Ina226(s) | Self::Ina228(s) => Some(&s.voltmeter),
            Self::Ina3221(s) => Some(&s.voltmeter),
            Self::Ads1115(s) => Some(&s.voltmeter),
            Self::Hwmon(s) => Some(&s.voltmeter),
            Self::Iio(s) => Some(&s.voltmeter),
            Self::Replay(s) => Some(&s.voltmeter),
            Self::Max17048(_)
            | Self::PowerSupply(_)
            | Self::VeDirect(_)
            | Self::Epever(_)
            | Self::Renogy(_)
            | Self::Nut(_) => None,
        }
    }

    /// Whether a reading is asked for at one reading and answered at the next.
    pub(crate) const fn answers_later(&self) -> bool {
        matches!(self, Self::Epever(_) | Self::Renogy(_) | Self::Nut(_))
    }
}

impl fmt::Display for Sensor {
    /// What was understood, for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        self.voltmeter().map_or(Ok(()), |voltmeter| write!(f, "{voltmeter}"))
    }
}

impl Sensor {
    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shunt = |f: &mut fmt::Formatter<'_>, kind, s: &ShuntSensor| {
            write!(f, "{kind} at {:#04x} on {}, ", s.address, s.bus.display())?;
            write!(f, "shunt {} to {}{}", s.shunt, s.current_max, turned(s.reversed))?;
            s.alert.as_ref().map_or(Ok(()), |at| write!(f, ", ALERT on {at}"))
        };
        match self {
            Self::Ina219(s) => shunt(f, "INA219", s),
            Self::Ina226(s) => shunt(f, "INA226", s),
            Self::Ina228(s) => shunt(f, "INA228", s),
            Self::Ina3221(s) => {
                write!(
                    f,
                    "channel {} of the INA3221 at {:#04x} on {}, ",
                    s.channel,
                    s.address,
                    s.bus.display()
                )?;
                write!(f, "shunt {} to {}{}", s.shunt, s.current_max, turned(s.reversed))
            }
            Self::Ads1115(s) => {
                let (top, bottom) = (s.divider_top.ohms(), s.divider_bottom.ohms());
                write!(f, "ADS1115 at {:#04x} on {}, ", s.address, s.bus.display())?;
                write!(f, "input {} behind {top} over {bottom} Ohm", s.channel)?;
                match s.current_channel {
                    Some(channel) => write!(f, ", current on input {channel}{}", turned(s.reversed)),
                    None => Ok(()),
                }
            }
            Self::Max17048(s) => {
                write!(f, "MAX17048 on {}, one of {} cells{}", s.bus.display(), s.cells, counts(s.charge))
            }
            Self::Hwmon(s) => write!(f, "kernel hwmon {}{}", s.chip, turned(s.reversed)),
            Self::PowerSupply(s) => {
                write!(f, "kernel power_supply {}{}", s.name, counts(s.charge))
            }
            Self::Iio(s) => write!(f, "kernel IIO {}, input {}{}", s.device, s.voltage, turned(s.reversed)),
            Self::VeDirect(s) => {
                let output = if s.load_output { ", all loads on its output" } else { "" };
                write!(f, "VE.Direct on {}{output}{}", s.port.display(), counts(s.charge))
            }
            Self::Epever(s) => s.describe(f, "EPEver"),
            Self::Renogy(s) => s.describe(f, "Renogy"),
            Self::Nut(s) => write!(f, "UPS {} of the NUT server {}{}", s.ups, s.server, counts(s.charge)),
            Self::Replay(s) => write!(f, "replay of {} at {} times life", s.trace.display(), s.speed),
        }
    }
}

const fn turned(reversed: bool) -> &'static str {
    if reversed { ", reversed" } else { "" }
}

const fn counts(charge: bool) -> &'static str {
    if charge { ", its own charge counts" } else { "" }
}

/// A current and voltage monitor on I2C.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShuntSensor {
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// The chip's address, 0x40 to 0x4f.
    #[serde(default = "shunt_address")]
    pub address: u8,
    /// The shunt.
    pub shunt: Resistance,
    /// The most that flows.
    pub current_max: Current,
    /// Whether a positive shunt voltage means charging (the shunt is wired the other way round).
    #[serde(default)]
    pub reversed: bool,
    /// Where the chip's ALERT pin is wired to; INA226 only.
    pub alert: Option<LineAt>,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}

/// One channel of a three-channel monitor on I2C.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSensor {
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// The chip's address, 0x40 to 0x43.
    #[serde(default = "shunt_address")]
    pub address: u8,
    /// 1 to 3, as the board has it.
    pub channel: u8,
    /// The channel's shunt.
    pub shunt: Resistance,
    /// The most that flows.
    pub current_max: Current,
    /// Whether a positive shunt voltage means charging.
    #[serde(default)]
    pub reversed: bool,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}

/// All address pins to ground.
const fn shunt_address() -> u8 {
    0x40
}

/// A converter behind a divider, and perhaps a current sensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConverterSensor {
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// The chip's address, 0x48 to 0x4b.
    #[serde(default = "converter_address")]
    pub address: u8,
    /// The battery's input, 0 to 3.
    #[serde(default)]
    pub channel: u8,
    /// Between the battery and the input.
    pub divider_top: Resistance,
    /// Between the input and ground.
    pub divider_bottom: Resistance,
    /// The current sensor's input, 0 to 3, where there is one.
    pub current_channel: Option<u8>,
    /// What the current sensor shows at no current.
    #[serde(default)]
    pub current_zero: Voltage,
    /// By how much its output rises for an ampere: volts per ampere are ohms.
    pub current_scale: Option<Resistance>,
    /// The most that flows.
    pub current_max: Option<Current>,
    /// Whether a rising output means charging.
    #[serde(default)]
    pub reversed: bool,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}

/// The address pin to ground.
const fn converter_address() -> u8 {
    0x48
}

impl ConverterSensor {
    /// For the driver.
    pub(crate) fn settings(&self) -> ads1115::Settings {
        let voltage = ads1115::VoltageInput {
            channel: self.channel,
            top: self.divider_top,
            bottom: self.divider_bottom,
        };
        let current = self.current_channel.zip(self.current_scale);
        let zero = self.current_zero;
        let current = current.map(|(channel, per_amp)| ads1115::CurrentInput { channel, zero, per_amp });
        ads1115::Settings { voltage, current }
    }
}

/// A fuel gauge on one cell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaugeSensor {
    /// The bus, for example `/dev/i2c-1`.
    pub bus: PathBuf,
    /// How many cells like the measured one make the battery.
    pub cells: u8,
    /// Whether the charge that it reports counts.
    #[serde(default)]
    pub charge: bool,
}

/// A kernel hwmon device, for example the `ina2xx` driver's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HwmonSensor {
    /// Its `name` file's content, for example `ina226`.
    pub chip: String,
    /// Whether positive current means charging.
    #[serde(default)]
    pub reversed: bool,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}

/// A kernel `power_supply` device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerSupplySensor {
    /// Its folder under `/sys/class/power_supply`.
    pub name: String,
    /// Whether the charge that it reports counts.
    #[serde(default)]
    pub charge: bool,
}

/// A kernel IIO device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IioSensor {
    /// Its `name` file's content, for example `ina226` or `ads1115`.
    pub device: String,
    /// The voltage's channel: `voltage1` for `in_voltage1_raw`.
    pub voltage: String,
    /// The current's channel, where there is one: `current3`.
    pub current: Option<String>,
    /// What the battery's voltage is divided by before the input.
    #[serde(default = "one")]
    pub divider: f64,
    /// Whether positive current means charging.
    #[serde(default)]
    pub reversed: bool,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}

/// No divider; as it was recorded.
const fn one() -> f64 {
    1.0
}

/// A charge controller or battery monitor that speaks by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargerSensor {
    /// The serial line, for example `/dev/serial/by-id/...`.
    pub port: PathBuf,
    /// Whether all that the battery feeds hangs on the charger's load output: then it knows the battery's current.
    #[serde(default)]
    pub load_output: bool,
    /// Whether the charge that it reports counts.
    #[serde(default)]
    pub charge: bool,
}

/// A charge controller that is asked by Modbus.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusSensor {
    /// The serial line, for example `/dev/serial/by-id/...`.
    pub port: PathBuf,
    /// Its speed, where it is not the maker's usual one.
    pub baud: Option<u32>,
    /// Its Modbus address, 1 to 247.
    #[serde(default = "unit")]
    pub unit: u8,
    /// Whether all that the battery feeds hangs on the charger's load output: then it knows the battery's current.
    #[serde(default)]
    pub load_output: bool,
    /// Whether the charge that it reports counts.
    #[serde(default)]
    pub charge: bool,
}

/// What both makers ship.
const fn unit() -> u8 {
    1
}

impl ModbusSensor {
    fn describe(&self, f: &mut fmt::Formatter<'_>, maker: &str) -> fmt::Result {
        let output = if self.load_output { ", all loads on its output" } else { "" };
        write!(f, "{maker} on {}, unit {}{output}{}", self.port.display(), self.unit, counts(self.charge))
    }
}

/// A UPS behind a NUT server.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NutSensor {
    /// Where upsd listens.
    #[serde(default = "nut_server")]
    pub server: SocketAddr,
    /// The UPS's name there.
    pub ups: String,
    /// Whether the charge that it reports counts, and with it the UPS's own "low battery".
    #[serde(default = "yes")]
    pub charge: bool,
}

/// upsd's port on this machine.
fn nut_server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 3493))
}

const fn yes() -> bool {
    true
}

/// A recorded trace as a sensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplaySensor {
    /// A CSV with `time_s,voltage_V,current_A,temp_C`; a relative path begins at the config file's folder.
    pub trace: PathBuf,
    /// How much faster than life. The agent's whole clock runs that much faster.
    #[serde(default = "one")]
    pub speed: f64,
    /// How its volts compare with a multimeter's.
    #[serde(default)]
    pub voltmeter: Voltmeter,
}
