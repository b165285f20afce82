//! Which records are worth waking a person for, and which at least a message.
//!
//! The measure: would somebody who looks after the site want to know it tonight, or act on it? A stage that comes and goes
//! with the sun is neither; it is what all this is for.

use std::fmt;

use protocol::Stage;
use serde::Serialize;

use super::journal::{Record, What};
use super::liveness::Liveness;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// It is well again, or good to know.
    Note,
    /// Somebody should look.
    Warning,
    /// Somebody should come.
    Critical,
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// How much a record matters to somebody who is not looking; `None` for what can wait until they do.
pub fn urgency(record: &Record) -> Option<Urgency> {
    Some(match &record.what {
        What::HostLost { .. }
        | What::Liveness { to: Liveness::Lost, .. }
        | What::SupplyUnknown { .. }
        | What::KeepalivedGone { .. }
        | What::JournalFailing { .. }
        | What::WakeFailed { refusal: None, .. }
        | What::Relieved { timed_out: true, .. } => Urgency::Critical,
        What::SensorFault { .. }
        | What::SensorsDisagree { .. }
        | What::AddressFailed { .. }
        | What::WakeFailed { refusal: Some(_), .. }
        | What::StandingBy { .. }
        | What::TermRaised { .. }
        | What::OrderRefused { .. }
        // The node's own last rung: unlike a leader's order, nobody chose it.
        | What::Stage { to: Stage::Halt, floor: Stage::Halt, .. } => Urgency::Warning,
        What::HostFound
        | What::Liveness { from: Liveness::Lost, to: Liveness::Alive, .. }
        | What::SupplyKnown { .. }
        | What::KeepalivedRuns
        | What::JournalWorking
        | What::SensorClear
        | What::SensorsAgree
        | What::Leading { .. } => Urgency::Note,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Reason, Seconds, Uptime};

    fn record(what: What) -> Record {
        Record { at: Uptime::START, node: None, supply: None, what }
    }

    #[test]
    fn a_node_that_is_lost_wakes_somebody_and_a_night_does_not() {
        let lost = What::Liveness { from: Liveness::Late, to: Liveness::Lost, silent: Seconds(40) };
        assert_eq!(urgency(&record(lost)), Some(Urgency::Critical));
        let stage = |to, floor| What::Stage { from: None, to, floor, reason: Reason::Clear };
        assert_eq!(urgency(&record(stage(Stage::Shed, Stage::Shed))), None);
        assert_eq!(urgency(&record(stage(Stage::Halt, Stage::Normal))), None, "parked by the plan");
        assert_eq!(urgency(&record(stage(Stage::Halt, Stage::Halt))), Some(Urgency::Warning));
    }
}
