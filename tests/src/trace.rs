//! Traces made for a test: a dusk and a dawn on a small battery, told as a story.
//!
//! The battery here is deliberately simple (rest curve, resistance, charge): what is tested is the agent, not an
//! estimator. The physical models are `hardware::sim` and the recorded traces.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use protocol::{Charge, Current, Soc, Voltage};

/// Between two rows.
const ROW: Duration = Duration::from_secs(5);

/// Rest voltage of a 12 V AGM battery by state of charge, 0 to 100 % in steps of 25 %.
const REST: [f64; 5] = [11.70, 12.00, 12.30, 12.60, 12.85];

/// A battery's story, row by row.
#[derive(Debug, Clone)]
pub struct Story {
    capacity: Charge,
    soc: Soc,
    at: Duration,
    csv: String,
    rows: u32,
}

impl Story {
    /// Begins with a battery at this state of charge.
    pub fn begin(capacity: Charge, soc: Soc) -> Self {
        Self {
            capacity,
            soc,
            at: Duration::ZERO,
            csv: "time_s,voltage_V,current_A,temp_C,sensor_fault\n".into(),
            rows: 0,
        }
    }

    /// Discharges to a state of charge.
    #[must_use]
    pub fn discharge(mut self, to: Soc, current: Current) -> Self {
        while self.soc > to {
            self.row(current, None, "");
        }
        self
    }

    /// Charges to a state of charge, given as a positive current.
    #[must_use]
    pub fn charge(mut self, to: Soc, current: Current) -> Self {
        while self.soc < to {
            self.row(-current, None, "");
        }
        self
    }

    /// Keeps a current for a time; a full battery takes no more than its tail.
    #[must_use]
    pub fn hold(mut self, span: Duration, current: Current) -> Self {
        let end = self.at + span;
        while self.at < end {
            self.row(current, None, "");
        }
        self
    }

    /// For a time, the chip suffers a fault (a word of the trace's `sensor_fault` column) while the current flows on.
    #[must_use]
    pub fn fault(mut self, span: Duration, current: Current, fault: &str) -> Self {
        let end = self.at + span;
        while self.at < end {
            self.row(current, None, fault);
        }
        self
    }

    /// For a time, the terminals show this voltage, whatever the battery does.
    #[must_use]
    pub fn voltage(mut self, span: Duration, current: Current, voltage: Voltage) -> Self {
        let end = self.at + span;
        while self.at < end {
            self.row(current, Some(voltage), "");
        }
        self
    }

    /// How long the story is by now.
    pub const fn length(&self) -> Duration {
        self.at
    }

    /// Writes the trace.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, &self.csv).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn row(&mut self, current: Current, voltage: Option<Voltage>, fault: &str) {
        let charging = current < Current::ZERO;
        let full = charging && self.soc >= Soc::from_percent(99.9);
        // A full battery takes only its tail: 1 % of C.
        let current = if full { Current::from_amps(-0.01 * self.capacity.amp_hours()) } else { current };
        self.soc = Soc::from_fraction(self.soc.fraction() - (current * ROW) / self.capacity);
        // One millivolt up and down, as a living sensor shows.
        let noise = Voltage::from_volts(if self.rows.is_multiple_of(2) { 0.0015 } else { -0.0015 });
        let voltage = voltage
            .unwrap_or_else(|| if full { Voltage::from_volts(14.4) } else { self.terminals(current) })
            + noise;
        let _ = writeln!(
            self.csv,
            "{},{:.4},{:.4},25,{fault}",
            self.at.as_secs(),
            voltage.volts(),
            current.amps() + if self.rows.is_multiple_of(3) { 0.004 } else { 0.0 },
        );
        self.at += ROW;
        self.rows += 1;
    }

    fn terminals(&self, current: Current) -> Voltage {
        let place = self.soc.fraction() * 4.0;
        let index = (place as usize).min(3);
        let rest = REST[index] + (REST[index + 1] - REST[index]) * (place - index as f64);
        // 8 mOhm for 70 Ah, in proportion; charging polarises more.
        let resistance = 0.008 * 70.0 / self.capacity.amp_hours();
        let swing = current.amps() * resistance * if current < Current::ZERO { 2.5 } else { 1.0 };
        Voltage::from_volts((rest - swing).min(14.4))
    }
}
