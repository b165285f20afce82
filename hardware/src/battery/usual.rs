//! Datasheets, one constant a chemistry.
//!
//! Sources: Trojan Battery, User's Guide (rest voltage against specific gravity; capacity against temperature);
//! Renogy CTRL-PWM20 manual p. 26 (flooded rest table); D. Berndt, "Maintenance-Free Batteries" (acid density and
//! utilisation of AGM and gel); H. Bode, "Lead-Acid Batteries", 1977 (cell voltage against acid molality);
//! gridwright.com LiFePO4 chart; Victron BMV manual (charge efficiency, Peukert, tail current). None of these numbers
//! is fitted to a recorded trace.

use std::time::Duration;

use protocol::{Resistance, Voltage};

use super::RestCurve;

/// What a datasheet says of a 12 V battery of one chemistry. Voltages are at 25 C.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Rest voltage against state of charge.
    pub rest: RestCurve,
    /// How far a battery of this kind may lie from [`Self::rest`], one standard deviation, in the middle of the table.
    pub rest_spread: Voltage,
    /// A reading below this is not of this battery.
    pub believable_low: Voltage,
    /// A reading above this is not of this battery.
    pub believable_high: Voltage,
    /// The end of the discharge that defines the label's capacity: below it nothing usable is left.
    pub empty: Voltage,
    /// Where chargers and protectors usually cut the load.
    pub cutoff: Voltage,
    /// Where they usually give it back.
    pub reconnect: Voltage,
    /// The charger's float set point.
    pub float: Voltage,
    /// The charger's absorption set point.
    pub absorption: Voltage,
    /// Change of the charger's set points per kelvin above 25 C.
    pub charge_per_kelvin: Voltage,
    /// Below this tail current, in parts of the label's capacity per hour, at absorption voltage, the battery is full.
    pub tail_per_hour: f64,
    /// How long voltage and tail current must hold together before it counts as full.
    pub tail_hold: Duration,
    /// The part of a charge that is stored (away from gassing).
    pub charge_efficiency: f64,
    /// Peukert's exponent, against the label's rate (C/20 for lead-acid).
    pub peukert: f64,
    /// The part of the capacity lost per kelvin below 25 C at the label's rate.
    pub capacity_per_kelvin: f64,
    /// Rise of the internal resistance per kelvin below 25 C, as a part of it.
    pub resistance_per_kelvin: f64,
    /// Internal resistance of a battery of 1 Ah, new, at 25 C (a larger one divides it by its amp-hours).
    pub resistance_amp_hours: Resistance,
    /// Leads, fuse and clamps.
    pub resistance_leads: Resistance,
    /// The part lost in a month of rest at 20 C.
    pub self_discharge_month: f64,
}

const fn volts(value: f64) -> Voltage {
    Voltage::from_volts(value)
}

const fn ohms(value: f64) -> Resistance {
    Resistance::from_ohms(value)
}

/// Trojan's table above 20 %, midway between it (run on by Bode's law) and Renogy's below.
pub(super) static FLOODED: Usual = Usual {
    rest: RestCurve::new([
        11.10, 11.29, 11.45, 11.56, 11.66, 11.735, 11.81, 11.885, 11.96, 12.03, 12.10, 12.17, 12.24, 12.305,
        12.37, 12.435, 12.50, 12.56, 12.62, 12.675, 12.73,
    ]),
    rest_spread: volts(0.07),
    believable_low: volts(6.0),
    believable_high: volts(17.0),
    empty: volts(10.5),
    cutoff: volts(11.0),
    reconnect: volts(12.6),
    float: volts(13.8),
    absorption: volts(14.4),
    charge_per_kelvin: volts(-0.018),
    tail_per_hour: 0.04,
    tail_hold: Duration::from_mins(5),
    charge_efficiency: 0.98,
    peukert: 1.2,
    capacity_per_kelvin: 0.005,
    resistance_per_kelvin: 0.02,
    resistance_amp_hours: ohms(0.9),
    resistance_leads: ohms(0.005),
    self_discharge_month: 0.06,
};

/// Midway between the usual chart (12.85, 12.60, 12.30, 12.00, 11.70 V at the quarters) and what an acid of 1.30 kg/l,
/// used up to a tenth, gives by Bode's law.
pub(super) static AGM: Usual = Usual {
    rest: RestCurve::new([
        11.52, 11.61, 11.69, 11.765, 11.835, 11.90, 11.97, 12.04, 12.105, 12.17, 12.235, 12.30, 12.36,
        12.425, 12.49, 12.55, 12.615, 12.675, 12.735, 12.795, 12.86,
    ]),
    rest_spread: volts(0.10),
    believable_low: volts(6.0),
    believable_high: volts(17.0),
    empty: volts(10.5),
    cutoff: volts(11.0),
    reconnect: volts(12.6),
    float: volts(13.6),
    absorption: volts(14.4),
    charge_per_kelvin: volts(-0.018),
    tail_per_hour: 0.04,
    tail_hold: Duration::from_mins(5),
    charge_efficiency: 0.985,
    peukert: 1.1,
    capacity_per_kelvin: 0.005,
    resistance_per_kelvin: 0.02,
    resistance_amp_hours: ohms(0.7),
    resistance_leads: ohms(0.005),
    self_discharge_month: 0.03,
};

/// As [`AGM`], from the usual gel chart (12.85, 12.65, 12.35, 12.00, 11.80 V) and an acid of 1.28 kg/l.
pub(super) static GEL: Usual = Usual {
    rest: RestCurve::new([
        11.58, 11.655, 11.725, 11.785, 11.845, 11.90, 11.965, 12.03, 12.10, 12.165, 12.23, 12.295, 12.355,
        12.415, 12.475, 12.53, 12.585, 12.64, 12.69, 12.74, 12.79,
    ]),
    rest_spread: volts(0.10),
    believable_low: volts(6.0),
    believable_high: volts(16.5),
    empty: volts(10.5),
    cutoff: volts(11.0),
    reconnect: volts(12.6),
    float: volts(13.7),
    absorption: volts(14.1),
    charge_per_kelvin: volts(-0.018),
    tail_per_hour: 0.04,
    tail_hold: Duration::from_mins(5),
    charge_efficiency: 0.985,
    peukert: 1.15,
    capacity_per_kelvin: 0.005,
    resistance_per_kelvin: 0.02,
    resistance_amp_hours: ohms(1.0),
    resistance_leads: ohms(0.005),
    self_discharge_month: 0.02,
};

/// The gridwright chart; its 14.6 V at 100 % is a charging voltage, 13.6 V what is left of it at rest.
pub(super) static LIFEPO4: Usual = Usual {
    rest: RestCurve::new([
        10.0, 11.4, 12.0, 12.5, 12.8, 12.9, 13.0, 13.1, 13.2, 13.217, 13.233, 13.25, 13.267, 13.283, 13.3,
        13.325, 13.35, 13.375, 13.4, 13.5, 13.6,
    ]),
    rest_spread: volts(0.10),
    believable_low: volts(6.0),
    believable_high: volts(16.0),
    empty: volts(10.0),
    cutoff: volts(11.5),
    reconnect: volts(13.0),
    float: volts(13.5),
    absorption: volts(14.2),
    charge_per_kelvin: volts(0.0),
    tail_per_hour: 0.04,
    tail_hold: Duration::from_mins(5),
    charge_efficiency: 0.995,
    peukert: 1.03,
    capacity_per_kelvin: 0.002,
    resistance_per_kelvin: 0.03,
    resistance_amp_hours: ohms(0.4),
    resistance_leads: ohms(0.008),
    self_discharge_month: 0.02,
};
