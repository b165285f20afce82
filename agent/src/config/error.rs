//! What is wrong with a config file: every problem with its file, line, key, the value and what would be right.

use std::fmt;
use std::path::PathBuf;

use hardware::chips::SettingsError;
use protocol::NodeName;
use thiserror::Error;

use super::policy::PolicyError;

/// All problems of one file, so that a person mends it in one go.
#[derive(Debug, Clone, PartialEq, Error)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong, in the order of the file; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some(line) = problem.line {
                write!(f, "{line}:")?;
            }
            // The ladder's own errors begin with the key and its number.
            if !problem.key.is_empty() && !matches!(problem.what, What::Policy(_)) {
                write!(f, " {}:", problem.key)?;
            }
            write!(f, " {}", problem.what)?;
        }
        Ok(())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The line, from 1; `None` where something is missing altogether.
    pub line: Option<usize>,
    /// The key with its path, for example `battery.capacity`; empty when the file as a whole is meant.
    pub key: String,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum What {
    /// The text is not TOML.
    #[error("not TOML: {0}")]
    Syntax(String),
    /// There is nothing in it.
    #[error("the file is empty: it needs at least [node] and [battery]")]
    Empty,
    /// No such key, or no such value of a list of words.
    #[error("unknown {kind} `{found}`: {}", Expected(.nearest.as_deref(), .known))]
    Unknown {
        /// `key` or `value`.
        kind: &'static str,
        /// What was written.
        found: String,
        /// The known one that looks most like it.
        nearest: Option<String>,
        /// All that are known here.
        known: Vec<String>,
    },
    /// A key that must be there is not.
    #[error("missing: {0}")]
    Missing(&'static str),
    /// A key that must be there is not; its section is there.
    #[error("missing key `{0}`")]
    MissingKey(String),
    /// A value of the wrong type, without its unit, or with the wrong one.
    #[error("{0}")]
    Value(String),
    /// A section where a list is wanted, or the other way round.
    #[error("is {found}, but {wanted}")]
    Shape {
        /// What was written.
        found: &'static str,
        /// How to write it.
        wanted: &'static str,
    },
    /// A number outside its range.
    #[error("{found} is outside {low} to {high}")]
    Range {
        /// What was written.
        found: String,
        /// The least.
        low: String,
        /// The most.
        high: String,
    },
    /// The same thing twice.
    #[error("{found} is there twice: first on line {first}")]
    Twice {
        /// What.
        found: String,
        /// Where it was first.
        first: usize,
    },
    /// The shunt, the divider or an input does not fit the chip.
    #[error("{0}")]
    Shunt(SettingsError),
    /// A link that anyone on the network could read and forge.
    #[error(
        "{0} is not on this machine, and this node has no certificate to protect the link: join the cluster \
         (`heliostat-agent join {0} --token TOKEN`), or set `plaintext = true` here on a network that you trust"
    )]
    Plaintext(std::net::SocketAddr),
    /// A source that answers a question at the next reading would be too old by then.
    #[error(
        "{found} between two readings is too long for {sensor}: its answer comes at the next one, so at most {most}"
    )]
    AnswersLater {
        /// Which kind of sensor.
        sensor: String,
        /// What was written.
        found: String,
        /// The most.
        most: String,
    },
    /// Two recorded traces cannot both drive the clock.
    #[error(
        "a second replay sensor: the agent's one clock runs at the speed of one trace (first on line {first})"
    )]
    SecondReplay {
        /// Where the first is.
        first: usize,
    },
    /// A node cannot cut its own power by a switch.
    #[error("{0} is this node itself: it would cut its own power before its disks are synced")]
    OwnSwitch(NodeName),
    /// The ladder contradicts itself or the battery.
    #[error("{0}")]
    Policy(PolicyError),
}

/// Says what would be right instead of an unknown word.
struct Expected<'a>(Option<&'a str>, &'a [String]);

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(nearest), _) => write!(f, "did you mean `{nearest}`?"),
            Self(None, []) => f.write_str("nothing is known here"),
            Self(None, known) => write!(f, "known here: {}", known.join(", ")),
        }
    }
}
