//! Why a decision was taken, with the numbers that took it.
//!
//! One value serves LEDs, dashboard, `why`, journal and metrics, so that none of them can tell another story.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::id::{NodeName, OrderId};
use crate::stage::Stage;
use crate::time::Seconds;
use crate::units::{Energy, Soc, Temperature, Voltage};

/// Why a node is in its stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing forbids it: every reading is above its threshold.
    Clear,
    /// First start, and the state of charge is not known yet.
    SocUnknown,
    /// Taken up again after a restart, as the state file says.
    Resumed {
        /// The stage before the restart.
        stage: Stage,
    },
    /// The state of charge's lower bound fell below a threshold, for the hold time.
    SocBelow {
        /// The lower bound (10th percentile).
        soc: Soc,
        /// The threshold.
        threshold: Soc,
        /// For how long.
        held: Seconds,
    },
    /// The load-compensated voltage fell below a threshold, for the hold time.
    VoltageBelow {
        /// The compensated voltage (5 min mean).
        compensated: Voltage,
        /// The threshold.
        threshold: Voltage,
        /// For how long.
        held: Seconds,
    },
    /// The raw voltage fell below the emergency threshold.
    VoltageCollapsed {
        /// The voltage at the terminals.
        voltage: Voltage,
        /// The threshold.
        threshold: Voltage,
        /// For how long.
        held: Seconds,
    },
    /// The time to empty's lower bound fell below a threshold.
    TimeToEmptyBelow {
        /// The lower bound.
        time_to_empty: Seconds,
        /// The threshold.
        threshold: Seconds,
        /// For how long.
        held: Seconds,
    },
    /// No believable reading for too long: the energy is aged at its worst rate, and the ladder climbed.
    NoReading {
        /// Why there is none.
        fault: Fault,
        /// For how long.
        age: Seconds,
    },
    /// The firmware says that the 5 V rail is under 4.63 V.
    RailLow {
        /// For how long.
        held: Seconds,
    },
    /// The processor is too hot.
    Hot {
        /// Its temperature.
        temperature: Temperature,
        /// The threshold.
        threshold: Temperature,
    },
    /// The leader ordered it.
    Ordered {
        /// Which order.
        order: OrderId,
        /// The leader's own reason.
        why: OrderReason,
    },
    /// A rung was left, because its leaving conditions held.
    Recovered {
        /// The state of charge's lower bound, when known.
        soc: Option<Soc>,
        /// The compensated voltage.
        compensated: Voltage,
        /// For how long all conditions held.
        held: Seconds,
    },
    /// The leaving conditions hold, but the node waits: it woke and halted too often.
    BackingOff {
        /// How many times it had to climb again right after it recovered.
        relapses: u16,
        /// How long it still waits.
        wait: Seconds,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear => f.write_str("nothing to save"),
            Self::SocUnknown => f.write_str("state of charge not known yet"),
            Self::Resumed { stage } => write!(f, "resumed in {stage} after a restart"),
            Self::SocBelow { soc, threshold, held } => {
                write!(f, "SoC {soc} (lower bound) < {threshold:.0} for {held}")
            }
            Self::VoltageBelow { compensated, threshold, held } => {
                write!(f, "{compensated} compensated < {threshold} for {held}")
            }
            Self::VoltageCollapsed { voltage, threshold, held } => {
                write!(f, "{voltage} < {threshold} for {held}")
            }
            Self::TimeToEmptyBelow { time_to_empty, threshold, held } => {
                write!(f, "empty in {time_to_empty} (lower bound) < {threshold} for {held}")
            }
            Self::NoReading { fault, age } => write!(f, "no reading for {age}: {fault}"),
            Self::RailLow { held } => write!(f, "5 V rail under 4.63 V for {held}"),
            Self::Hot { temperature, threshold } => write!(f, "CPU at {temperature} > {threshold}"),
            Self::Ordered { order, why } => write!(f, "order {order}: {why}"),
            Self::Recovered { soc: Some(soc), compensated, held } => {
                write!(f, "recovered: SoC {soc} (lower bound), {compensated} compensated, for {held}")
            }
            Self::Recovered { soc: None, compensated, held } => {
                write!(f, "recovered: {compensated} compensated, for {held}")
            }
            Self::BackingOff { relapses, wait } => {
                write!(f, "recovered and fell back {relapses} times: waits another {wait}")
            }
        }
    }
}

/// Why the leader orders a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderReason {
    /// The supply has energy enough for this node's work.
    EnoughEnergy,
    /// The supply runs low, and it is this node's turn.
    SupplyLow {
        /// The state of charge's lower bound.
        soc: Soc,
        /// Where this node's turn comes.
        threshold: Soc,
        /// This node's place in the shed order, from 1.
        place: u8,
        /// How many nodes hang on the supply.
        of: u8,
    },
    /// The supply recovers, and it is another node's turn first.
    Waiting {
        /// Whose turn it is.
        turn_of: NodeName,
        /// This node's place in the order of recovery, from 1; 0 where it is this node's own turn.
        place: u8,
    },
    /// The supply's state is not known: nobody is ordered to spend more.
    SupplyUnknown {
        /// For how long.
        age: Seconds,
    },
    /// A person ordered it.
    Operator,
    /// The supply's time to empty is short, and it is this node's turn.
    SupplyShort {
        /// The time to empty's lower bound.
        time_to_empty: Seconds,
        /// Where this node's turn comes.
        threshold: Seconds,
        /// This node's place in the shed order, from 1.
        place: u8,
        /// How many nodes hang on the supply.
        of: u8,
    },
    /// By the forecast: the supply carries this stage until the sun is back, and beyond.
    ForecastCarries {
        /// The chance, in per mille, that it stays above the reserve if everything runs.
        chance_permille: u16,
        /// The state of charge that is kept back.
        reserve: Soc,
        /// How long it is until the sun is back in earnest.
        sun_in: Seconds,
        /// How far down the fleet's ladder the plan is: 0 is everything runs.
        level: u16,
        /// How long that ladder is.
        of: u16,
    },
    /// By the forecast: if everything ran on, the supply would too likely fall below its reserve before the sun is back.
    ForecastShort {
        /// That chance to stay above the reserve, in per mille.
        chance_permille: u16,
        /// The chance that is wanted.
        wanted_permille: u16,
        /// The state of charge that is kept back.
        reserve: Soc,
        /// How long it is until the sun is back in earnest.
        sun_in: Seconds,
        /// How far down the fleet's ladder the plan is: 0 is everything runs.
        level: u16,
        /// How long that ladder is.
        of: u16,
    },
    /// By the forecast: the night is safe, but the sun of the coming days brings less than everything would take.
    DaysShort {
        /// What the panel brings, at its median.
        sun: Energy,
        /// What everything takes if it runs.
        load: Energy,
        /// Within this time.
        within: Seconds,
        /// How far down the fleet's ladder the plan is: 0 is everything runs.
        level: u16,
        /// How long that ladder is.
        of: u16,
    },
}

impl OrderReason {
    /// Whether the order rests on a forecast of the sun. While such an order is in force, a node stretches its energy by
    /// the plan and not by thresholds of its own that know no sun.
    pub const fn is_by_forecast(&self) -> bool {
        matches!(self, Self::ForecastCarries { .. } | Self::ForecastShort { .. } | Self::DaysShort { .. })
    }
}

/// Per mille as a person reads it: whole percents.
struct Percent(u16);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", (u32::from(self.0) + 5) / 10)
    }
}

impl fmt::Display for OrderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnoughEnergy => f.write_str("the supply has energy enough"),
            Self::SupplyLow { soc, threshold, place, of } => {
                write!(f, "supply at {soc} (lower bound) < {threshold:.1}, turn {place} of {of}")
            }
            Self::Waiting { turn_of, place: 0 } => write!(f, "{turn_of} recovers next"),
            Self::Waiting { turn_of, place } => {
                write!(f, "{turn_of} recovers first, this node is number {place}")
            }
            Self::SupplyUnknown { age } => write!(f, "the supply's state is unknown for {age}"),
            Self::Operator => f.write_str("a person ordered it"),
            Self::SupplyShort { time_to_empty, threshold, place, of } => {
                write!(f, "supply empty in {time_to_empty} (lower bound) < {threshold}, turn {place} of {of}")
            }
            Self::ForecastCarries { chance_permille, reserve, sun_in, level, of } => {
                let chance = Percent(*chance_permille);
                write!(
                    f,
                    "with everything on, {chance} chance to stay above {reserve:.0} until the sun is back "
                )?;
                write!(f, "in {sun_in} (level {level} of {of})")
            }
            Self::ForecastShort { chance_permille, wanted_permille, reserve, sun_in, level, of } => {
                let (chance, wanted) = (Percent(*chance_permille), Percent(*wanted_permille));
                write!(
                    f,
                    "if all ran on, {chance} chance to stay above {reserve:.0} until the sun is back in "
                )?;
                write!(f, "{sun_in}; {wanted} wanted (level {level} of {of})")
            }
            Self::DaysShort { sun, load, within, level, of } => {
                write!(f, "the sun brings about {sun:.0} within {within}, all running takes {load:.0} ")?;
                write!(f, "(level {level} of {of})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Generation, Term};

    #[track_caller]
    fn assert_shown(value: &dyn fmt::Display, text: &str) {
        let mut shown = heapless::String::<160>::new();
        fmt::Write::write_fmt(&mut shown, format_args!("{value}")).unwrap();
        assert_eq!(shown, text);
    }

    const HELD: Seconds = Seconds(600);

    fn order_id() -> OrderId {
        OrderId { term: Term(7), generation: Generation(300) }
    }

    #[test]
    fn a_threshold_crossed_is_shown_with_both_numbers_and_its_time() {
        let (soc, threshold) = (Soc::from_percent(54.23), Soc::from_percent(55.0));
        assert_shown(
            &Reason::SocBelow { soc, threshold, held: HELD },
            "SoC 54.2 % (lower bound) < 55 % for 10 min",
        );
        let (low, high) = (Voltage::from_volts(12.023), Voltage::from_volts(12.1));
        assert_shown(
            &Reason::VoltageBelow { compensated: low, threshold: high, held: Seconds(30) },
            "12.02 V compensated < 12.10 V for 30 s",
        );
        assert_shown(
            &Reason::VoltageCollapsed { voltage: low, threshold: high, held: Seconds(10) },
            "12.02 V < 12.10 V for 10 s",
        );
        let (left, least) = (Seconds(5220), Seconds(5400));
        assert_shown(
            &Reason::TimeToEmptyBelow { time_to_empty: left, threshold: least, held: HELD },
            "empty in 87 min (lower bound) < 90 min for 10 min",
        );
        let (temperature, threshold) = (Temperature::from_celsius(81.25), Temperature::from_celsius(80.0));
        assert_shown(&Reason::Hot { temperature, threshold }, "CPU at 81.2 C > 80.0 C");
    }

    #[test]
    fn a_missing_reading_is_shown_with_its_cause() {
        assert_shown(
            &Reason::NoReading { fault: Fault::NoAcknowledge, age: Seconds(31) },
            "no reading for 31 s: the chip does not answer (NAK)",
        );
        assert_shown(&Reason::RailLow { held: Seconds(4) }, "5 V rail under 4.63 V for 4 s");
    }

    #[test]
    fn a_forecast_is_shown_with_its_chance_and_what_was_wanted() {
        let (reserve, sun_in) = (Soc::from_percent(47.6), Seconds(35_400));
        assert_shown(
            &OrderReason::ForecastShort {
                chance_permille: 623,
                wanted_permille: 900,
                reserve,
                sun_in,
                level: 7,
                of: 40,
            },
            "if all ran on, 62 % chance to stay above 48 % until the sun is back in 9 h 50 min; 90 % wanted (level 7 of 40)",
        );
        assert_shown(
            &OrderReason::ForecastCarries { chance_permille: 996, reserve, sun_in, level: 0, of: 40 },
            "with everything on, 100 % chance to stay above 48 % until the sun is back in 9 h 50 min (level 0 of 40)",
        );
        let (sun, load) = (Energy::from_watt_hours(641.4), Energy::from_watt_hours(1900.0));
        assert_shown(
            &OrderReason::DaysShort { sun, load, within: Seconds(3 * 86_400), level: 12, of: 40 },
            "the sun brings about 641 Wh within 3 d 0 h, all running takes 1900 Wh (level 12 of 40)",
        );
    }

    #[test]
    fn what_needs_no_number_is_shown_in_words() {
        assert_shown(&Reason::Clear, "nothing to save");
        assert_shown(&Reason::SocUnknown, "state of charge not known yet");
        assert_shown(&Reason::Resumed { stage: Stage::Shed }, "resumed in shed after a restart");
    }

    #[test]
    fn recovery_is_shown_with_or_without_a_state_of_charge() {
        let compensated = Voltage::from_volts(12.61);
        assert_shown(
            &Reason::Recovered { soc: Some(Soc::from_percent(62.5)), compensated, held: HELD },
            "recovered: SoC 62.5 % (lower bound), 12.61 V compensated, for 10 min",
        );
        assert_shown(
            &Reason::Recovered { soc: None, compensated, held: HELD },
            "recovered: 12.61 V compensated, for 10 min",
        );
        assert_shown(
            &Reason::BackingOff { relapses: 3, wait: Seconds(3600) },
            "recovered and fell back 3 times: waits another 60 min",
        );
    }

    #[test]
    fn an_order_is_shown_with_its_plan_and_the_leaders_reason() {
        let shown = |why, text: &str| assert_shown(&Reason::Ordered { order: order_id(), why }, text);
        shown(OrderReason::EnoughEnergy, "order 7.300: the supply has energy enough");
        shown(OrderReason::Operator, "order 7.300: a person ordered it");
        shown(
            OrderReason::SupplyUnknown { age: Seconds(310) },
            "order 7.300: the supply's state is unknown for 5 min 10 s",
        );
        shown(
            OrderReason::SupplyLow {
                soc: Soc::from_percent(54.3),
                threshold: Soc::from_percent(57.0),
                place: 3,
                of: 10,
            },
            "order 7.300: supply at 54.3 % (lower bound) < 57.0 %, turn 3 of 10",
        );
        shown(
            OrderReason::Waiting { turn_of: "pi-3".parse().unwrap(), place: 2 },
            "order 7.300: pi-3 recovers first, this node is number 2",
        );
        shown(
            OrderReason::Waiting { turn_of: "pi-3".parse().unwrap(), place: 0 },
            "order 7.300: pi-3 recovers next",
        );
        shown(
            OrderReason::SupplyShort { time_to_empty: HELD, threshold: Seconds(5400), place: 1, of: 4 },
            "order 7.300: supply empty in 10 min (lower bound) < 90 min, turn 1 of 4",
        );
    }
}
