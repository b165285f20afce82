//! Who leads, as masters that share an address tell each other: through the agents, each of which has a link to all of them.
//!
//! Nothing is decided by it. It is what a standby can say to a person who asked the wrong master.

use std::fmt;
use std::time::Duration;

use protocol::leader::Leading;
use protocol::message::SupervisorMessage;
use protocol::version::VERSION_LEADER;
use protocol::{NodeName, Seconds, Term, Uptime};
use serde::{Deserialize, Serialize};

use super::AddressKind;
use crate::core::action::Action;
use crate::core::{LinkId, Supervisor};

/// A leader says so this often: a dozen bytes to each node.
const EVERY: Duration = Duration::from_secs(10);
/// Who said so last this long ago may not lead any more.
const FRESH: Seconds = Seconds(35);

/// What this supervisor said and heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct Herald {
    /// When, and with which term, it last said that it leads.
    said: Option<(Uptime, Term)>,
    heard: Option<(Leading, Uptime)>,
}

/// Who leads, where masters share an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderView {
    /// The node that it runs on; that node has the address.
    pub node: NodeName,
    /// The term that it leads with.
    pub term: Term,
    /// Since it last said so; nothing when it is this supervisor itself.
    pub age: Seconds,
    /// Whether that is too long ago to count on it.
    pub old: bool,
}

impl fmt::Display for LeaderView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, term, age, old } = self;
        if *old {
            write!(f, "{node} led with term {term} and had the address {age} ago; who does now is not known")
        } else {
            write!(f, "{node} leads with term {term} and has the address, as of {age} ago")
        }
    }
}

impl Supervisor {
    /// A leader says now and then that it leads, and at once with a new term.
    pub(crate) fn say_who_leads(&mut self, now: Uptime, actions: &mut Vec<Action>) {
        let term = self.term();
        let said = |(at, said): (Uptime, Term)| said == term && now.since(at) < EVERY;
        if !self.seat.holds() || self.herald.said.is_some_and(said) {
            return;
        }
        self.herald.said = Some((now, term));
        for link in self.links_that_speak(VERSION_LEADER) {
            self.tell_leading(link, actions);
        }
    }

    /// Tells one agent that this supervisor leads, if it does and others could ask.
    pub(crate) fn tell_leading(&self, link: LinkId, actions: &mut Vec<Action>) {
        if let Some(node) = self.settings.host.clone()
            && self.seat.holds()
            && self.speaks(link, VERSION_LEADER)
        {
            let message = SupervisorMessage::Leading(Leading { node, term: self.term() });
            actions.push(Action::Send { link, message });
        }
    }

    /// An agent passes on who leads. The greater term counts: in a split that just healed, two say so.
    pub(crate) fn hear_leading(&mut self, now: Uptime, leading: Leading) {
        self.seat.hear(leading.term);
        let newer = |(known, _): &(Leading, Uptime)| leading.term >= known.term;
        if self.herald.heard.as_ref().is_none_or(newer) {
            self.herald.heard = Some((leading, now));
        }
    }

    /// Who leads, as far as is known here; `None` where there is one supervisor only.
    pub(crate) fn leader_view(&self, now: Uptime) -> Option<LeaderView> {
        if self.seat.kind() == AddressKind::Standalone {
            return None;
        }
        if self.leads() {
            let node = self.settings.host.clone()?;
            return Some(LeaderView { node, term: self.term(), age: Seconds(0), old: false });
        }
        let (leading, at) = self.herald.heard.as_ref()?;
        let age = Seconds::from(now.since(*at));
        Some(LeaderView { node: leading.node.clone(), term: leading.term, age, old: age > FRESH })
    }
}
