//! The Debian packages in a clean Debian tree: installed, upgraded, removed and purged as an operator would, with an
//! agent that holds containers meanwhile; and the arm64 one on an emulated processor.
//!
//! The tree is a fresh Debian made by mmdebstrap, kept under the target folder from one run to the next, and unpacked
//! anew for each test. Nothing of the machine's own packages is touched.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod tree;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::program::{self, Program};
use tests::require;

use tree::{Tree, containers, output, package, repository};

/// No wait of these tests is longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A config whose sensor is not there: blind, the agent climbs a stage every few seconds.
const BLIND: &str = "[node]\nname = \"pi-1\"\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
     [[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\naddress = 0x40\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\n\
     [policy]\nstale_hold = \"1 s\"\nstale_climb = \"5 s\"\n\
     [containers]\nsocket = \"/run/docker.sock\"\n[halt]\npower_off = \"none\"\n";

/// A tree with both packages in it.
fn installed(tree: &Tree, debs: &Path) {
    tree.dpkg(
        &["-i"],
        &[&debs.join("heliostat-agent_0.1.0_amd64.deb"), &debs.join("heliostat_0.1.0_amd64.deb")],
    );
}

#[test]
fn a_fresh_install_is_enabled_complete_and_harmless_and_a_purge_leaves_nothing() {
    if !require::packages("a_fresh_install") {
        return;
    }
    let debs = tempfile::tempdir().unwrap();
    package(debs.path(), &[]);
    let tree = Tree::unpack();
    let before = tree.files();
    installed(&tree, debs.path());
    for unit in ["heliostat-agent", "heliostat"] {
        let wanted = format!("etc/systemd/system/multi-user.target.wants/{unit}.service");
        assert!(fs::symlink_metadata(tree.path(&wanted)).is_ok(), "{unit} is not enabled");
        let verify = format!("systemd-analyze verify --man=no /lib/systemd/system/{unit}.service");
        assert_eq!(tree.sh(&verify), "", "systemd finds fault with {unit}");
    }
    // What an operator types first, and what the units begin with.
    tree.sh("heliostat-agent check --config /etc/heliostat/agent.toml");
    tree.sh("heliostat check --config /etc/heliostat/supervisor.toml");
    assert!(tree.sh(". /etc/default/heliostat-agent; echo $HELIOSTAT_AGENT_OPTIONS").contains("--dry-run"));
    assert!(tree.sh("getent passwd heliostat").contains("nologin"));
    for group in ["i2c", "gpio", "heliostat"] {
        tree.sh(&format!("getent group {group}"));
    }
    for file in [
        "usr/share/man/man1/heliostat.1.gz",
        "usr/share/man/man1/heliostat-status.1.gz",
        "usr/share/man/man8/heliostat-agent.8.gz",
        "usr/share/man/man8/heliostat-agent-recorder.8.gz",
        "usr/share/bash-completion/completions/heliostat-agent",
        "usr/share/zsh/vendor-completions/_heliostat",
        "usr/share/fish/vendor_completions.d/heliostat.fish",
        "lib/udev/rules.d/60-heliostat.rules",
        "usr/lib/sysctl.d/50-heliostat-agent.conf",
    ] {
        assert!(tree.path(file).exists(), "{file} is missing");
    }
    tree.dpkg(&["--purge", "heliostat", "heliostat-agent"], &[]);
    let left: Vec<String> = tree.files().into_iter().filter(|file| !before.contains(file)).collect();
    assert_eq!(left, Vec::<String>::new(), "left behind");
}

#[test]
fn an_upgrade_keeps_what_a_person_wrote_and_holds_and_a_removal_gives_the_containers_back() {
    if !require::packages("an_upgrade") {
        return;
    }
    let debs = tempfile::tempdir().unwrap();
    package(debs.path(), &["--only", "heliostat-agent"]);
    let newer = tree::newer(debs.path(), "heliostat-agent", "etc/heliostat/agent.toml");
    let tree = Tree::unpack();
    tree.dpkg(&["-i"], &[&debs.path().join("heliostat-agent_0.1.0_amd64.deb")]);
    fs::write(tree.path("etc/heliostat/agent.toml"), BLIND).unwrap();
    let socket = tree.path("run/docker.sock");
    let engine = Program::start(
        "engine-stand-in",
        &[socket.to_str().unwrap(), "db=critical", "web=standard", "batch=deferrable"],
    );
    engine.wait_for_line("listens", PATIENCE);
    let mut agent = Program::start_chrooted(
        tree.root(),
        &["/usr/bin/heliostat-agent", "run", "--config", "/etc/heliostat/agent.toml"],
    );
    engine.wait_for_line("engine: pause batch", PATIENCE);
    engine.wait_for_line("engine: update web", PATIENCE);
    assert!(agent.terminate(PATIENCE).success());
    let held = containers(&socket);
    assert_ne!(held["batch"].state, "running", "the agent leaves the node as its stage needs it");
    assert!(held["web"].quota > 0, "web is capped");

    tree.dpkg(&["--force-confdef", "-i"], &[&newer]);
    assert_eq!(
        fs::read_to_string(tree.path("etc/heliostat/agent.toml")).unwrap(),
        BLIND,
        "the conffile is kept"
    );
    assert_eq!(containers(&socket), held, "an upgrade changes no container");

    let said = tree.dpkg(&["-r", "heliostat-agent"], &[]);
    assert!(said.contains("as they were before the agent"), "{said}");
    for (name, container) in containers(&socket) {
        assert_eq!(container.state, "running", "{name}");
        assert!(container.quota <= 0 && container.nano_cpus == 0, "{name} is throttled: {container:?}");
    }
    assert!(tree.path("etc/heliostat/agent.toml").exists(), "a removal keeps the config");
    assert!(!tree.path("usr/bin/heliostat-agent").exists());
}

#[test]
fn a_removal_while_docker_is_away_names_what_is_still_held_and_goes_on() {
    if !require::packages("a_removal_while_docker_is_away") {
        return;
    }
    let debs = tempfile::tempdir().unwrap();
    package(debs.path(), &["--only", "heliostat-agent"]);
    let tree = Tree::unpack();
    tree.dpkg(&["-i"], &[&debs.path().join("heliostat-agent_0.1.0_amd64.deb")]);
    fs::write(tree.path("etc/heliostat/agent.toml"), BLIND).unwrap();
    let socket = tree.path("run/docker.sock");
    let mut engine = Program::start("engine-stand-in", &[socket.to_str().unwrap(), "batch=deferrable"]);
    let mut agent = Program::start_chrooted(
        tree.root(),
        &["/usr/bin/heliostat-agent", "run", "--config", "/etc/heliostat/agent.toml"],
    );
    engine.wait_for_line("engine: pause batch", PATIENCE);
    assert!(agent.terminate(PATIENCE).success());
    engine.kill();
    let said = tree.dpkg(&["-r", "heliostat-agent"], &[]);
    assert!(said.contains("000000000001") && said.contains("Docker"), "{said}");
    assert!(tree.path("var/lib/heliostat/agent.state").exists(), "what is held is remembered");
}

#[test]
fn lintian_finds_no_error() {
    if !require::packages("lintian_finds_no_error") {
        return;
    }
    let debs = tempfile::tempdir().unwrap();
    package(debs.path(), &[]);
    let mut lintian = Command::new("lintian");
    // The tests do not wait for a compressor; what an operator gets is compressed.
    let untold = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball";
    lintian
        .args(["--allow-root", "--fail-on", "error,warning", "--suppress-tags", untold])
        .args(fs::read_dir(debs.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>());
    output(&mut lintian);
}

#[test]
fn the_arm64_package_runs_on_an_emulated_processor() {
    if !require::cross("the_arm64_package") {
        return;
    }
    let debs = tempfile::tempdir().unwrap();
    output(
        Command::new(repository().join("deploy/package"))
            .args([
                "--arch",
                "arm64",
                "--only",
                "heliostat-agent",
                "--version",
                "0.1.0",
                "--compress",
                "none",
            ])
            .arg("--manual")
            .arg(program::path("manual"))
            .arg(debs.path()),
    );
    let deb = debs.path().join("heliostat-agent_0.1.0_arm64.deb");
    let root = debs.path().join("root");
    output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&root));
    let fields = output(Command::new("dpkg-deb").arg("-f").arg(&deb));
    assert!(fields.contains("Architecture: arm64"), "{fields}");
    let watchdog = root.join("usr/lib/systemd/system.conf.d/50-heliostat-watchdog.conf");
    assert!(fs::read_to_string(watchdog).unwrap().ends_with("[Manager]\nRuntimeWatchdogSec=15s\n"));
    let run = |args: &[&str]| {
        let mut command = Command::new("qemu-aarch64-static");
        command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(root.join("usr/bin/heliostat-agent")).args(args);
        output(&mut command)
    };
    assert!(run(&["--version"]).starts_with("heliostat-agent "));
    let config = root.join("etc/heliostat/agent.toml");
    assert!(run(&["check", "--config", config.to_str().unwrap()]).contains("agm"));
    assert!(run(&["probe"]).contains("[battery]"));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    if !require::packages("the_same_tree") {
        return;
    }
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&first, &second] {
        package(folder.path(), &["--only", "heliostat-agent"]);
    }
    let read = |folder: &Path| fs::read(folder.join("heliostat-agent_0.1.0_amd64.deb")).unwrap();
    assert!(read(first.path()) == read(second.path()), "two builds differ");
}

#[test]
fn a_wrong_command_line_of_the_packager_builds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for args in
        [&["--arch", "riscv64"][..], &["--version", "one"], &["--only", "all"], &["--arch"], &["--fast"]]
    {
        let mut command = Command::new(repository().join("deploy/package"));
        let ended = command.args(args).arg(folder.path().join("out")).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{args:?}");
        assert!(!ended.stderr.is_empty());
    }
    assert!(!folder.path().join("out").exists());
}

/// A boot partition, a folder with a package, and the line that prepares the one with the other.
fn first_boot(folder: &Path, more: &[&str]) -> std::process::Output {
    let (boot, debs) = (folder.join("boot"), folder.join("debs"));
    for made in [&boot, &debs] {
        fs::create_dir_all(made).unwrap();
    }
    fs::write(boot.join("config.txt"), "arm_64bit=1\n").unwrap();
    fs::write(debs.join("heliostat-agent_0.1.0_arm64.deb"), "a package").unwrap();
    let mut command = Command::new(repository().join("deploy/first-boot/prepare"));
    command
        .args(["--name", "pi3", "--address", "192.168.1.13/24", "--gateway", "192.168.1.1", "--debs"])
        .arg(debs);
    command.args(more).arg(boot).output().unwrap()
}

#[test]
fn a_card_is_prepared_with_address_name_docker_and_agent() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--join", "192.168.1.10:7464", "--token", "secret-token", "--relays", "17=low,4=high"];
    let ended = first_boot(folder.path(), &more);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let read = |file: &str| fs::read_to_string(folder.path().join("boot").join(file)).unwrap();
    assert!(read("network-config").contains("addresses: [192.168.1.13/24]"));
    let user = read("user-data");
    assert!(user.starts_with("#cloud-config\nhostname: pi3\n") && user.contains("docker.io"), "{user}");
    assert!(
        user.contains("heliostat-agent join 192.168.1.10:7464") && !user.contains("secret-token"),
        "{user}"
    );
    assert_eq!(read("heliostat/token"), "secret-token\n", "beside, so that it can be deleted");
    assert_eq!(read("heliostat/heliostat-agent_0.1.0_arm64.deb"), "a package");
    assert!(
        read("config.txt").starts_with("arm_64bit=1\n") && read("config.txt").contains("dtparam=i2c_arm=on")
    );
    let relays = "# relays at rest: begin\n[all]\ngpio=17=op,dl\ngpio=4=op,dh\n# relays at rest: end\n";
    assert!(read("config.txt").ends_with(relays), "{}", read("config.txt"));
}

#[test]
fn what_is_wrong_with_a_card_or_its_options_is_said_and_nothing_is_written() {
    for (more, word) in [
        (&["--name", "Pi 3"][..], "host name"),
        (&["--address", "192.168.1.300/24"], "192.168.1.300"),
        (&["--address", "192.168.1.13/33"], "/33"),
        (&["--gateway", "router"], "router"),
        (&["--token", "secret"], "--join"),
        (&["--join", "pi1:7464", "--token", "secret"], "pi1:7464"),
        (&["--master"], "heliostat_*_arm64.deb"),
        (&["--key", "/etc/hostname"], "SSH"),
        (&["--relays", "17"], "17=low,27=high"),
        (&["--relays", "28=low"], "0 to 27"),
        (&["--relays", "17=low,17=high"], "GPIO 17 is there twice"),
        (&["--fast"], "--fast"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ended = first_boot(folder.path(), more);
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.code() == Some(2) && said.contains(word), "{more:?}: {said}");
        let files = fs::read_dir(folder.path().join("boot")).unwrap().count();
        assert_eq!(files, 1, "{more:?}: config.txt alone");
    }
}
