//! Recorded batteries: a CSV with a header, read row by row, so that a year needs no more memory than a minute.
//!
//! Columns are found by name: `time_s`, `voltage_V`, `current_A` (positive = discharge) and, where there is one,
//! `temp_C`; others are ignored. A column `sensor_fault` may say how the sensor fails while a row is played, for
//! rehearsals. A trace that lies (time running backwards, a NaN) is refused with the place of the lie.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use csv::{ByteRecord, Reader, ReaderBuilder};
use protocol::{Current, Temperature, Voltage};

use super::bus::BusFault;

/// The columns that are read.
const TIME: &str = "time_s";
const VOLTAGE: &str = "voltage_V";
const CURRENT: &str = "current_A";
const TEMPERATURE: &str = "temp_C";
const FAULT: &str = "sensor_fault";

/// The longest text that an error quotes, in characters.
const QUOTE_MAX: usize = 40;

/// One row: what was measured at a moment, and holds until the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// On the trace's own clock, which may begin anywhere.
    pub time: Duration,
    /// At the battery's terminals.
    pub voltage: Voltage,
    /// Out of the battery; negative while it charges.
    pub current: Current,
    /// Of the battery, where the trace has that column and this row a value in it.
    pub temperature: Option<Temperature>,
    /// How the sensor fails during this row, where the trace rehearses that.
    pub fault: Option<BusFault>,
}

/// Why a trace cannot be read, and where.
#[derive(Debug, thiserror::Error)]
pub struct TraceError {
    /// The file, where it came from one.
    pub file: Option<PathBuf>,
    /// The line, from 1, where the fault is in one.
    pub line: Option<u64>,
    /// What is wrong there.
    #[source]
    pub kind: TraceErrorKind,
}

/// What is wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceErrorKind {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A column that must be there is not.
    #[error("no column `{column}` in the header (found: {found})")]
    NoColumn {
        /// The column's name.
        column: &'static str,
        /// The header's names.
        found: String,
    },
    /// Not one row of values.
    #[error("no rows")]
    Empty,
    /// A row is longer or shorter than the header.
    #[error("{found} values where the header has {expected} columns")]
    Width {
        /// Columns in the header.
        expected: u64,
        /// Values in the row.
        found: u64,
    },
    /// A value is no number, or none that a battery can have.
    #[error("column `{column}`: {text:?} is not {expected}")]
    Value {
        /// The column's name.
        column: &'static str,
        /// What stands there.
        text: String,
        /// What should.
        expected: &'static str,
    },
    /// A row is earlier than the one before it.
    #[error("column `{column}`: {text:?} is earlier than the row before ({before} s)", column = TIME)]
    Backwards {
        /// What stands there.
        text: String,
        /// The time of the row before, in seconds.
        before: f64,
    },
    /// The file is no CSV.
    #[error("not a CSV file: {0}")]
    Csv(String),
}

impl fmt::Display for TraceError {
    /// `file:line: what`, as compilers say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{}:{line}: {}", file.display(), self.kind),
            (Some(file), None) => write!(f, "{}: {}", file.display(), self.kind),
            (None, Some(line)) => write!(f, "line {line}: {}", self.kind),
            (None, None) => write!(f, "trace: {}", self.kind),
        }
    }
}

/// Where the columns are.
#[derive(Debug, Clone, Copy)]
struct Columns {
    time: usize,
    voltage: usize,
    current: usize,
    temperature: Option<usize>,
    fault: Option<usize>,
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, TraceErrorKind> {
        let position = |name: &str| header.iter().position(|field| field.trim_ascii() == name.as_bytes());
        let required = |column: &'static str| {
            position(column).ok_or_else(|| TraceErrorKind::NoColumn {
                column,
                found: header.iter().map(quote).collect::<Vec<_>>().join(", "),
            })
        };
        Ok(Self {
            time: required(TIME)?,
            voltage: required(VOLTAGE)?,
            current: required(CURRENT)?,
            temperature: position(TEMPERATURE),
            fault: position(FAULT),
        })
    }
}

/// A trace being read.
pub struct Trace {
    reader: Reader<Box<dyn Read + Send>>,
    file: Option<PathBuf>,
    columns: Columns,
    record: ByteRecord,
    /// The time of the last row, once there was one.
    last: Option<Duration>,
    /// Ended, or failed: nothing more comes.
    over: bool,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("file", &self.file).field("last", &self.last).finish_non_exhaustive()
    }
}

impl Trace {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// When the file cannot be opened, or its header lacks a column.
    #[expect(clippy::disallowed_methods, reason = "traces are files; no core reads them")]
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        match File::open(path) {
            Ok(file) => Self::with_file(BufReader::new(file), Some(path.to_owned())),
            Err(error) => {
                Err(TraceError { file: Some(path.to_owned()), line: None, kind: TraceErrorKind::Io(error) })
            }
        }
    }

    /// Reads the header of a trace that comes from anywhere.
    ///
    /// # Errors
    /// When it cannot be read, or its header lacks a column.
    pub fn read(reader: impl Read + Send + 'static) -> Result<Self, TraceError> {
        Self::with_file(reader, None)
    }

    fn with_file(reader: impl Read + Send + 'static, file: Option<PathBuf>) -> Result<Self, TraceError> {
        let mut reader = ReaderBuilder::new().from_reader(Box::new(reader) as Box<dyn Read + Send>);
        let columns = reader.byte_headers().map_err(csv_error).and_then(|header| {
            let kind = if header.is_empty() { Err(TraceErrorKind::Empty) } else { Columns::find(header) };
            kind.map_err(|kind| (Some(1), kind))
        });
        match columns {
            Ok(columns) => {
                Ok(Self { reader, file, columns, record: ByteRecord::new(), last: None, over: false })
            }
            Err((line, kind)) => Err(TraceError { file, line, kind }),
        }
    }

    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// When the row cannot be believed. After an error nothing more comes.
    pub fn next_row(&mut self) -> Result<Option<Row>, TraceError> {
        if self.over {
            return Ok(None);
        }
        let result = self.parse_row();
        self.over = !matches!(result, Ok(Some(_)));
        result.map_err(|(line, kind)| TraceError { file: self.file.clone(), line, kind })
    }

    fn parse_row(&mut self) -> Result<Option<Row>, Located> {
        if !self.reader.read_byte_record(&mut self.record).map_err(csv_error)? {
            return if self.last.is_some() { Ok(None) } else { Err((None, TraceErrorKind::Empty)) };
        }
        let row = self.row().map_err(|kind| (self.record.position().map(csv::Position::line), kind))?;
        self.last = Some(row.time);
        Ok(Some(row))
    }

    /// The values of the record that was just read.
    fn row(&self) -> Result<Row, TraceErrorKind> {
        let field = |index: usize| self.record.get(index).unwrap_or_default();
        let columns = self.columns;
        let text = field(columns.time);
        let time = Duration::try_from_secs_f64(number(text, TIME)?).map_err(|_| TraceErrorKind::Value {
            column: TIME,
            text: quote(text),
            expected: "a time in seconds, from 0",
        })?;
        if let Some(before) = self.last.filter(|last| time < *last) {
            return Err(TraceErrorKind::Backwards { text: quote(text), before: before.as_secs_f64() });
        }
        let temperature = match columns.temperature.map(field) {
            None => None,
            Some(text) if text.trim_ascii().is_empty() => None,
            Some(text) => Some(Temperature::from_celsius(number(text, TEMPERATURE)?)),
        };
        let fault = match columns.fault.map(field).map(<[u8]>::trim_ascii) {
            None | Some(b"") => None,
            Some(text) => Some(fault_named(text)?),
        };
        Ok(Row {
            time,
            voltage: Voltage::from_volts(number(field(columns.voltage), VOLTAGE)?),
            current: Current::from_amps(number(field(columns.current), CURRENT)?),
            temperature,
            fault,
        })
    }
}

impl Iterator for Trace {
    type Item = Result<Row, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

/// What is wrong, and in which line.
type Located = (Option<u64>, TraceErrorKind);

fn csv_error(error: csv::Error) -> Located {
    let line = error.position().map(csv::Position::line);
    let kind = match error.into_kind() {
        csv::ErrorKind::Io(error) => TraceErrorKind::Io(error),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            TraceErrorKind::Width { expected: expected_len, found: len }
        }
        other => TraceErrorKind::Csv(format!("{other:?}")),
    };
    (line, kind)
}

/// A text as an error may quote it: not longer than a line.
fn quote(text: &[u8]) -> String {
    String::from_utf8_lossy(text).trim().chars().take(QUOTE_MAX).collect()
}

fn fault_named(text: &[u8]) -> Result<BusFault, TraceErrorKind> {
    let word = std::str::from_utf8(text).ok();
    word.and_then(BusFault::from_word).ok_or_else(|| TraceErrorKind::Value {
        column: FAULT,
        text: quote(text),
        expected: "nak, held-line, stuck, gone, garbage, forget or nothing",
    })
}

fn number(text: &[u8], column: &'static str) -> Result<f64, TraceErrorKind> {
    std::str::from_utf8(text.trim_ascii())
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|number| number.is_finite())
        .ok_or_else(|| TraceErrorKind::Value { column, text: quote(text), expected: "a number" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &'static str) -> Result<Vec<Row>, TraceError> {
        Trace::read(text.as_bytes())?.collect()
    }

    #[test]
    fn finds_columns_by_name_and_ignores_the_others() {
        let rows =
            rows("soc,current_A,time_s,temp_C,voltage_V\n0.9,-2.5,0,25,13.1\n0.9,3.0,10,,12.5\n").unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].current, Current::from_amps(-2.5));
        assert_eq!(rows[0].temperature, Some(Temperature::from_celsius(25.0)));
        assert_eq!(rows[1].time, Duration::from_secs(10));
        assert_eq!(rows[1].voltage, Voltage::from_volts(12.5));
        assert_eq!(rows[1].temperature, None, "an empty cell is no temperature");
    }

    #[test]
    fn needs_no_temperature_and_takes_windows_line_ends_and_equal_times() {
        let rows = rows("time_s, voltage_V, current_A\r\n1.5, 12.0, 1\r\n1.5, 12.1, 1\r\n").unwrap();
        assert_eq!(rows[1].voltage, Voltage::from_volts(12.1));
        assert_eq!(rows[1].temperature, None);
    }

    #[test]
    fn every_error_names_line_column_and_text() {
        let head = "time_s,voltage_V,current_A\n0,12.5,1\n";
        for (tail, words) in [
            ("10,abc,1\n", "line 3: column `voltage_V`: \"abc\" is not a number"),
            ("10,12.5,NaN\n", "line 3: column `current_A`: \"NaN\" is not a number"),
            ("10,inf,1\n", "line 3: column `voltage_V`: \"inf\" is not a number"),
            ("10,,1\n", "line 3: column `voltage_V`: \"\" is not a number"),
            ("-10,12.5,1\n", "line 3: column `time_s`: \"-10\" is not a time in seconds, from 0"),
            ("10,12,1\n9.5,12,1\n", "line 4: column `time_s`: \"9.5\" is earlier than the row before (10 s)"),
            ("10,12.5\n", "line 3: 2 values where the header has 3 columns"),
        ] {
            let text: &'static str = format!("{head}{tail}").leak();
            assert_eq!(rows(text).unwrap_err().to_string(), words);
        }
    }

    #[test]
    fn a_rehearsed_fault_is_a_known_word() {
        let rows = rows("time_s,voltage_V,current_A,sensor_fault\n0,12,1,\n1,12,1,nak\n").unwrap();
        assert_eq!((rows[0].fault, rows[1].fault), (None, Some(BusFault::Nak)));
        let error = self::rows("time_s,voltage_V,current_A,sensor_fault\n0,12,1,broken\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2: column `sensor_fault`: \"broken\""), "{error}");
    }

    #[test]
    fn refuses_a_file_without_rows_or_columns() {
        assert_eq!(rows("").unwrap_err().to_string(), "line 1: no rows");
        assert_eq!(rows("time_s,voltage_V,current_A\n").unwrap_err().to_string(), "trace: no rows");
        assert_eq!(
            rows("time_s,voltage_V\n0,1\n").unwrap_err().to_string(),
            "line 1: no column `current_A` in the header (found: time_s, voltage_V)"
        );
        let missing = Trace::open(Path::new("/nowhere/at/all.csv")).unwrap_err().to_string();
        assert!(missing.starts_with("/nowhere/at/all.csv: cannot be read"), "{missing}");
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut trace = Trace::read(&b"time_s,voltage_V,current_A\n0,x,1\n1,12,1\n"[..]).unwrap();
        assert!(trace.next_row().is_err());
        assert!(trace.next_row().unwrap().is_none());
    }
}
