//! A GPIO line that is listened to: its level, and its edges with the kernel's own time of each.
//!
//! The kernel's character device (`gpiocdev`), not the board's registers: only the kernel can wake a program at an edge.
//! The numbers of gpiochips differ from Pi to Pi and from kernel to kernel, so a line is looked up by its chip's label or
//! by its own name. A line that is let go has no owner: the kernel then forgets its edges, and no flapping wire wakes
//! anybody.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use gpiocdev::Request;
use gpiocdev::chip::{Chip, Info};
use gpiocdev::line::{Bias, EdgeDetection, EdgeKind, Value};

use crate::line::{LineAt, LineId};

/// The chips behind the 40-pin header, by their kernel driver's label: Pi 5; Pi 4, 400 and CM4; Pi 3 and older.
const HEADERS: [&str; 3] = ["pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"];
/// Who holds the line, as `gpioinfo` shows it.
const CONSUMER: &str = "heliostat";
/// Edges that the kernel keeps until they are read. One is enough to know of.
const EDGES_KEPT: u32 = 2;

/// Why a line cannot be listened to.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The kernel shows no GPIO at all.
    #[error("{at}: no gpiochip here: this needs a Raspberry Pi, or a kernel with a driver for its GPIO")]
    NoChips {
        /// Which line was wanted.
        at: LineAt,
    },
    /// None of the chips is the one that is meant.
    #[error("{at}: no such chip or line; `gpiodetect` and `gpioinfo` list them, here there are: {there}")]
    NotFound {
        /// Which line was wanted.
        at: LineAt,
        /// The chips that are there.
        there: String,
    },
    /// This user may not.
    #[error("{at}: {} is not permitted: run as root, or add this user to the group gpio", path.display())]
    Denied {
        /// Which line was wanted.
        at: LineAt,
        /// The device.
        path: PathBuf,
    },
    /// Something else holds the line.
    #[error("{at}: taken by {by}: choose another pin, or end what uses it (`gpioinfo` names it)")]
    Taken {
        /// Which line was wanted.
        at: LineAt,
        /// By whom.
        by: String,
    },
    /// The chip makes no interrupts of this line, or the kernel refuses otherwise.
    #[error("{at}: cannot be listened to: {source}")]
    Refused {
        /// Which line was wanted.
        at: LineAt,
        /// What the kernel said.
        source: gpiocdev::Error,
    },
}

/// Which edges wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// From high to low: an open-drain output that is pulled.
    Falling,
    /// Both: a plain input ("power good", a charger's load output).
    Both,
}

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// From low to high.
    pub rising: bool,
    /// When, by the kernel's monotonic clock, in nanoseconds.
    pub at_ns: u64,
}

/// A line that is held as an input.
#[derive(Debug)]
pub struct InputLine {
    at: LineAt,
    request: Request,
}

impl InputLine {
    /// Takes a line as an input, pulled up where the chip can, and waits for edges from now on.
    ///
    /// # Errors
    /// No such chip or line, no permission, or the line is taken.
    pub fn open(at: &LineAt, edges: Edges) -> Result<Self, InputError> {
        let (path, offset) = find(at)?;
        let request = |bias: Option<Bias>| {
            let edges = match edges {
                Edges::Falling => EdgeDetection::FallingEdge,
                Edges::Both => EdgeDetection::BothEdges,
            };
            let mut builder = Request::builder();
            builder.on_chip(&path).with_consumer(CONSUMER).with_kernel_event_buffer_size(EDGES_KEPT);
            builder.with_line(offset).as_input().with_edge_detection(edges).with_bias(bias).request()
        };
        // An open-drain pin needs a pull-up; the board's own helps where the wiring has none. Not every chip has one.
        let request = request(Some(Bias::PullUp)).or_else(|first| request(None).map_err(|_second| first));
        let request = request.map_err(|source| refusal(at, &path, offset, source))?;
        Ok(Self { at: at.clone(), request })
    }

    /// Whether the line is high now.
    ///
    /// # Errors
    /// The chip is gone.
    pub fn is_high(&self) -> Result<bool, InputError> {
        let value = self.request.lone_value().map_err(|source| self.lost(source))?;
        Ok(value == Value::Active)
    }

    /// The oldest edge that was not taken yet; `None` when there is none.
    ///
    /// # Errors
    /// The chip is gone.
    pub fn take_edge(&self) -> Result<Option<Edge>, InputError> {
        if !self.request.has_edge_event().map_err(|source| self.lost(source))? {
            return Ok(None);
        }
        let event = self.request.read_edge_event().map_err(|source| self.lost(source))?;
        Ok(Some(Edge { rising: event.kind == EdgeKind::Rising, at_ns: event.timestamp_ns }))
    }

    fn lost(&self, source: gpiocdev::Error) -> InputError {
        InputError::Refused { at: self.at.clone(), source }
    }
}

impl AsFd for InputLine {
    /// Readable while there are edges.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.request.as_fd()
    }
}

/// A chip as it is known before it is chosen.
struct Known {
    path: PathBuf,
    info: Info,
}

/// Finds the chip and the line's number on it.
fn find(at: &LineAt) -> Result<(PathBuf, u32), InputError> {
    let paths = gpiocdev::chip::chips().unwrap_or_default();
    let mut denied = None;
    let mut chips = Vec::new();
    for path in paths {
        match Chip::from_path(&path).and_then(|chip| chip.info()) {
            Ok(info) => chips.push(Known { path, info }),
            Err(_) => denied = Some(path),
        }
    }
    let wanted = chips.iter().filter(|chip| at.chip.as_ref().is_none_or(|name| is(chip, name)));
    let found = match &at.line {
        LineId::Name(name) => wanted.into_iter().find_map(|chip| {
            let line = Chip::from_path(&chip.path).ok()?.find_line_info(name)?;
            Some((chip.path.clone(), line.offset))
        }),
        LineId::Number(number) => {
            let mut wanted: Vec<&Known> = wanted.filter(|chip| *number < chip.info.num_lines).collect();
            if at.chip.is_none() {
                wanted.retain(|chip| HEADERS.contains(&chip.info.label.as_str()));
            }
            wanted.first().map(|chip| (chip.path.clone(), *number))
        }
    };
    if let Some(found) = found {
        return Ok(found);
    }
    Err(match denied {
        Some(path) => InputError::Denied { at: at.clone(), path },
        None if chips.is_empty() => InputError::NoChips { at: at.clone() },
        None => {
            let chip = |chip: &Known| {
                format!("{} [{}] with {} lines", chip.info.name, chip.info.label, chip.info.num_lines)
            };
            let there = chips.iter().map(chip).collect::<Vec<_>>().join(", ");
            InputError::NotFound { at: at.clone(), there }
        }
    })
}

/// Whether a chip is the one of this label, name or path.
fn is(chip: &Known, name: &str) -> bool {
    chip.info.label == name || chip.info.name == name || chip.path == Path::new(name)
}

/// What the kernel's refusal means.
fn refusal(at: &LineAt, path: &Path, offset: u32, source: gpiocdev::Error) -> InputError {
    let holder = Chip::from_path(path).and_then(|chip| chip.line_info(offset)).ok().filter(|line| line.used);
    match holder {
        Some(line) => {
            let by = if line.consumer.is_empty() { "the kernel".to_owned() } else { line.consumer };
            InputError::Taken { at: at.clone(), by }
        }
        None => InputError::Refused { at: at.clone(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(chip: Option<&str>, line: LineId) -> LineAt {
        LineAt { chip: chip.map(str::to_owned), line }
    }

    #[test]
    fn a_chip_is_known_by_label_name_and_path() {
        let info = Info { name: "gpiochip4".into(), label: "pinctrl-rp1".into(), num_lines: 54 };
        let chip = Known { path: "/dev/gpiochip4".into(), info };
        for name in ["pinctrl-rp1", "gpiochip4", "/dev/gpiochip4"] {
            assert!(is(&chip, name), "{name}");
        }
        assert!(!is(&chip, "gpiochip0") && !is(&chip, "pinctrl"));
    }

    #[test]
    fn a_line_that_is_not_there_says_what_is() {
        // Where there are chips, none is called so; where there are none, that is what is said.
        let wanted = at(Some("no-such-chip"), LineId::Number(17));
        let error = InputLine::open(&wanted, Edges::Falling).unwrap_err();
        assert!(error.to_string().starts_with("line 17 of no-such-chip: "), "{error}");
        assert!(
            matches!(
                error,
                InputError::NoChips { .. } | InputError::NotFound { .. } | InputError::Denied { .. }
            ),
            "{error}"
        );
    }
}
