//! Which stage the node's own readings demand: the floor.
//!
//! ```text
//!   Normal  <->  Throttle  <->  Shed  <->  Drain  <->  Halt
//!     |             ^            ^           ^           ^
//!     |             |            |           |           |  V* or SoC lowest, or the terminals collapse (at once)
//!     |             |            |           +-----------|  lower still, or empty soon
//!     |             |            +-----------------------|  lower
//!     +-------------+------------------------------------+  SoC, V* low; SoC unknown; 5 V rail low; hot
//!
//!   no reading: one rung for each `stale_climb`, to Drain; Halt when the aged estimate says so
//! ```
//!
//! * [`Stage::Normal`]: nothing demands more.
//! * [`Stage::Throttle`]: energy is getting short, or is not known, or the board itself suffers (rail, heat).
//! * [`Stage::Shed`]: what can wait must wait, so that the rest lasts until the sun.
//! * [`Stage::Drain`]: the node ends its work in good order while there is energy for that.
//! * [`Stage::Halt`]: off, before the charger cuts the load and the SD card with it.
//!
//! A dip of the terminals ([`super::dip`]) leads into `Shed` at once, from wherever the node is above it, and out of it
//! again once it was over for the settling time.
//!
//! Climbing jumps to the deepest stage whose condition held for its delay. Recovery goes one rung at a time: a rung is
//! left when none of the conditions that enter it holds and all that leave it held for their delay. Everything is
//! level-triggered: what counts is what is true now and for how long, never an edge that could be missed.
//!
//! A missing reading never lowers the floor, and neither does a restart: the floor of the earlier life is resumed.

mod blind;
mod energy;
mod hold;
mod host;
mod relapse;

use std::time::Duration;

use protocol::report::Energy;
use protocol::{Current, Fault, Reason, Seconds, Stage, Temperature, Uptime};

use super::event::HostSample;
use crate::config::{Battery, Policy};
use blind::Blind;
use energy::Conditions;
use hold::Hold;
use host::HostWatch;
use relapse::Relapses;

/// What the ladder looks at, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What is known of the supply.
    pub energy: &'a Energy,
    /// How old the newest believable reading is; since the start while there was none.
    pub age: Duration,
    /// Why there is none, when it is old.
    pub fault: Fault,
    /// Whether a believable reading has just come: the emergency counts readings, not time without them.
    pub fresh: bool,
    /// Of the battery.
    pub temperature: Temperature,
    /// The board.
    pub host: &'a HostSample,
    /// Why what can wait must stop at once, while a dip of the terminals is confirmed.
    pub dip: Option<&'a Reason>,
    /// Whether an order that rests on a forecast is in force: then [`crate::config::policy::WithPlan`] holds.
    pub by_plan: bool,
}

/// Why the floor is where it is: decides how it may be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The supply: left when the supply recovers.
    Supply,
    /// The board (rail, heat): left when the board recovers.
    Board,
    /// The terminals dipped: left when they did not for the settling time, whatever the charge is.
    Dip,
}

/// What a look at everything demands.
struct Demand {
    stage: Stage,
    reason: Reason,
    cause: Cause,
}

/// Where an earlier life ended.
#[derive(Debug, Clone, Copy)]
pub struct Resumed {
    /// Its floor.
    pub floor: Stage,
    /// How often it had climbed again right after it recovered.
    pub relapses: u16,
    /// Whether the node itself was off meanwhile: what was read before it powered off no longer counts.
    pub woken: bool,
}

/// The ladder's state.
#[derive(Debug, Clone)]
pub struct Ladder {
    policy: Policy,
    shed_order: u8,
    floor: Stage,
    cause: Cause,
    /// Where the last dip found the node: so far down it leads back.
    before_dip: Stage,
    /// Why the floor was entered.
    reason: Reason,
    /// The leaving conditions hold, but it fell back too often: since when, and what is said about it.
    backing_off: Option<Reason>,
    /// When the floor was entered; `None` until the first step of this life.
    entered: Option<Uptime>,
    conditions: Conditions,
    host: HostWatch,
    blind: Blind,
    unknown: Hold,
    leaving: Hold,
    relapses: Relapses,
    /// Resumed in `Halt`, and not yet sure whether to stay there.
    woken: bool,
    /// The battery is drawn from: what a woken node's charge is judged in.
    draining: Hold,
}

impl Ladder {
    /// Begins at the floor of an earlier life, or at `Normal`.
    pub fn new(policy: &Policy, battery: &Battery, shed_order: u8, resumed: Option<Resumed>) -> Self {
        let stage = resumed.map_or(Stage::Normal, |resumed| resumed.floor);
        Self {
            policy: policy.clone(),
            shed_order,
            floor: stage,
            cause: Cause::Supply,
            before_dip: Stage::Normal,
            reason: resumed.map_or(Reason::Clear, |_| Reason::Resumed { stage }),
            backing_off: None,
            entered: None,
            conditions: Conditions::new(battery.chemistry),
            host: HostWatch::new(policy.hot),
            blind: Blind::new(policy, battery),
            unknown: Hold::default(),
            leaving: Hold::default(),
            relapses: Relapses::new(resumed.map_or(0, |resumed| resumed.relapses)),
            woken: stage == Stage::Halt && resumed.is_some_and(|resumed| resumed.woken),
            draining: Hold::default(),
        }
    }

    /// The lowest stage that the readings allow.
    pub const fn floor(&self) -> Stage {
        self.floor
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        self.backing_off.as_ref().unwrap_or(&self.reason)
    }

    /// How often the node climbed again right after it recovered.
    pub const fn relapses(&self) -> u16 {
        self.relapses.count()
    }

    /// Whether the readings of this life demand `Halt`: a node that was woken is not powered off again for what an
    /// earlier life read.
    pub fn demands_halt(&self) -> bool {
        matches!(self.floor, Stage::Halt) && !self.woken
    }

    /// Looks at everything at `now`, and climbs or descends if that is due.
    pub fn step(&mut self, now: Uptime, inputs: &Inputs<'_>) {
        self.entered.get_or_insert(now);
        self.relapses.step(now);
        let stale = inputs.age >= self.policy.stale_hold;
        self.conditions.note(now, &self.policy, inputs, stale);
        self.host.note(now, inputs.host);
        self.unknown.note(now, self.conditions.is_unknown(inputs.energy));
        self.blind.note(inputs.age, self.floor);
        self.draining.note(now, inputs.energy.current.is_none_or(|current| current > Current::ZERO));
        let demand = self.demand(now, inputs).filter(|demand| !self.is_spared(now, demand));
        match demand {
            Some(demand) if demand.stage > self.floor => self.climb(now, demand),
            Some(demand) if demand.stage == self.floor => self.stay(now, &demand),
            demand => {
                let least = demand.map_or(Stage::Normal, |demand| demand.stage);
                self.recover(now, inputs, stale, least);
            }
        }
    }

    /// The deepest stage that anything demands.
    fn demand(&self, now: Uptime, inputs: &Inputs<'_>) -> Option<Demand> {
        let supply = |(stage, reason)| Demand { stage, reason, cause: Cause::Supply };
        let energy =
            self.conditions.demand(now, &self.policy, self.shed_order).map(supply).map(|mut demand| {
                // An aged estimate is no measurement: what rules is that nothing is measured.
                if inputs.age >= self.policy.stale_climb {
                    demand.reason = Reason::NoReading { fault: inputs.fault, age: inputs.age.into() };
                }
                demand
            });
        let blind = self.blind.demand(inputs.age, self.conditions.is_trusted(), inputs.fault).map(supply);
        let unknown = self
            .unknown
            .held(now, self.unknown_hold())
            .map(|_| supply((Stage::Throttle, Reason::SocUnknown)));
        let board = self.host.demand(now).map(|reason| Demand {
            stage: Stage::Throttle,
            reason,
            cause: Cause::Board,
        });
        let dip =
            inputs.dip.map(|reason| Demand { stage: Stage::Shed, reason: reason.clone(), cause: Cause::Dip });
        // Of equal stages the last in this order gives the reason: `max_by_key` keeps the last.
        [board, dip, unknown, blind, energy].into_iter().flatten().max_by_key(|demand| demand.stage)
    }

    /// A node that was woken after long knows its battery from before: the charge that it carried over is low, and
    /// its lower bound lower still. While the battery is being filled it stays up and learns better; off again for that
    /// charge, it would be woken and halt for ever. The voltages and the emergency spare nobody.
    fn is_spared(&self, now: Uptime, demand: &Demand) -> bool {
        let for_its_charge = demand.stage == Stage::Halt && matches!(demand.reason, Reason::SocBelow { .. });
        let hold = self.policy.enter_hold(&self.policy.halt.enter, self.shed_order);
        self.woken && for_its_charge && self.draining.held(now, hold).is_none()
    }

    /// How long the state of charge may be unknown: as long as any reason to throttle must hold.
    fn unknown_hold(&self) -> Duration {
        self.policy.enter_hold(&self.policy.throttle.enter, self.shed_order)
    }

    /// Into a more careful stage.
    fn climb(&mut self, now: Uptime, demand: Demand) {
        if demand.cause == Cause::Dip {
            self.before_dip = self.floor;
        }
        if demand.cause != Cause::Board {
            self.relapses.climbed(now, demand.stage);
        }
        self.enter(now, demand.stage, demand.reason, demand.cause);
    }

    /// What holds the node in its stage still does.
    fn stay(&mut self, now: Uptime, demand: &Demand) {
        self.leaving.reset();
        self.backing_off = None;
        if demand.cause == Cause::Supply && self.cause != Cause::Supply {
            // The board's distress, or the dip, became the supply's: it is left as the supply recovers.
            self.cause = Cause::Supply;
            self.reason = demand.reason.clone();
        }
        if self.woken {
            // Woken too early: the readings of this life say Halt, too.
            self.woken = false;
            self.relapses.again(now);
            self.reason = demand.reason.clone();
        }
    }

    /// Towards `Normal`, one rung, if all leaving conditions held long enough.
    fn recover(&mut self, now: Uptime, inputs: &Inputs<'_>, stale: bool, least: Stage) {
        let Some(rung) = self.policy.rung(self.floor).copied() else { return };
        let clear = match self.cause {
            Cause::Board => least < self.floor,
            Cause::Dip => !stale && least < self.floor,
            Cause::Supply => {
                !stale && least < self.floor && self.conditions.may_leave(self.floor, &self.policy, inputs)
            }
        };
        self.leaving.note(now, clear);
        if !clear {
            self.backing_off = None;
            return;
        }
        let hold = match self.cause {
            Cause::Board => host::CLEAR,
            Cause::Dip => self.policy.settle,
            Cause::Supply => self.policy.leave_hold(&rung.leave, self.shed_order),
        };
        let settled = self.entered.is_some_and(|entered| now.since(entered) >= self.policy.settle);
        let Some(held) = self.leaving.held(now, hold).filter(|_| settled) else { return };
        let extra = self.relapses.extra(hold);
        if held < hold + extra {
            let wait = Seconds::from((hold + extra).saturating_sub(held));
            self.backing_off.get_or_insert(Reason::BackingOff { relapses: self.relapses.count(), wait });
            return;
        }
        let held = Seconds::from(held);
        let reason = inputs.energy.compensated.map_or(Reason::Clear, |compensated| Reason::Recovered {
            soc: inputs.energy.soc.map(|band| band.low),
            compensated,
            held,
        });
        self.relapses.left(now, self.floor);
        let next = self.floor.descend();
        let by_dip = self.cause == Cause::Dip && next > self.before_dip;
        self.enter(now, next, reason, if by_dip { Cause::Dip } else { Cause::Supply });
    }

    fn enter(&mut self, now: Uptime, stage: Stage, reason: Reason, cause: Cause) {
        self.floor = stage;
        self.reason = reason;
        self.cause = cause;
        self.entered = Some(now);
        self.leaving.reset();
        self.backing_off = None;
        self.woken = false;
    }

    /// When a step could change something without any new reading: the next moment after `now` at which something
    /// will have held long enough.
    pub fn next_wake(&self, now: Uptime, read_at: Uptime) -> Option<Uptime> {
        let times = [
            self.leave_due(now),
            self.unknown.due(self.unknown_hold()),
            self.conditions.next_wake(now, &self.policy, self.shed_order, self.floor),
            self.spared_until(),
            self.host.next_wake(),
            self.blind.next_wake(read_at, now),
        ];
        times.into_iter().flatten().filter(|due| *due > now).min()
    }

    /// When a woken node is judged by its charge, if the battery is still drawn from by then.
    fn spared_until(&self) -> Option<Uptime> {
        let hold = self.policy.enter_hold(&self.policy.halt.enter, self.shed_order);
        if self.woken { self.draining.due(hold) } else { None }
    }

    /// When the rung may be left, or when it is to be said that it must wait.
    fn leave_due(&self, now: Uptime) -> Option<Uptime> {
        let hold = match self.cause {
            Cause::Board => host::CLEAR,
            Cause::Dip => self.policy.settle,
            Cause::Supply => self.policy.leave_hold(&self.policy.rung(self.floor)?.leave, self.shed_order),
        };
        let settled = self.entered? + self.policy.settle;
        let due = |hold| self.leaving.due(hold).map(|due| due.max(settled)).filter(|due| *due > now);
        due(hold).or_else(|| due(hold + self.relapses.extra(hold)))
    }
}

#[cfg(test)]
mod tests;
