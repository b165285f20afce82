//! `[history]`: what is kept of readings.

use serde::Deserialize;

use super::error::ConfigError;
use super::prove::Prover;

/// About 60 bytes a row: 30 MB. Ten nodes fill it in a good week of minutes, and months of hours.
const HISTORY_ROWS_MAX: u32 = 500_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryTable {
    rows_max: Option<u32>,
}

pub(super) fn history_rows_max(table: &HistoryTable, prove: &Prover<'_>) -> Result<u32, ConfigError> {
    let rows = table.rows_max.unwrap_or(HISTORY_ROWS_MAX);
    prove.range("history.rows_max", rows, &(10_000..=100_000_000))?;
    Ok(rows)
}
