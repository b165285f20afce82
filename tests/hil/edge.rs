//! The fast path through the kernel: an edge of a gpiochip, a freeze by the control group.
//!
//! The kernel's own tracing tells the time of all by one clock: `irq_handler_entry` of the line that the agent holds,
//! `cgroup_freeze` when the group's file is written, and `cgroup_notify_frozen` when the last task of the group stands still.

use std::time::Duration;

use crate::pi::Pi;
use crate::{PATIENCE, batch_is_frozen};

/// The line is heard again ten seconds after an edge, and twice as long after each further one.
const DIPS: usize = 2;
/// The requirement is 5 ms on a Pi; this is an emulated processor on a machine that does other things.
const WORST: Duration = Duration::from_millis(500);
const TRACING: &str = "cd /sys/kernel/tracing; echo mono >trace_clock; echo 'name == \"heliostat\"' >events/irq/irq_handler_entry/filter; \
    for event in irq/irq_handler_entry cgroup/cgroup_freeze cgroup/cgroup_notify_frozen; do echo 1 >events/$event/enable; done; cd /";

/// A spark on the wire freezes and is let go; a dip of the terminals freezes, Docker pauses, and all that ends when the
/// terminals are well.
pub(crate) fn an_edge_freezes_what_can_wait_and_all_is_thawed(pi: &mut Pi) {
    pi.sh(TRACING);
    armed(pi);
    let pull = "/sys/kernel/debug/hil_gpio/pull";
    pi.sh(&format!("echo >/sys/kernel/tracing/trace; echo 1 >{pull}; echo 0 >{pull}"));
    pi.until("the false alarm to be told", "cat /run/agent.log", PATIENCE, |log| log.contains("false alarm"));
    // A reading is there at once: the tasks may not even have been stopped before they are let go.
    let written = since_edge(pi, "cgroup_freeze");
    thawed(pi);
    assert_eq!(pi.try_sh("grep pause /run/engine.log").0, "", "a spark is no business of Docker's");

    let mut took = Vec::new();
    for _ in 0..DIPS {
        armed(pi);
        pi.sh("echo >/run/engine.log; echo >/run/agent.log; echo >/sys/kernel/tracing/trace");
        // Under the level at which what can wait stands still (11.5 V), above the emergency (11.3 V): the chip pulls its pin.
        pi.battery(11.4, 1.0);
        pi.until("Docker's pause", "cat /run/engine.log", PATIENCE, |log| log.contains("pause batch"));
        took.push(since_edge(pi, "cgroup_notify_frozen"));
        assert!(batch_is_frozen(pi));
        let others = pi.sh("cat /sys/fs/cgroup/docker/*/cgroup.events | grep -c 'frozen 0'");
        assert_eq!(others, "2", "what cannot wait runs on");
        assert_eq!(pi.sh("cat /sys/kernel/debug/hil_gpio/levels"), "0xfe", "the chip holds its pin");
        pi.until("the floor to be Shed", "cat /run/agent.log", PATIENCE, |log| log.contains("-> shed"));

        pi.battery(12.8, 1.0);
        thawed(pi);
        pi.until("Docker to be let go", "cat /run/engine.log", PATIENCE, |log| log.contains("unpause batch"));
        pi.until("Normal", "cat /run/agent.log", PATIENCE, |log| log.contains("throttle -> normal"));
    }
    pi.sh("echo 0 >/sys/kernel/tracing/events/enable");
    let list: Vec<String> = took.iter().map(|took| format!("{:.2}", took.as_secs_f64() * 1e3)).collect();
    println!(
        "hil: from the edge of a gpiochip's line to frozen {} ms, to the group's file written {:.2} ms",
        list.join(" and "),
        written.as_secs_f64() * 1e3
    );
    assert!(took.iter().all(|took| *took < WORST) && written < WORST, "{took:?}, {written:?}");
}

/// Waits until the agent holds the line and the chip is armed.
pub(crate) fn armed(pi: &mut Pi) {
    pi.until("the agent to hold the line", "grep -A9 hil-gpio: /sys/kernel/debug/gpio", PATIENCE, |lines| {
        lines.contains("heliostat")
    });
    // BUL and LEN: bus under-voltage, latched.
    pi.until("the chip to be armed", "cat /sys/kernel/debug/hil_i2c/06", PATIENCE, |mask| mask == "0x1001");
}

fn thawed(pi: &mut Pi) {
    let frozen = "cat /sys/fs/cgroup/docker/*/cgroup.events";
    pi.until("everything to run again", frozen, PATIENCE, |events| !events.contains("frozen 1"));
}

/// From the kernel's handler of the line's first edge to an event of the groups.
fn since_edge(pi: &mut Pi, event: &str) -> Duration {
    let trace = pi.sh("cat /sys/kernel/tracing/trace");
    // "   init-1   [001] d....    53.721003: irq_handler_entry: irq=112 name=heliostat"
    let at = |what: &str| -> f64 {
        let line = trace.lines().find(|line| line.contains(&format!(": {what}: ")));
        let stamp =
            line.and_then(|line| line.split(&format!(": {what}: ")).next()?.split_whitespace().last());
        stamp.and_then(|stamp| stamp.parse().ok()).unwrap_or_else(|| panic!("no {what} in {trace}"))
    };
    let (edge, then) = (at("irq_handler_entry"), at(event));
    assert!(then > edge, "it was something else, {edge} and {then}: {trace}");
    Duration::from_secs_f64(then - edge)
}
