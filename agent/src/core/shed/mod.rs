//! Which containers run, and how much: Docker's state is steered towards what the stage wants.
//!
//! Declarative: what is seen ([`step::Seen`]) and what is wanted ([`wish::Wish`]) give the next change
//! ([`step::next`]); nothing depends on how things came to be, so a crash, a restart of Docker or a person's hand is
//! just another state to steer from. What we changed is written down first ([`ledger::Ledger`]), and given back exactly.
//!
//! One change at a time: a container's stop is asked for after the earlier one's outcome, so that the order holds and
//! an SD card is not thrashed. A change that fails or does not show is retried with back-off, behind the others.

mod cpu;
mod frozen;
mod label;
pub(crate) mod ledger;
mod retry;
mod step;
mod wish;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::report::ContainerState;
use protocol::{Class, Stage, Uptime};

use super::action::{Action, ActionId, ContainerChange, Ids, Warning};
use super::event::{ActionError, ContainerId, ContainerSeen, ContainerStatus, DockerEvent};
use super::state::Touched;
use crate::config::Containers;
use frozen::Frozen;
use label::Settings;
use ledger::Ledger;
use retry::Retry;
use step::{Seen, Step};
use wish::{Run, Wish};

/// After a change whose outcome is not known, what Docker shows may still be overtaken by it for this long.
const UNCERTAIN: Duration = Duration::from_mins(1);
/// No stop is hurried more than this.
const STOP_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// What the reconciliation must know of the rest of the agent.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The stage to carry out.
    pub stage: Stage,
    /// Whether a plan on energy put the node there, and not its own readings.
    pub by_plan: bool,
    /// The ledger's version that is on disk.
    pub saved: u64,
    /// The disk cannot be written for so long that acting unsaved is the lesser evil.
    pub unsaved_is_allowed: bool,
    /// By when everything should be stopped, where that presses.
    pub deadline: Option<Uptime>,
    /// The longest that a stop may take.
    pub stop_max: Duration,
}

/// A container that Docker shows.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    settings: Settings,
    seen: Seen,
    retry: Retry,
    /// What Docker shows may be overtaken by a change that was asked for, until then.
    uncertain_until: Uptime,
}

/// A change that was asked for.
#[derive(Debug, Clone)]
struct InFlight {
    action: ActionId,
    container: ContainerId,
    step: Step,
}

/// All containers of the node.
#[derive(Debug, Clone)]
pub struct Shed {
    config: Containers,
    /// Whether the engine answers; `None` before it was ever heard.
    up: Option<bool>,
    known: BTreeMap<ContainerId, Known>,
    /// The containers in the order in which they are shed.
    order: Vec<ContainerId>,
    ledger: Ledger,
    frozen: Frozen,
    in_flight: Option<InFlight>,
    /// Something changed since the last look.
    dirty: bool,
    /// The stage of the last look, and whether a plan put the node there.
    stage: Stage,
    by_plan: bool,
    /// What was on disk at the last look, and whether acting unsaved was allowed.
    saved: (u64, bool),
    /// Something is still to be done.
    unfinished: bool,
    /// A container resists.
    troubled: bool,
    /// When a waiting change may be tried.
    next_try: Option<Uptime>,
    /// Counts what a report may show.
    version: u64,
}

/// One container, for reports.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// Docker's id.
    pub id: &'a ContainerId,
    /// Docker's name.
    pub name: &'a str,
    /// How much it matters.
    pub class: Class,
    /// What it does.
    pub state: ContainerState,
}

impl Shed {
    /// Begins in a stage, with what an earlier life wrote down.
    pub fn new(config: &Containers, stage: Stage, ledger: BTreeMap<ContainerId, Touched>) -> Self {
        Self {
            config: config.clone(),
            up: None,
            known: BTreeMap::new(),
            order: Vec::new(),
            ledger: Ledger::new(ledger),
            frozen: Frozen::default(),
            in_flight: None,
            dirty: false,
            stage,
            by_plan: false,
            saved: (0, false),
            unfinished: false,
            troubled: false,
            next_try: None,
            version: 0,
        }
    }

    /// Whether the engine answers.
    pub fn is_up(&self) -> bool {
        self.up == Some(true)
    }

    /// Whether Docker is silent, or a container resists: something for a person.
    pub fn is_troubled(&self) -> bool {
        self.up == Some(false) || self.troubled
    }

    /// Whether the engine was ever heard of, be it that it is down.
    pub const fn is_heard(&self) -> bool {
        self.up.is_some()
    }

    /// Whether nothing is left to do that could be done: all is as the stage wants it, or Docker does not answer.
    pub fn is_done(&self) -> bool {
        !self.is_up() || (!self.dirty && !self.unfinished && self.in_flight.is_none())
    }

    /// What is remembered, for the state file.
    pub fn ledger(&self) -> BTreeMap<ContainerId, Touched> {
        self.ledger.entries()
    }

    /// Changes with every change of the ledger.
    pub const fn ledger_version(&self) -> u64 {
        self.ledger.version()
    }

    /// The ledger's version in which something was last added.
    pub const fn ledger_grown(&self) -> u64 {
        self.ledger.grown()
    }

    /// Changes whenever [`Self::listed`] may have changed.
    pub const fn version(&self) -> u64 {
        self.version.wrapping_add(self.ledger.version()).wrapping_add(self.frozen.version())
    }

    /// How many containers there are.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// All containers, the most important first.
    pub fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        self.order.iter().rev().filter_map(|id| {
            let known = self.known.get(id)?;
            let state = shown(known, self.ledger.touched(id), self.frozen.holds(id));
            Some(Listed { id, name: &known.name, class: known.settings.class, state })
        })
    }

    /// Takes what Docker says.
    pub fn docker(&mut self, now: Uptime, event: DockerEvent, actions: &mut Vec<Action>) {
        match event {
            DockerEvent::Down => {
                if self.up != Some(false) {
                    self.up = Some(false);
                    self.version += 1;
                }
            }
            DockerEvent::Containers(seen) => self.snapshot(now, seen, actions),
        }
    }

    fn snapshot(&mut self, now: Uptime, all: Vec<ContainerSeen>, actions: &mut Vec<Action>) {
        if self.up != Some(true) {
            self.up = Some(true);
            self.version += 1;
        }
        self.dirty = true;
        let mut before = std::mem::take(&mut self.known);
        let (mut newcomers, mut changed) = (false, false);
        for seen in all {
            let now_seen = Seen { status: seen.status, cpu: seen.cpu };
            let known = match before.remove(&seen.id) {
                Some(known) if known.name == seen.name => {
                    changed |= known.seen != now_seen;
                    Known { seen: now_seen, ..known }
                }
                _ => {
                    newcomers = true;
                    self.meet(&seen, now_seen, actions)
                }
            };
            self.known.insert(seen.id, known);
        }
        let in_flight = self.in_flight.as_ref().map(|flight| &flight.container);
        self.ledger.retain(|id| self.known.contains_key(id) || in_flight == Some(id));
        if newcomers || !before.is_empty() {
            self.sort();
            changed = true;
        }
        self.version += u64::from(changed);
        self.confirm(now);
    }

    /// A container that was not there before.
    fn meet(&self, seen: &ContainerSeen, now_seen: Seen, actions: &mut Vec<Action>) -> Known {
        let mut warnings = Vec::new();
        let settings = label::read(seen, &self.config, &mut warnings);
        actions.extend(warnings.into_iter().map(Action::Warn));
        Known {
            name: seen.name.clone(),
            settings,
            seen: now_seen,
            retry: Retry::default(),
            uncertain_until: Uptime::START,
        }
    }

    fn sort(&mut self) {
        let mut all: Vec<(&ContainerId, &Known)> = self.known.iter().collect();
        all.sort_by(|(_, a), (_, b)| {
            step::shed_key(&a.settings, &a.name).cmp(&step::shed_key(&b.settings, &b.name))
        });
        self.order = all.into_iter().map(|(id, _)| id.clone()).collect();
    }

    /// Forgets what is no longer ours.
    fn confirm(&mut self, now: Uptime) {
        for (id, known) in &mut self.known {
            let busy = self.in_flight.as_ref().is_some_and(|flight| flight.container == *id);
            let touched = self.ledger.touched(id);
            let wish = Wish::of(self.stage, &known.settings, self.by_plan);
            if !busy && now >= known.uncertain_until {
                self.ledger.forget(id, step::forget(known.seen, touched, wish));
            }
        }
    }

    /// Takes the outcome of a container's change; `false` when the action is not one of these.
    pub fn outcome(
        &mut self,
        now: Uptime,
        action: ActionId,
        result: &Result<(), ActionError>,
        actions: &mut Vec<Action>,
    ) -> bool {
        if let Some((id, failed)) = self.frozen.outcome(now, action, result) {
            self.dirty = true;
            let name = self.known.get(&id).map_or_else(|| id.to_string(), |known| known.name.clone());
            if let (Some(verb), Err(error)) = (failed, result) {
                let what = format!("{verb} {name} by its control group");
                actions.push(Action::Warn(Warning::ActionFailed { what, why: error.to_string() }));
            }
            return true;
        }
        let Some(flight) = self.in_flight.take_if(|flight| flight.action == action) else { return false };
        self.dirty = true;
        if result.is_ok() || matches!(flight.step.change, ContainerChange::Stop { .. }) {
            // `io` thaws what Docker is to pause or to stop, and freezes it again where a pause did not come about.
            self.hand_over(&flight);
        }
        let Some(known) = self.known.get_mut(&flight.container) else { return true };
        match result {
            Ok(()) => {
                // Docker's next list will tell; until then the engine's word counts.
                match flight.step.change {
                    ContainerChange::SetCpu(cpu) => known.seen.cpu = cpu,
                    ContainerChange::Pause => known.seen.status = ContainerStatus::Paused,
                    ContainerChange::Unpause | ContainerChange::Start => {
                        known.seen.status = ContainerStatus::Running;
                    }
                    ContainerChange::Stop { .. } => known.seen.status = ContainerStatus::Exited,
                    ContainerChange::Freeze | ContainerChange::Thaw => {}
                }
                self.version += 1;
            }
            Err(ActionError::NotFound) => actions.push(Action::ListContainers),
            Err(error) => {
                known.uncertain_until = now + known.settings.stop_timeout + UNCERTAIN;
                let what = format!("{} {}", flight.step.kind.verb(), known.name);
                actions.push(Action::Warn(Warning::ActionFailed { what, why: error.to_string() }));
                actions.push(Action::ListContainers);
            }
        }
        true
    }

    fn hand_over(&mut self, flight: &InFlight) {
        if matches!(flight.step.change, ContainerChange::Pause | ContainerChange::Stop { .. }) {
            self.frozen.handed_over(&flight.container);
        }
    }

    /// What an earlier life left frozen.
    pub fn resume_frozen(&mut self, containers: Vec<ContainerId>) {
        self.frozen.resume(containers);
    }

    /// In a dip, freezes what can wait and still runs, all at once; without one, thaws what the stage wants to run.
    pub fn brace(&mut self, now: Uptime, dip: bool, stage: Stage, ids: &mut Ids, actions: &mut Vec<Action>) {
        let mut ask = |container: &ContainerId, change| {
            let id = ids.next();
            actions.push(Action::Container { id, container: container.clone(), change, stage });
            id
        };
        if dip {
            for id in &self.order {
                if self.can_freeze(id) {
                    let action = ask(id, ContainerChange::Freeze);
                    self.frozen.freezing(id.clone(), action);
                }
            }
            return;
        }
        self.frozen.calm();
        if self.frozen.is_empty() {
            return;
        }
        let thaw: Vec<ContainerId> =
            self.frozen.ready(now).filter(|id| self.may_thaw(id, stage)).cloned().collect();
        for id in thaw {
            let action = ask(&id, ContainerChange::Thaw);
            self.frozen.thawing(id, action);
        }
    }

    /// Thaws all that is frozen: whoever comes next may not know of it.
    pub fn thaw_all(&mut self, now: Uptime, stage: Stage, ids: &mut Ids, actions: &mut Vec<Action>) {
        let busy = self.in_flight.as_ref().map(|flight| flight.container.clone());
        let all: Vec<ContainerId> =
            self.frozen.ready(now).filter(|id| busy.as_ref() != Some(*id)).cloned().collect();
        for container in all {
            let id = ids.next();
            self.frozen.thawing(container.clone(), id);
            actions.push(Action::Container { id, container, change: ContainerChange::Thaw, stage });
        }
    }

    /// Whether a container is one that can wait, runs, and is not on its way to something else.
    fn can_freeze(&self, id: &ContainerId) -> bool {
        let Some(known) = self.known.get(id) else { return false };
        let busy = self.in_flight.as_ref().is_some_and(|flight| {
            flight.container == *id && !matches!(flight.step.change, ContainerChange::SetCpu(_))
        });
        known.settings.class == Class::Deferrable
            && !known.settings.untouched
            && known.seen.status == ContainerStatus::Running
            && !busy
            && self.frozen.may_freeze(id)
    }

    /// Whether nothing wants a frozen container to stand still any more.
    fn may_thaw(&self, id: &ContainerId, stage: Stage) -> bool {
        if self.in_flight.as_ref().is_some_and(|flight| flight.container == *id) {
            return false;
        }
        match self.known.get(id) {
            Some(known) => match known.seen.status {
                ContainerStatus::Running => Wish::of(stage, &known.settings, false).run == Run::Free,
                // Docker has it.
                ContainerStatus::Paused => false,
                ContainerStatus::Exited | ContainerStatus::Transient => true,
            },
            // Docker knows nothing of it, or was not heard yet.
            None => self.is_up() || stage < Stage::Shed,
        }
    }

    /// Writes down what the stage will need, and asks for the next change if one may be made.
    pub fn drive(&mut self, now: Uptime, terms: &Terms, ids: &mut Ids, actions: &mut Vec<Action>) {
        let saved = (terms.saved, terms.unsaved_is_allowed);
        if (self.stage, self.by_plan) != (terms.stage, terms.by_plan) || self.saved != saved {
            (self.stage, self.by_plan, self.saved) = (terms.stage, terms.by_plan, saved);
            self.dirty = true;
        }
        if !(self.dirty || self.next_try.is_some_and(|next| next <= now)) {
            return;
        }
        if !self.is_up() {
            return;
        }
        self.dirty = false;
        self.next_try = None;
        let chosen = self.look(now, terms);
        let Some((id, step)) = chosen.filter(|_| self.in_flight.is_none()) else { return };
        let Some(known) = self.known.get_mut(&id) else { return };
        known.retry.tried(now, step.kind);
        let action = ids.next();
        let change = match step.change {
            ContainerChange::Stop { timeout } => {
                let left =
                    terms.deadline.map_or(terms.stop_max, |deadline| deadline.since(now).min(terms.stop_max));
                ContainerChange::Stop { timeout: timeout.min(left).max(STOP_TIMEOUT_MIN) }
            }
            change => change,
        };
        actions.push(Action::Container { id: action, container: id.clone(), change, stage: terms.stage });
        self.in_flight = Some(InFlight { action, container: id, step });
    }

    /// One pass over all containers: what is to be written down, what is still to be done, what may be done now.
    fn look(&mut self, now: Uptime, terms: &Terms) -> Option<(ContainerId, Step)> {
        let (mut saving, mut restoring) = (None, None);
        self.unfinished = false;
        self.troubled = false;
        for id in &self.order {
            let Some(known) = self.known.get(id) else { continue };
            if self.in_flight.as_ref().is_some_and(|flight| flight.container == *id) {
                continue;
            }
            let wish = Wish::of(terms.stage, &known.settings, terms.by_plan);
            let mut touched = self.ledger.touched(id);
            if known.settings.of_swarm && known.seen.status == ContainerStatus::Exited && touched.stopped {
                // Swarm runs another one in its place: this one started again would be one too many, on its port.
                touched.stopped = false;
                self.ledger.forget(id, touched);
            }
            let Some(step) = step::next(known.seen, touched, wish, known.settings.stop_timeout) else {
                if now >= known.uncertain_until {
                    self.ledger.forget(id, step::forget(known.seen, touched, wish));
                }
                continue;
            };
            self.unfinished = true;
            self.troubled |= known.retry.is_troubled(step.kind);
            self.ledger.remember(id, step.remember);
            let on_disk = terms.unsaved_is_allowed || self.ledger.needs(id) <= terms.saved;
            let not_before = known.retry.not_before(step.kind);
            if not_before > now {
                self.next_try = Some(self.next_try.map_or(not_before, |next| next.min(not_before)));
            } else if on_disk {
                // Shedding takes the first of the order, recovery the last.
                let place = if step.saves { &mut saving } else { &mut restoring };
                if place.is_none() || !step.saves {
                    *place = Some((id, step));
                }
            }
        }
        let (id, step) = saving.or(restoring)?;
        Some((id.clone(), step))
    }

    /// When a change that waits for its next try may be made.
    pub fn next_wake(&self, now: Uptime) -> Option<Uptime> {
        let tried = if self.in_flight.is_some() { None } else { self.next_try };
        tried.into_iter().chain(self.frozen.next_wake(now)).min()
    }
}

/// What a report says of a container.
fn shown(known: &Known, touched: Touched, frozen: bool) -> ContainerState {
    match known.seen.status {
        ContainerStatus::Running if frozen => ContainerState::Paused,
        ContainerStatus::Running => match (touched.cpu_before, known.settings.cap) {
            (Some(before), Some(cap)) if !cpu::alike(known.seen.cpu, before) => ContainerState::Capped(cap),
            _ => ContainerState::Running,
        },
        ContainerStatus::Paused if touched.paused => ContainerState::Paused,
        _ if touched.stopped => ContainerState::Stopped,
        _ => ContainerState::Down,
    }
}
