//! Since when a node's thresholds have been crossed: a crossing counts only once it held.

use std::collections::BTreeMap;

use protocol::{NodeName, Stage, Uptime};

use super::{Scene, Turn};
use crate::core::fleet::Node;
use crate::core::missing::may_be_woken;
use crate::core::supply::Estimate;

/// One node's crossings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Crossing {
    /// Since when it should save more.
    pub(super) save: Option<Uptime>,
    /// Since when it might leave this stage.
    pub(super) spend: Option<(Stage, Uptime)>,
    /// Since when it might be woken.
    pub(super) wake: Option<Uptime>,
}

/// All nodes' crossings. The planner's only memory of its own; it is an argument, like everything else.
pub(crate) type Crossings = BTreeMap<NodeName, Crossing>;

impl Crossing {
    /// Brought up to date.
    pub(super) fn renewed(
        self,
        scene: Scene<'_>,
        node: &Node,
        turn: &Turn,
        estimate: Option<&Estimate>,
    ) -> Self {
        let Some(estimate) = estimate else { return Self::default() };
        let ordered = scene.orders.stage(&node.name);
        let held_at = ordered.max(node.floor());
        let since = |old: Option<Uptime>, holds: bool| holds.then(|| old.unwrap_or(scene.now));
        let spend_since = self.spend.filter(|(stage, _)| *stage == ordered).map(|(_, at)| at);
        let restless = turn.goal.is_some() && scene.paces.is_restless(&node.name, scene.now);
        let asked = turn.asked(estimate).map_or(Stage::Normal, |(stage, _)| stage);
        Self {
            save: since(self.save, asked > held_at),
            spend: since(spend_since, estimate.known && !restless && turn.may_leave(ordered, estimate))
                .map(|at| (ordered, at)),
            wake: since(
                self.wake,
                estimate.known
                    && may_be_woken(node, scene.now)
                    && turn.may_wake(estimate, &scene.settings.plan),
            ),
        }
    }
}
