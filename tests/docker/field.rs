//! One node in the field, as far as a test can have it: a real engine, the real agent, a battery's story, and a
//! supervisor's ear on the wire.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use protocol::{Current, Soc, Stage};
use tests::engine::Engine;
use tests::program::Program;
use tests::trace::Story;
use tests::watcher::Watcher;

/// How much faster than life the batteries of this suite fall.
pub(crate) const SPEED: u32 = 240;
/// A stage or a container may take this long (real time) to become what a story leads to.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A node.
pub(crate) struct Field {
    pub(crate) engine: Engine,
    pub(crate) watcher: Watcher,
    lives: std::cell::Cell<u32>,
}

impl Field {
    pub(crate) fn new() -> Self {
        Self { engine: Engine::start(), watcher: Watcher::listen(), lives: std::cell::Cell::new(0) }
    }

    /// Containers of every class and kind of limit, as a user might have them.
    pub(crate) fn containers(&self) {
        let run = |name: &str, args: &[&str]| {
            self.engine.run(name, args);
        };
        run("db", &["--label", "heliostat.class=critical", "--label", "heliostat.stop-timeout=20"]);
        run(
            "web",
            &[
                "--cpus",
                "0.8",
                "--label",
                "heliostat.class=standard",
                "--label",
                "heliostat.throttle-cpus=0.5",
            ],
        );
        run("unlabelled", &[]);
        run(
            "batch-1",
            &[
                "--cpu-quota",
                "50000",
                "--label",
                "heliostat.class=deferrable",
                "--label",
                "heliostat.order=1",
            ],
        );
        run("batch-2", &["--label", "heliostat.class=deferrable", "--label", "heliostat.order=2"]);
        run("resting", &["--label", "heliostat.class=deferrable"]);
        self.engine.docker(&["stop", "-t", "2", "resting"]);
        run("hands-off", &["--label", "heliostat.class=deferrable"]);
    }

    /// A file of this field.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.engine.folder().join(name)
    }

    /// The state file of this node's agent.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.file("agent.state")
    }

    /// Writes a config whose sensor plays this story.
    pub(crate) fn config(&self, story: &Story, more: &str) -> PathBuf {
        self.lives.set(self.lives.get() + 1);
        let life = self.lives.get();
        let trace = self.file(&format!("story-{life}.csv"));
        story.write(&trace);
        let config = self.file(&format!("agent-{life}.toml"));
        let mut text = format!(
            "[node]\nname = \"pi-1\"\nsupply = \"roof\"\n\
             [battery]\nchemistry = \"agm\"\ncapacity = \"20 Ah\"\nload_max = \"50 W\"\n\
             [sampling]\ninterval = \"5 s\"\n\
             [[sensor]]\nkind = \"replay\"\ntrace = {trace:?}\nspeed = {SPEED}\n\
             [policy]\ndrain_budget = \"50 min\"\nhalt_budget = \"30 min\"\n\
             [containers]\nsocket = {:?}\nuntouched = [\"hands-off\"]\nstop_timeout = \"5 s\"\n\
             [state]\npath = {:?}\nfrozen = {:?}\n[halt]\npower_off = \"none\"\n\
             [[supervisor]]\naddress = \"{}\"\n",
            self.engine.socket(),
            self.state_file(),
            self.file("frozen"),
            self.watcher.address(),
        );
        let _ = writeln!(text, "{more}");
        std::fs::write(&config, text).expect("the config");
        config
    }

    /// Starts the agent on a story.
    pub(crate) fn agent(&self, story: &Story) -> Program {
        run(&self.config(story, ""))
    }

    /// Waits until the node reports this stage.
    pub(crate) fn reach(&self, stage: Stage) {
        tests::wait::until_true(format!("stage {stage}"), PATIENCE, || self.watcher.stage() == Some(stage));
    }

    /// Waits until Docker shows a container in this state.
    pub(crate) fn see(&self, container: &str, state: &str) {
        tests::wait::until_true(format!("{container} {state}"), PATIENCE, || {
            self.engine.state(container) == state
        });
    }

    /// Waits until Docker shows this CPU quota.
    pub(crate) fn see_cpu(&self, container: &str, cpu: (i64, i64, i64)) {
        tests::wait::until_true(
            format!("{container} at {cpu:?}, is at {:?}", self.engine.cpu(container)),
            PATIENCE,
            || self.engine.cpu(container) == cpu,
        );
    }

    /// Everything is as [`Self::containers`] left it.
    pub(crate) fn see_everything_restored(&self) {
        for container in ["db", "web", "unlabelled", "batch-1", "batch-2", "hands-off"] {
            self.see(container, "running");
        }
        self.see_cpu("web", (800_000_000, 0, 0));
        self.see_cpu("batch-1", (0, 50_000, 0));
        for container in ["db", "unlabelled", "batch-2"] {
            tests::wait::until_true(format!("{container} unlimited again"), PATIENCE, || {
                let (nano, quota, _) = self.engine.cpu(container);
                nano == 0 && quota <= 0
            });
        }
        assert_eq!(self.engine.state("resting"), "exited", "what a person stopped stays stopped");
        assert_eq!(self.engine.cpu("hands-off"), (0, 0, 0), "what is not to be touched is not touched");
    }
}

/// Runs the agent with a config.
pub(crate) fn run(config: &Path) -> Program {
    Program::start("heliostat-agent", &["run", "--config", config.to_str().expect("a path")])
}

/// A story that begins rested at `from` and falls to `to`, then stays there for a long time.
pub(crate) fn falls(from: f64, to: f64) -> Story {
    battery(from)
        .discharge(Soc::from_percent(to), Current::from_amps(2.0))
        .hold(Duration::from_hours(48), Current::ZERO)
}

/// A story that rests at `from` for a while, then charges until it is full, and stays full.
pub(crate) fn rises(from: f64, rest: Duration) -> Story {
    battery(from)
        .hold(rest, Current::ZERO)
        .charge(Soc::from_percent(99.9), Current::from_amps(4.0))
        .hold(Duration::from_hours(48), Current::from_amps(-0.2))
}

/// A 20 Ah battery.
pub(crate) fn battery(soc: f64) -> Story {
    Story::begin(protocol::Charge::from_amp_hours(20.0), Soc::from_percent(soc))
}
