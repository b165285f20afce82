//! A node is relieved before it is ordered to drain: its servers get nothing new and their sessions end, and Swarm starts
//! the replacements of its tasks first.
//!
//! ```text
//!   asked --balancer and orchestrator have nothing left there--> relieved --> the order is given
//!     \------------------- `relief_max` is over ----------------> timed out ----/
//! ```
//!
//! Only the leader's own orders wait, because the leader acts above the nodes' floors. A floor never waits: a node that drains
//! by its own readings is relieved as far as its time goes.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{NodeName, Stage, Uptime};

/// A relief that the plan no longer asks for is over after so long: a plan is made at least this often.
const FORGOTTEN: Duration = Duration::from_secs(20);

/// How far a node's relief is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Its work is being taken over.
    Asked,
    /// It has nothing left to do.
    Relieved,
    /// It has, but there is no more time.
    TimedOut,
}

/// One node's.
#[derive(Debug, Clone, Copy)]
struct Relief {
    since: Uptime,
    renewed: Uptime,
    progress: Progress,
}

/// What a relief came to, for the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) after: Duration,
    pub(crate) progress: Progress,
}

/// The nodes that are relieved, or were and have not come back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reliefs(BTreeMap<NodeName, Relief>);

impl Reliefs {
    /// A plan would have the node drain. How far is it?
    pub(crate) fn ask(&mut self, node: &NodeName, now: Uptime) -> Progress {
        let new = Relief { since: now, renewed: now, progress: Progress::Asked };
        let relief = self.0.entry(node.clone()).or_insert(new);
        relief.renewed = now;
        relief.progress
    }

    /// Whether a node is to be relieved, or is.
    pub(crate) fn is_asked(&self, node: &NodeName) -> bool {
        self.0.contains_key(node)
    }

    /// Since when it is asked.
    pub(crate) fn since(&self, node: &NodeName) -> Option<Uptime> {
        self.0.get(node).map(|relief| relief.since)
    }

    /// Whether a relief is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.values().any(|relief| relief.progress == Progress::Asked)
    }

    /// Whether a node's time for relief is over.
    pub(crate) fn is_overdue(&self, node: &NodeName) -> bool {
        self.0.get(node).is_some_and(|relief| relief.progress == Progress::TimedOut)
    }

    /// Looks at every relief: which is done, which has no more time, which is no longer asked for. `stage_of` is the deeper
    /// of a node's order and its report; `is_done` says whether nothing is left to do there.
    pub(crate) fn judge(
        &mut self,
        now: Uptime,
        relief_max: Duration,
        stage_of: impl Fn(&NodeName) -> Stage,
        is_done: impl Fn(&NodeName, Uptime) -> bool,
    ) -> Vec<(NodeName, Settled)> {
        self.0.retain(|node, relief| stage_of(node) >= Stage::Drain || now.since(relief.renewed) < FORGOTTEN);
        let mut settled = Vec::new();
        for (node, relief) in &mut self.0 {
            if relief.progress != Progress::Asked {
                continue;
            }
            let after = now.since(relief.since);
            if is_done(node, relief.since) {
                relief.progress = Progress::Relieved;
            } else if after >= relief_max {
                relief.progress = Progress::TimedOut;
            } else {
                continue;
            }
            settled.push((node.clone(), Settled { after, progress: relief.progress }));
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_mins(1);

    fn pi4() -> NodeName {
        "pi4".parse().unwrap()
    }

    fn at(secs: u64) -> Uptime {
        Uptime::from_secs(secs)
    }

    #[test]
    fn a_relief_ends_when_all_is_done_or_its_time_is_over() {
        let mut reliefs = Reliefs::default();
        assert_eq!(reliefs.ask(&pi4(), at(0)), Progress::Asked);
        assert!(reliefs.judge(at(5), MAX, |_| Stage::Shed, |_, _| false).is_empty());
        let done = reliefs.judge(at(7), MAX, |_| Stage::Shed, |_, _| true);
        assert_eq!(done[0].1, Settled { after: Duration::from_secs(7), progress: Progress::Relieved });
        assert_eq!(reliefs.ask(&pi4(), at(8)), Progress::Relieved);

        let mut reliefs = Reliefs::default();
        reliefs.ask(&pi4(), at(0));
        for secs in (0..60).step_by(5) {
            reliefs.ask(&pi4(), at(secs));
            assert!(reliefs.judge(at(secs), MAX, |_| Stage::Shed, |_, _| false).is_empty());
        }
        assert_eq!(
            reliefs.judge(at(60), MAX, |_| Stage::Shed, |_, _| false)[0].1.progress,
            Progress::TimedOut
        );
        assert!(reliefs.is_overdue(&pi4()));
    }

    #[test]
    fn a_relief_lasts_as_long_as_the_node_drains_and_is_forgotten_when_no_plan_asks() {
        let mut reliefs = Reliefs::default();
        reliefs.ask(&pi4(), at(0));
        reliefs.judge(at(1), MAX, |_| Stage::Shed, |_, _| true);
        reliefs.judge(at(1000), MAX, |_| Stage::Drain, |_, _| true);
        assert!(reliefs.is_asked(&pi4()), "it drains");
        reliefs.judge(at(1001), MAX, |_| Stage::Shed, |_, _| true);
        assert!(!reliefs.is_asked(&pi4()), "it came back");
    }
}
