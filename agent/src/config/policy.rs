//! When to climb and descend the ladder: thresholds, delays, defaults by chemistry, and the proof that they hang
//! together.
//!
//! V* is the load-compensated voltage (5 min mean), SoC its lower bound (10th percentile), TTE the lower bound of the
//! time to empty. A stage is entered on any of its conditions, held for its delay; it is left on all of them, held.
//!
//! | stage | lead-acid: enter | LiFePO4: enter | leave (lead-acid / LiFePO4) |
//! |---|---|---|---|
//! | Throttle | SoC < 70 % while net discharging, V* < 12.20 V; 10 min | SoC < 50 %; 10 min | SoC > 75 / 55 %, V* > 12.35 V (lead-acid); 15 min |
//! | Shed | SoC < 55 %, V* < 12.05 V; 10 min | SoC < 35 %, V* < 13.0 V; 10 min | SoC > 62 / 42 %, charging; 15 min |
//! | Drain | SoC < 45 %, V* < 11.90 V, TTE < 90 min; 5 min | SoC < 25 %, V* < 12.8 V, TTE < 90 min; 5 min | SoC > 55 / 33 %; 30 min |
//! | Halt | SoC < 35 %, V* < 11.70 V; 2 min | SoC < 15 %, V* < 12.4 V; 2 min | SoC > 50 / 25 %, terminals > 12.6 / 13.2 V, charging; 30 min |
//! | Shed at once | terminals < 11.5 V: [`Policy::freeze_between`] | terminals < 12.2 V | terminals 0.2 V above; 2 min |
//! | Halt at once | terminals < 11.3 V; 10 s | terminals < 12.0 V; 10 s | as Halt |
//!
//! Why these: one 10 % step of a lead-acid battery is about 80 mV at rest (Renogy CTRL-PWM20 manual p. 26; Trojan's
//! User's Guide), so a voltage stands beside each state of charge as a second witness, not as the first; a deep-cycle
//! battery should keep half of its charge, a starter battery 70 to 80 %; chargers cut the load at 11.0 to 11.7 V and
//! give it back at 12.6 V (Morningstar `SunSaver` 11.5/12.6, `LibreSolar` 11.7/12.6, `EPEver` 11.1/12.6), so the ladder
//! ends above that; LiFePO4 has a plateau on which voltage says nothing, so its upper rungs lean on counting alone.
//! Victron's generator rule (11.5/12.4 V) and `BatteryLife` (a floor in percent) are the same two ideas.
//!
//! While a leader's order that rests on a forecast is in force, the charge at which `Throttle` and `Shed` are entered and
//! left is lower: [`WithPlan`] says why. Nothing else of the table moves, and with the order that ends at once.

use std::time::Duration;

use hardware::battery::Chemistry;
use protocol::{Soc, Stage, Temperature, Voltage};

mod file;
mod proof;
mod with_plan;

pub use file::PolicyFile;
pub use proof::{PolicyError, Value};
pub use with_plan::{Stretch, WithPlan};

/// How many places of the shed order are staggered apart; those beyond step with the last.
///
/// One 12 V battery feeds no more nodes than this.
pub const STAGGER_PLACES: u8 = 16;

/// What makes a node climb to a stage: any one condition, held for the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Enter {
    /// State of charge, lower bound, below this.
    pub soc: Option<Soc>,
    /// The state of charge counts only while the battery is being discharged: a battery that fills needs no saving.
    pub discharging: bool,
    /// Load-compensated voltage below this.
    pub voltage: Option<Voltage>,
    /// Time to empty, lower bound, below this.
    pub time_to_empty: Option<Duration>,
    /// How long the condition must hold.
    pub hold: Duration,
}

/// What lets a node leave a stage for the one above: all conditions, held for the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Leave {
    /// State of charge, lower bound, above this.
    pub soc: Option<Soc>,
    /// Load-compensated voltage above this.
    pub voltage: Option<Voltage>,
    /// Voltage at the terminals above this: what a charger compares with its own reconnect level.
    pub terminal: Option<Voltage>,
    /// The battery must be charging: the panel gives more than the load takes.
    pub charging: bool,
    /// How long all conditions must hold.
    pub hold: Duration,
}

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rung {
    /// Into the stage.
    pub enter: Enter,
    /// Out of the stage, to the one above.
    pub leave: Leave,
}

/// The whole ladder.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Into and out of `Throttle`.
    pub throttle: Rung,
    /// Into and out of `Shed`.
    pub shed: Rung,
    /// Into and out of `Drain`.
    pub drain: Rung,
    /// Into and out of `Halt`.
    pub halt: Rung,
    /// What gives way while a leader plans with a forecast.
    pub with_plan: WithPlan,
    /// What can wait stands still at once below this voltage at the terminals, and the floor is `Shed`.
    pub freeze: Voltage,
    /// `Halt` at once below this voltage at the terminals ...
    pub collapse: Voltage,
    /// ... for this long.
    pub collapse_hold: Duration,
    /// Each place in the shed order takes this off the delays of climbing (three quarters of a delay over
    /// [`STAGGER_PLACES`] at most) and adds it to those of recovery, so that nodes on one battery never step at once.
    pub stagger: Duration,
    /// The least time in a stage before it may be left for the one above.
    pub settle: Duration,
    /// A missing reading changes nothing for this long ...
    pub stale_hold: Duration,
    /// ... and from this age on the node climbs one rung for each such span more.
    pub stale_climb: Duration,
    /// `Throttle` above this processor temperature; left 5 K below.
    pub hot: Temperature,
    /// The time that `Drain` may take.
    pub drain_budget: Duration,
    /// The time that `Halt` may take, power off included.
    pub halt_budget: Duration,
}

/// A rung from its numbers, as the table in this module's docs gives them.
struct Row {
    soc: f64,
    voltage: Option<f64>,
    enter_mins: u64,
    soc_leave: f64,
    leave_mins: u64,
}

impl Row {
    fn rung(&self) -> Rung {
        Rung {
            enter: Enter {
                soc: Some(Soc::from_percent(self.soc)),
                voltage: self.voltage.map(Voltage::from_volts),
                hold: Duration::from_mins(self.enter_mins),
                ..Enter::default()
            },
            leave: Leave {
                soc: Some(Soc::from_percent(self.soc_leave)),
                hold: Duration::from_mins(self.leave_mins),
                ..Leave::default()
            },
        }
    }
}

/// Drain is entered at the latest when the battery is empty within this time.
const DRAIN_TIME_TO_EMPTY: Duration = Duration::from_mins(90);

/// As [`Policy::freeze_between`], where `Halt` has no voltage of its own.
const FREEZE_MARGIN: Voltage = Voltage::from_volts(0.2);

impl Policy {
    /// The defaults for a chemistry: the table in this module's docs.
    pub fn for_chemistry(chemistry: Chemistry) -> Self {
        if chemistry.is_lead_acid() { Self::lead_acid() } else { Self::lifepo4() }
    }

    fn lead_acid() -> Self {
        let row = |soc, voltage, enter_mins, soc_leave, leave_mins| {
            Row { soc, voltage: Some(voltage), enter_mins, soc_leave, leave_mins }.rung()
        };
        let mut policy = Self {
            throttle: row(70.0, 12.20, 10, 75.0, 15),
            shed: row(55.0, 12.05, 10, 62.0, 15),
            drain: row(45.0, 11.90, 5, 55.0, 30),
            halt: row(35.0, 11.70, 2, 50.0, 30),
            collapse: Voltage::from_volts(11.3),
            ..Self::common()
        };
        policy.throttle.enter.discharging = true;
        policy.throttle.leave.voltage = Some(Voltage::from_volts(12.35));
        policy.halt.leave.terminal = Some(Voltage::from_volts(12.6));
        policy.conditions_of_all()
    }

    fn lifepo4() -> Self {
        let row = |soc, voltage, enter_mins, soc_leave, leave_mins| {
            Row { soc, voltage, enter_mins, soc_leave, leave_mins }.rung()
        };
        let mut policy = Self {
            throttle: row(50.0, None, 10, 55.0, 15),
            shed: row(35.0, Some(13.0), 10, 42.0, 15),
            drain: row(25.0, Some(12.8), 5, 33.0, 30),
            halt: row(15.0, Some(12.4), 2, 25.0, 30),
            collapse: Voltage::from_volts(12.0),
            ..Self::common()
        };
        policy.halt.leave.terminal = Some(Voltage::from_volts(13.2));
        policy.conditions_of_all()
    }

    /// What the table says of both chemistries alike.
    fn conditions_of_all(mut self) -> Self {
        self.shed.leave.charging = true;
        self.drain.enter.time_to_empty = Some(DRAIN_TIME_TO_EMPTY);
        self.halt.leave.charging = true;
        self.with_plan = WithPlan::above(&self.halt);
        self.freeze = Self::freeze_between(self.collapse, &self.halt.enter);
        self
    }

    fn common() -> Self {
        Self {
            throttle: Rung::default(),
            shed: Rung::default(),
            drain: Rung::default(),
            halt: Rung::default(),
            with_plan: WithPlan::default(),
            freeze: Voltage::ZERO,
            collapse: Voltage::ZERO,
            collapse_hold: Duration::from_secs(10),
            stagger: Duration::from_secs(20),
            settle: Duration::from_mins(2),
            stale_hold: Duration::from_secs(30),
            stale_climb: Duration::from_mins(5),
            // A Pi slows itself down at 80 C (soft limit 60 C on a 3B+): save before it must.
            hot: Temperature::from_celsius(75.0),
            drain_budget: Duration::from_mins(5),
            halt_budget: Duration::from_mins(3),
        }
    }

    /// Where what can wait stands still at once, if nobody says: midway between the emergency and the ladder's own last
    /// level. Terminals that are lower than that even for a moment carry too much.
    pub fn freeze_between(collapse: Voltage, halt: &Enter) -> Voltage {
        halt.voltage.map_or(collapse + FREEZE_MARGIN, |halt| (collapse + halt) / 2.0)
    }

    /// The rung into and out of a stage; `None` for `Normal`, which has none.
    pub const fn rung(&self, stage: Stage) -> Option<&Rung> {
        match stage {
            Stage::Normal => None,
            Stage::Throttle => Some(&self.throttle),
            Stage::Shed => Some(&self.shed),
            Stage::Drain => Some(&self.drain),
            Stage::Halt => Some(&self.halt),
        }
    }

    /// How long a condition to climb must hold on the node at this place of the shed order.
    ///
    /// The first place keeps the whole delay; each further one is [`Policy::stagger`] quicker, or less where a delay
    /// is too short for that: the last place keeps a quarter of it.
    pub fn enter_hold(&self, enter: &Enter, shed_order: u8) -> Duration {
        let place = u32::from(shed_order.min(STAGGER_PLACES - 1));
        let step = self.stagger.min(enter.hold * 3 / 4 / u32::from(STAGGER_PLACES - 1));
        enter.hold.saturating_sub(step * place)
    }

    /// How long the conditions to leave must hold on the node at this place of the shed order: the last to shed is the
    /// first to recover.
    pub fn leave_hold(&self, leave: &Leave, shed_order: u8) -> Duration {
        leave.hold + self.stagger * u32::from(shed_order.min(STAGGER_PLACES - 1))
    }
}
