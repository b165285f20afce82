//! A recorded trace with its truth: what the sensor read, and what really was.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) seconds: f64,
    /// As an INA226 read it.
    pub(crate) volts: f64,
    /// The same once it was compared with a multimeter (`voltmeter` of a `[[sensor]]`), where the trace has it.
    pub(crate) volts_compared: Option<f64>,
    pub(crate) amps: f64,
    pub(crate) celsius: f64,
    /// The truth, 0..1 of the capacity that the battery really has.
    pub(crate) soc: f64,
    /// The truth, where the trace runs to empty.
    pub(crate) seconds_left: Option<f64>,
}

/// A whole trace.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

impl Trace {
    /// Reads a `.csv.gz` of columns found by name.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut lines = BufReader::new(GzDecoder::new(file)).lines();
        let header = lines.next().context("an empty trace")??;
        let columns: Vec<&str> = header.split(',').collect();
        let place = |name: &str| columns.iter().position(|column| *column == name);
        let need = |name: &str| place(name).with_context(|| format!("{}: no column {name}", path.display()));
        let (time, volts, amps) = (need("time_s")?, need("v_meas")?, need("i_meas")?);
        let (celsius, soc, left) = (need("temp_C")?, need("true_soc")?, place("true_tte_s"));
        let compared = place("v_meas_cal");
        let mut rows = Vec::new();
        for line in lines {
            let line = line?;
            let cells: Vec<&str> = line.split(',').collect();
            let number = |at: usize| -> Result<f64> { Ok(cells.get(at).context("a short row")?.parse()?) };
            rows.push(Row {
                seconds: number(time)?,
                volts: number(volts)?,
                volts_compared: compared.map(number).transpose()?,
                amps: number(amps)?,
                celsius: number(celsius)?,
                soc: number(soc)?,
                seconds_left: left.map(number).transpose()?,
            });
        }
        let name = path.file_name().context("no name")?.to_string_lossy();
        Ok(Self { name: name.trim_end_matches(".csv.gz").to_owned(), rows })
    }

    /// As a user reads it who compared the voltmeter with a multimeter; `None` where the trace does not say.
    pub(crate) fn compared(&self) -> Option<Self> {
        let right = |row: &Row| row.volts_compared.map(|volts| Row { volts, ..*row });
        let rows = self.rows.iter().map(right).collect::<Option<_>>()?;
        Some(Self { name: self.name.clone(), rows })
    }

    /// The same battery from so many hours on.
    pub(crate) fn after(&self, hours: f64) -> Self {
        let begin = self.rows.partition_point(|row| row.seconds < hours * 3600.0);
        Self { name: self.name.clone(), rows: self.rows[begin..].to_vec() }
    }
}
