//! What of the board the node may do without, and from when on: `[board]`.

use std::fmt;
use std::path::Path;

use protocol::Stage;
use serde::Deserialize;

use super::Sensor;
use super::check::complain;
use super::document::Document;
use super::error::What;
use super::parse::Part as Written;

/// A part of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoardPart {
    /// The displays' sockets.
    Hdmi,
    /// Wi-Fi and Bluetooth.
    Radio,
    /// The USB sockets, and the Ethernet of a Pi up to the 3.
    Usb,
}

impl BoardPart {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hdmi, Self::Radio, Self::Usb];
}

impl fmt::Display for BoardPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hdmi => "hdmi",
            Self::Radio => "radio",
            Self::Usb => "usb",
        })
    }
}

/// When a part is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Off {
    /// Never: it is left alone.
    #[default]
    On,
    /// Always.
    Off,
    /// From this stage on.
    Throttle,
    /// From this stage on.
    Shed,
    /// From this stage on.
    Drain,
}

impl Off {
    /// From which stage on; `None` for never.
    pub const fn from_stage(self) -> Option<Stage> {
        match self {
            Self::On => None,
            Self::Off => Some(Stage::Normal),
            Self::Throttle => Some(Stage::Throttle),
            Self::Shed => Some(Stage::Shed),
            Self::Drain => Some(Stage::Drain),
        }
    }
}

/// `[board]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Board {
    /// The displays' sockets.
    pub hdmi: Off,
    /// Wi-Fi and Bluetooth.
    pub radio: Off,
    /// USB.
    pub usb: Off,
}

impl Board {
    /// When a part is off.
    pub const fn part(&self, part: BoardPart) -> Off {
        match part {
            BoardPart::Hdmi => self.hdmi,
            BoardPart::Radio => self.radio,
            BoardPart::Usb => self.usb,
        }
    }
}

/// Checks `[board]`: a sensor on USB would go with it.
pub(super) fn board(
    document: &mut Document<'_>,
    board: Option<&Written<'_, Board>>,
    sensors: &[Written<'_, Sensor>],
) {
    let Some(Written { section, value }) = board else { return };
    if value.usb == Off::On {
        return;
    }
    let port = |sensor: &Sensor| match sensor {
        Sensor::VeDirect(sensor) => Some(sensor.port.clone()),
        Sensor::Epever(sensor) | Sensor::Renogy(sensor) => Some(sensor.port.clone()),
        _ => None,
    };
    let by_usb = |port: &Path| {
        ["/dev/ttyUSB", "/dev/ttyACM", "/dev/serial/", "/dev/heliostat/"]
            .iter()
            .any(|prefix| port.to_string_lossy().starts_with(prefix))
    };
    if let Some(port) = sensors.iter().filter_map(|sensor| port(&sensor.value)).find(|port| by_usb(port)) {
        let what = format!("a sensor is on {}, which is on USB: it would go silent", port.display());
        complain(document, section, "usb", What::Value(what));
    }
}
