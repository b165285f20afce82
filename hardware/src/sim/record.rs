//! A measured sky: a CSV of light and air, played instead of the drawn weather.
//!
//! The header names the columns: a time (`time` or `time_s`), a light in W/m2 (`ghi_W_m2` on level ground, or
//! `plane_W_m2` in the panel's plane) and the air's temperature (`temp_C`); others are passed over. `time` is
//! `2023-06-01T12:30` (seconds are optional, a blank may stand for the `T`) in the site's solar time, or with a `Z` at
//! its end in UTC; `time_s` counts seconds from the site's first midnight. Between two rows the light goes in a straight
//! line. A record that is shorter than the run begins again, at whole days.

use std::fmt;

use csv::{ByteRecord, Reader, ReaderBuilder};
use protocol::Temperature;

use super::sun::{Irradiance, SolarTime};

const TIME: &str = "time";
const TIME_S: &str = "time_s";
const GLOBAL: &str = "ghi_W_m2";
const PLANE: &str = "plane_W_m2";
const AIR: &str = "temp_C";

/// The longest stretch between two rows: a longer one hides a day's clouds.
const GAP_MAX_S: f64 = 3.0 * 3600.0;
/// The brightest light that is believed: the sun outside of the air, and the edge of a cloud.
const LIGHT_MAX: f64 = 1600.0;
/// What night sensors show below zero is noise.
const LIGHT_MIN: f64 = -20.0;
const DAY_S: f64 = 86_400.0;
const YEAR_S: f64 = 365.0 * DAY_S;
/// The longest text that an error quotes, in characters.
const QUOTE_MAX: usize = 40;

/// Why a record cannot be played, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub struct RecordError {
    /// The line, from 1, where the fault is in one.
    pub line: Option<u64>,
    /// The column's name, where the fault is in one.
    pub column: Option<&'static str>,
    /// What is wrong there.
    #[source]
    pub kind: RecordErrorKind,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordErrorKind {
    /// A column that must be there is not.
    #[error("no such column in the header; found: {found}")]
    NoColumn {
        /// The header's names.
        found: String,
    },
    /// Two columns say the same thing in two ways.
    #[error("`{other}` is there as well: keep one of them")]
    TwoColumns {
        /// The other one.
        other: &'static str,
    },
    /// A value is none that a sky can have.
    #[error("{text:?} is not {expected}")]
    Value {
        /// What stands there.
        text: String,
        /// What should.
        expected: &'static str,
    },
    /// A row is not later than the one before it.
    #[error("{text:?} is not later than the row before")]
    Backwards {
        /// What stands there.
        text: String,
    },
    /// Too long a stretch without a row.
    #[error("{hours:.1} h after the row before; {} h is the most", GAP_MAX_S / 3600.0)]
    Gap {
        /// How long it is.
        hours: f64,
    },
    /// Less than a day.
    #[error("{hours:.1} h long; a record holds a day at the least")]
    Short {
        /// How long it is.
        hours: f64,
    },
    /// The file is no CSV.
    #[error("not a CSV file: {0}")]
    Csv(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(column) = self.column {
            write!(f, "column `{column}`: ")?;
        }
        write!(f, "{}", self.kind)
    }
}

/// The light of one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Light {
    /// On level ground.
    Global(Irradiance),
    /// In the panel's plane.
    Plane(Irradiance),
}

/// One row: seconds since the first midnight of the year in which the record begins, light, air.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    at_s: f64,
    light: f64,
    air: f64,
}

/// A measured sky.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    rows: Vec<Row>,
    /// Whether the light was measured in the panel's plane.
    plane: bool,
    /// After this long it begins again: whole days.
    length_s: f64,
}

/// Where a site is, as far as a record's times ask for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees, east positive: from UTC to solar time.
    pub longitude_degrees: f64,
    /// The day at whose midnight `time_s` is zero.
    pub start_day: u32,
}

/// Where the columns are, and how the first one counts.
#[derive(Debug, Clone, Copy)]
struct Columns {
    time: (usize, &'static str),
    light: (usize, &'static str),
    air: usize,
}

impl Record {
    /// Reads a whole record.
    ///
    /// # Errors
    ///
    /// The first thing in it that cannot be, with line and column.
    pub fn parse(text: &str, place: Place) -> Result<Self, RecordError> {
        let mut reader: Reader<&[u8]> = ReaderBuilder::new().from_reader(text.as_bytes());
        let columns = columns(reader.byte_headers().map_err(|error| csv_error(&error))?)?;
        let mut rows: Vec<Row> = Vec::new();
        let mut record = ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|error| csv_error(&error))? {
            let line = record.position().map(csv::Position::line);
            if is_leap_day(record.get(columns.time.0).unwrap_or_default()) {
                continue;
            }
            let row = row(&record, columns, place).map_err(|(column, kind)| RecordError {
                line,
                column: Some(column),
                kind,
            })?;
            if let Some(last) = rows.last() {
                let gap = row.at_s - last.at_s;
                let text = quote(record.get(columns.time.0).unwrap_or_default());
                let kind = if gap <= 0.0 {
                    Some(RecordErrorKind::Backwards { text })
                } else {
                    (gap > GAP_MAX_S).then(|| RecordErrorKind::Gap { hours: gap / 3600.0 })
                };
                if let Some(kind) = kind {
                    return Err(RecordError { line, column: Some(columns.time.1), kind });
                }
            }
            rows.push(row);
        }
        let spans = match (rows.first(), rows.last(), rows.get(1)) {
            // The last row holds as long as the first one did.
            (Some(first), Some(last), Some(second)) => last.at_s - first.at_s + (second.at_s - first.at_s),
            _ => 0.0,
        };
        // The year in which it begins is the simulated first one.
        let new_year = rows.first().map_or(0.0, |first| libm::floor(first.at_s / YEAR_S) * YEAR_S);
        for row in &mut rows {
            row.at_s -= new_year;
        }
        let length_s = libm::floor((spans + 1.0) / DAY_S) * DAY_S;
        if length_s < DAY_S {
            let kind = RecordErrorKind::Short { hours: spans / 3600.0 };
            return Err(RecordError { line: None, column: None, kind });
        }
        Ok(Self { rows, plane: columns.light.1 == PLANE, length_s })
    }

    /// How many whole days it holds before it begins again.
    pub fn days(&self) -> u32 {
        (self.length_s / DAY_S) as u32
    }

    /// Light and air at a moment.
    pub fn at(&self, time: SolarTime) -> (Light, Temperature) {
        let Some(first) = self.rows.first() else {
            return (Light::Global(Irradiance::default()), Temperature::ZERO);
        };
        let since_new_year =
            f64::from(time.day.saturating_sub(1)) * DAY_S + time.since_midnight.as_secs_f64();
        let into = (since_new_year - first.at_s) % self.length_s;
        let into = first.at_s + if into < 0.0 { into + self.length_s } else { into };
        let next = self.rows.partition_point(|row| row.at_s <= into).max(1);
        let from = self.rows.get(next - 1).copied().unwrap_or(*first);
        let to = self.rows.get(next).copied().unwrap_or(from);
        let part = if to.at_s > from.at_s { (into - from.at_s) / (to.at_s - from.at_s) } else { 0.0 };
        let light = Irradiance::from_watts_per_square_metre(from.light + (to.light - from.light) * part);
        let air = Temperature::from_celsius(from.air + (to.air - from.air) * part);
        (if self.plane { Light::Plane(light) } else { Light::Global(light) }, air)
    }
}

fn columns(header: &ByteRecord) -> Result<Columns, RecordError> {
    let fails = |column, kind| RecordError { line: Some(1), column: Some(column), kind };
    let position = |name: &str| header.iter().position(|field| field.trim_ascii() == name.as_bytes());
    let missing = |column| {
        let found = header.iter().map(quote).collect::<Vec<_>>().join(", ");
        fails(column, RecordErrorKind::NoColumn { found })
    };
    let one_of = |this: &'static str, other: &'static str| match (position(this), position(other)) {
        (Some(_), Some(_)) => Err(fails(this, RecordErrorKind::TwoColumns { other })),
        (Some(at), None) => Ok((at, this)),
        (None, Some(at)) => Ok((at, other)),
        (None, None) => Err(missing(this)),
    };
    Ok(Columns {
        time: one_of(TIME, TIME_S)?,
        light: one_of(GLOBAL, PLANE)?,
        air: position(AIR).ok_or_else(|| missing(AIR))?,
    })
}

fn row(record: &ByteRecord, columns: Columns, place: Place) -> Result<Row, (&'static str, RecordErrorKind)> {
    let field = |at: usize| record.get(at).unwrap_or_default().trim_ascii();
    let wrong = |at, expected| RecordErrorKind::Value { text: quote(field(at)), expected };
    let number = |at: usize| std::str::from_utf8(field(at)).ok()?.parse::<f64>().ok();
    let (at, name) = columns.time;
    let at_s = if name == TIME_S {
        let from_midnight = number(at).filter(|s| s.is_finite() && (0.0..1e10).contains(s));
        from_midnight.map(|s| s + f64::from(place.start_day.saturating_sub(1)) * DAY_S)
    } else {
        std::str::from_utf8(field(at)).ok().and_then(|text| moment(text, place))
    };
    let expected = if name == TIME_S { "seconds, 0 or more" } else { "a time like 2023-06-01T12:30" };
    let at_s = at_s.ok_or_else(|| (name, wrong(at, expected)))?;
    let (at, name) = columns.light;
    let light = number(at).filter(|light| (LIGHT_MIN..=LIGHT_MAX).contains(light));
    let light = light.ok_or_else(|| (name, wrong(at, "a light from -20 to 1600 W/m2")))?.max(0.0);
    let air = number(columns.air).filter(|air| (-60.0..=60.0).contains(air));
    let air = air.ok_or_else(|| (AIR, wrong(columns.air, "a temperature from -60 to 60 C")))?;
    Ok(Row { at_s, light, air })
}

/// A date and time as seconds of solar time since the new year of 2001, so that years follow each other; `None` if it is
/// none. The simulated year has 365 days: on a 29th of February the caller passes over the row.
fn moment(text: &str, place: Place) -> Option<f64> {
    let (text, utc) = text.strip_suffix('Z').map_or((text, false), |text| (text, true));
    let (date, clock) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u32>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next().unwrap_or(Some(0.0))?);
    let before =
        [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334].get(month.checked_sub(1)? as usize)?;
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let fits = (1900..2200).contains(&year)
        && (1..=*lengths.get(month as usize - 1)?).contains(&day)
        && (0.0..24.0).contains(&hour)
        && (0.0..60.0).contains(&minute)
        && (0.0..60.0).contains(&second);
    let days = f64::from(before + day.checked_sub(1)?);
    let years = f64::from(year) - 2001.0;
    let solar = if utc { place.longitude_degrees / 15.0 * 3600.0 } else { 0.0 };
    fits.then_some((years * 365.0 + days) * DAY_S + hour * 3600.0 + minute * 60.0 + second + solar)
}

/// Whether a time is of a 29th of February.
fn is_leap_day(time: &[u8]) -> bool {
    time.trim_ascii().get(4..10) == Some(b"-02-29")
}

fn quote(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim().chars().take(QUOTE_MAX).collect()
}

fn csv_error(error: &csv::Error) -> RecordError {
    let line = error.position().map(csv::Position::line);
    RecordError { line, column: None, kind: RecordErrorKind::Csv(error.to_string()) }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
