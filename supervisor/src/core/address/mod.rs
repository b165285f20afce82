//! Who leads: whoever holds the address.
//!
//! With `standalone` there is one supervisor, and it leads. With `keepalived` the address decides (VRRP), and this
//! supervisor follows: it leads while this host holds the address *and* keepalived runs there. An address that a dead
//! keepalived left behind is no leadership: another master has taken it within half a second.
//!
//! ```text
//!            seen: held, keepalived runs
//!  Standby ------------------------------> Leading
//!     ^  <------------------------------
//!            seen: not held, or keepalived is gone
//! ```
//!
//! A standby is warm: it takes every report, judges who is there, learns, and mirrors what the nodes say they obey. It
//! orders nothing and switches nothing. So the first thing that it does as leader is to go on where the other stopped,
//! under a term greater than any that it heard of.

mod claim;
mod herald;
mod lead;
mod seat;

use std::fmt;

use protocol::Term;
use serde::{Deserialize, Serialize};

pub use claim::{Claim, ClaimReason};
pub(crate) use claim::{Claims, Sight};
pub(crate) use herald::Herald;
pub use herald::LeaderView;
pub(crate) use seat::Seat;

/// How it is decided who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// One supervisor: it leads.
    #[default]
    Standalone,
    /// Two or three masters share an address: who holds it leads.
    Keepalived,
}

/// Whether this supervisor decides for the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It orders.
    Leading,
    /// It watches, ready to lead.
    #[default]
    Standby,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Leading => "leading",
            Self::Standby => "standby",
        })
    }
}

/// Why a supervisor stands by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Standby {
    /// It was not looked yet whether this host holds the address.
    NotLooked,
    /// Another master holds the address, or none does.
    NotHeld,
    /// The address is still on this host, but nothing keeps it there.
    KeepalivedGone,
    /// The address came and went too often: it leads once it has kept it for a while.
    Unsteady,
    /// Another leader's orders were seen again and again, though this host holds the address: the masters do not hear
    /// each other, but the nodes hear both. One of the two must be quiet.
    Contested {
        /// The other's term.
        term: Term,
    },
}

impl fmt::Display for Standby {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLooked => f.write_str("it is not known yet who holds the address"),
            Self::NotHeld => f.write_str("this host does not hold the address"),
            Self::KeepalivedGone => f.write_str("keepalived does not run on this host"),
            Self::Unsteady => f.write_str("the address came and went too often: it must stay for a while"),
            Self::Contested { term } => {
                write!(f, "another leader orders with term {term}: the masters do not hear each other")
            }
        }
    }
}

/// What happened to the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressEvent {
    /// What was found on this host, at start, on every change and now and then.
    Seen(Sighting),
    /// What was to be done could not be.
    Failed {
        /// What.
        what: AddressAction,
        /// In the words of who refused.
        why: String,
    },
}

/// What was found on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sighting {
    /// The address is on one of its interfaces.
    pub held: bool,
    /// Keepalived runs.
    pub keepalived_runs: bool,
}

/// What is to be done about the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressAction {
    /// Write keepalived's config, and have it read. `io` does so by itself when it starts.
    Configure,
    /// Keepalived is gone: start it again, if a command for that is known.
    Restart,
    /// This much is taken off the priority of this master.
    Weigh {
        /// 0 or less.
        offset: i16,
    },
}

impl fmt::Display for AddressAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configure => f.write_str("keepalived cannot be told its config"),
            Self::Restart => f.write_str("keepalived cannot be started again"),
            Self::Weigh { offset } => write!(f, "keepalived cannot be told the offset {offset}"),
        }
    }
}
