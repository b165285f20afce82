//! What the agents and the supervisors say to each other, and the words both use to say it.
//!
//! Read in this order: [`units`] (quantities that only combine as physics allows), [`stage`] (the ladder),
//! [`reason`] (every decision's "why", with its numbers), [`report`] (what a node says of itself, full or as a
//! delta), [`message`] (everything that crosses a link), [`frame`] (how bytes become messages again after damage).
//!
//! `no_std`, and nothing here allocates: a message is decoded into bounded arrays. Enums that cross the wire are
//! append-only (postcard numbers the variants in their order of declaration); the golden bytes in
//! `tests/golden_v1.rs` hold that.

#![no_std]

pub mod delta;
pub mod fault;
pub mod frame;
pub mod id;
pub mod message;
pub mod reason;
pub mod report;
pub mod stage;
pub mod time;
pub mod units;

pub use fault::Fault;
pub use id::{
    BootId, ContainerName, ContainerSlot, Generation, NameError, NodeName, OrderId, Sequence, SupplyName,
    Term,
};
pub use message::{AgentMessage, SupervisorMessage};
pub use reason::{OrderReason, Reason};
pub use report::Report;
pub use stage::{Class, Stage};
pub use time::{Seconds, Uptime};
pub use units::{Charge, Cpus, Current, Energy, Frequency, Power, Resistance, Soc, Temperature, Voltage};

/// The oldest protocol version that this build still speaks.
///
/// Rule: a version is dropped only one minor release after its successor shipped, so that a fleet can be updated
/// node by node.
pub const VERSION_MIN: u16 = 1;

/// The newest protocol version that this build speaks, and offers first.
pub const VERSION_CURRENT: u16 = 1;
