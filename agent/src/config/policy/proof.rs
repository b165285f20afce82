//! The proof that a ladder hangs together, made when the config is loaded: no rung whose way out lies below its way in,
//! no rung in the wrong order, and time enough to drain and halt before the charger cuts the load.

use std::fmt;
use std::time::Duration;

use protocol::{Charge, Seconds, Soc, Stage, Temperature, Voltage};
use thiserror::Error;

use super::{Enter, Policy, Rung, Stretch};
use crate::config::Battery;

/// Leaving `Halt` (the wake level) must lie at least this far above entering it: a woken node draws its own inrush.
const WAKE_MARGIN_POINTS: f64 = 5.0;
/// As [`WAKE_MARGIN_POINTS`], in volts: the rebound of an unloaded 12 V battery.
const WAKE_MARGIN_VOLTS: f64 = 0.3;
/// The part of its label's capacity that a battery still has at the end of its life (IEEE 450 and 1188: replace at
/// 80 %). The time budget must fit on that day too.
const WORN: f64 = 0.8;
/// The voltage at which `battery.load_max` is given.
const NOMINAL: Voltage = Voltage::from_volts(12.0);
/// Processor temperatures between which `policy.hot` makes sense: above idle in the shade, below the 85 C at which
/// a Pi throttles hard.
const HOT: (f64, f64) = (40.0, 85.0);

/// A number of the ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A state of charge.
    Soc(Soc),
    /// A voltage.
    Voltage(Voltage),
    /// A span of time.
    Span(Duration),
    /// A temperature.
    Temperature(Temperature),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Soc(soc) => soc.fmt(f),
            Self::Voltage(voltage) => voltage.fmt(f),
            Self::Span(span) => Seconds::from(*span).fmt(f),
            Self::Temperature(temperature) => temperature.fmt(f),
        }
    }
}

/// What contradicts what in a ladder. Every message names both keys or the key and both numbers.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PolicyError {
    /// A number must be greater than another one, and is not.
    #[error("{key} = {value} must be above {than_key} = {than}: {why}")]
    NotAbove {
        /// The key that must be greater.
        key: String,
        /// Its number.
        value: Value,
        /// The key that it must be above.
        than_key: String,
        /// That key's number (with the margin, where there is one).
        than: Value,
        /// Why.
        why: &'static str,
    },
    /// A rung that can be entered and never be left, or left at once.
    #[error(
        "{key} has neither soc nor voltage nor terminal, but {than_key} has {than}: nothing says when to leave"
    )]
    NoWayOut {
        /// The rung's way out.
        key: String,
        /// The rung's way in.
        than_key: String,
        /// Its number.
        than: Value,
    },
    /// A rung that nothing leads to.
    #[error("{key} has neither soc nor voltage: no level of the battery leads there")]
    NoWayIn {
        /// The rung's way in.
        key: String,
    },
    /// What must be done does not fit before the load is cut.
    #[error(
        "{key} = {budget} does not fit: {needed} are needed from entering {from} ({entry}) on, but at battery.load_max \
         the load is cut at {cutoff} after {available}"
    )]
    BudgetTooLong {
        /// The budget's key.
        key: &'static str,
        /// The budget.
        budget: Seconds,
        /// The stage from whose entry on it is counted.
        from: Stage,
        /// The threshold that enters it.
        entry: Value,
        /// All that has to fit: the delay and the budgets.
        needed: Seconds,
        /// The time until the cut-off at the greatest load, with a worn battery.
        available: Seconds,
        /// The cut-off.
        cutoff: Voltage,
    },
    /// A number outside what makes sense.
    #[error("{key} = {value} is outside {low} to {high}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// Its number.
        value: Value,
        /// The least.
        low: Value,
        /// The most.
        high: Value,
    },
}

impl PolicyError {
    /// The key to look at, with its path: `policy.shed.leave.soc`.
    pub fn key(&self) -> String {
        match self {
            Self::NotAbove { key, .. } | Self::NoWayOut { key, .. } | Self::NoWayIn { key } => key.clone(),
            Self::BudgetTooLong { key, .. } | Self::OutOfRange { key, .. } => (*key).to_owned(),
        }
    }
}

/// A number with the key that it stands under.
struct Named {
    key: String,
    value: Option<Value>,
}

fn soc(key: String, value: Option<Soc>) -> Named {
    Named { key, value: value.map(Value::Soc) }
}

fn voltage(key: String, value: Option<Voltage>) -> Named {
    Named { key, value: value.map(Value::Voltage) }
}

fn span(key: &str, value: Duration) -> Named {
    Named { key: format!("policy.{key}"), value: Some(Value::Span(value)) }
}

/// Demands that the first be above the second, where both are there.
fn above(high: &Named, low: &Named, why: &'static str) -> Result<(), PolicyError> {
    let (Some(value), Some(than)) = (high.value, low.value) else { return Ok(()) };
    let holds = match (value, than) {
        (Value::Soc(value), Value::Soc(than)) => value > than,
        (Value::Voltage(value), Value::Voltage(than)) => value > than,
        (Value::Span(value), Value::Span(than)) => value > than,
        (Value::Temperature(value), Value::Temperature(than)) => value > than,
        _ => true,
    };
    if holds {
        return Ok(());
    }
    Err(PolicyError::NotAbove { key: high.key.clone(), value, than_key: low.key.clone(), than, why })
}

fn within(key: &'static str, value: Value, low: Value, high: Value) -> Result<(), PolicyError> {
    let inside = match (value, low, high) {
        (Value::Span(value), Value::Span(low), Value::Span(high)) => (low..=high).contains(&value),
        (Value::Temperature(value), Value::Temperature(low), Value::Temperature(high)) => {
            (low..=high).contains(&value)
        }
        _ => true,
    };
    if inside { Ok(()) } else { Err(PolicyError::OutOfRange { key, value, low, high }) }
}

impl Policy {
    /// Proves the ladder against itself and against the battery.
    ///
    /// # Errors
    /// The first contradiction, with its keys and both numbers.
    pub fn validate(&self, battery: &Battery) -> Result<(), PolicyError> {
        let rungs = [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt]
            .map(|stage| (stage, self.rung(stage).copied().unwrap_or_default()));
        self.ranges()?;
        for (stage, rung) in &rungs {
            ways(*stage, rung)?;
        }
        for pair in rungs.windows(2) {
            deeper_is_lower(pair[0], pair[1])?;
        }
        self.stretches()?;
        self.wake_margin()?;
        self.collapse_between(battery)?;
        self.freeze_between_rungs()?;
        self.budgets(battery)
    }

    fn ranges(&self) -> Result<(), PolicyError> {
        let span =
            |key, value, low, high| within(key, Value::Span(value), Value::Span(low), Value::Span(high));
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        span("policy.collapse_hold", self.collapse_hold, second, Duration::from_mins(5))?;
        span("policy.stagger", self.stagger, Duration::ZERO, Duration::from_mins(10))?;
        span("policy.settle", self.settle, Duration::ZERO, hour)?;
        span("policy.stale_hold", self.stale_hold, second, hour)?;
        span("policy.stale_climb", self.stale_climb, second, Duration::from_hours(24))?;
        span("policy.drain_budget", self.drain_budget, second, Duration::from_hours(24))?;
        span("policy.halt_budget", self.halt_budget, second, Duration::from_hours(24))?;
        let celsius = |value| Value::Temperature(Temperature::from_celsius(value));
        within("policy.hot", Value::Temperature(self.hot), celsius(HOT.0), celsius(HOT.1))?;
        above(
            &self::span("stale_climb", self.stale_climb),
            &self::span("stale_hold", self.stale_hold),
            "a reading that is missing for a moment must not climb",
        )
    }

    /// What gives way with a plan hangs together as the rest does, and ends above where `Halt` is entered, which does not.
    fn stretches(&self) -> Result<(), PolicyError> {
        let key = |stage: &str, end: &str| format!("policy.with_plan.{stage}.{end}");
        let named = |stage: &str, stretch: Option<Stretch>| {
            let enter = soc(key(stage, "enter"), stretch.map(|stretch| stretch.enter));
            (enter, soc(key(stage, "leave"), stretch.map(|stretch| stretch.leave)))
        };
        let throttle = named("throttle", self.with_plan.throttle);
        let shed = named("shed", self.with_plan.shed);
        let drain = named("drain", self.with_plan.drain);
        for (enter, leave) in [&throttle, &shed, &drain] {
            above(leave, enter, "a stage left at the level that enters it would flap")?;
        }
        above(&throttle.0, &shed.0, "each stage is entered before the deeper one")?;
        above(&shed.0, &drain.0, "each stage is entered before the deeper one")?;
        above(&throttle.1, &shed.1, "recovery takes the ladder in reverse")?;
        above(&shed.1, &drain.1, "recovery takes the ladder in reverse")?;
        let halt = soc("policy.halt.enter.soc".into(), self.halt.enter.soc);
        above(&drain.0, &halt, "a plan stretches the energy above halt and takes none from below")?;
        let woken = self.halt.enter.soc.map(|soc| soc.plus_points(WAKE_MARGIN_POINTS));
        above(
            &soc("policy.with_plan.halt.leave".into(), self.with_plan.halt_leave),
            &soc(format!("policy.halt.enter.soc + {WAKE_MARGIN_POINTS} points"), woken),
            "the wake level must lie above the halt level with this margin",
        )
    }

    /// The wake level lies above the halt level with margin: no wake-halt loop.
    fn wake_margin(&self) -> Result<(), PolicyError> {
        const WHY: &str = "the wake level must lie above the halt level with this margin";
        let (enter, leave) = (&self.halt.enter, &self.halt.leave);
        let charged = enter.soc.map(|soc| soc.plus_points(WAKE_MARGIN_POINTS));
        above(
            &soc("policy.halt.leave.soc".into(), leave.soc),
            &soc(format!("policy.halt.enter.soc + {WAKE_MARGIN_POINTS} points"), charged),
            WHY,
        )?;
        let margin = Voltage::from_volts(WAKE_MARGIN_VOLTS);
        let risen = enter.voltage.map(|voltage| voltage + margin);
        for (key, level) in [("terminal", leave.terminal), ("voltage", leave.voltage)] {
            let level = voltage(format!("policy.halt.leave.{key}"), level);
            above(&level, &voltage(format!("policy.halt.enter.voltage + {margin}"), risen), WHY)?;
        }
        Ok(())
    }

    /// cut-off < collapse < the ladder's own last level.
    fn collapse_between(&self, battery: &Battery) -> Result<(), PolicyError> {
        let collapse = voltage("policy.collapse".into(), Some(self.collapse));
        above(
            &collapse,
            &voltage("battery.cutoff".into(), Some(cutoff(battery))),
            "the node must be off before the load is cut",
        )?;
        above(
            &voltage("policy.halt.enter.voltage".into(), self.halt.enter.voltage),
            &collapse,
            "the ladder's own last step comes before the emergency",
        )
    }

    /// collapse < freeze < the voltage that leads into `Shed`.
    fn freeze_between_rungs(&self) -> Result<(), PolicyError> {
        let freeze = voltage("policy.freeze".into(), Some(self.freeze));
        above(
            &freeze,
            &voltage("policy.collapse".into(), Some(self.collapse)),
            "what can wait stands still before the node halts",
        )?;
        above(
            &voltage("policy.shed.enter.voltage".into(), self.shed.enter.voltage),
            &freeze,
            "else a burst of load would freeze what the ladder still lets run",
        )
    }

    /// Drain and Halt fit between the entry into Drain and the cut-off, and Halt alone after its own entry.
    fn budgets(&self, battery: &Battery) -> Result<(), PolicyError> {
        let fits = |key, budget: Duration, from, enter: &Enter, needed: Duration| {
            let Some((entry, available)) = available(battery, enter) else { return Ok(()) };
            if needed <= available {
                return Ok(());
            }
            Err(PolicyError::BudgetTooLong {
                key,
                budget: budget.into(),
                from,
                entry,
                needed: needed.into(),
                available: available.into(),
                cutoff: cutoff(battery),
            })
        };
        let drain = self.drain.enter.hold + self.drain_budget + self.halt_budget;
        fits("policy.drain_budget", self.drain_budget, Stage::Drain, &self.drain.enter, drain)?;
        let planned = Enter { soc: self.enter_soc(Stage::Drain, true), ..self.drain.enter };
        fits("policy.drain_budget", self.drain_budget, Stage::Drain, &planned, drain)?;
        let halt = self.halt.enter.hold + self.halt_budget;
        fits("policy.halt_budget", self.halt_budget, Stage::Halt, &self.halt.enter, halt)
    }
}

/// The way out of a rung lies above its way in.
fn ways(stage: Stage, rung: &Rung) -> Result<(), PolicyError> {
    const WHY: &str = "a stage left at the level that enters it would flap";
    let Rung { enter, leave } = rung;
    let way_in = format!("policy.{stage}.enter");
    let way_out = format!("policy.{stage}.leave");
    let Some(first) = enter.soc.map(Value::Soc).or(enter.voltage.map(Value::Voltage)) else {
        return Err(PolicyError::NoWayIn { key: way_in });
    };
    if leave.soc.is_none() && leave.voltage.is_none() && leave.terminal.is_none() {
        return Err(PolicyError::NoWayOut { key: way_out, than_key: way_in, than: first });
    }
    above(&soc(format!("{way_out}.soc"), leave.soc), &soc(format!("{way_in}.soc"), enter.soc), WHY)?;
    let low = voltage(format!("{way_in}.voltage"), enter.voltage);
    above(&voltage(format!("{way_out}.voltage"), leave.voltage), &low, WHY)?;
    above(&voltage(format!("{way_out}.terminal"), leave.terminal), &low, WHY)
}

/// Each deeper rung's thresholds are lower than those of the rung above it.
fn deeper_is_lower(upper: (Stage, Rung), deeper: (Stage, Rung)) -> Result<(), PolicyError> {
    const WHY: &str = "each stage is entered before the deeper one";
    let key = |stage: Stage, end: &str| format!("policy.{stage}.{end}");
    let (high, low) = (upper.1, deeper.1);
    above(
        &soc(key(upper.0, "enter.soc"), high.enter.soc),
        &soc(key(deeper.0, "enter.soc"), low.enter.soc),
        WHY,
    )?;
    above(
        &voltage(key(upper.0, "enter.voltage"), high.enter.voltage),
        &voltage(key(deeper.0, "enter.voltage"), low.enter.voltage),
        WHY,
    )?;
    let time = |stage, enter: &Enter| Named {
        key: key(stage, "enter.time_to_empty"),
        value: enter.time_to_empty.map(Value::Span),
    };
    above(&time(upper.0, &high.enter), &time(deeper.0, &low.enter), WHY)?;
    above(
        &soc(key(upper.0, "leave.soc"), high.leave.soc),
        &soc(key(deeper.0, "leave.soc"), low.leave.soc),
        "recovery takes the ladder in reverse",
    )
}

/// Where the load is cut by the charger or a protector.
fn cutoff(battery: &Battery) -> Voltage {
    battery.cutoff.unwrap_or(battery.chemistry.usual().cutoff)
}

/// The time from a stage's entry to the cut-off at the greatest load, and the threshold that enters it first.
///
/// At the cut-off the terminals show `cutoff`, so the battery rests at `cutoff + I * R`; the rest curve tells the
/// charge between there and the entry. The capacity is a worn battery's.
fn available(battery: &Battery, enter: &Enter) -> Option<(Value, Duration)> {
    let usual = battery.chemistry.usual();
    let current = battery.load_max / NOMINAL;
    let resistance = battery.resistance.unwrap_or_else(|| battery.chemistry.resistance(battery.capacity));
    let empty = usual.rest.soc(cutoff(battery) + current * resistance);
    let by_soc = enter.soc.map(|soc| (Value::Soc(soc), soc));
    let by_voltage = enter.voltage.map(|voltage| (Value::Voltage(voltage), usual.rest.soc(voltage)));
    // Any one condition enters: the one that holds first on the way down.
    let (entry, from) = match (by_soc, by_voltage) {
        (Some(soc), Some(voltage)) => {
            if voltage.1 > soc.1 {
                voltage
            } else {
                soc
            }
        }
        (soc, voltage) => soc.or(voltage)?,
    };
    let left: Charge = battery.capacity * (WORN * (from.fraction() - empty.fraction()).max(0.0));
    Some((entry, left.lasts(current).unwrap_or(Duration::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hardware::battery::Chemistry;
    use protocol::Power;

    fn battery(chemistry: Chemistry) -> Battery {
        Battery {
            chemistry,
            capacity: Charge::from_amp_hours(70.0),
            cutoff: None,
            resistance: None,
            load_max: Power::from_watts(50.0),
            temperature: Temperature::from_celsius(25.0),
        }
    }

    fn refused(change: impl FnOnce(&mut Policy, &mut Battery)) -> (String, String) {
        let mut policy = Policy::for_chemistry(Chemistry::Agm);
        let mut battery = battery(Chemistry::Agm);
        change(&mut policy, &mut battery);
        let error = policy.validate(&battery).expect_err("a contradiction");
        (error.key(), error.to_string())
    }

    #[test]
    fn the_defaults_of_every_chemistry_prove() {
        for chemistry in Chemistry::ALL {
            Policy::for_chemistry(chemistry).validate(&battery(chemistry)).unwrap();
        }
    }

    #[test]
    fn a_way_out_below_the_way_in_names_both_keys_and_numbers() {
        let (key, text) = refused(|policy, _| policy.shed.leave.soc = Some(Soc::from_percent(50.0)));
        assert_eq!(key, "policy.shed.leave.soc");
        for part in ["policy.shed.leave.soc = 50.0 %", "policy.shed.enter.soc = 55.0 %"] {
            assert!(text.contains(part), "{text}");
        }
        let (key, _) = refused(|policy, _| policy.throttle.leave.voltage = Some(Voltage::from_volts(12.20)));
        assert_eq!(key, "policy.throttle.leave.voltage", "equal is not above");
    }

    #[test]
    fn rungs_in_the_wrong_order_are_refused() {
        let (key, text) = refused(|policy, _| policy.drain.enter.voltage = Some(Voltage::from_volts(12.10)));
        assert_eq!(key, "policy.shed.enter.voltage");
        assert!(text.contains("12.05 V") && text.contains("12.10 V"), "{text}");
    }

    #[test]
    fn a_rung_without_a_way_out_is_refused() {
        let (key, _) = refused(|policy, _| policy.shed.leave.soc = None);
        assert_eq!(key, "policy.shed.leave");
    }

    #[test]
    fn what_gives_way_with_a_plan_ends_above_halt_and_does_not_flap() {
        let stretch =
            |enter, leave| Some(Stretch { enter: Soc::from_percent(enter), leave: Soc::from_percent(leave) });
        let (key, text) = refused(|policy, _| policy.with_plan.drain = stretch(34.0, 38.0));
        assert_eq!(key, "policy.with_plan.drain.enter");
        assert!(text.contains("34.0 %") && text.contains("policy.halt.enter.soc = 35.0 %"), "{text}");
        let (key, _) = refused(|policy, _| policy.with_plan.halt_leave = Some(Soc::from_percent(39.0)));
        assert_eq!(key, "policy.with_plan.halt.leave");
        let (key, _) = refused(|policy, _| policy.with_plan.throttle = stretch(52.0, 52.0));
        assert_eq!(key, "policy.with_plan.throttle.leave");
        let (key, _) = refused(|policy, _| policy.with_plan.throttle = stretch(39.0, 53.0));
        assert_eq!(key, "policy.with_plan.throttle.enter");
    }

    #[test]
    fn a_wake_level_without_margin_is_refused() {
        let (key, text) = refused(|policy, _| policy.halt.leave.soc = Some(Soc::from_percent(39.0)));
        assert_eq!(key, "policy.halt.leave.soc");
        assert!(text.contains("39.0 %") && text.contains("40.0 %"), "{text}");
    }

    #[test]
    fn a_collapse_level_under_the_cut_off_is_refused() {
        let (key, text) = refused(|_, battery| battery.cutoff = Some(Voltage::from_volts(11.4)));
        assert_eq!(key, "policy.collapse");
        assert!(text.contains("11.30 V") && text.contains("11.40 V"), "{text}");
    }

    #[test]
    fn a_budget_beyond_the_cut_off_names_what_is_needed_and_what_there_is() {
        let (key, text) = refused(|policy, _| policy.drain_budget = Duration::from_hours(12));
        assert_eq!(key, "policy.drain_budget");
        assert!(text.contains("12 h 8 min are needed") && text.contains("after 6 h 2 min"), "{text}");
        // A battery too small for the load: 45 % of 2 Ah at 4.2 A.
        let (key, _) = refused(|_, battery| battery.capacity = Charge::from_amp_hours(2.0));
        assert_eq!(key, "policy.drain_budget");
        let (key, _) = refused(|policy, _| {
            policy.drain_budget = Duration::from_secs(1);
            policy.halt_budget = Duration::from_hours(5);
        });
        assert_eq!(key, "policy.halt_budget", "Halt alone is counted from its own entry");
    }

    #[test]
    fn nonsense_numbers_are_refused() {
        let (key, _) = refused(|policy, _| policy.hot = Temperature::from_celsius(20.0));
        assert_eq!(key, "policy.hot");
        let (key, text) = refused(|policy, _| policy.stale_climb = Duration::from_secs(10));
        assert_eq!(key, "policy.stale_climb");
        assert!(text.contains("30 s"), "{text}");
    }

    #[test]
    fn places_of_the_shed_order_never_step_at_once() {
        for chemistry in Chemistry::ALL {
            let policy = Policy::for_chemistry(chemistry);
            for stage in [Stage::Throttle, Stage::Shed, Stage::Drain, Stage::Halt] {
                let rung = policy.rung(stage).unwrap();
                assert_eq!(
                    policy.enter_hold(&rung.enter, 0),
                    rung.enter.hold,
                    "the first place keeps the table's delay"
                );
                for place in 1..super::super::STAGGER_PLACES {
                    let enter = |place| policy.enter_hold(&rung.enter, place);
                    let leave = |place| policy.leave_hold(&rung.leave, place);
                    assert!(enter(place) < enter(place - 1), "who is greater sheds earlier");
                    assert!(leave(place) > leave(place - 1), "who is greater recovers later");
                }
                assert!(policy.enter_hold(&rung.enter, 63) >= rung.enter.hold / 4);
            }
        }
    }
}
