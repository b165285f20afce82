//! Parts of the board that a node may do without: HDMI, radio, USB. Switched off to save, and given back as they were.
//!
//! What a file held before it was written is kept under `/run`, before anything is changed, as in [`super::cpufreq`]: it outlives
//! a crash of the program, and is gone after a boot, as is the change itself.
//!
//! A part over which the node reaches its network is never switched off: on a Pi up to the 3 the Ethernet hangs on USB.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::file::{FileError, Root, garbled, list, name, read_text, remove, replace_text, write_text};

const BEFORE: &str = "/run/heliostat/board.before";
const HINT_BEFORE: &str = "/run must be writable";
const NET: &str = "/sys/class/net";

/// A part of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The displays' sockets: `status` of the kernel's connectors (Linux, `drivers/gpu/drm/drm_sysfs.c`, `status_store`).
    Hdmi,
    /// Wi-Fi and Bluetooth: `soft` of the rfkill switches (Linux, `Documentation/ABI/stable/sysfs-class-rfkill`).
    Radio,
    /// All USB sockets, and the Ethernet of a Pi up to the 3: `buspower` of the controller, which Raspberry Pi's own kernel has
    /// (`drivers/usb/host/dwc_otg/dwc_otg_attr.c`).
    Usb,
}

impl Part {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hdmi => "hdmi",
            Self::Radio => "radio",
            Self::Usb => "usb",
        }
    }
}

/// Why a part is not switched off, or not given back.
#[derive(Debug, thiserror::Error)]
pub enum SpareError {
    /// This board or kernel has no such switch.
    #[error("this board or its kernel cannot switch off {}", .0.name())]
    Unsupported(Part),
    /// The node's network goes through it.
    #[error("{} stays on: the network by {interface} goes through it", part.name())]
    NetworkInUse {
        /// Which part.
        part: Part,
        /// The interface that is up.
        interface: String,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A file to write, what it held, and what switches off.
struct Knob {
    /// Without the root.
    path: String,
    back: String,
    off: &'static str,
}

/// The parts of this board.
#[derive(Debug, Clone)]
pub struct Spare {
    root: Root,
}

impl Spare {
    /// Of this root. Touches nothing.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone() }
    }

    /// Switches a part off.
    ///
    /// # Errors
    /// There is no such switch, the network goes through it, or a file was refused; some of its switches may be off then.
    pub fn off(&self, part: Part) -> Result<(), SpareError> {
        let knobs = match part {
            Part::Hdmi => self.hdmi()?,
            Part::Radio => self.radio()?,
            Part::Usb => self.usb()?,
        };
        if knobs.is_empty() {
            return Err(SpareError::Unsupported(part));
        }
        if let Some(interface) = self.network_through(part)? {
            return Err(SpareError::NetworkInUse { part, interface });
        }
        let mut before = self.before()?;
        for knob in &knobs {
            // What an earlier life noted is what it truly was.
            if !before.iter().any(|(_, path, _)| *path == knob.path) {
                before.push((part.name().to_owned(), knob.path.clone(), knob.back.clone()));
            }
        }
        self.keep(&before)?;
        let written = knobs.iter().map(|knob| write_text(&self.root.path(&knob.path), knob.off, ""));
        Ok(all(written)?)
    }

    /// Gives a part back as it was; does nothing when it was not switched off, not even by an earlier life.
    ///
    /// # Errors
    /// A file was refused; it is still known what it held.
    pub fn back(&self, part: Part) -> Result<(), SpareError> {
        let before = self.before()?;
        let (mine, others): (Vec<_>, Vec<_>) = before.into_iter().partition(|(of, _, _)| of == part.name());
        if mine.is_empty() {
            return Ok(());
        }
        let written = mine.iter().map(|(_, path, back)| match write_text(&self.root.path(path), back, "") {
            // Unplugged meanwhile: there is nothing to give back.
            Err(FileError::Missing { .. }) => Ok(()),
            other => other,
        });
        all(written)?;
        Ok(self.keep(&others)?)
    }

    fn hdmi(&self) -> Result<Vec<Knob>, FileError> {
        let class = "/sys/class/drm";
        let sockets = list(&self.root.path(class), "")?;
        let sockets = sockets.iter().map(|path| name(path)).filter(|name| name.contains("-HDMI-"));
        // What it was forced to before cannot be read; nearly always to nothing.
        let knob =
            |name| Knob { path: format!("{class}/{name}/status"), back: "detect".to_owned(), off: "off" };
        Ok(sockets.map(knob).collect())
    }

    fn radio(&self) -> Result<Vec<Knob>, FileError> {
        let class = "/sys/class/rfkill";
        let mut knobs = Vec::new();
        for folder in list(&self.root.path(class), "")? {
            if matches!(read_text(&folder.join("type"), "")?.as_str(), "wlan" | "bluetooth") {
                let path = format!("{class}/{}/soft", name(&folder));
                let back = read_text(&folder.join("soft"), "")?;
                knobs.push(Knob { path, back, off: "1" });
            }
        }
        Ok(knobs)
    }

    fn usb(&self) -> Result<Vec<Knob>, FileError> {
        let devices = "/sys/devices/platform/soc";
        let mut knobs = Vec::new();
        for folder in list(&self.root.path(devices), "")? {
            let path = format!("{devices}/{}/buspower", name(&folder));
            match read_text(&self.root.path(&path), "") {
                // "Bus Power = 0x1"
                Ok(text) if text.ends_with("0x1") => {
                    knobs.push(Knob { path, back: "1".to_owned(), off: "0" });
                }
                Ok(text) if text.ends_with("0x0") => {
                    knobs.push(Knob { path, back: "0".to_owned(), off: "0" });
                }
                Ok(text) => return Err(garbled(&self.root.path(&path), &text, "a bus power")),
                Err(FileError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(knobs)
    }

    /// An interface that is up and goes through the part.
    fn network_through(&self, part: Part) -> Result<Option<String>, FileError> {
        for folder in list(&self.root.path(NET), "")? {
            let through = match part {
                Part::Hdmi => false,
                Part::Radio => folder.join("phy80211").exists() || folder.join("wireless").exists(),
                Part::Usb => goes_by_usb(&folder),
            };
            // "unknown" is what drivers say that do not know: they may well be up.
            if through && read_text(&folder.join("operstate"), "")? != "down" {
                return Ok(Some(name(&folder)));
            }
        }
        Ok(None)
    }

    /// What stood before: a line each, the part, the file and what it held.
    fn before(&self) -> Result<Vec<(String, String, String)>, FileError> {
        let path = self.root.path(BEFORE);
        let text = match read_text(&path, HINT_BEFORE) {
            Err(FileError::Missing { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let line = |line: &str| {
            let mut words = line.splitn(3, ' ').map(str::to_owned);
            let (part, file, held) = (words.next()?, words.next()?, words.next()?);
            file.starts_with("/sys/").then_some((part, file, held))
        };
        let before: Option<Vec<_>> = text.lines().map(line).collect();
        before.ok_or_else(|| garbled(&path, &text, "parts, files and what they held"))
    }

    fn keep(&self, before: &[(String, String, String)]) -> Result<(), FileError> {
        let path = self.root.path(BEFORE);
        if before.is_empty() {
            return remove(&path, HINT_BEFORE);
        }
        let mut text = String::new();
        for (part, file, held) in before {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{part} {file} {held}");
        }
        replace_text(&path, &text, HINT_BEFORE)
    }
}

/// All are written; the first refusal comes back.
fn all(written: impl Iterator<Item = Result<(), FileError>>) -> Result<(), FileError> {
    written.fold(Ok(()), Result::and)
}

/// Whether an interface's device hangs on a USB.
fn goes_by_usb(interface: &Path) -> bool {
    let device: Option<PathBuf> = interface.join("device").canonicalize().ok();
    device.is_some_and(|device| {
        device.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"))
    })
}
