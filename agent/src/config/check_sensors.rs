//! What each `[[sensor]]` must keep to, alone and beside the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use hardware::battery::Chemistry;
use hardware::chips::{SettingsError, ads1115, detect, ina219, ina226, ina228, ina3221};
use hardware::devices::SPEEDS;
use hardware::line::{LineAt, LineId};
use protocol::Seconds;

use super::check::{Seen, complain, count, file_name, plain, within};
use super::document::{Document, Section};
use super::error::What;
use super::parse::Part;
use super::switch::{GPIO_MAX, Output};
use super::{ConverterSensor, IioSensor, Leds, ModbusSensor, NutSensor, Sensor, ShuntSensor, Switch};

/// The most cells of a battery that one is measured of: 4 are a 12 V battery of LiFePO4, 6 of lead.
const CELLS_MAX: u8 = 8;
/// The last Modbus address.
const UNIT_MAX: u8 = 247;
/// The longest interval of sources that answer at the next reading: so old their reading may be.
const LATER_MAX: Duration = Duration::from_secs(10);

/// Checks the `[[sensor]]` list.
pub(super) fn sensors(
    document: &mut Document<'_>,
    sensors: &[Part<'_, Sensor>],
    chemistry: Option<Chemistry>,
    interval: Option<Duration>,
) {
    let mut seen = Seen::default();
    let (mut replay_line, mut kinds) = (None, BTreeMap::new());
    for Part { section, value } in sensors {
        alone(document, section, value, chemistry);
        if let Some(voltmeter) = value.voltmeter() {
            voltmeter.check(document, section);
        }
        if value.answers_later()
            && let Some(interval) = interval.filter(|interval| *interval > LATER_MAX)
        {
            let [found, most] = [interval, LATER_MAX].map(|span| Seconds::from(span).to_string());
            let what = What::AnswersLater { sensor: value.to_string(), found, most };
            document.problem(Some(section.line), &section.path, what);
        }
        if let Sensor::Replay(_) = value {
            if let Some(first) = replay_line.replace(section.line) {
                document.problem(Some(section.line), &section.path, What::SecondReplay { first });
            }
            continue;
        }
        one_kind(document, section, value, &mut kinds);
        let (key, what) = place(value);
        seen.once(document, section, key, what);
        if let Sensor::Ina226(ShuntSensor { alert: Some(at), .. }) = value {
            seen.once(document, section, "alert", at.to_string());
        }
    }
    count(document, "sensor", sensors);
}

/// Ways to speak to what is at one address or on one line: no two of them go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    OneChannel,
    ThreeChannels,
    VeDirect,
    Modbus,
}

/// What was seen first at an address or on a line: how it speaks, its kind, and the config's line.
type Spoken = (Speech, &'static str, usize);

/// What is at one address or on one line speaks one way, however many of its channels or units are read.
fn one_kind(
    document: &mut Document<'_>,
    section: &Section<'_>,
    sensor: &Sensor,
    seen: &mut BTreeMap<String, Spoken>,
) {
    let Some((speech, kind, what)) = shared(sensor) else { return };
    let line = document.line_of(section, &["kind"]);
    let (first, other, at) = *seen.entry(what.clone()).or_insert((speech, kind, line));
    if first != speech {
        let what = What::Value(format!("{what} is there as {other} too, on line {at}"));
        complain(document, section, "kind", what);
    }
}

/// A chip in words, one for each chip.
fn chip(address: u8, bus: &Path) -> String {
    format!("the chip at {address:#04x} on {}", plain(bus).display())
}

/// A serial line in words, one for each line.
fn serial(port: &Path) -> String {
    format!("the serial line {}", plain(port).display())
}

/// What a sensor may share with others that speak as it does.
fn shared(sensor: &Sensor) -> Option<(Speech, &'static str, String)> {
    Some(match sensor {
        Sensor::Ina219(s) => (Speech::OneChannel, "ina219", chip(s.address, &s.bus)),
        Sensor::Ina226(s) => (Speech::OneChannel, "ina226", chip(s.address, &s.bus)),
        Sensor::Ina228(s) => (Speech::OneChannel, "ina228", chip(s.address, &s.bus)),
        Sensor::Ina3221(s) => (Speech::ThreeChannels, "ina3221", chip(s.address, &s.bus)),
        Sensor::VeDirect(s) => (Speech::VeDirect, "ve_direct", serial(&s.port)),
        Sensor::Epever(s) => (Speech::Modbus, "epever", serial(&s.port)),
        Sensor::Renogy(s) => (Speech::Modbus, "renogy", serial(&s.port)),
        _ => return None,
    })
}

/// Where a sensor is, which no other may be: the key that says so, and words for it.
fn place(sensor: &Sensor) -> (&'static str, String) {
    match sensor {
        Sensor::Ina219(s) | Sensor::Ina226(s) | Sensor::Ina228(s) => ("address", chip(s.address, &s.bus)),
        Sensor::Ina3221(s) => ("channel", format!("channel {} of {}", s.channel, chip(s.address, &s.bus))),
        Sensor::Ads1115(s) => ("address", chip(s.address, &s.bus)),
        Sensor::Max17048(s) => ("bus", chip(hardware::chips::max17048::ADDRESS, &s.bus)),
        Sensor::Hwmon(s) => ("chip", format!("the hwmon chip {}", s.chip)),
        Sensor::PowerSupply(s) => ("name", format!("the power_supply device {}", s.name)),
        Sensor::Iio(s) => ("voltage", format!("{} of the IIO device {}", s.voltage, s.device)),
        Sensor::VeDirect(s) => ("port", serial(&s.port)),
        Sensor::Epever(s) | Sensor::Renogy(s) => ("port", format!("unit {} on {}", s.unit, serial(&s.port))),
        Sensor::Nut(s) => ("ups", format!("the UPS {} of {}", s.ups, s.server)),
        Sensor::Replay(s) => ("trace", format!("the trace {}", s.trace.display())),
    }
}

/// Checks one sensor by itself.
fn alone(document: &mut Document<'_>, section: &Section<'_>, sensor: &Sensor, chemistry: Option<Chemistry>) {
    match sensor {
        Sensor::Ina219(s) => {
            address(document, section, s.address, detect::ADDRESSES);
            no_alert(document, section, s.alert.as_ref());
            proof(document, section, ina219::Settings::new(s.shunt, s.current_max).prove());
        }
        Sensor::Ina226(s) => {
            address(document, section, s.address, detect::ADDRESSES);
            proof(document, section, ina226::Settings::new(s.shunt, s.current_max).prove());
            if let Some(at) = &s.alert {
                gpio_line(document, section, at);
            }
        }
        Sensor::Ina228(s) => {
            address(document, section, s.address, detect::ADDRESSES);
            no_alert(document, section, s.alert.as_ref());
            proof(document, section, ina228::Settings::new(s.shunt, s.current_max).prove());
        }
        Sensor::Ina3221(s) => {
            address(document, section, s.address, ina3221::ADDRESSES);
            within(document, section, "channel", s.channel, (1, 3));
            proof(document, section, ina3221::Settings::new(s.shunt, s.current_max).prove());
        }
        Sensor::Ads1115(s) => converter(document, section, s, chemistry),
        Sensor::Max17048(s) => {
            within(document, section, "cells", s.cells, (1, CELLS_MAX));
        }
        Sensor::Hwmon(s) => file_name(document, section, "chip", &s.chip),
        Sensor::PowerSupply(s) => file_name(document, section, "name", &s.name),
        Sensor::Iio(s) => iio(document, section, s),
        Sensor::VeDirect(s) => line(document, section, &s.port),
        Sensor::Epever(s) | Sensor::Renogy(s) => modbus(document, section, s),
        Sensor::Nut(s) => nut(document, section, s),
        Sensor::Replay(s) => {
            within(document, section, "speed", s.speed, (0.01, 100_000.0));
        }
    }
}

/// Notes an address that a chip cannot have.
pub(super) fn address(
    document: &mut Document<'_>,
    section: &Section<'_>,
    address: u8,
    can: core::ops::RangeInclusive<u8>,
) {
    let hex = |address: u8| format!("{address:#04x}");
    if !can.contains(&address) {
        let (low, high) = (hex(*can.start()), hex(*can.end()));
        complain(document, section, "address", What::Range { found: hex(address), low, high });
    }
}

/// An ALERT line is pulled by a chip: what drives a relay or an LED on it would be its short circuit.
pub(super) fn alerts(
    document: &mut Document<'_>,
    sensors: &[Part<'_, Sensor>],
    switches: &[Switch],
    leds: Option<&Leds>,
) {
    for Part { section, value } in sensors {
        let Sensor::Ina226(ShuntSensor { alert: Some(at), .. }) = value else { continue };
        let Some(number) = at.on_header() else { continue };
        let here = |gpio: u8| u32::from(gpio) == number;
        let switched =
            switches.iter().find(|switch| matches!(switch.output, Output::Gpio(gpio) if here(gpio)));
        let lit = leds.is_some_and(|leds| {
            let mut all = leds.stage.iter().chain(&leds.fault).chain(&leds.link);
            all.any(|led| Leds::gpio(led).is_some_and(here))
        });
        let other = match (switched, lit) {
            (Some(switch), _) => format!("switches the power of {}", switch.node),
            (None, true) => "is an LED".to_owned(),
            (None, false) => continue,
        };
        complain(
            document,
            section,
            "alert",
            What::Value(format!("GPIO {number} {other}: no chip may pull it")),
        );
    }
}

/// Only one chip of the family has an alert that is driven.
fn no_alert(document: &mut Document<'_>, section: &Section<'_>, alert: Option<&LineAt>) {
    if alert.is_some() {
        let words = "is for the INA226: no other chip's ALERT pin is driven, the sensor is read as ever";
        complain(document, section, "alert", What::Value(words.to_owned()));
    }
}

/// A line that a Pi can have.
fn gpio_line(document: &mut Document<'_>, section: &Section<'_>, at: &LineAt) {
    let words = match (&at.chip, &at.line) {
        (Some(chip), _) if chip.is_empty() => {
            "chip is empty: `gpiodetect` lists the chips; leave it out for the header's".to_owned()
        }
        (None, LineId::Number(number)) if *number > u32::from(GPIO_MAX) => {
            format!(
                "line {number} is outside 0 to {GPIO_MAX}, the header's GPIO numbers; on another chip name it: chip = \"...\""
            )
        }
        (_, LineId::Name(name)) if name.is_empty() || name.len() > 31 => {
            format!("{name:?} is no name of a line: `gpioinfo` lists them, GPIO17 is one")
        }
        _ => return,
    };
    complain(document, section, "alert", What::Value(words));
}

/// What the driver says of its settings, at the key that it is about.
fn proof(document: &mut Document<'_>, section: &Section<'_>, proof: Result<(), SettingsError>) {
    let Err(error) = proof else { return };
    let key = match error {
        SettingsError::CurrentMax { .. } => "current_max",
        SettingsError::Divider { .. } => "divider_top",
        SettingsError::Channel { .. } => "channel",
        SettingsError::SameChannel { .. } => "current_channel",
        SettingsError::Address { .. } => "address",
        _ => "shunt",
    };
    complain(document, section, key, What::Shunt(error));
}

fn converter(
    document: &mut Document<'_>,
    section: &Section<'_>,
    sensor: &ConverterSensor,
    chemistry: Option<Chemistry>,
) {
    address(document, section, sensor.address, ads1115::ADDRESSES);
    let settings = sensor.settings();
    match settings.prove() {
        Err(error @ SettingsError::Shunt { .. }) => {
            complain(document, section, "current_scale", What::Shunt(error));
        }
        Err(error) => proof(document, section, Err(error)),
        Ok(()) => {
            // The input must bear the most that this battery is believed to show, or it is damaged just then.
            if let Some(usual) = chemistry.map(Chemistry::usual) {
                proof(document, section, settings.voltage.prove(usual.believable_high));
            }
        }
    }
    let needed =
        [("current_scale", sensor.current_scale.is_some()), ("current_max", sensor.current_max.is_some())];
    for (key, there) in needed {
        match (sensor.current_channel, there) {
            (Some(_), false) => {
                complain(document, section, "current_channel", What::MissingKey(key.to_owned()));
            }
            (None, true) => {
                let words = "is for a current sensor: say on which input it is with `current_channel`";
                complain(document, section, key, What::Value(words.to_owned()));
            }
            _ => {}
        }
    }
    if let Some(most) = sensor.current_max
        && !(most.is_finite() && most.amps() > 0.0)
    {
        complain(document, section, "current_max", What::Value(format!("{most} is no greatest current")));
    }
}

fn iio(document: &mut Document<'_>, section: &Section<'_>, sensor: &IioSensor) {
    file_name(document, section, "device", &sensor.device);
    file_name(document, section, "voltage", &sensor.voltage);
    if let Some(current) = &sensor.current {
        file_name(document, section, "current", current);
    }
    within(document, section, "divider", sensor.divider, (1.0, 1000.0));
}

fn modbus(document: &mut Document<'_>, section: &Section<'_>, sensor: &ModbusSensor) {
    line(document, section, &sensor.port);
    within(document, section, "unit", sensor.unit, (1, UNIT_MAX));
    if let Some(baud) = sensor.baud
        && !SPEEDS.contains(&baud)
    {
        let speeds: Vec<String> = SPEEDS.iter().map(ToString::to_string).collect();
        let words = format!("{baud} is no speed of a serial line: it can be {}", speeds.join(", "));
        complain(document, section, "baud", What::Value(words));
    }
}

fn line(document: &mut Document<'_>, section: &Section<'_>, port: &std::path::Path) {
    if !port.is_absolute() {
        let words = format!("{} is no device, like \"/dev/ttyUSB0\"", port.display());
        complain(document, section, "port", What::Value(words));
    }
}

/// A name goes into a line of NUT's protocol, where a space or a quote would end it.
fn nut(document: &mut Document<'_>, section: &Section<'_>, sensor: &NutSensor) {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if sensor.ups.is_empty() || sensor.ups.len() > 64 || !sensor.ups.chars().all(fits) {
        let words = format!("{:?} is no name of a UPS: `upsc -l` on the server lists them", sensor.ups);
        complain(document, section, "ups", What::Value(words));
    }
    if sensor.server.port() == 0 {
        complain(document, section, "server", What::Value("port 0 is no port; upsd's is 3493".to_owned()));
    }
}
