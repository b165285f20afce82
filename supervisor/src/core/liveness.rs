//! Is a node there?
//!
//! The intuition: an agent that has nothing to say still says so every heartbeat, and its stage announces how long a
//! heartbeat is. One missed heartbeat is the network; two are worth a word (`Late`); four are a node that cannot be
//! counted on (`Lost`). A link that breaks is worth a word at once, because a living agent calls again within
//! seconds. A node that said goodbye is not missed at all: it is `Parked` (it switched itself off, on purpose) or
//! `Leaving` (its agent stops, the node stays up), and silence changes nothing about that, until it calls again.
//!
//! ```text
//!   NeverSeen --hello--> Alive --2 heartbeats silent, or link broken--> Late --4 heartbeats silent--> Lost
//!                         ^  \--goodbye: parking--> Parked                |                            |
//!                         |   \-goodbye: stopping-> Leaving --4 heartbeats-> Lost                      |
//!                         +-------------------------- any message -----------------------------------+
//! ```

use std::fmt;
use std::time::Duration;

use protocol::{Stage, Uptime};
use serde::{Deserialize, Serialize};

use super::settings::Settings;

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liveness {
    /// The config or an earlier life names it, but it has not called.
    #[default]
    NeverSeen,
    /// It calls in time.
    Alive,
    /// It missed heartbeats, or its link broke.
    Late,
    /// It cannot be counted on.
    Lost,
    /// It switched itself off to save energy.
    Parked,
    /// Its agent said that it stops.
    Leaving,
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NeverSeen => "never seen",
            Self::Alive => "alive",
            Self::Late => "late",
            Self::Lost => "lost",
            Self::Parked => "parked",
            Self::Leaving => "leaving",
        })
    }
}

/// What is known of a node's presence. Changed by what happens, judged by [`Presence::judge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    state: Liveness,
    heard: Uptime,
    linked: bool,
}

impl Presence {
    /// A node that the config or an earlier life names.
    pub const fn expected(parked: bool) -> Self {
        let state = if parked { Liveness::Parked } else { Liveness::NeverSeen };
        Self { state, heard: Uptime::START, linked: false }
    }

    /// What it was at the last judgement.
    pub const fn state(&self) -> Liveness {
        self.state
    }

    /// Whether a link stands.
    pub const fn linked(&self) -> bool {
        self.linked
    }

    /// When it was last heard.
    pub const fn heard_at(&self) -> Uptime {
        self.heard
    }

    /// How long it has been silent.
    pub fn silent(&self, now: Uptime) -> Duration {
        now.since(self.heard)
    }

    /// Something was heard on its link.
    pub fn heard(&mut self, now: Uptime) {
        (self.heard, self.linked) = (now, true);
        self.state = Liveness::Alive;
    }

    /// It said goodbye.
    pub fn left(&mut self, now: Uptime, parking: bool) {
        (self.heard, self.linked) = (now, false);
        self.state = if parking { Liveness::Parked } else { Liveness::Leaving };
    }

    /// Its link broke without a goodbye.
    pub fn unlinked(&mut self) {
        self.linked = false;
        if self.state == Liveness::Alive {
            self.state = Liveness::Late;
        }
    }

    /// What its silence means by now; `stage` announced the heartbeat.
    pub fn judge(&mut self, now: Uptime, stage: Stage, settings: &Settings) -> Liveness {
        let silent = self.silent(now);
        let heartbeat = stage.heartbeat();
        self.state = match self.state {
            Liveness::NeverSeen | Liveness::Parked | Liveness::Lost => self.state,
            Liveness::Alive | Liveness::Late | Liveness::Leaving
                if silent > heartbeat * settings.lost_after =>
            {
                Liveness::Lost
            }
            Liveness::Alive if silent > heartbeat * settings.late_after => Liveness::Late,
            unchanged => unchanged,
        };
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Uptime {
        Uptime::from_secs(secs)
    }

    fn heard_at(secs: u64) -> Presence {
        let mut presence = Presence::expected(false);
        presence.heard(at(secs));
        presence
    }

    #[test]
    fn silence_is_late_and_then_lost_by_the_announced_heartbeat() {
        let settings = Settings::default();
        for stage in Stage::ALL {
            let beat = stage.heartbeat();
            let mut presence = heard_at(100);
            assert_eq!(presence.judge(at(100) + beat * 2, stage, &settings), Liveness::Alive);
            let late = at(100) + beat * 2 + Duration::from_millis(1);
            assert_eq!(presence.judge(late, stage, &settings), Liveness::Late);
            let lost = at(100) + beat * 4 + Duration::from_millis(1);
            assert_eq!(presence.judge(lost, stage, &settings), Liveness::Lost);
        }
    }

    #[test]
    fn a_broken_link_is_late_at_once_and_a_word_makes_it_alive() {
        let mut presence = heard_at(100);
        presence.unlinked();
        assert_eq!(presence.judge(at(100), Stage::Normal, &Settings::default()), Liveness::Late);
        presence.heard(at(101));
        assert_eq!(presence.judge(at(101), Stage::Normal, &Settings::default()), Liveness::Alive);
    }

    #[test]
    fn a_parked_node_is_never_lost() {
        let mut presence = heard_at(100);
        presence.left(at(100), true);
        presence.unlinked();
        assert_eq!(presence.judge(at(1_000_000), Stage::Halt, &Settings::default()), Liveness::Parked);
    }

    #[test]
    fn an_agent_that_stopped_is_lost_only_when_it_does_not_come_back() {
        let mut presence = heard_at(100);
        presence.left(at(100), false);
        assert_eq!(presence.judge(at(130), Stage::Normal, &Settings::default()), Liveness::Leaving);
        assert_eq!(presence.judge(at(200), Stage::Normal, &Settings::default()), Liveness::Lost);
    }
}
