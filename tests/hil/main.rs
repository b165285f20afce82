//! The shipped arm64 agent on an emulated Raspberry Pi 3B, through the interfaces of Debian's own kernel.
//!
//! QEMU has the board's processor, I2C, GPIO, card; the kernel and its drivers are Debian's, unchanged. The INA226 is a
//! table of registers behind an I2C adapter of our own (`module/hil_i2c.c`), because QEMU has none; its ALERT pin is a line of a
//! gpiochip of our own (`module/hil_gpio.c`), because QEMU's makes no interrupts.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch clocks, files and processes: that is what they are for"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says so by panicking")]

mod cuts;
mod edge;
mod pi;

use std::path::Path;
use std::time::{Duration, Instant};

use agent::core::recorder::Note;
use agent::io::recorder::{self, Tape};
use agent::io::state_file::{self, Found};
use protocol::Stage;
use tests::{require, wait};

use pi::{Parts, Pi, card, from_card};

/// No wait in the guest is longer; far more than what is waited for takes.
const PATIENCE: Duration = Duration::from_mins(2);
/// The agent's config. Waits that a person would have in minutes are in seconds; but a busy machine takes its time for the
/// first reading, and a node that was blind for longer than `stale_hold` leaves Throttle only by a charge that it knows.
const CONFIG: &str = "[node]\nname = \"pi\"\nsupply = \"shed\"\n[battery]\nchemistry = \"agm\"\ncapacity = \"70 Ah\"\n\
    [[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-7\"\naddress = 0x40\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\n\
    alert = { chip = \"hil-gpio\", line = 0 }\n\
    [policy]\nsettle = \"5 s\"\nstale_hold = \"20 s\"\nstale_climb = \"21 s\"\ncollapse_hold = \"2 s\"\n\
    [containers]\nsocket = \"/run/docker.sock\"\n[leds]\nstage = [\"ACT\"]\nfault = \"gpio24\"\n\
    [[switch]]\nnode = \"pi2\"\ngpio = 17\n\
    [[switch]]\nnode = \"pi3\"\nexpander = \"mcp23017\"\nbus = \"/dev/i2c-7\"\naddress = 0x20\nline = 3\n\
    [[switch]]\nnode = \"pi4\"\nexpander = \"pcf8574a\"\nbus = \"/dev/i2c-7\"\naddress = 0x38\nline = 0\nactive_low = true\n\
    [board]\nhdmi = \"off\"\nradio = \"off\"\n[halt]\npower_off = \"systemd\"\n";

/// The deferrable container: the engine's third.
const BATCH: &str = "0000000000030000000000000000000000000000000000000000000000000003";
/// So often a second the agent may wake the processor while its ALERT line is armed.
const WAKEUPS: f64 = 2.0;

const START: &str =
    "heliostat-agent run --config /etc/heliostat/agent.toml >>/run/agent.log 2>&1 & echo $! >/run/agent.pid";
const TAPE: &str = "heliostat-agent recorder show --last 1 --config /etc/heliostat/agent.toml";

/// The whole story of one board, in one boot and a second one after a cut: each boot costs half a minute.
#[test]
fn the_shipped_agent_keeps_an_emulated_pi() {
    if !require::emulated_pi("the_shipped_agent_keeps_an_emulated_pi") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (initramfs, sd) = (folder.path().join("initramfs"), folder.path().join("card"));
    let parts = Parts::find();
    let quick = CONFIG.replace("[containers]", "[state]\ninterval = \"10 s\"\n[containers]");
    parts
        .initramfs(&initramfs, &[("etc/heliostat/agent.toml", CONFIG), ("etc/heliostat/quick.toml", &quick)]);
    card(&sd);
    let mut pi = Pi::boot(&parts, &initramfs, &sd);
    pi.battery(12.8, 1.0);
    pi.sh("insmod /lib/modules/mac80211_hwsim.ko");

    it_knows_the_board(&mut pi);
    it_switches_a_relay(&mut pi);
    it_switches_relays_behind_expanders(&mut pi);
    it_reads_the_battery_and_shows_the_stage(&mut pi, &parts);
    what_the_board_can_do_without_is_off(&mut pi);
    edge::an_edge_freezes_what_can_wait_and_all_is_thawed(&mut pi);
    a_dip_of_the_expanders_power_is_put_right_and_told(&mut pi);
    released_everything_runs_and_is_as_it_was(&mut pi);
    cuts::power_cuts_leave_state_and_recorder_readable(&mut pi, folder.path());
    a_chip_that_falls_silent_makes_it_save_and_the_lamp_blink(&mut pi);

    // The plug is pulled with containers paused; the next boot takes the stage up again.
    let stage = stage_on_card(&mut pi, folder.path());
    assert_eq!(stage, Stage::Drain);
    pi.cut();
    let mut pi = Pi::boot(&parts, &initramfs, &sd);
    pi.battery(12.8, 1.0);
    pi.sh(START);
    pi.until("the state to be taken up", "cat /run/agent.log", PATIENCE, |log| {
        log.contains("taken up again")
    });
    let log = pi.sh("cat /run/agent.log");
    assert!(log.contains(&format!("stage={stage}")), "{log}");

    a_collapse_stops_the_containers_in_order_and_powers_the_board_off(&mut pi);
    drop(pi);
    let tape = tape(&sd, folder.path());
    assert!(
        tape.kept.iter().any(|kept| matches!(kept.record.what, Note::PowerOff(_))),
        "the recorder tells of the power off: {:?}",
        tape.kept.last()
    );
}

fn it_knows_the_board(pi: &mut Pi) {
    let said = pi.sh("heliostat-agent probe >/run/probe.toml; cat /run/probe.toml");
    assert!(said.contains("Raspberry Pi 3 Model B"), "{said}");
    assert!(said.contains("/dev/i2c-7") && said.contains("ina226"), "{said}");
    assert!(said.contains("ACT"), "{said}");
    pi.sh("heliostat-agent check --config /run/probe.toml");
    // The kernel's own driver reads the QEMU's thermometer over the board's I2C controller: the bus is a real one.
    pi.qmp(
        "qom-set",
        &serde_json::json!({ "path": "/machine/peripheral/air", "property": "temperature", "value": 21_000 }),
    );
}

/// rppal finds the board and drives a line, which QEMU shows; the line stays as it is when the program has ended.
fn it_switches_a_relay(pi: &mut Pi) {
    for (word, level) in [("on", true), ("off", false), ("on", true)] {
        pi.sh(&format!("heliostat-agent switch pi2 {word} --config /etc/heliostat/agent.toml"));
        assert_eq!(pi.gpio(17), level, "{word}");
    }
    let (said, status) = pi.try_sh("heliostat-agent switch pi9 on --config /etc/heliostat/agent.toml");
    assert!(status == 1 && said.contains("pi2"), "{status}: {said}");
}

/// Looked at without a write, switched, and left as they are when the program has ended; what else the chips hold stays.
fn it_switches_relays_behind_expanders(pi: &mut Pi) {
    let said = pi.sh("cat /run/probe.toml");
    assert!(said.contains("at 0x20: an MCP23017") && said.contains("expander = \"pcf8574a\""), "{said}");
    let chips = |pi: &mut Pi| {
        let read = "cd /sys/kernel/debug/hil_i2c; cat expander_writes mcp_iodira mcp_olata pcf; cd /";
        pi.sh(read).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(chips(pi), ["0", "0xff", "0x00", "0xff"], "the probe wrote nothing");
    let switch = |pi: &mut Pi, node, to| {
        pi.sh(&format!("heliostat-agent switch {node} {to} --config /etc/heliostat/agent.toml"));
    };
    switch(pi, "pi3", "on");
    assert_eq!(chips(pi)[1..], ["0xf7", "0x08", "0xff"]);
    switch(pi, "pi4", "on");
    switch(pi, "pi3", "off");
    assert_eq!(chips(pi)[1..], ["0xf7", "0x00", "0xfe"]);
    switch(pi, "pi3", "on");
}

/// The chips' power dips while the agent runs: they forget, and it sees to them.
fn a_dip_of_the_expanders_power_is_put_right_and_told(pi: &mut Pi) {
    pi.sh("echo 1 >/sys/kernel/debug/hil_i2c/dip");
    pi.until(
        "both chips to be as they were",
        "cd /sys/kernel/debug/hil_i2c; cat mcp_iodira mcp_olata pcf | tr '\\n' ' '; cd /",
        PATIENCE,
        |said| said.trim() == "0xf7 0x08 0xfe",
    );
    for (node, line) in [("pi3", "forgotten line 3"), ("pi4", "forgotten line 0")] {
        pi.until("the log", "cat /run/agent.log", PATIENCE, |log| {
            log.lines().any(|said| said.contains(&format!("power of {node}")) && said.contains(line))
        });
    }
}

fn it_reads_the_battery_and_shows_the_stage(pi: &mut Pi, parts: &Parts) {
    let uptime = "cut -d' ' -f1 /proc/uptime";
    let begun: f64 = pi.sh(&format!("{uptime}; {START}")).lines().next().unwrap().trim().parse().unwrap();
    pi.until("Docker's containers", "grep -c 'Docker answers' /run/agent.log", PATIENCE, |count| {
        count == "1"
    });
    let up: f64 = pi.sh(uptime).parse().unwrap();
    pi.until("the battery in the recorder", TAPE, PATIENCE, |said| said.contains("12.80 V"));
    // Steady light: the stage is Normal. The LED's line is GPIO 47.
    wait::until("a steady light", PATIENCE, || (steady(pi, 47) && pi.gpio(47)).then_some(()));
    assert!(!pi.gpio(24), "and the fault's, which the kernel does not know of, is not");
    edge::armed(pi);
    let pid = pi.sh("cat /run/agent.pid");
    let figures = format!(
        "grep VmRSS /proc/{pid}/status | tr -dc 0-9; echo; cat /proc/{pid}/task/*/status | grep ^voluntary | \
         tr -dc '0-9\\n' | awk '{{n += $1}} END {{print n}}'; awk '{{print $7 * 512}}' /sys/block/mmcblk0/stat; {uptime}"
    );
    let numbers = |pi: &mut Pi| -> Vec<f64> {
        pi.sh(&figures).lines().map(|line| line.trim().parse().unwrap()).collect()
    };
    let before = numbers(pi);
    pi.sh("sleep 30");
    let after = numbers(pi);
    let seconds = after[3] - before[3];
    let wakeups = (after[1] - before[1]) / seconds;
    println!(
        "hil: agent {:.1} MB on disk, started in {:.2} s of the board's time, RSS {:.1} MB, {wakeups:.2} wake-ups a second \
         with its line armed, {:.0} KB written to the card in {seconds:.0} s",
        parts.agent_bytes() as f64 / 1e6,
        up - begun,
        after[0] / 1024.0,
        (after[2] - before[2]) / 1024.0
    );
    assert!(after[0] < 16.0 * 1024.0, "RSS {} KiB", after[0]);
    assert!(wakeups <= WAKEUPS, "{wakeups} wake-ups a second, {WAKEUPS} are allowed");
}

/// The kernel's own switches of a radio; of a display the emulated board has none.
fn what_the_board_can_do_without_is_off(pi: &mut Pi) {
    pi.until("the radio to be off", "cat /sys/class/rfkill/*/soft", PATIENCE, |soft| {
        soft.split_whitespace().eq(["1", "1"])
    });
    let log = pi.sh("cat /run/agent.log");
    let told = log.lines().filter(|line| line.contains("hdmi")).count();
    assert_eq!(told, 1, "that there is no display to switch off is told once: {log}");
}

/// The agent is gone for good, as when its package is removed, with a container paused, one throttled, and then one frozen
/// behind Docker's back: all is given back, once and twice; without Docker it says what is left.
fn released_everything_runs_and_is_as_it_was(pi: &mut Pi) {
    // What it knows of the battery and its stage, Normal, are for the life after all this.
    end_agent(pi, "TERM");
    pi.sh("cp /var/lib/heliostat/agent.state /run/kept.state");
    pi.sh(&format!("echo >/run/engine.log; {START}"));
    edge::armed(pi);
    pi.battery(11.4, 1.0);
    pi.until("a pause and a cap", "cat /run/engine.log", PATIENCE, |log| {
        log.contains("pause batch") && log.contains("update web")
    });
    end_agent(pi, "KILL");
    pi.battery(12.8, 1.0);
    let release = "heliostat-agent release --config /etc/heliostat/agent.toml";
    let (said, status) = pi.try_sh(&format!("mv /run/docker.sock /run/away; {release}"));
    assert!(
        status == 1 && said.contains(&BATCH[..12]) && said.contains("again when Docker answers"),
        "{said}"
    );
    assert!(batch_is_frozen(pi), "there was nobody to thaw it");
    assert_eq!(
        pi.sh(&format!("mv /run/away /run/docker.sock; {release}")),
        "2 containers are as they were before the agent"
    );
    assert!(!batch_is_frozen(pi));
    assert_eq!(pi.sh("cat /sys/class/rfkill/*/soft | tr -d '\\n'"), "00");
    // An agent that dies between the freeze and Docker's pause: only its note knows.
    pi.sh(&format!(
        "echo 1 >/sys/fs/cgroup/docker/{BATCH}/cgroup.freeze; echo {BATCH} >>/run/heliostat/frozen"
    ));
    assert!(batch_is_frozen(pi));
    for _ in 0..2 {
        assert_eq!(pi.sh(release), "no container is held by the agent");
        assert!(!batch_is_frozen(pi));
    }
    pi.sh("cp /run/kept.state /var/lib/heliostat/agent.state");
}

/// Whether the deferrable container's processes stand still, by the kernel's word.
fn batch_is_frozen(pi: &mut Pi) -> bool {
    pi.sh(&format!("cat /sys/fs/cgroup/docker/{BATCH}/cgroup.events")).contains("frozen 1")
}

/// A kernel watchdog that waits 40 s, which a busy machine keeps to too, and an agent that pets it.
#[test]
fn a_board_whose_agent_hangs_starts_anew_and_one_whose_agent_ends_does_not() {
    if !require::emulated_pi("a_board_whose_agent_hangs_starts_anew") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (initramfs, sd) = (folder.path().join("initramfs"), folder.path().join("card"));
    let parts = Parts::find();
    let watched = CONFIG.replace("[halt]", "[watchdog]\n[halt]");
    parts.initramfs(&initramfs, &[("etc/heliostat/agent.toml", &watched)]);
    card(&sd);
    let mut pi = Pi::boot(&parts, &initramfs, &sd);
    pi.battery(12.8, 1.0);
    pi.sh("rmmod softdog; insmod /lib/modules/softdog.ko soft_margin=40");
    let state = "cat /sys/class/watchdog/watchdog0/state";
    assert_eq!(pi.sh(state), "inactive");

    // Somebody else has it: the agent says who that may be, and does its work without.
    pi.sh("sleep 1000 >/dev/watchdog & echo $! >/run/holder.pid");
    pi.sh(START);
    pi.until("the refusal", "cat /run/agent.log", PATIENCE, |log| {
        log.contains("held by another program, most likely by systemd") && log.contains("Docker answers")
    });
    end_agent(&mut pi, "TERM");
    pi.until("its end", "cat /run/agent.log", PATIENCE, |log| log.contains(" ends"));
    // The holder ends without the letter: the dog runs on, and the next agent takes it up.
    pi.sh("kill $(cat /run/holder.pid); echo >/run/agent.log");
    assert_eq!(pi.sh(state), "active");
    pi.sh(START);
    let petted = |log: &str| log.contains("waits 40 s, petted every 13 s");
    pi.until("the watchdog in the log", "cat /run/agent.log", PATIENCE, petted);
    // Longer than it waits.
    pi.sh("sleep 60");
    // A crash leaves it running; the next life takes it up, and an orderly end stops it.
    end_agent(&mut pi, "KILL");
    assert_eq!(pi.sh(state), "active");
    pi.sh(&format!("echo >/run/agent.log; {START}"));
    pi.until("the watchdog in the log", "cat /run/agent.log", PATIENCE, petted);
    end_agent(&mut pi, "TERM");
    pi.until("the dog to be stopped", state, PATIENCE, |said| said == "inactive");
    // And one that hangs: QEMU ends where a board would start anew.
    pi.sh(&format!("echo >/run/agent.log; {START}"));
    pi.until("the watchdog in the log", "cat /run/agent.log", PATIENCE, petted);
    // The board's own driver is what starts it anew; its own watchdog stays asleep.
    pi.sh("insmod /lib/modules/bcm2835_wdt.ko");
    pi.sh("kill -STOP $(cat /run/agent.pid)");
    let hung = Instant::now();
    pi.ends(PATIENCE);
    println!("hil: the board began anew {:.1} s after its agent hung", hung.elapsed().as_secs_f64());
}

/// Ends the agent, and waits until it is gone: it keeps its state file until then.
fn end_agent(pi: &mut Pi, signal: &str) {
    pi.sh(&format!("kill -{signal} $(cat /run/agent.pid)"));
    // A process that ended has no open files, whether its parent has asked after it or not.
    let open = "ls /proc/$(cat /run/agent.pid)/fd 2>/dev/null | wc -l";
    pi.until("the agent to be gone", open, PATIENCE, |count| count.trim() == "0");
}

/// The recorder on a card.
fn tape(card: &Path, folder: &Path) -> Tape {
    let to = folder.join("recorder");
    from_card(card, "/agent.recorder", &to);
    recorder::read(&to).expect("the recorder is readable")
}

fn stage_on_card(pi: &mut Pi, folder: &Path) -> Stage {
    let (copy, state) = (folder.join("copy"), folder.join("state"));
    pi.cut_card(&copy);
    from_card(&copy, "/agent.state", &state);
    match state_file::peek(&state, Path::new("/")) {
        Found::State(state, _) => state.stage,
        other => panic!("the state is not readable: {other:?}"),
    }
}

fn a_chip_that_falls_silent_makes_it_save_and_the_lamp_blink(pi: &mut Pi) {
    // From here on only what this test does is in the logs, and what can wait runs.
    assert_eq!(pi.sh("cat /sys/kernel/debug/hil_i2c/fault"), "0");
    pi.until("a fresh reading", TAPE, PATIENCE, |said| !said.contains("no fresh reading"));
    wait::until("the fault's lamp to be dark", PATIENCE, || (steady(pi, 24) && !pi.gpio(24)).then_some(()));
    assert!(!batch_is_frozen(pi));
    pi.sh("echo >/run/engine.log; echo >/run/agent.log; echo 1 >/sys/kernel/debug/hil_i2c/fault");
    pi.until("the deferrable container to be paused", "cat /run/engine.log", PATIENCE, |log| {
        log.contains("pause batch")
    });
    assert!(batch_is_frozen(pi));
    // Blind, it climbs as far as blindness leads, and not to the power off.
    let log = pi.until("Drain", "cat /run/agent.log", PATIENCE, |log| log.contains("stage shed -> drain"));
    assert!(log.contains("stage throttle -> shed"), "{log}");
    // The stage is in the log before the lamp has its new rhythm, between which and the old one it has none.
    pi.until("the stage's lamp to flash", "cat /sys/class/leds/ACT/trigger", PATIENCE, |said| {
        said.contains("[pattern]")
    });
    wait::until("the fault's lamp, on a bare line", PATIENCE, || pi.gpio(24).then_some(()));
    assert!(!steady(pi, 47), "the lamp blinks");
    assert!(pi.sh("cat /sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq").parse::<u32>().is_ok());
}

/// Whether a lamp stays as it is for two seconds.
fn steady(pi: &mut Pi, line: u32) -> bool {
    let first = pi.gpio(line);
    (0..60).all(|_| {
        std::thread::sleep(Duration::from_millis(35));
        pi.gpio(line) == first
    })
}

fn a_collapse_stops_the_containers_in_order_and_powers_the_board_off(pi: &mut Pi) {
    pi.until("a fresh reading", TAPE, PATIENCE, |said| said.contains("12.80 V"));
    // The board's own watchdog driver is what switches it off.
    pi.sh("insmod /lib/modules/bcm2835_wdt.ko");
    pi.battery(11.1, 1.0);
    pi.ends(PATIENCE);
}
