//! The Linux adapters on made trees: plain files where the kernel's would be. What only a Pi can show is listed in
//! `hardware::linux`.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(clippy::disallowed_methods, reason = "the tests make their trees")]

#[path = "linux/cpufreq.rs"]
mod cpufreq;
#[path = "linux/host.rs"]
mod host;
#[path = "linux/hwmon.rs"]
mod hwmon;
#[path = "linux/iio.rs"]
mod iio;
#[path = "linux/leds.rs"]
mod leds;
#[path = "linux/power_supply.rs"]
mod power_supply;
#[cfg(feature = "sim")]
#[path = "linux/probe.rs"]
mod probe;
#[path = "linux/spare.rs"]
mod spare;
#[path = "linux/watchdog.rs"]
mod watchdog;

use std::fs;
use std::path::PathBuf;

use hardware::linux::Root;
use tempfile::TempDir;

/// A made tree.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A tree with these files.
    fn with(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    fn root(&self) -> Root {
        Root::at(self.0.path())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root().path(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Puts a folder where a file was: opening it for writing fails, even for root.
    fn refuse(&self, path: &str) {
        self.remove(path);
        fs::create_dir(self.path(path)).unwrap();
    }
}
