//! A supply whose battery the test lowers and fills while everything runs.
//!
//! Each of its hosts has a kernel hardware monitor of its own (a folder that the host sees as `/sys/class/hwmon/hwmon0`,
//! with the file names and units of Linux's `ina2xx` driver), and the agent there reads it as it reads a real one. The
//! battery is small, so that a night takes a minute; charge, current and voltage belong together at every moment, as
//! they do in a real one, because agents count coulombs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use protocol::{Charge, Current, Soc, Voltage};

/// Between two measurements of the simulated chips.
const STEP: Duration = Duration::from_millis(100);
/// What the label of a lab's battery says.
pub const CAPACITY_AMP_HOURS: f64 = 0.5;
/// Rest voltage of a 12 V AGM battery by state of charge, 0 to 100 % in steps of 25 %.
const REST: [f64; 5] = [11.70, 12.00, 12.30, 12.60, 12.85];
/// Its resistance with leads, in ohms: far less than a real one of this size has, or its voltage would fall to nothing
/// under the currents that empty it within a minute.
pub const RESISTANCE_OHMS: f64 = 0.000_5;
/// What the hosts draw while nothing else is told.
const IDLE: f64 = 0.05;

/// A supply.
#[derive(Debug)]
pub struct Supply {
    name: String,
    battery: Arc<Mutex<Battery>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Battery {
    soc: Soc,
    /// Where it is going, and with which current (positive is discharge).
    course: Option<(Soc, Current)>,
    /// The hardware monitors of its hosts; those that are taken away measure nothing more.
    monitors: Vec<PathBuf>,
    steps: u32,
}

impl Supply {
    /// A supply that measures into these folders.
    pub(super) fn start(name: &str, monitors: Vec<PathBuf>, soc: Soc) -> Self {
        for monitor in &monitors {
            std::fs::write(monitor.join("name"), "ina226\n").expect("a file");
        }
        let mut battery = Battery { soc, course: None, monitors, steps: 0 };
        battery.step(Duration::ZERO);
        let battery = Arc::new(Mutex::new(battery));
        let stop = Arc::new(AtomicBool::new(false));
        let (stepped, stopped) = (Arc::clone(&battery), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut last = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(STEP);
                let now = Instant::now();
                stepped.lock().expect("no panic while locked").step(now - last);
                last = now;
            }
        });
        Self { name: name.to_owned(), battery, stop, thread: Some(thread) }
    }

    fn battery(&self) -> MutexGuard<'_, Battery> {
        self.battery.lock().expect("no panic while locked")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its true state of charge.
    pub fn soc(&self) -> Soc {
        self.battery().soc
    }

    /// Discharges or charges to a state of charge within a time, with the current that this takes; then stays there.
    pub fn go_to(&self, soc: Soc, within: Duration) {
        let mut battery = self.battery();
        let missing = battery.soc.fraction() - soc.fraction();
        let seconds = within.as_secs_f64().max(STEP.as_secs_f64());
        let amps = missing * CAPACITY_AMP_HOURS * 3600.0 / seconds;
        battery.course = Some((soc, Current::from_amps(amps)));
    }
}

impl Battery {
    fn step(&mut self, span: Duration) {
        let mut current = Current::from_amps(IDLE);
        if let Some((to, flow)) = self.course {
            current = flow;
            let after = self.after(flow, span);
            let there = if flow >= Current::ZERO { after <= to } else { after >= to };
            self.soc = if there { to } else { after };
            if there {
                self.course = None;
            }
        }
        self.steps = self.steps.wrapping_add(1);
        // A few bits up and down, as a living chip shows.
        let noise = f64::from(self.steps % 5) * 0.001;
        let volts = self.rest() - current.amps() * RESISTANCE_OHMS + noise;
        let amps = current.amps() + f64::from(self.steps % 3) * 0.002;
        for monitor in &self.monitors {
            put(&monitor.join("in1_input"), volts * 1000.0);
            put(&monitor.join("curr1_input"), amps * 1000.0);
        }
    }

    fn after(&self, current: Current, span: Duration) -> Soc {
        Soc::from_fraction(
            self.soc.fraction() - (current * span) / Charge::from_amp_hours(CAPACITY_AMP_HOURS),
        )
    }

    fn rest(&self) -> f64 {
        let place = self.soc.fraction() * 4.0;
        let index = (place as usize).min(3);
        Voltage::from_volts(REST[index] + (REST[index + 1] - REST[index]) * (place - index as f64)).volts()
    }
}

/// Writes a whole number so that no reader ever sees half of it.
fn put(file: &Path, value: f64) {
    let new = file.with_extension("new");
    // A lab that is being taken down has no folder any more.
    if std::fs::write(&new, format!("{}\n", value.round() as i64)).is_ok() {
        let _ = std::fs::rename(&new, file);
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
