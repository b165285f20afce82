//! Quantities as people write them: a number and its unit.

use core::fmt;
use core::str::FromStr;

use serde::de;

/// Why a text is not a quantity of the wanted unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseUnitError {
    /// What a right text looks like.
    pub expected: &'static str,
}

impl fmt::Display for ParseUnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a quantity like {}", self.expected)
    }
}

impl core::error::Error for ParseUnitError {}

/// Splits `"12.05 V"` into its number and its unit.
pub(super) fn split_quantity(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let digits =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    number.is_finite().then_some((number, unit.trim_start()))
}

/// Reads a quantity from its text form without allocating.
pub(super) struct TextVisitor<T> {
    expected: &'static str,
    unit: core::marker::PhantomData<T>,
}

impl<T> TextVisitor<T> {
    pub(super) const fn new(expected: &'static str) -> Self {
        Self { expected, unit: core::marker::PhantomData }
    }
}

impl<T: FromStr<Err = ParseUnitError>> de::Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text like {}", self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}
