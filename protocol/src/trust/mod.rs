//! Who is who on a link: the certificates, the tokens that lead to them, and the clock they are judged by.
//!
//! Read in this order: [`who`] (what a certificate says), [`clock`] (which moment it is judged by), [`token`] (what a
//! person carries to a new node), [`keys`] and [`kept`] (a node's own key and what it keeps on disk), [`tls`] (TLS 1.3 with
//! both sides known), [`enrol`] (how a token becomes a certificate, and an old certificate a new one), [`why`] (what went
//! wrong, in words that both sides log).
//!
//! The cluster's authority signs one issuing certificate for each supervisor; a supervisor signs the agents' certificates
//! and its own with that. Everybody trusts the authority alone, so any one supervisor can renew for all. Nothing here
//! decides who is let in: that is the supervisor's core.

#![allow(
    clippy::disallowed_methods,
    reason = "keys, files and the time of day are what this module is for; what is decided with them is decided elsewhere"
)]

pub mod clock;
pub mod enrol;
pub mod kept;
pub mod keys;
pub mod tls;
pub mod token;
pub mod who;
pub mod why;

pub use clock::{Clock, WallTime};
pub use enrol::{Answer, Grant, JoinRefusal, Request};
pub use kept::{Credentials, KeptError};
pub use keys::{Key, PublicKey};
pub use token::{Fingerprint, SecretHash, Token, TokenError, TokenId, TokenSecret};
pub use who::{EnrolmentId, Identity, Role, Who};
pub use why::LinkError;
