//! The processor's clock cap, and exactly what it was before.
//!
//! A cap is a write to each policy's `scaling_max_freq` (Linux, `Documentation/admin-guide/pm/cpufreq.rst`). What stood
//! there before the first cap is kept in a file under `/run`, written before anything is changed: it outlives a crash of
//! the program, and is gone after a boot, as is the cap itself.

use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use protocol::Frequency;

use super::file::{
    FileError, Root, garbled, list, name, number_after, read_number, read_text, remove, replace_text,
    write_text,
};

const FOLDER: &str = "/sys/devices/system/cpu/cpufreq";
const BEFORE: &str = "/run/heliostat/cpufreq.before";
const HINT: &str = "the kernel has no cpufreq driver for this board";
const HINT_BEFORE: &str = "/run must be writable";

/// One clock domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its folder's name, `policy0`.
    pub name: String,
    /// The least that the hardware does.
    pub min: Frequency,
    /// The most that the hardware does.
    pub max: Frequency,
    /// What it offers, least first; empty where the driver does not say.
    pub steps: Vec<Frequency>,
    /// The cap that stands.
    pub cap: Frequency,
}

/// Why a cap was not set or taken away.
#[derive(Debug, thiserror::Error)]
pub enum CpufreqError {
    /// The board has no clock to cap.
    #[error("no cpufreq policy under {FOLDER}: {HINT}")]
    Unsupported,
    /// A file that had to be read or kept first.
    #[error(transparent)]
    File(#[from] FileError),
    /// Some policies did not take it; the others did.
    #[error("{} of the clock policies refused: {}", .0.len(), Joined(.0))]
    Policies(Vec<FileError>),
}

/// All of them, one after the other.
struct Joined<'a>(&'a [FileError]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if place == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// The clocks of this board.
#[derive(Debug, Clone)]
pub struct Cpufreq {
    root: Root,
}

impl Cpufreq {
    /// Of this root. Touches nothing.
    pub fn new(root: &Root) -> Self {
        Self { root: root.clone() }
    }

    /// Every policy; empty on a board without cpufreq.
    ///
    /// # Errors
    /// A policy cannot be read.
    pub fn policies(&self) -> Result<Vec<Policy>, FileError> {
        let mut policies = Vec::new();
        for folder in self.folders()? {
            let clock = |file: &str| read_number(&folder.join(file), HINT).map(Frequency::from_kilohertz);
            policies.push(Policy {
                name: name(&folder),
                min: clock("cpuinfo_min_freq")?,
                max: clock("cpuinfo_max_freq")?,
                cap: clock("scaling_max_freq")?,
                steps: Self::steps(&folder)?,
            });
        }
        Ok(policies)
    }

    /// Caps every policy at the highest step that is not above `cap`, or at its lowest one when all are above. Never
    /// raises a cap that stood before ours.
    ///
    /// # Errors
    /// No cpufreq; what stood before cannot be kept (then nothing is changed); or the policies that refused.
    pub fn cap(&self, cap: Frequency) -> Result<(), CpufreqError> {
        let policies = self.policies()?;
        if policies.is_empty() {
            return Err(CpufreqError::Unsupported);
        }
        let before = match self.before()? {
            Some(before) => before,
            None => self.keep(&policies)?,
        };
        self.write_all(policies.iter().map(|policy| {
            let original =
                before.iter().find(|(name, _)| *name == policy.name).map_or(policy.cap, |(_, cap)| *cap);
            let lowest = policy.steps.first().copied().unwrap_or(policy.min);
            let step = policy.steps.iter().rev().find(|step| **step <= cap).copied();
            let wanted = if policy.steps.is_empty() { cap } else { step.unwrap_or(lowest) };
            (policy.name.clone(), wanted.max(lowest).min(original))
        }))
    }

    /// Caps every policy at its lowest step.
    ///
    /// # Errors
    /// As [`Self::cap`].
    pub fn cap_lowest(&self) -> Result<(), CpufreqError> {
        self.cap(Frequency::from_kilohertz(0))
    }

    /// Puts back what stood before the first cap; does nothing when no cap of ours stands, not even one of an earlier
    /// life. What stood before is forgotten only after every policy took it back.
    ///
    /// # Errors
    /// The policies that refused.
    pub fn restore(&self) -> Result<(), CpufreqError> {
        let Some(before) = self.before()? else { return Ok(()) };
        self.write_all(before.into_iter())?;
        Ok(remove(&self.root.path(BEFORE), HINT_BEFORE)?)
    }

    /// Whether a cap of ours stands, of this life or an earlier one.
    ///
    /// # Errors
    /// The note of it cannot be read.
    pub fn is_capped(&self) -> Result<bool, FileError> {
        Ok(self.before()?.is_some())
    }

    fn folders(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut folders = list(&self.root.path(FOLDER), HINT)?;
        folders.retain(|folder| number_after(&name(folder), "policy").is_some());
        Ok(folders)
    }

    /// The steps on offer, least first (the file's order differs by driver).
    fn steps(folder: &Path) -> Result<Vec<Frequency>, FileError> {
        let path = folder.join("scaling_available_frequencies");
        let text = match read_text(&path, HINT) {
            Err(FileError::Missing { .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let steps: Result<Vec<u32>, _> = text.split_ascii_whitespace().map(str::parse).collect();
        let mut steps = steps.map_err(|_| garbled(&path, &text, "frequencies in kHz"))?;
        steps.sort_unstable();
        Ok(steps.into_iter().map(Frequency::from_kilohertz).collect())
    }

    /// Writes each policy's cap, all of them, and gives every refusal back.
    fn write_all(&self, caps: impl Iterator<Item = (String, Frequency)>) -> Result<(), CpufreqError> {
        let folder = self.root.path(FOLDER);
        let refused: Vec<FileError> = caps
            .filter_map(|(policy, cap)| {
                write_text(&folder.join(policy).join("scaling_max_freq"), cap.kilohertz(), HINT).err()
            })
            .collect();
        if refused.is_empty() { Ok(()) } else { Err(CpufreqError::Policies(refused)) }
    }

    /// What stood before the first cap: a line each, the policy and its cap in kHz.
    fn before(&self) -> Result<Option<Vec<(String, Frequency)>>, FileError> {
        let path = self.root.path(BEFORE);
        let text = match read_text(&path, HINT_BEFORE) {
            Err(FileError::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let line = |line: &str| {
            let (policy, cap) = line.split_once(' ')?;
            number_after(policy, "policy")?;
            Some((policy.to_owned(), Frequency::from_kilohertz(cap.parse().ok()?)))
        };
        let before: Option<Vec<_>> = text.lines().map(line).collect();
        before.map(Some).ok_or_else(|| garbled(&path, &text, "policies and their caps in kHz"))
    }

    fn keep(&self, policies: &[Policy]) -> Result<Vec<(String, Frequency)>, FileError> {
        let before: Vec<_> = policies.iter().map(|policy| (policy.name.clone(), policy.cap)).collect();
        let mut text = String::new();
        for (policy, cap) in &before {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{policy} {}", cap.kilohertz());
        }
        replace_text(&self.root.path(BEFORE), &text, HINT_BEFORE)?;
        Ok(before)
    }
}
