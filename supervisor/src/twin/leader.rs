//! The supervisor's process on its node: lives and dies with it, and remembers what it wrote down.

use std::time::Duration;

use protocol::{SupervisorMessage, Uptime};

use super::node::Life;
use super::wire::ConnectionId;
use super::{Happening, Twin};
use crate::core::budget::view::ForecastView;
use crate::core::forecast::WallClock;
use crate::core::view::FleetView;
use crate::core::{Action, Event, Liveness, Record, Supervisor, What};

/// The supervisor is told what its node's clock shows this often.
const CLOCK_INTERVAL: Duration = Duration::from_mins(1);

/// A running supervisor.
#[derive(Debug)]
pub(super) struct Leader {
    core: Supervisor,
    started: Uptime,
    number: u32,
    tick: Option<Uptime>,
    /// When it was last told what its node's clock shows.
    told_clock: Option<Uptime>,
    /// When it last looked at everything.
    looked: Option<Uptime>,
}

impl Leader {
    fn uptime(&self, now: Uptime) -> Uptime {
        Uptime::START + now.since(self.started)
    }
}

impl Twin {
    /// The supervisor starts on its node.
    pub(super) fn leader_up(&mut self, life: Life) {
        let Some(node) = self.living(life) else { return };
        let (host, supply) = (node.plan.name.clone(), node.plan.config.node.supply.clone());
        let settings = self.briefing.settings(host, supply);
        self.leader_lives += 1;
        self.leader = Some(Leader {
            core: Supervisor::resume(settings, self.kept.clone()),
            started: self.now,
            number: self.leader_lives,
            tick: None,
            told_clock: None,
            looked: None,
        });
        self.tell_leader(Event::Tick);
    }

    /// The fleet as its supervisor sees it; `None` while none runs.
    pub fn fleet(&self) -> Option<FleetView> {
        self.leader.as_ref().map(|leader| leader.core.view(leader.uptime(self.now)))
    }

    /// What its supervisor plans; empty while none runs.
    pub fn forecast(&self) -> Vec<ForecastView> {
        self.leader.as_ref().map(|leader| leader.core.forecast(leader.uptime(self.now))).unwrap_or_default()
    }

    /// The time of day, as a supervisor with a clock knows it.
    pub fn wall(&self) -> WallClock {
        self.briefing.wall(self.now)
    }

    /// The supervisor is gone with its node.
    pub(super) fn leader_down(&mut self) {
        self.leader = None;
        for connection in self.connections.values_mut() {
            connection.forget_leader();
        }
    }

    /// Tells the supervisor what happened, and does what it wants.
    pub(super) fn tell_leader(&mut self, event: Event) {
        let (now, pause) = (self.now, self.look_pause);
        let Some(leader) = &mut self.leader else { return };
        let mut actions = Vec::new();
        let uptime = leader.uptime(now);
        // In a long run it hears at once, and looks at what that comes to a little later.
        let soon = leader.looked.is_some_and(|looked| now.since(looked) < pause);
        if soon && matches!(event, Event::Link { .. }) {
            leader.core.hear(uptime, event, &mut actions);
        } else {
            leader.core.handle(uptime, event, &mut actions);
            leader.looked = Some(now);
        }
        if let Some(wake) = leader.core.next_wake() {
            let wants = leader.started + wake.since(Uptime::START);
            let wants = leader.looked.map_or(wants, |looked| wants.max(looked + pause));
            if leader.tick.is_none_or(|planned| wants < planned || planned <= now) {
                leader.tick = Some(wants);
                self.queue.plan(wants, Happening::LeaderTick(leader.number));
            }
        }
        for action in actions {
            self.lead(action);
        }
    }

    pub(super) fn leader_tick(&mut self, number: u32) {
        let now = self.now;
        let Some(leader) = self.leader.as_mut().filter(|leader| leader.number == number) else { return };
        if leader.tick == Some(now) {
            leader.tick = None;
            let clock = leader.told_clock.is_none_or(|told| now.since(told) >= CLOCK_INTERVAL);
            leader.told_clock = if clock { Some(now) } else { leader.told_clock };
            let event = if clock { Event::Clock(self.briefing.wall(now)) } else { Event::Tick };
            self.tell_leader(event);
        }
    }

    fn lead(&mut self, action: Action) {
        match action {
            Action::Send { link, message } => self.send_down(ConnectionId(link.0), &message),
            Action::Refuse { link, refusal } => {
                self.send_down(ConnectionId(link.0), &SupervisorMessage::Refused(refusal));
                self.close_by_leader(ConnectionId(link.0));
            }
            Action::Close { link } => self.close_by_leader(ConnectionId(link.0)),
            Action::Record(record) => self.recorded(&record),
            Action::Remember(node) => {
                self.kept.nodes.retain(|known| known.name != node.name);
                self.kept.nodes.push(node);
            }
            Action::SaveTerm(term) => self.kept.term = term,
            // The twin has one supervisor that nobody asks anything, and no address, balancer or orchestrator.
            Action::KeepStanding(_)
            | Action::ForgetStanding(_)
            | Action::Answer { .. }
            | Action::Address(_)
            | Action::Balancer(_)
            | Action::Orchestrator(_)
            | Action::Enrolment(_) => {}
            Action::Keep(budget) => {
                self.kept.budgets.retain(|kept| kept.supply != budget.supply);
                self.kept.budgets.push(*budget);
            }
        }
    }

    /// Of what the supervisor writes down, a person at the demo sees what no agent tells.
    fn recorded(&mut self, record: &Record) {
        if !self.told {
            return;
        }
        let text = match &record.what {
            What::Waking { .. } | What::WakeFailed { .. } | What::Vetoed { .. } => record.what.to_string(),
            What::Liveness { to: Liveness::Lost, silent, .. } => {
                format!("no contact for {silent}: its agent goes on by its own readings and the last order")
            }
            _ => return,
        };
        let name = record.node.as_ref().map_or_else(|| "fleet".to_owned(), ToString::to_string);
        self.chronicle.say(self.time(), &name, text);
    }
}
