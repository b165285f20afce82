//! What happened at the simulated site: decisions, the strip of the day, sums for the summary, broken promises.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::report::SocBand;
use protocol::{Class, NodeName, Power, Reason, Soc, Stage};

use crate::tui::brief;
use crate::tui::scene::{DecisionLine, NodeMode, SiteTime, StripSample};

/// Between two samples of the strip.
const STRIP_STEP_S: u32 = 300;
/// The decisions that are kept to be shown; the counts keep them all.
const DECISIONS_SHOWN: usize = 500;

/// A promise of the design that did not hold. There must be none.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// When.
    pub day: u32,
    /// When, in that day.
    pub clock: String,
    /// On which node.
    pub node: String,
    /// What did not hold, with its numbers.
    pub what: String,
}

/// One stage change of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When.
    pub time: SiteTime,
    /// Which node, by its place in the plan.
    pub node: usize,
    /// The stage left.
    pub from: Stage,
    /// The stage entered.
    pub to: Stage,
    /// Why.
    pub reason: Reason,
}

/// Sums over the run.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    pub(super) soc_truth_min: Option<Soc>,
    pub(super) soc_estimate_min: Option<Soc>,
    /// Sum of squared errors of the estimate in points, and how many there were.
    pub(super) soc_error_square: f64,
    pub(super) soc_errors: u64,
    pub(super) soc_error_max: f64,
    /// How often the truth was within the estimate's band.
    pub(super) soc_in_band: u64,
    /// How often the supply went under the cut-off while a node was up.
    pub(super) under_cutoff: u32,
    /// These, and how often a node that was up lost its power.
    pub(super) brown_outs: u32,
    pub(super) wakes: u32,
    pub(super) link_losses: u32,
    pub(super) bytes_up: u64,
    pub(super) bytes_down: u64,
}

/// The whole story.
#[derive(Debug)]
pub struct Chronicle {
    /// Stage changes, oldest first.
    pub changes: Vec<Change>,
    /// The last decisions as lines, newest last.
    pub decisions: Vec<DecisionLine>,
    /// The strip's samples.
    pub strip: Vec<StripSample>,
    /// Promises that did not hold.
    pub broken: Vec<Broken>,
    /// How many decisions were ever said.
    said: usize,
    pub(super) sums: Sums,
    /// Seconds in each mode, by node.
    pub(super) modes: Vec<BTreeMap<NodeMode, Duration>>,
    /// How long containers of a class were wanted, and how long they ran.
    pub(super) served: BTreeMap<Class, (Duration, Duration)>,
}

impl Chronicle {
    /// Nothing happened yet, to so many nodes.
    pub fn new(nodes: usize) -> Self {
        Self {
            changes: Vec::new(),
            decisions: Vec::new(),
            strip: Vec::new(),
            broken: Vec::new(),
            said: 0,
            sums: Sums::default(),
            modes: vec![BTreeMap::new(); nodes],
            served: BTreeMap::new(),
        }
    }

    /// A node changed its stage; with its name it is told in words, too.
    pub fn change(&mut self, change: Change, name: Option<&NodeName>) {
        if let Some(name) = name {
            let rungs = format!("{} -> {}", change.from, change.to);
            let brief = format!("{rungs}: {}", brief::phrase(&change.reason));
            self.keep(change.time, name.as_str(), format!("{rungs}: {}", change.reason), brief);
        }
        self.changes.push(change);
    }

    /// Something else that a person should read.
    pub fn say(&mut self, time: SiteTime, node: &str, text: String) {
        self.keep(time, node, text.clone(), text);
    }

    fn keep(&mut self, time: SiteTime, node: &str, text: String, brief: String) {
        self.said += 1;
        self.decisions.push(DecisionLine { time, node: node.to_owned(), text, brief });
        if self.decisions.len() > 2 * DECISIONS_SHOWN {
            self.decisions.drain(..DECISIONS_SHOWN);
        }
    }

    /// How many decisions were ever said, also those that are not kept any more.
    pub fn said(&self) -> usize {
        self.said
    }

    /// The decisions after so many, as far as they are kept.
    pub fn decisions_since(&self, said: usize) -> &[DecisionLine] {
        let fresh = self.said.saturating_sub(said).min(self.decisions.len());
        self.decisions.get(self.decisions.len() - fresh..).unwrap_or_default()
    }

    /// A promise did not hold. The first of each kind on a node is kept: the rest repeat it.
    pub fn broke(&mut self, time: SiteTime, node: &str, what: String) {
        if !self.broken.iter().any(|broken| broken.node == node && broken.what == what) {
            self.broken.push(Broken { day: time.day(), clock: time.clock(), node: node.to_owned(), what });
        }
    }

    /// The battery's state of charge, in truth and as estimated (now and then).
    pub fn battery(&mut self, truth: Soc, estimate: Option<SocBand>) {
        let sums = &mut self.sums;
        keep_least(&mut sums.soc_truth_min, truth);
        if let Some(estimate) = estimate {
            keep_least(&mut sums.soc_estimate_min, estimate.best);
            let error = estimate.best.points_above(truth);
            sums.soc_error_square += error * error;
            sums.soc_errors += 1;
            sums.soc_error_max = sums.soc_error_max.max(error.abs());
            sums.soc_in_band += u64::from(estimate.low <= truth && truth <= estimate.high);
        }
    }

    /// A node was in this mode for a step.
    pub fn spent(&mut self, node: usize, mode: NodeMode, step: Duration) {
        if let Some(modes) = self.modes.get_mut(node) {
            *modes.entry(mode).or_default() += step;
        }
    }

    /// A container of this class was wanted for a step, and ran or did not.
    pub fn served(&mut self, class: Class, ran: bool, step: Duration) {
        let (wanted, served) = self.served.entry(class).or_default();
        *wanted += step;
        if ran {
            *served += step;
        }
    }

    /// Whether it is time for the strip's next sample.
    pub fn is_sample_due(&self, time: SiteTime) -> bool {
        self.strip.last().is_none_or(|last| time.seconds >= last.time.seconds + STRIP_STEP_S)
    }

    /// Takes a sample for the strip.
    pub fn sample(&mut self, time: SiteTime, sun: Power, soc: Option<SocBand>, modes: Vec<NodeMode>) {
        self.strip.push(StripSample { time, sun, soc, modes });
    }
}

/// The smaller of what was known and what is seen.
fn keep_least(least: &mut Option<Soc>, seen: Soc) {
    if least.is_none_or(|least| seen < least) {
        *least = Some(seen);
    }
}
