//! What the terminals of a battery of this kind show: the datasheet as an equation.
//!
//! Under a discharge the terminals show the rest voltage, less the drop over the resistance, less the knee: near its
//! end the voltage of every battery falls to the end of discharge that defines its capacity. Where that end lies
//! depends on rate and temperature: the last amp-hours of a cold or hard-driven battery cannot be drawn.

use hardware::battery::{Chemistry, Usual};
use libm::{exp, log, sqrt};

use super::drift::Wander;
use crate::config::Battery;

/// How broad the knee of a lead-acid battery is, in parts of its capacity.
pub(super) const KNEE_WIDTH: f64 = 0.05;
/// Spread of a voltmeter's steady error, V: half a percent of 12 V is usual.
const METER_SPREAD: f64 = 0.04;
/// A knee is at least so deep, V: whatever the resistance of a battery, it ends.
const KNEE_LEAST: f64 = 0.2;
/// How much a few minutes' voltage says of the charge, in parts of what its noise alone would allow: one view errs as the
/// last one did, because the equation is no battery.
pub(super) const TRUST: f64 = 0.6;
/// The rate that a lead-acid label is for, in parts of the capacity an hour: C/20.
const LABEL_RATE_LEAD: f64 = 0.05;
/// Above this rest voltage the plateau of LiFePO4 begins: its height says nothing of the charge.
const PLATEAU: f64 = 13.05;

/// What builds up behind the RC pair, against the resistance at once: a quarter of it in a 12 V battery of 50 Ah that is half
/// discharged (parameters of R. A. Jackey, SAE 2007-01-0778, for the model of M. Ceraolo, IEEE Transactions on Power Systems 15, 2000).
pub(super) const SLOW_RESISTANCE: f64 = 0.3;

/// See [`Cell::slow_factor`]; per kelvin below 25 C.
const COLD_SLOWS: f64 = 0.034;

/// How often the interval of the usable end is halved: to a thousandth of the capacity.
const EMPTY_ROUNDS: usize = 10;
/// What is left of the conductivity of the acid, in the pores, when a battery is empty: full, it holds about 35 % of
/// acid by weight, empty less than a tenth (Bode), and sulfate has narrowed its ways.
const CONDUCTS_EMPTY: f64 = 0.3;

/// The battery as an equation. Plain numbers in volts, amperes, ohms, amp-hours, parts of the capacity.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) chemistry: Chemistry,
    pub(super) usual: &'static Usual,
    /// The label's capacity, Ah.
    pub(super) label: f64,
    /// Resistance of a new one at 25 C, ohms.
    pub(super) resistance: f64,
    /// Where the load is cut, V: the configured one, or the end of discharge.
    pub(super) cutoff: f64,
    /// How deep the knee drops below the rest voltage at the end of discharge, V.
    knee: f64,
}

/// The hidden shape of one hypothesis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Breadth of the knee, against [`KNEE_WIDTH`].
    pub(super) knee: f64,
    /// How far the usable end lies off the datasheet's, in standard deviations.
    pub(super) end: f64,
}

/// Usable ends at one current.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    nominal: f64,
    halved: f64,
}

impl Ends {
    /// For a battery of this size, in parts of the label's capacity.
    pub(super) fn at(self, size: f64) -> f64 {
        self.nominal + (self.halved - self.nominal) * (1.0 / size - 1.0)
    }
}

impl Cell {
    pub(super) fn new(battery: &Battery) -> Self {
        let usual = battery.chemistry.usual();
        let resistance =
            battery.resistance.unwrap_or_else(|| battery.chemistry.resistance(battery.capacity)).ohms();
        let empty = usual.empty.volts();
        let is_lead = battery.chemistry.is_lead_acid();
        let label = battery.capacity.amp_hours().max(0.1);
        // The discharge that defines the label ends under a load too, and its drop is a part of the knee.
        let usual_resistance = battery.chemistry.resistance(battery.capacity).ohms();
        let drop = if is_lead {
            (1.0 + SLOW_RESISTANCE) / CONDUCTS_EMPTY * LABEL_RATE_LEAD * label * usual_resistance
        } else {
            0.0
        };
        Self {
            chemistry: battery.chemistry,
            usual,
            label,
            resistance,
            cutoff: battery.cutoff.map_or(empty, |cut| cut.volts().max(empty)),
            knee: (usual.rest.volts()[0] - empty - 0.06 - drop).max(KNEE_LEAST),
        }
    }

    pub(super) fn is_lead(&self) -> bool {
        self.chemistry.is_lead_acid()
    }

    /// Whether such a voltage under a discharge can say something. Above its plateau LiFePO4 shows what is left of the
    /// last charge.
    pub(super) fn tells(&self, volts: f64) -> bool {
        self.is_lead() || volts < PLATEAU + 0.3
    }

    /// How much above the equation a battery stands that is nearly full, V: the equation ends at the plateau's foot.
    pub(super) fn top_bias(&self) -> f64 {
        if self.is_lead() { 0.0 } else { 0.15 }
    }

    /// So much below full (parts of the capacity) the last charge shows no more.
    pub(super) fn top_ends(&self) -> f64 {
        if self.is_lead() { 0.0 } else { 0.04 }
    }

    /// More than this no battery of this kind shows without a charger, V: full, on the high side of its datasheet and
    /// under a voltmeter that reads too much.
    pub(super) fn rest_most(&self) -> f64 {
        self.usual.rest.volts()[20] + 2.0 * self.usual.rest_spread.volts()
    }

    /// The current that gassing takes at these terminal volts, in a new battery, A (Schiffer et al., Journal of Power Sources
    /// 168, 2007: 20 mA in 100 Ah at 2.23 V a cell and 25 C).
    pub(super) fn gassing(&self, volts: f64, celsius: f64) -> f64 {
        // Below this it is less than what the shunt's offset hides.
        const NONE_BELOW: f64 = 13.0;
        if !self.is_lead() || volts < NONE_BELOW {
            return 0.0;
        }
        let above = (volts.min(15.0) / 6.0 - 2.23) * 11.0 + 0.06 * (celsius - 25.0);
        0.02 * self.label / 100.0 * exp(above)
    }

    /// How long the tail current of a charge at absorption voltage would still have to flow, hours: what is lacking then. By the
    /// ampere-hour law a lead-acid battery takes about as many amperes as it lacks amp-hours (G. W. Vinal, "Storage Batteries",
    /// 1955); LiFePO4 takes up to a whole capacity an hour until shortly before full.
    pub(super) fn taper_hours(&self) -> f64 {
        match self.chemistry {
            Chemistry::Flooded => 1.3,
            Chemistry::Agm | Chemistry::Gel => 1.0,
            Chemistry::LiFePO4 => 0.15,
        }
    }

    /// No capacity is known better than this, in parts of the label's: where it ends is a matter of rate, cold and age, and in
    /// lead-acid a curve off its datasheet looks like a capacity off its label.
    pub(super) fn size_spread_least(&self) -> f64 {
        if self.is_lead() { 0.06 } else { 0.02 }
    }

    /// How much more it resists at this temperature than at 25 C.
    pub(super) fn resistance_factor(&self, celsius: f64) -> f64 {
        let below = (25.0 - celsius).clamp(-20.0, 50.0);
        let per_kelvin = self.usual.resistance_per_kelvin;
        if below > 0.0 { 1.0 + per_kelvin * below } else { 1.0 + 0.5 * per_kelvin * below }
    }

    /// How much more than that the cold adds to what builds up behind the RC pair. Charge transfer and the diffusion of the acid slow by
    /// 2.8 down to 5 C, by Arrhenius' law with 35 kJ/mol (30 to 50 are usual for electrode reactions); the conductivity of the acid by 1.4.
    pub(super) fn slow_factor(&self, celsius: f64) -> f64 {
        let below = (25.0 - celsius).clamp(0.0, 40.0);
        if self.is_lead() { exp(COLD_SLOWS * below) } else { 1.0 }
    }

    /// How much more it resists at this state of charge than full: the acid thins, and conducts less. `end` is where it
    /// is usably empty.
    pub(super) fn rise(&self, soc: f64, end: f64) -> f64 {
        if !self.is_lead() {
            return 1.0;
        }
        let left = ((soc - end) / (1.0 - end)).clamp(0.0, 1.0);
        1.0 / (CONDUCTS_EMPTY + (1.0 - CONDUCTS_EMPTY) * left)
    }

    /// The usable end of a hypothesis, where the datasheet's is `end`. Published charts of LiFePO4 differ most about
    /// where its knee lies.
    pub(super) fn end_of(&self, shape: Shape, end: f64) -> f64 {
        let spread = if self.is_lead() { 0.01 } else { 0.03 };
        end + shape.end * (spread + 0.3 * end.abs())
    }

    /// A mean under this is at the end of discharge: the bursts of the load are there already, V.
    pub(super) fn empty_below(&self) -> f64 {
        self.usual.empty.volts() + if self.is_lead() { 0.15 } else { 0.5 }
    }

    /// How far the whole of the curve may lie off the datasheet, with the voltmeter's error, V.
    pub(super) fn steady_spread(&self) -> f64 {
        let chart = if self.is_lead() { 0.5 * self.usual.rest_spread.volts() } else { 0.0 };
        sqrt(METER_SPREAD * METER_SPREAD + chart * chart)
    }

    /// How far this battery's voltage may wander off its datasheet as its charge changes.
    pub(super) fn wander(&self) -> Wander {
        // The height of the plateau says nothing of the knee.
        let spread = self.usual.rest_spread.volts();
        if self.is_lead() {
            let (curve, passing) = (0.8 * spread, 0.5 * spread);
            Wander { curve, curve_end: 1.0, curve_length: 0.5, passing, passing_length: 0.3 }
        } else {
            // The height of the plateau says nothing of the knee.
            Wander { curve: 0.0, curve_end: 0.0, curve_length: 1.0, passing: spread, passing_length: 0.03 }
        }
    }

    /// The part of the capacity that a full cycle takes, and a year at this temperature. Until a fifth is gone, AGM stands 400
    /// cycles of 80 %, gel 500, LiFePO4 2500, and 8, 12 and 15 years at 20 C, halved by each 10 K (Victron's datasheets); for
    /// flooded starter batteries a quarter of AGM's cycles is plausible.
    pub(super) fn wear(&self, celsius: f64) -> (f64, f64) {
        let (cycles, years) = match self.chemistry {
            Chemistry::Flooded => (100.0, 5.0),
            Chemistry::Agm => (400.0, 8.0),
            Chemistry::Gel => (500.0, 12.0),
            Chemistry::LiFePO4 => (2500.0, 15.0),
        };
        let warmth = exp(core::f64::consts::LN_2 * (celsius.clamp(-20.0, 60.0) - 20.0) / 10.0);
        (0.2 / (0.8 * cycles), 0.2 / years * warmth)
    }

    /// How much more it wanders at this temperature: datasheets say little of the cold.
    pub(super) fn wander_factor(&self, celsius: f64) -> f64 {
        if self.is_lead() { 1.0 + 0.06 * (22.0 - celsius).clamp(0.0, 30.0) } else { 1.0 }
    }

    /// Rate at which a label's capacity holds, in parts of the capacity an hour: C/20 for lead-acid, C/5 for lithium.
    fn label_rate(&self) -> f64 {
        if self.is_lead() { LABEL_RATE_LEAD } else { 0.2 }
    }

    /// State of charge at which a new battery reaches its end of discharge, at this rate (parts an hour) and
    /// temperature. Zero at the label's conditions.
    pub(super) fn end(&self, rate: f64, celsius: f64) -> f64 {
        let ratio = (rate / self.label_rate()).clamp(0.02, 100.0);
        let exponent = self.usual.peukert - 1.0;
        // Below the label's rate little is gained, and nothing from LiFePO4.
        let most = if self.is_lead() { 1.01 } else { 1.0 };
        let peukert = exp(-log(ratio) * exponent).min(most);
        let cold = self.usual.capacity_per_kelvin * (25.0 - celsius).clamp(-10.0, 45.0);
        let cold = if cold > 0.0 { (cold * sqrt(ratio)).min(0.6) } else { 0.0 };
        (1.0 - peukert * (1.0 - cold)).clamp(-0.02, 0.9)
    }

    /// The same for one current and every capacity: it differs so little between them that two rates span them all.
    pub(super) fn ends(&self, amps: f64, celsius: f64) -> Ends {
        let nominal = self.end(amps / self.label, celsius);
        Ends { nominal, halved: self.end(2.0 * amps / self.label, celsius) }
    }

    /// Rest voltage and knee of a hypothesis at a state of charge; the resistance's drop comes off it.
    pub(super) fn voltage(&self, soc: f64, shape: Shape, end: f64) -> f64 {
        let end = self.end_of(shape, end);
        if self.is_lead() {
            let place = (soc - end) / (KNEE_WIDTH * shape.knee);
            let knee = if place > 12.0 { 0.0 } else { self.knee * exp(-place.max(-1.0)) };
            self.table(soc) - knee
        } else {
            // Its table ends at the end of discharge already; the knee is stretched instead.
            let above = (soc - end) / (1.0 - end);
            self.table(above / (0.85 + 0.15 * shape.knee)).min(PLATEAU)
        }
    }

    /// The datasheet's rest voltage, run on straight below empty.
    pub(super) fn table(&self, soc: f64) -> f64 {
        let volts = self.usual.rest.volts();
        let last = volts.len() - 1;
        let place = soc.min(1.0) * last as f64;
        let below = (place.max(0.0) as usize).min(last - 1);
        volts[below] + (place - below as f64) * (volts[below + 1] - volts[below])
    }

    /// The mean voltage from here to empty, about.
    pub(super) fn middle(&self, soc: f64) -> f64 {
        self.voltage(0.5 * soc.max(0.0), Shape { knee: 1.0, end: 0.0 }, 0.0).max(self.usual.empty.volts())
    }

    /// How much of an offset learned higher up still holds where the equation shows so many volts. None of it does at
    /// the end of discharge: that is where the capacity ends by definition, whatever the datasheet's curve is worth.
    pub(super) fn offset_holds(&self, volts: f64) -> f64 {
        let reach = if self.is_lead() { 1.0 } else { 2.0 };
        (0.2 + 0.8 * (volts - self.usual.empty.volts()) / reach).clamp(0.2, 1.0)
    }

    /// Between which voltages the terminals stand while so many amperes flow into a battery of this charge: the rest voltage
    /// and what the charge adds to it. In a new one that is some 3 V for each capacity an hour, in an old one twice that; and
    /// volts more as it fills and begins to gas. `None` for LiFePO4, which shows its plateau.
    pub(super) fn charged(&self, soc: f64, amps: f64, celsius: f64) -> Option<(f64, f64)> {
        const LEAST: f64 = 1.0;
        const MOST: f64 = 8.0;
        const GASSING: (f64, f64) = (0.6, 6.0);
        let rate = amps / self.label;
        let fills = GASSING.1 * (soc - GASSING.0).max(0.0);
        let rest = self.table(soc);
        let most = MOST * rate * self.resistance_factor(celsius);
        self.is_lead().then_some((rest + LEAST * rate, rest + most + fills))
    }

    /// Where this hypothesis is empty for a load: where the terminals meet the cut-off.
    ///
    /// `offset` is what the terminals show above the equation, `drop` what the resistance takes of a full battery.
    pub(super) fn empty_at(&self, shape: Shape, end: f64, offset: f64, drop: f64) -> f64 {
        let wanted = self.cutoff - offset * self.offset_holds(self.cutoff);
        let usable = self.end_of(shape, end);
        if !self.is_lead() {
            let stretch = (1.0 - usable) * (0.85 + 0.15 * shape.knee);
            return usable + stretch * self.table_soc((wanted + drop).min(PLATEAU));
        }
        // A few halvings: table, knee and drop all fall towards the end.
        let left = |soc: f64| self.voltage(soc, shape, end) - drop * self.rise(soc, usable) - wanted;
        let (mut empty, mut above) = (usable, 1.0);
        for _ in 0..EMPTY_ROUNDS {
            let middle = 0.5 * (empty + above);
            if left(middle) > 0.0 { above = middle } else { empty = middle }
        }
        0.5 * (empty + above)
    }

    /// The state of charge at which the table shows this.
    fn table_soc(&self, volts: f64) -> f64 {
        self.usual.rest.soc(protocol::Voltage::from_volts(volts)).fraction()
    }
}
