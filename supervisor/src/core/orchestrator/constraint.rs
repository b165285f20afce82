//! Whether a node fits a service's placement constraints, as far as they can be told from outside the engine.
//!
//! `node.role`, `node.hostname`, `node.id` and `node.labels.*` are what Swarm compares (swarmkit's constraint package), with `==`
//! and `!=`. Of others (the platform, the engine's own labels) nothing is known: every node is taken to fit, and should none
//! in truth, the replacement waits and the relief's bound ends that.

use super::seen::SwarmNode;

/// Whether a node fits all of them.
pub(super) fn fits(constraints: &[String], id: &str, node: &SwarmNode) -> bool {
    constraints.iter().all(|constraint| fits_one(constraint, id, node).unwrap_or(true))
}

/// `None` where it cannot be told.
fn fits_one(constraint: &str, id: &str, node: &SwarmNode) -> Option<bool> {
    let (key, value, wanted) = match constraint.split_once("!=") {
        Some((key, value)) => (key, value, false),
        None => constraint.split_once("==").map(|(key, value)| (key, value, true))?,
    };
    let (key, value) = (key.trim(), value.trim());
    let is = match key {
        "node.id" => id.eq_ignore_ascii_case(value),
        "node.hostname" => node.hostname.eq_ignore_ascii_case(value),
        "node.role" => value.eq_ignore_ascii_case(if node.wants_manager { "manager" } else { "worker" }),
        _ => {
            let label = key.strip_prefix("node.labels.")?;
            node.labels.get(label).is_some_and(|found| found.eq_ignore_ascii_case(value))
        }
    };
    Some(is == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::orchestrator::seen::Availability;

    #[test]
    fn a_node_fits_what_swarm_would_let_run_there() {
        let node = SwarmNode {
            hostname: "pi4".to_owned(),
            address: None,
            manager: None,
            wants_manager: false,
            availability: Availability::Active,
            ready: true,
            labels: BTreeMap::from([("disk".to_owned(), "ssd".to_owned())]),
            version: 1,
        };
        let fits = |constraints: &[&str]| {
            let owned: Vec<String> = constraints.iter().map(|one| (*one).to_owned()).collect();
            super::fits(&owned, "id4", &node)
        };
        assert!(fits(&[]) && fits(&["node.role==worker", "node.hostname != pi1", "node.labels.disk == SSD"]));
        for refused in ["node.role == manager", "node.hostname!=pi4", "node.labels.disk==hdd", "node.id!=id4"]
        {
            assert!(!fits(&[refused]), "{refused}");
        }
        assert!(fits(&["node.platform.arch==aarch64"]), "what cannot be told forbids nothing");
    }
}
