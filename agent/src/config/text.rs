//! Durations as a person writes them: `"90 s"`, `"10 min"`, `"1h 30m"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Reads a duration, for `deserialize_with`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| {
        de::Error::invalid_value(
            de::Unexpected::Str(&text),
            &"a duration like \"90 s\", \"10 min\" or \"1h 30m\"",
        )
    })
}

/// Reads a duration; `None` for what is none.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text).ok()
}
