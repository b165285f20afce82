//! Where the time goes between a loss and its replacement, for whoever wants to shorten it: what the leader wrote down, what
//! Swarm made of it, and what the replacement's engine did.

use serde_json::Value;
use supervisor::io::Timestamp;
use tests::lab::{Host, Lab};

/// One line: what happened when, in seconds after the cut.
pub(crate) fn of(lab: &Lab, replacement: &Host, cut_at: Timestamp) -> String {
    let mut steps = decisions(lab, cut_at);
    steps.extend(work(lab, replacement));
    in_order(steps, cut_at)
}

/// One line: what the leader wrote down when, in seconds after a moment.
pub(crate) fn of_leader(lab: &Lab, since: Timestamp) -> String {
    in_order(decisions(lab, since), since)
}

fn in_order(mut steps: Vec<(Timestamp, String)>, cut_at: Timestamp) -> String {
    steps.retain(|(at, _)| *at >= cut_at);
    steps.sort_by_key(|(at, _)| *at);
    let after = |at: &Timestamp| (at.as_millis() - cut_at.as_millis()) as f64 / 1000.0;
    let words: Vec<String> = steps.iter().map(|(at, what)| format!("{:.2} {what}", after(at))).collect();
    format!("  {}", words.join(", "))
}

/// What the leader saw and decided about nodes, work and traffic.
fn decisions(lab: &Lab, since: Timestamp) -> Vec<(Timestamp, String)> {
    let events = lab.holder().heliostat(&["events", "--json", "--since", &since.to_string()]);
    let events = events.unwrap_or_default();
    let step = |line: &str| {
        let event: Value = serde_json::from_str(line).ok()?;
        let kind = event["kind"].as_str()?;
        let node = event["node"].as_str().map_or_else(String::new, |node| format!("{node}: "));
        let known = ["host_lost", "host_found", "orchestrator", "balancer"].contains(&kind);
        let at = event["time"].as_str()?.parse().ok()?;
        known.then(|| Some((at, format!("{node}{}", event["text"].as_str()?)))).flatten()
    };
    events.lines().filter_map(step).collect()
}

/// What Swarm and the replacement's engine did, by their own word.
fn work(lab: &Lab, replacement: &Host) -> Vec<(Timestamp, String)> {
    let task = ["{{.CreatedAt}} task made", "{{.Status.Timestamp}} task {{.Status.State}}"].join("\n");
    let container = ["{{.Created}} container made", "{{.State.StartedAt}} container started"].join("\n");
    let mut lines = String::new();
    for id in replacement.try_docker(&["ps", "-q"]).unwrap_or_default().lines() {
        let words = ["inspect", "--format", &container, id];
        lines += &(replacement.try_docker(&words).unwrap_or_default() + "\n");
        let words = ["inspect", "--format", "{{index .Config.Labels \"com.docker.swarm.task.id\"}}", id];
        let id = replacement.try_docker(&words).unwrap_or_default();
        let words = ["inspect", "--type", "task", "--format", &task, &id];
        lines += &(lab.holder().try_docker(&words).unwrap_or_default() + "\n");
    }
    let step = |line: &str| {
        let (at, what) = line.split_once(' ')?;
        // A task's moments come as Go prints them: day, time, zone, zone.
        let (at, what) = match what.split_once(" +0000 UTC ") {
            Some((time, what)) => (format!("{at}T{time}Z"), what),
            None => (at.to_owned(), what),
        };
        Some((at.parse().ok()?, what.to_owned()))
    };
    lines.lines().filter_map(step).collect()
}

/// The service and its tasks, as Swarm has them.
pub(crate) fn work_in_swarm(lab: &Lab) -> String {
    let leader = lab.holder();
    let service = ["service", "inspect", "--format", "{{json .Spec.Labels}} {{json .Spec.Mode}}", "web"];
    let tasks = ["service", "ps", "--no-trunc", "web"];
    [&service[..], &tasks[..]].map(|words| leader.try_docker(words).unwrap_or_else(|error| error)).join("\n")
}
