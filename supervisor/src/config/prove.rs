//! Proving values, and saying what is wrong with them.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::error::ConfigError;

/// Knows the file, for the errors.
pub(super) struct Prover<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Prover<'_> {
    pub(super) fn range(
        &self,
        key: &'static str,
        found: u32,
        range: &RangeInclusive<u32>,
    ) -> Result<(), ConfigError> {
        if range.contains(&found) {
            return Ok(());
        }
        Err(self.out_of_range(key, &found, range.start(), range.end()))
    }

    pub(super) fn span(
        &self,
        key: &'static str,
        found: Duration,
        range: &RangeInclusive<Duration>,
    ) -> Result<(), ConfigError> {
        if range.contains(&found) {
            return Ok(());
        }
        let words = |span: Duration| protocol::Seconds::from(span).to_string();
        Err(self.out_of_range(key, &words(found), &words(*range.start()), &words(*range.end())))
    }

    /// Points of state of charge: none, or up to ten.
    pub(super) fn points(&self, key: &'static str, found: f64) -> Result<(), ConfigError> {
        if (0.0..=10.0).contains(&found) { Ok(()) } else { Err(self.out_of_range(key, &found, &0, &10)) }
    }

    /// What is wrong with the balancer's part.
    pub(super) fn balancer(&self, key: &'static str, why: String) -> ConfigError {
        ConfigError::Balancer { file: self.file.to_owned(), key, why }
    }

    /// What is wrong with a supply's site, at a place in the text.
    pub(super) fn site(&self, key: &'static str, at: usize, why: String) -> ConfigError {
        ConfigError::Site { file: self.file.to_owned(), line: self.line(at), key, why }
    }

    /// What is wrong with a value, at a place in the text.
    pub(super) fn at(&self, key: &'static str, at: usize, why: String) -> ConfigError {
        ConfigError::Value { file: self.file.to_owned(), line: self.line(at), key, why }
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    pub(super) fn out_of_range(
        &self,
        key: &'static str,
        found: &dyn ToString,
        least: &dyn ToString,
        most: &dyn ToString,
    ) -> ConfigError {
        ConfigError::Range {
            file: self.file.to_owned(),
            key,
            found: found.to_string(),
            least: least.to_string(),
            most: most.to_string(),
        }
    }

    pub(super) fn contradiction(
        &self,
        key: &'static str,
        found: String,
        other: String,
        rule: &'static str,
    ) -> ConfigError {
        ConfigError::Contradiction { file: self.file.to_owned(), key, found, other, rule }
    }
}
