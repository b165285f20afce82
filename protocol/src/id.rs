//! Names and numbers by which nodes, supplies, containers, boots, terms and orders are told apart.

use core::fmt;
use core::str::FromStr;

use heapless::String;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameError {
    /// The longest name of this kind, in bytes.
    pub length_max: usize,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name is 1 to {} of the characters A-Z a-z 0-9 . _ -, beginning with a letter or digit",
            self.length_max
        )
    }
}

impl core::error::Error for NameError {}

/// A name's text: letters, digits, `.`, `_`, `-`; nothing that could upset a terminal, a path or a label.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String<$length>);

        impl $name {
            /// The longest, in bytes.
            pub const LENGTH_MAX: usize = $length;

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let error = NameError { length_max: $length };
                if !is_name(text) {
                    return Err(error);
                }
                String::try_from(text).map(Self).map_err(|_| error)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        fmt::Display::fmt(&NameError { length_max: $length }, f)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

name! {
    /// A node's name: its host name, unique in the fleet.
    NodeName, 63
}
name! {
    /// A supply's name: one battery with its panel and the nodes fed by it.
    SupplyName, 32
}
name! {
    /// A container's name as Docker shows it, cut to length where a Swarm task's name is longer.
    ContainerName, 64
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The one after it.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A leader's term: greater than any term that an agent reported when the leader took over.
    Term(u64)
}
number! {
    /// A plan's number within its term.
    Generation(u64)
}
number! {
    /// A report's number within a link, from 1.
    Sequence(u32)
}
number! {
    /// A container's place in its node's reports: short, stable while the agent runs.
    ContainerSlot(u8)
}

/// Drawn at random at each start of an agent, so that a supervisor tells a new link from a new life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub u32);

/// Which plan an order is part of: (term, generation), ordered by term first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct OrderId {
    /// The leader's term.
    pub term: Term,
    /// The plan's generation within the term.
    pub generation: Generation,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_nothing_that_upsets_a_terminal_a_path_or_a_label() {
        for good in ["pi-4", "pi-4.attic", "0", "Web_1"] {
            assert_eq!(good.parse::<NodeName>().unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "-x", "_x", "a b", "a/b", "a\n", "\u{1b}[2J", "pi-ä", "a:b", "a\"b"] {
            assert!(bad.parse::<NodeName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_longest_name_is_taken_and_a_longer_one_is_not() {
        let text = [b'a'; SupplyName::LENGTH_MAX + 1];
        let text = core::str::from_utf8(&text).unwrap();
        assert!(text[1..].parse::<SupplyName>().is_ok());
        assert_eq!(text.parse::<SupplyName>(), Err(NameError { length_max: SupplyName::LENGTH_MAX }));
    }

    #[test]
    fn a_name_from_the_wire_is_held_to_the_same_rule() {
        let mut bytes = [0; 16];
        let bad = postcard::to_slice("../etc", &mut bytes).unwrap();
        assert!(postcard::from_bytes::<NodeName>(bad).is_err());
    }

    #[test]
    fn orders_are_newer_by_term_first() {
        let id = |term, generation| OrderId { term: Term(term), generation: Generation(generation) };
        assert!(id(2, 1) > id(1, 900));
        assert!(id(2, 2) > id(2, 1));
        assert_eq!(Term(u64::MAX).next(), Term(u64::MAX), "and the last term has no next");
    }
}
