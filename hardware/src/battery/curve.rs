//! Rest voltage against state of charge.

use protocol::{Soc, Voltage};

/// How many points a table has.
pub(super) const POINTS: usize = 21;

/// Rest voltage at every 5 % of charge, at 25 C; straight lines between.
#[derive(Debug, Clone, PartialEq)]
pub struct RestCurve {
    /// Volts at 0 %, 5 %, ... 100 %; rising.
    volts: [f64; POINTS],
}

impl RestCurve {
    /// From the volts at 0 %, 5 %, ... 100 %, which must rise.
    pub(super) const fn new(volts: [f64; POINTS]) -> Self {
        Self { volts }
    }

    /// The rest voltage at a state of charge.
    pub fn voltage(&self, soc: Soc) -> Voltage {
        let place = soc.fraction() * (POINTS - 1) as f64;
        let below = (place as usize).min(POINTS - 2);
        let part = place - below as f64;
        Voltage::from_volts(self.volts[below] + part * (self.volts[below + 1] - self.volts[below]))
    }

    /// The state of charge at a rest voltage; what lies outside the table is empty or full.
    pub fn soc(&self, voltage: Voltage) -> Soc {
        let volts = voltage.volts();
        let above = self.volts.partition_point(|point| *point < volts);
        if above == 0 {
            return Soc::EMPTY;
        }
        if above == POINTS {
            return Soc::FULL;
        }
        let (low, high) = (self.volts[above - 1], self.volts[above]);
        Soc::from_fraction(((above - 1) as f64 + (volts - low) / (high - low)) / (POINTS - 1) as f64)
    }

    /// The whole table: volts at 0 %, 5 %, ... 100 %.
    pub const fn volts(&self) -> &[f64; POINTS] {
        &self.volts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::Chemistry;

    #[test]
    fn every_table_rises_and_reads_back() {
        for kind in Chemistry::ALL {
            let rest = &kind.usual().rest;
            assert!(rest.volts().windows(2).all(|pair| pair[0] < pair[1]), "{kind} rises");
            for percent in 0..=100 {
                let soc = Soc::from_percent(f64::from(percent));
                let back = rest.soc(rest.voltage(soc));
                assert!(back.points_above(soc).abs() < 1e-6, "{kind}: {soc} reads back as {back}");
            }
        }
    }

    #[test]
    fn beyond_the_table_is_empty_or_full() {
        let rest = &Chemistry::Agm.usual().rest;
        assert_eq!(rest.soc(Voltage::from_volts(9.0)), Soc::EMPTY);
        assert_eq!(rest.soc(Voltage::from_volts(15.0)), Soc::FULL);
        assert_eq!(rest.soc(Voltage::from_volts(f64::NAN)), Soc::EMPTY);
    }
}
