//! LEDs of the kernel, told a rhythm once: the kernel keeps blinking even if this program hangs.
//!
//! Triggers: Linux, `Documentation/leds/leds-class.rst` and `.../leds-trigger-pattern.txt`. `pattern` plays any rhythm,
//! `timer` an even one; where neither is built in, a rhythm becomes a steady light and [`Shown`] says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::{FileError, Root, garbled, list, name, read_number, read_text, write_text};

const FOLDER: &str = "/sys/class/leds";
const HINT: &str = "`heliostat-agent probe` lists the LEDs of this board";
const HINT_TRIGGER: &str = "the kernel did not make the trigger's files";

/// For how long a light has a brightness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat {
    /// Per mille of the LED's greatest; above 1000 counts as 1000. Any light shows, however dim: never rounded to dark.
    pub permille: u16,
    /// For how long, to the millisecond.
    pub length: Duration,
}

/// What a light does, over and over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rhythm {
    /// The same all the time; per mille of the LED's greatest.
    Steady(u16),
    /// These beats, from the start again after the last. Beats of no length are skipped.
    Beats(Vec<Beat>),
}

/// How far the LED could follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Exactly, kept up by the kernel.
    Exactly,
    /// As an even blink with the same share of light, kept up by the kernel.
    EvenBlink,
    /// Only as a steady light: this kernel has neither trigger.
    Steady,
}

/// One LED.
#[derive(Debug, Clone)]
pub struct Led {
    folder: PathBuf,
    max: u32,
    trigger_before: Option<String>,
}

/// The names of all LEDs.
///
/// # Errors
/// The folder cannot be read; its absence is an empty list.
pub fn names(root: &Root) -> Result<Vec<String>, FileError> {
    Ok(list(&root.path(FOLDER), HINT)?.iter().map(|path| name(path)).collect())
}

impl Led {
    /// Takes an LED by its name, and notes which trigger drives it now. Changes nothing.
    ///
    /// # Errors
    /// There is no such LED, or its files cannot be read.
    pub fn open(root: &Root, led: &str) -> Result<Self, FileError> {
        let folder = root.path(FOLDER).join(led);
        // A name is one folder, never a way out of it.
        if led.contains('/') || led.starts_with('.') {
            return Err(FileError::Missing { path: folder, hint: HINT });
        }
        let path = folder.join("max_brightness");
        let max = read_number(&path, HINT)?;
        if max == 0 {
            return Err(garbled(&path, "0", "a greatest brightness"));
        }
        let trigger_before = triggers(&folder)?.and_then(|triggers| triggers.active);
        Ok(Self { folder, max, trigger_before })
    }

    /// Shows a rhythm until told otherwise. Writes go out in an order that never leaves an old rhythm with a new light.
    ///
    /// # Errors
    /// The write that failed.
    pub fn show(&self, rhythm: &Rhythm) -> Result<Shown, FileError> {
        let beats = match rhythm {
            Rhythm::Steady(permille) => return self.steady(*permille).map(|()| Shown::Exactly),
            Rhythm::Beats(beats) => merged(beats),
        };
        match beats.as_slice() {
            [] => return self.steady(0).map(|()| Shown::Exactly),
            [only] => return self.steady(only.permille).map(|()| Shown::Exactly),
            _ => {}
        }
        let triggers = triggers(&self.folder)?.unwrap_or_default();
        if let [a, b] = beats.as_slice()
            && (a.permille == 0 || b.permille == 0)
            && triggers.has("timer")
        {
            let (on, off) = if a.permille > 0 { (a, b) } else { (b, a) };
            return self.blink(on.permille, on.length, off.length).map(|()| Shown::Exactly);
        }
        if triggers.has("pattern") {
            return self.pattern(&beats).map(|()| Shown::Exactly);
        }
        let brightest = beats.iter().map(|beat| beat.permille).max().unwrap_or(0);
        if triggers.has("timer") {
            let length = |lit: bool| -> Duration {
                beats.iter().filter(|beat| (beat.permille > 0) == lit).map(|beat| beat.length).sum()
            };
            let (on, off) = (length(true), length(false));
            if !off.is_zero() {
                return self.blink(brightest, on, off).map(|()| Shown::EvenBlink);
            }
        }
        self.steady(brightest).map(|()| Shown::Steady)
    }

    /// Gives the LED back to the trigger that drove it when it was opened.
    ///
    /// # Errors
    /// The write that failed.
    pub fn give_back(&self) -> Result<(), FileError> {
        match &self.trigger_before {
            Some(trigger) => self.write("trigger", trigger),
            None => self.write("brightness", "0"),
        }
    }

    fn steady(&self, permille: u16) -> Result<(), FileError> {
        // An LED without triggers has no such file, and none that drives it.
        if triggers(&self.folder)?.is_some() {
            self.write("trigger", "none")?;
        }
        self.write("brightness", &self.level(permille).to_string())
    }

    fn blink(&self, permille: u16, on: Duration, off: Duration) -> Result<(), FileError> {
        self.steady(permille)?;
        self.write("trigger", "timer")?;
        self.write("delay_on", &on.as_millis().to_string())?;
        self.write("delay_off", &off.as_millis().to_string())
    }

    /// Each beat twice: for its length, then for no time, which makes the step to the next one sharp.
    fn pattern(&self, beats: &[Beat]) -> Result<(), FileError> {
        self.steady(0)?;
        self.write("trigger", "pattern")?;
        let tuples: Vec<String> = beats
            .iter()
            .map(|beat| (self.level(beat.permille), beat.length.as_millis()))
            .map(|(level, millis)| format!("{level} {millis} {level} 0"))
            .collect();
        self.write("pattern", &tuples.join(" "))
    }

    /// Per mille as the LED's own level; what is not dark is at least the dimmest light.
    fn level(&self, permille: u16) -> u32 {
        if permille == 0 {
            return 0;
        }
        let level = u64::from(self.max) * u64::from(permille.min(1000)) / 1000;
        u32::try_from(level).unwrap_or(self.max).max(1)
    }

    fn write(&self, file: &str, value: &str) -> Result<(), FileError> {
        write_text(&self.folder.join(file), value, HINT_TRIGGER)
    }
}

/// Beats without those of no length, equal neighbours joined.
fn merged(beats: &[Beat]) -> Vec<Beat> {
    let mut merged: Vec<Beat> = Vec::with_capacity(beats.len());
    for beat in beats.iter().filter(|beat| beat.length.as_millis() > 0) {
        match merged.last_mut() {
            Some(last) if last.permille == beat.permille => last.length += beat.length,
            _ => merged.push(*beat),
        }
    }
    merged
}

/// What can drive an LED.
#[derive(Debug, Default)]
struct Triggers {
    all: Vec<String>,
    active: Option<String>,
}

impl Triggers {
    fn has(&self, trigger: &str) -> bool {
        self.all.iter().any(|name| name == trigger)
    }
}

/// The `trigger` file: names, the active one in brackets; `None` where the LED has no such file.
fn triggers(folder: &Path) -> Result<Option<Triggers>, FileError> {
    let text = match read_text(&folder.join("trigger"), HINT) {
        Err(FileError::Missing { .. }) => return Ok(None),
        other => other?,
    };
    let mut triggers = Triggers::default();
    for word in text.split_ascii_whitespace() {
        let bare = word.trim_start_matches('[').trim_end_matches(']');
        if bare.len() != word.len() {
            triggers.active = Some(bare.to_owned());
        }
        triggers.all.push(bare.to_owned());
    }
    Ok(Some(triggers))
}
