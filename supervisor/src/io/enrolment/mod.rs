//! The cluster's trust, as this supervisor holds it: its files, what it signs, who it lets through the door.
//!
//! | file in `trust/` | what | who has it |
//! |---|---|---|
//! | `authority.key` | the authority's private key: signs issuing certificates of supervisors | where `heliostat init` was run; may be taken off that machine |
//! | `supervisor.pem` | this supervisor's issuing key and certificate, and the authority's certificate | every supervisor |
//! | `ledger.json` | tokens, enrolments, revocations | every supervisor |
//! | `peers` | the supervisors that this one tells and asks, besides those in the config | every supervisor |
//! | `clock` | the latest moment that a handshake confirmed | every supervisor |

pub mod desk;
pub mod door;
pub mod files;
pub mod issue;
pub mod keeper;
pub mod peers;
pub mod wish;

pub use files::{Folder, TrustError};
