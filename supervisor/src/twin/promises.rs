//! What the design promises, checked at every step. A promise that does not hold is kept with its place and numbers.

use std::time::Duration;

use agent::core::event::ContainerStatus;
use protocol::{Class, Stage, Uptime};

use super::Twin;
use super::node::{Life, Node};

/// Between two looks at all containers.
const CHECK_STEP: Duration = Duration::from_secs(10);
/// A node that has been in its stage for this long has done what the stage asks for.
const SETTLED: Duration = Duration::from_mins(3);

impl Twin {
    /// A promise did not hold.
    pub(super) fn broke(&mut self, node: usize, what: String) {
        let time = self.time();
        let name = self.nodes.get(node).map_or_else(String::new, |node| node.plan.name.to_string());
        self.chronicle.broke(time, &name, what);
    }

    /// After every event of an agent.
    pub(super) fn check_agent(&mut self, life: Life) {
        let Some(running) = self.living(life).and_then(|node| node.running()) else { return };
        let (stage, floor) = (running.agent.stage(), running.agent.floor());
        if stage < floor {
            self.broke(life.node, format!("stage {stage} is less careful than its floor {floor}"));
        }
    }

    /// After every step of physics.
    pub(super) fn check_supply(&mut self) {
        let awake = self.nodes.iter().filter(|node| node.is_awake()).count();
        let voltage = self.field.voltage();
        let under = voltage < self.field.cutoff() && awake > 0;
        if under && !self.supply_was_under {
            self.chronicle.sums.under_cutoff += 1;
        }
        self.supply_was_under = under;
        self.chronicle.sums.brown_outs = self.chronicle.sums.under_cutoff + self.field.power_losses();
        if !self.now.as_millis().is_multiple_of(CHECK_STEP.as_millis() as u64) {
            return;
        }
        let now = self.now;
        let nodes = self.nodes.iter_mut().enumerate();
        let broken: Vec<(usize, String)> =
            nodes.filter_map(|(i, node)| Some((i, check_containers(node, now)?))).collect();
        for (index, what) in broken {
            self.broke(index, what);
        }
    }
}

/// Critical containers run until `Halt`; in `Normal`, everything is as it was found. Both after a while: a change takes
/// its time, and so does a start after a boot.
fn check_containers(node: &mut Node, now: Uptime) -> Option<String> {
    if now < node.engine_silent_until {
        // An engine that does not answer keeps nobody's promise; the time to settle begins anew.
        (node.normal_for, node.serving_for) = (Duration::ZERO, Duration::ZERO);
        return None;
    }
    let stage = node.running().filter(|running| !running.stopping).map(|running| running.agent.stage());
    let holds = |for_now: Duration, now: bool| if now { for_now + CHECK_STEP } else { Duration::ZERO };
    node.normal_for = holds(node.normal_for, stage == Some(Stage::Normal));
    node.serving_for = holds(node.serving_for, stage.is_some_and(|stage| stage < Stage::Halt));
    let stage = stage?;
    for (recipe, seen) in node.docker.all() {
        let runs = seen.status == ContainerStatus::Running;
        if recipe.class == Class::Critical && node.serving_for >= SETTLED && !runs {
            return Some(format!("critical container {} is {:?} in stage {stage}", recipe.name, seen.status));
        }
        if node.normal_for >= SETTLED && (!runs || recipe.is_capped(seen.cpu)) {
            return Some(format!("container {} was not put back in stage {stage}", recipe.name));
        }
    }
    None
}
