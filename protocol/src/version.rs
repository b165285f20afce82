//! How two builds of different age agree on what they speak.
//!
//! The rule, which [`negotiate`] carries out:
//!
//! - An agent's [`Hello`] names the oldest and the newest version that it speaks. The supervisor chooses the newest
//!   that both speak, and says so in its `Welcome`; where there is none it answers `Refused(Version)` with its own
//!   two, and closes.
//! - `Hello`, `Welcome` and `Refused` go over the link before anything is agreed. Their layout, and that of the
//!   refusals that exist today, is frozen for good; whatever a later version adds goes into messages of its own,
//!   sent after the `Welcome`.
//! - The refusals about certificates are said to those who speak TLS, which every build that does knows, and to a
//!   caller in clear where TLS is wanted: one that does not know them is closed on either way.
//! - Within a version nothing changes. A new message, field, reason or fault is appended behind the others and
//!   belongs to the next version: it is sent only where that version was agreed.
//! - A version is dropped only one minor release after its successor shipped, so that a fleet can be updated node
//!   by node, in either order.

use crate::codec::DecodeError;
use crate::message::{Hello, Refusal};

/// The oldest protocol version that this build still speaks.
pub const VERSION_MIN: u16 = 1;

/// The newest protocol version that this build speaks, and prefers.
pub const VERSION_CURRENT: u16 = 4;

/// From this version on [`crate::standing`] is spoken.
pub const VERSION_STANDING: u16 = 2;

/// From this version on [`crate::engine`] is spoken.
pub const VERSION_ENGINE: u16 = 3;

/// From this version on [`crate::leader`] is spoken.
pub const VERSION_LEADER: u16 = 4;

/// The version that both sides speak from the `Welcome` on: the newest that both know.
///
/// `theirs_min` and `theirs_max` are the [`Hello`]'s.
///
/// # Errors
/// The refusal to answer with: [`Refusal::Version`] where no version is common, [`Refusal::Malformed`] where the
/// oldest is newer than the newest.
pub fn negotiate(theirs_min: u16, theirs_max: u16) -> Result<u16, Refusal> {
    common((VERSION_MIN, VERSION_CURRENT), (theirs_min, theirs_max))
}

/// [`negotiate`] for any two builds, so that the tests reach versions that do not exist yet.
fn common(ours: (u16, u16), theirs: (u16, u16)) -> Result<u16, Refusal> {
    if theirs.0 > theirs.1 {
        return Err(Refusal::Malformed);
    }
    let newest = ours.1.min(theirs.1);
    if newest < ours.0.max(theirs.0) {
        return Err(Refusal::Version { min: ours.0, max: ours.1 });
    }
    Ok(newest)
}

/// The refusal that fits a first message which cannot be decoded.
///
/// A hello of a build that speaks no version of ours may have a tail that we do not know. Its head is frozen, so that
/// such a build is told the versions instead of "malformed".
pub fn refusal_of_first(bytes: &[u8], error: DecodeError) -> Refusal {
    match Hello::versions(bytes) {
        Some((min, max)) => negotiate(min, max).err().unwrap_or(error.into()),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        assert_eq!(common((1, 1), (1, 1)), Ok(1));
        assert_eq!(common((1, 3), (2, 5)), Ok(3));
        assert_eq!(common((2, 5), (1, 3)), Ok(3), "either side may be the older");
        assert_eq!(common((1, 9), (4, 4)), Ok(4));
    }

    #[test]
    fn a_future_agent_that_still_speaks_ours_is_welcome() {
        assert_eq!(negotiate(VERSION_CURRENT, u16::MAX), Ok(VERSION_CURRENT));
        assert_eq!(negotiate(0, VERSION_CURRENT + 1), Ok(VERSION_CURRENT));
    }

    #[test]
    fn a_future_agent_that_dropped_ours_is_told_what_we_speak() {
        let refusal = Refusal::Version { min: VERSION_MIN, max: VERSION_CURRENT };
        assert_eq!(negotiate(VERSION_CURRENT + 1, VERSION_CURRENT + 4), Err(refusal));
        assert_eq!(common((3, 5), (1, 2)), Err(Refusal::Version { min: 3, max: 5 }), "and so is a past one");
    }

    #[test]
    fn versions_the_wrong_way_round_are_malformed() {
        assert_eq!(negotiate(2, 1), Err(Refusal::Malformed));
    }

    #[test]
    fn a_future_hello_with_an_unknown_tail_is_refused_for_its_version() {
        let error = DecodeError::Trailing;
        let hello_of = |min: u8, max: u8| [0, min, max, 0xde, 0xad, 0xbe, 0xef];
        assert_eq!(
            refusal_of_first(&hello_of(7, 9), error),
            Refusal::Version { min: VERSION_MIN, max: VERSION_CURRENT }
        );
        assert_eq!(refusal_of_first(&hello_of(1, 1), error), Refusal::Malformed, "ours, but damaged");
        assert_eq!(refusal_of_first(&[4, 1, 1], error), Refusal::Malformed, "no hello at all");
        assert_eq!(refusal_of_first(&[], DecodeError::TooLong), Refusal::TooLong);
    }
}
