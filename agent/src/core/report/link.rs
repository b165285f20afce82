//! One supervisor: what it was told, what it acknowledged, and what it is to be told next.
//!
//! ```text
//!  Down --Up--> no base (full reports) --Ack(n)--> base n (deltas against n) --Ack(m)--> base m ...
//!                        ^                                   |
//!                        +----------- RequestFull -----------+
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use protocol::version::{VERSION_ENGINE, VERSION_LEADER, VERSION_STANDING};
use protocol::{ContainerSlot, Report, Sequence, Uptime, delta};

use super::headline::{Headline, News, Present};
use super::slots::Slots;
use crate::core::action::{Action, Outgoing};
use crate::core::event::SupervisorId;

/// What is news, but not urgent, waits for this long after the last report.
const GAP: Duration = Duration::from_secs(2);
/// Reports that may be without an acknowledgement and still become a base.
const UNACKNOWLEDGED_MAX: usize = 4;
/// A base further back than this has no number in a delta.
const BACK_MAX: u32 = u16::MAX as u32;

/// One supervisor's link.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    pub(super) up: bool,
    /// What both sides speak.
    version: u16,
    /// The number of the last report.
    sequence: Sequence,
    base: Option<(Sequence, Box<Report>)>,
    sent: VecDeque<(Sequence, Box<Report>)>,
    /// What the last report said, and when.
    last: Option<(Uptime, Headline)>,
    /// A full report is owed.
    owes_full: bool,
    /// The introductions that went ahead, by slot.
    introduced: BTreeMap<ContainerSlot, u32>,
}

impl Link {
    /// A link stands: everything is said anew.
    pub(super) fn rise(&mut self, version: u16) {
        *self = Self { up: true, version, ..Self::default() };
    }

    /// Whether what persons asked may be said there.
    pub(super) const fn speaks_of_standing(&self) -> bool {
        self.up && self.version >= VERSION_STANDING
    }

    /// Whether the container engine may be spoken of there.
    pub(super) const fn speaks_of_engine(&self) -> bool {
        self.up && self.version >= VERSION_ENGINE
    }

    /// Whether it may be said there who leads.
    pub(super) const fn speaks_of_leading(&self) -> bool {
        self.up && self.version >= VERSION_LEADER
    }

    /// The link is gone.
    pub(super) fn fall(&mut self) {
        self.up = false;
    }

    /// A report arrived there; `false` when it was never sent.
    pub(super) fn acknowledged(&mut self, sequence: Sequence) -> bool {
        if sequence > self.sequence {
            return false;
        }
        while let Some((number, report)) = self.sent.pop_front() {
            if number > sequence {
                self.sent.push_front((number, report));
                break;
            }
            if number == sequence {
                self.base = Some((number, report));
            }
        }
        true
    }

    /// A delta's base is unknown there.
    pub(super) fn forget_base(&mut self) {
        self.base = None;
        self.sent.clear();
        self.owes_full = true;
    }

    /// Whether a report is due; without news it is after a heartbeat.
    pub(super) fn is_due(&self, now: Uptime, present: &Present<'_>, heartbeat: Duration) -> bool {
        let Some((at, said)) = self.last.as_ref().filter(|_| !self.owes_full) else { return true };
        let quiet = now.since(*at);
        quiet >= heartbeat
            || match said.news(present) {
                News::Now => true,
                News::Soon => quiet >= GAP,
                News::None => false,
            }
    }

    /// When a report will be due, whatever happens.
    pub(super) fn next_wake(&self, present: &Present<'_>, heartbeat: Duration) -> Option<Uptime> {
        let (at, said) = self.last.as_ref().filter(|_| self.up)?;
        let wait = if said.news(present) == News::None { heartbeat } else { GAP };
        Some(*at + wait)
    }

    /// Says everything, as a delta where a base is known.
    pub(super) fn send(
        &mut self,
        now: Uptime,
        supervisor: SupervisorId,
        report: &Report,
        said: Headline,
        slots: &Slots,
        actions: &mut Vec<Action>,
    ) {
        self.introduce(supervisor, report, slots, actions);
        self.sequence = self.sequence.next();
        let message = self
            .delta(report)
            .unwrap_or_else(|| Outgoing::Full { sequence: self.sequence, report: Box::new(report.clone()) });
        actions.push(Action::Send { supervisor, message });
        if self.sent.len() == UNACKNOWLEDGED_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((self.sequence, Box::new(report.clone())));
        self.last = Some((now, said));
        self.owes_full = false;
    }

    fn delta(&self, report: &Report) -> Option<Outgoing> {
        let (base, known) = self.base.as_ref()?;
        let back = self.sequence.0.checked_sub(base.0).filter(|back| *back <= BACK_MAX)?;
        let mut buffer = [0; delta::CHANGES_BYTES_MAX];
        let length = delta::encode(known, report, &mut buffer).ok()?;
        let changes = buffer.get(..length)?.to_vec();
        Some(Outgoing::Delta { sequence: self.sequence, back: back as u16, changes })
    }

    /// Names every container of a report that this supervisor does not know by its slot.
    fn introduce(
        &mut self,
        supervisor: SupervisorId,
        report: &Report,
        slots: &Slots,
        actions: &mut Vec<Action>,
    ) {
        for container in &report.containers {
            let Some((introduction, entry)) = slots.entry(container.slot) else { continue };
            if self.introduced.insert(container.slot, introduction) != Some(introduction) {
                actions.push(Action::Send { supervisor, message: Outgoing::Container(entry) });
            }
        }
    }
}
