//! What a test may rely on of the lab itself.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::lab::{Cut, Lab, Layout, Part, WEB_PORT};
use tests::{program, require, wait};

const PATIENCE: Duration = Duration::from_mins(1);
/// A client's rate in these tests, a second.
const RATE: u32 = 50;

#[test]
fn a_host_that_is_cut_comes_back_with_its_disk_and_the_client_counts_the_outage() {
    if !require::lab("a_host_that_is_cut_comes_back_with_its_disk_and_the_client_counts_the_outage") {
        return;
    }
    let lab = Lab::up(&Layout::new(0, 1));
    let host = lab.host("w1");
    let port = format!("{WEB_PORT}:8080");
    host.docker(&[
        "run",
        "-d",
        "--name",
        "web",
        "--restart",
        "always",
        "-p",
        &port,
        "-e",
        "WEB_HOST=w1",
        lab.image().id(),
    ]);
    let target = (host.address(), WEB_PORT).into();
    lab.wait_for_answer(target);
    for how in [Cut::Wire, Cut::Freeze, Cut::Power] {
        let client = lab.client(target, RATE);
        wait::until_true("answers", PATIENCE, || client.so_far().fates().len() > 20);
        let cut_at = client.now();
        host.cut(how);
        wait::until_true("failures", PATIENCE, || client.so_far().failed() > 20);
        let restored_at = client.now();
        host.restore();
        lab.wait_for_answer(target);
        let well_at = client.now();
        wait::until_true("answers again", PATIENCE, || {
            client.so_far().between(well_at + PAUSE, Duration::MAX).fates().len() > 20
        });
        let tally = client.finish();
        println!("{how:?}: {tally}");
        let outage = tally.outage(cut_at).expect("it ended");
        assert_eq!(tally.between(Duration::ZERO, cut_at.saturating_sub(PAUSE)).failed(), 0, "{how:?} before");
        assert_eq!(tally.between(well_at + PAUSE, Duration::MAX).failed(), 0, "{how:?} after");
        let least = restored_at.checked_sub(cut_at + PAUSE).expect("time passed");
        assert!(
            least <= outage && outage <= well_at.checked_sub(cut_at).unwrap() + PAUSE,
            "{how:?}: {outage:?} of {least:?}"
        );
    }
    assert_eq!(
        host.docker(&["inspect", "-f", "{{.RestartCount}}", "web"]),
        "0",
        "its disk knows the container"
    );
}

/// What a busy machine adds to the moment at which a request is seen.
const PAUSE: Duration = Duration::from_secs(2);

#[test]
fn a_swarm_of_masters_and_workers_serves_behind_its_balancers_and_address() {
    if !require::lab("a_swarm_of_masters_and_workers_serves_behind_its_balancers_and_address") {
        return;
    }
    let lab = Lab::up(&Layout::new(2, 2));
    lab.swarm(1);
    let nodes = lab.nodes("m1").expect("a manager");
    let shown: Vec<_> =
        nodes.iter().map(|node| (node.name.as_str(), node.state.as_str(), node.manager.as_deref())).collect();
    let (leader, worker) = (Some("leader"), None);
    assert_eq!(
        shown,
        [("m1", "ready", leader), ("m2", "ready", worker), ("w1", "ready", worker), ("w2", "ready", worker)]
    );
    lab.service("web", 2, &["--constraint", "node.hostname!=m1", "--constraint", "node.hostname!=m2"]);
    lab.start_balancers(tests::lab::Watchfulness::Tuned);
    lab.start_keepalived("0.1");
    // Who is up first may have it for a moment, and what is in flight when it moves on is lost.
    wait::until_true(
        "the address to be where it stays",
        PATIENCE,
        || matches!(lab.holders()[..], [holder] if holder.name() == "m1"),
    );
    lab.wait_for_answer(lab.address());
    let client = lab.client(lab.address(), RATE);
    wait::until_true("answers", PATIENCE, || client.so_far().fates().len() > 50);
    let tally = client.finish();
    println!("{tally}");
    assert_eq!(tally.failed(), 0);
    assert_eq!(tally.by_host().keys().collect::<Vec<_>>(), ["w1", "w2"], "both replicas serve");
    // The address moves to the other master when its holder is gone.
    let holder = lab.holders();
    assert_eq!(holder.len(), 1);
    let holder = holder[0];
    holder.cut(Cut::Power);
    lab.wait_for_answer(lab.address());
    assert_ne!(lab.holders()[0].name(), holder.name());
}

#[test]
fn agents_report_a_battery_that_the_test_moves() {
    if !require::lab("agents_report_a_battery_that_the_test_moves") {
        return;
    }
    let lab = Lab::up(&Layout::new(1, 1));
    lab.start_supervisors();
    lab.start_agents();
    let stage = |node: &str| lab.host("m1").stage_of(node).unwrap_or_default();
    wait::until_true("both nodes to be well", PATIENCE, || {
        stage("w1") == "normal" && stage("m1") == "normal"
    });
    lab.supply("w1").go_to(protocol::Soc::from_percent(50.0), Duration::from_secs(10));
    wait::until_true("w1 to shed", PATIENCE, || stage("w1") == "shed");
    assert_eq!(stage("m1"), "normal", "its own supply is well");
    lab.supply("w1").go_to(protocol::Soc::from_percent(20.0), Duration::from_secs(10));
    wait::until_true("w1 to power itself off", PATIENCE, || !lab.host("w1").is_on());
    assert!(lab.host("m1").is_on() && lab.host("m1").runs(Part::Agent));
}

#[test]
fn a_lab_ends_with_its_owner_however_that_ends() {
    if !require::lab("a_lab_ends_with_its_owner_however_that_ends") {
        return;
    }
    let (input, output) = (Stdio::piped(), Stdio::piped());
    let mut owner =
        Command::new(program::path("lab")).args(["1", "1"]).stdin(input).stdout(output).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().expect("a pipe")).lines();
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains("configs and logs")));
    let line = line.expect("it comes up");
    let folder = PathBuf::from(line.rsplit(' ').next().expect("the folder"));
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let group = ["/sys/fs/cgroup/freezer", "/sys/fs/cgroup"].map(|top| PathBuf::from(top).join(&name));
    let pid = std::fs::read_to_string(folder.join("pids/w1-init")).expect("a host's first process");
    let process = PathBuf::from("/proc").join(pid.split_whitespace().next().expect("its id"));
    assert!(folder.exists() && process.exists() && group.iter().any(|group| group.exists()));
    owner.kill().expect("SIGKILL");
    owner.wait().expect("it ends");
    wait::until_true("the lab to be gone", PATIENCE, || {
        !folder.exists() && !process.exists() && !group.iter().any(|group| group.exists())
    });
}
