//! What a person asked of a node, for as long as it is to hold: it must outlive the leader that was asked.
//!
//! Supervisors have no links to each other, but every agent has one to each of them. So a leader tells every agent, each
//! agent keeps what it was told and tells the other supervisors, and a new leader knows at once what holds. The newest
//! number wins; no clock is compared: what is passed on is the time that is left.

use core::fmt;

use heapless::String;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{NodeName, OrderId};
use crate::time::Seconds;

/// What a person wants of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Nothing any more.
    Withdrawn,
    /// It is to do no more than its critical work.
    Drain,
    /// It is to be off.
    Park,
    /// It is to stay on, though a plan would let it off.
    Awake,
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Withdrawn => "withdrawn",
            Self::Drain => "drain",
            Self::Park => "park",
            Self::Awake => "awake",
        })
    }
}

/// A person's standing order about one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Its number: a newer one about the same node replaces it.
    pub id: OrderId,
    /// Which node.
    pub node: NodeName,
    /// What is wanted.
    pub wish: Wish,
    /// For how long from now; `None`: until it is withdrawn.
    pub left: Option<Seconds>,
    /// Who wants it.
    pub who: Words<24>,
    /// Why, in the person's own words; may be empty.
    pub why: Words<80>,
}

/// A short text of a person: printable, at most `N` bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Words<const N: usize>(String<N>);

impl<const N: usize> Words<N> {
    /// Takes what fits and can be shown; the rest is left out.
    pub fn cut(text: &str) -> Self {
        let mut words = String::new();
        for c in text.trim().chars().filter(|c| !c.is_control()) {
            if words.push(c).is_err() {
                break;
            }
        }
        Self(words)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Words<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const N: usize> Serialize for Words<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Words<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<const N: usize> de::Visitor<'_> for Visitor<N> {
            type Value = Words<N>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a text of at most {N} bytes without control characters")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Words<N>, E> {
                let refused = || E::invalid_value(de::Unexpected::Str(text), &self);
                if text.chars().any(char::is_control) {
                    return Err(refused());
                }
                String::try_from(text).map(Words).map_err(|_| refused())
            }
        }
        deserializer.deserialize_str(Visitor::<N>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_a_character_and_hold_nothing_that_upsets_a_terminal() {
        assert_eq!(Words::<8>::cut("  fan\x1b[2J\nnew ").as_str(), "fan[2Jne");
        assert_eq!(Words::<4>::cut("a\u{20ac}\u{20ac}").as_str(), "a\u{20ac}");
    }

    #[test]
    fn words_that_are_too_long_or_not_printable_are_no_message() {
        let decode = |bytes: &[u8]| postcard::from_bytes::<Words<3>>(bytes).map(|words| words.0.len());
        assert_eq!(decode(b"\x03abc"), Ok(3));
        assert!(decode(b"\x04abcd").is_err() && decode(b"\x02a\x07").is_err());
    }
}
