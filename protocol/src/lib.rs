//! What the agents and the supervisors say to each other, and the words both use to say it.
//!
//! Read in this order: [`units`] (quantities that only combine as physics allows), [`stage`] (the ladder),
//! [`reason`] (every decision's "why", with its numbers), [`report`] (what a node says of itself, full or as a
//! delta), [`message`] (everything that crosses a link), [`version`] (how two builds agree), [`codec`] (messages to
//! bytes and back), [`delta`] (reports to few bytes), [`frame`] (how bytes become messages again after damage).
//!
//! [`printable`]: whatever quotes a file or a stranger, on its way to a terminal.
//!
//! [`trust`] (who is who on a link: the programs' feature `trust`) is apart: it alone needs `std`.
//!
//! Without it `no_std`, and nothing here allocates: a message is decoded into bounded arrays. Enums that cross the wire are
//! append-only (postcard numbers the variants in their order of declaration); the golden bytes in
//! `tests/golden_v1.rs` hold that.

#![cfg_attr(not(feature = "trust"), no_std)]

pub mod codec;
pub mod delta;
pub mod engine;
pub mod fault;
pub mod frame;
pub mod id;
pub mod leader;
pub mod message;
pub mod printable;
pub mod reason;
pub mod report;
pub mod stage;
pub mod standing;
pub mod time;
#[cfg(feature = "trust")]
pub mod trust;
pub mod units;
pub mod version;

pub use codec::{DecodeError, EncodeError};
pub use fault::Fault;
pub use id::{
    BootId, ContainerName, ContainerSlot, Generation, NameError, NodeName, OrderId, Sequence, SupplyName,
    Term,
};
pub use message::{AgentMessage, SupervisorMessage};
pub use printable::Printable;
#[cfg(feature = "trust")]
pub use printable::causes;
pub use reason::{OrderReason, Reason};
pub use report::Report;
pub use stage::{Class, Stage};
pub use standing::Standing;
pub use time::{Seconds, Uptime};
pub use units::{Charge, Cpus, Current, Energy, Frequency, Power, Resistance, Soc, Temperature, Voltage};
pub use version::{VERSION_CURRENT, VERSION_MIN, negotiate};
