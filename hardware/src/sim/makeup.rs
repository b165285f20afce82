//! What the simulated batteries are made of: numbers, with where they come from. Not the curves that the estimator
//! knows, so that it is not tested against itself.

use protocol::{Charge, Resistance, Voltage};

use crate::battery::Chemistry;

/// Points of the electromotive force, at every twentieth of filling.
const POINTS: usize = 21;

/// Volts that the force falls for each unit of filling below empty: it collapses within a percent.
const COLLAPSE: f64 = 200.0;

/// One kind of battery.
#[derive(Debug)]
pub(super) struct Makeup {
    /// In series.
    pub(super) cells: u8,
    /// How much of the charge is in the available well.
    pub(super) available_part: f64,
    /// What stays behind at a constant current is this times the current: it is what makes Peukert's exponent. From the
    /// exponent n between a 20 h and a 5 h discharge: (1 - x/5) / (1 - x/20) = 4^(1-n).
    pub(super) lag_hours: f64,
    /// Electromotive force of the whole battery, in volts, from empty to full.
    emf: [f64; POINTS],
    /// Ohm times ampere-hours: resistance of a new one with its leads falls with its size.
    resistance: f64,
    /// How steeply the resistance rises as the available well runs empty.
    pub(super) empty_rise: f64,
    /// Ohm times ampere-hours that the charging resistance gains ...
    pub(super) full_rise: f64,
    /// ... over this much room left.
    pub(super) full_room: f64,
    /// The RC element's share of the resistance.
    pub(super) polarisation_part: f64,
    /// The RC element's time constant.
    pub(super) polarisation_seconds: f64,
    /// Gassing current over capacity at `gassing_volts`, in 1/h.
    pub(super) gassing_rate: f64,
    /// The cell voltage of that rate.
    pub(super) gassing_volts: f64,
}

/// Lead-acid: a cell's force is the acid's density plus 0.84 V (a rule of every battery handbook), and the density falls
/// evenly with the charge drawn.
const fn acid(density_empty: f64, density_full: f64) -> [f64; POINTS] {
    let mut volts = [0.0; POINTS];
    let mut i = 0;
    while i < POINTS {
        let filling = i as f64 / (POINTS - 1) as f64;
        volts[i] = 6.0 * (0.84 + density_empty + (density_full - density_empty) * filling);
        i += 1;
    }
    volts
}

/// Schiffer et al. 2007: 20 mA for each 100 Ah at 2.23 V a cell.
const LEAD_GASSING: f64 = 0.02 / 100.0;
const LEAD_GASSING_VOLTS: f64 = 2.23;

/// Peukert 1.20. Densities from Trojan's guide: 1.277 full, 1.073 at a tenth.
static FLOODED: Makeup = Makeup {
    cells: 6,
    available_part: 0.4,
    lag_hours: 1.49,
    emf: acid(1.06, 1.275),
    resistance: 0.85,
    empty_rise: 0.1,
    full_rise: 1.2,
    full_room: 0.003,
    polarisation_part: 0.8,
    polarisation_seconds: 120.0,
    gassing_rate: 2.0 * LEAD_GASSING,
    gassing_volts: LEAD_GASSING_VOLTS,
};

/// Peukert 1.10.
static AGM: Makeup = Makeup {
    cells: 6,
    available_part: 0.4,
    lag_hours: 0.83,
    emf: acid(1.11, 1.30),
    resistance: 0.6,
    empty_rise: 0.1,
    full_rise: 1.2,
    full_room: 0.003,
    polarisation_part: 0.7,
    polarisation_seconds: 120.0,
    gassing_rate: LEAD_GASSING,
    gassing_volts: LEAD_GASSING_VOLTS,
};

/// Peukert 1.15.
static GEL: Makeup = Makeup {
    cells: 6,
    available_part: 0.4,
    lag_hours: 1.18,
    emf: acid(1.12, 1.30),
    resistance: 0.75,
    empty_rise: 0.1,
    full_rise: 1.4,
    full_room: 0.003,
    polarisation_part: 0.8,
    polarisation_seconds: 150.0,
    gassing_rate: 0.7 * LEAD_GASSING,
    gassing_volts: LEAD_GASSING_VOLTS,
};

/// Peukert 1.02. The force is four times the middle of published C/25 charge and discharge curves of LiFePO4 cells.
static LIFEPO4: Makeup = Makeup {
    cells: 4,
    available_part: 0.7,
    lag_hours: 0.18,
    emf: [
        10.00, 12.00, 12.60, 12.80, 12.88, 12.98, 13.06, 13.12, 13.15, 13.168, 13.18, 13.20, 13.23, 13.28,
        13.32, 13.332, 13.34, 13.348, 13.36, 13.40, 13.90,
    ],
    resistance: 0.9,
    empty_rise: 0.02,
    full_rise: 0.2,
    full_room: 0.008,
    polarisation_part: 0.5,
    polarisation_seconds: 60.0,
    gassing_rate: 4e-5, // 3 % a month: the cells' 2 %, and what the protection draws
    gassing_volts: 3.33,
};

impl Makeup {
    pub(super) fn of(chemistry: Chemistry) -> &'static Self {
        match chemistry {
            Chemistry::Flooded => &FLOODED,
            Chemistry::Agm => &AGM,
            Chemistry::Gel => &GEL,
            Chemistry::LiFePO4 => &LIFEPO4,
        }
    }

    /// Of a new battery with this label.
    pub(super) fn resistance(&self, label: Charge) -> Resistance {
        Resistance::from_ohms(self.resistance / label.amp_hours())
    }

    /// The segment of the curve in which a filling lies, and how far into it, 0 to 1.
    fn segment(filling: f64) -> (usize, f64) {
        let place = filling.clamp(0.0, 1.0) * (POINTS - 1) as f64;
        let index = (place as usize).min(POINTS - 2);
        (index, place - index as f64)
    }

    /// The electromotive force at a filling.
    pub(super) fn emf(&self, filling: f64) -> Voltage {
        let (index, into) = Self::segment(filling);
        let volts = self.emf[index] + (self.emf[index + 1] - self.emf[index]) * into;
        Voltage::from_volts(volts + COLLAPSE * filling.min(0.0))
    }

    /// The integral of the force from empty: energy for each unit of charge that the well can hold.
    pub(super) fn emf_integral(&self, filling: f64) -> Voltage {
        let (index, into) = Self::segment(filling);
        let width = 1.0 / (POINTS - 1) as f64;
        let whole: f64 = (0..index).map(|i| f64::midpoint(self.emf[i], self.emf[i + 1])).sum();
        let here = self.emf[index];
        let part = into * (here + (self.emf[index + 1] - here) * into / 2.0);
        let below = filling.min(0.0);
        Voltage::from_volts((whole + part) * width + below * (self.emf[0] + COLLAPSE * below / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_integral_is_that_of_the_force() {
        for makeup in [&FLOODED, &AGM, &GEL, &LIFEPO4] {
            for step in -4..98 {
                let (low, high) = (f64::from(step) / 100.0, f64::from(step + 1) / 100.0);
                let gained = makeup.emf_integral(high) - makeup.emf_integral(low);
                // No corner of the curve lies inside these hundredths, so the trapezium is exact.
                let expected = f64::midpoint(makeup.emf(low).volts(), makeup.emf(high).volts()) * 0.01;
                assert!((gained.volts() - expected).abs() < 1e-9, "at {low}");
            }
        }
    }

    #[test]
    fn the_force_rises_with_the_filling() {
        for makeup in [&FLOODED, &AGM, &GEL, &LIFEPO4] {
            assert!(makeup.emf.windows(2).all(|pair| pair[1] > pair[0]));
        }
    }
}
