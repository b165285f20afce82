//! The whole loop with both programs: battery, agent, real containers, report, supervisor, order; and what remains of
//! it when one of them is away.

use std::process::Command;

use protocol::Stage;
use serde_json::Value;
use tests::program::{Program, path};
use tests::{require, wait};

use crate::field::{Field, PATIENCE, falls, run};

/// A supervisor with its data in the field's folder.
struct Supervisor<'a> {
    field: &'a Field,
    listen: String,
}

impl<'a> Supervisor<'a> {
    fn new(field: &'a Field) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        Self { field, listen: free.expect("a port").to_string() }
    }

    fn data(&self) -> String {
        self.field.file("supervisor").display().to_string()
    }

    fn start(&self) -> Program {
        let program =
            Program::start("heliostat", &["serve", "--data", &self.data(), "--listen", &self.listen]);
        wait::until_true("the supervisor to answer operators", PATIENCE, || self.ask(&["status"]).is_some());
        program
    }

    /// Asks as an operator does; `None` while nobody answers.
    fn ask(&self, words: &[&str]) -> Option<Value> {
        let output = Command::new(path("heliostat"))
            .args(words)
            .args(["--json", "--data", &self.data()])
            .output()
            .ok()?;
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("JSON"))
    }

    /// What an operator reads.
    fn read(&self, words: &[&str]) -> String {
        let output = Command::new(path("heliostat"))
            .args(words)
            .args(["--data", &self.data()])
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The node's stage in `status --json`.
    fn stage(&self) -> Option<String> {
        let status = self.ask(&["status"])?;
        let nodes = status.pointer("/fleet/nodes").or_else(|| status.pointer("/nodes"))?.as_array()?.clone();
        nodes.iter().find(|node| node["name"] == "pi-1")?["stage"].as_str().map(str::to_owned)
    }

    fn sees(&self, stage: Stage) {
        wait::until_true(format!("status to show pi-1 in {stage}"), PATIENCE, || {
            self.stage().as_deref() == Some(stage.name())
        });
    }
}

#[test]
fn the_supervisor_shows_what_the_node_does_and_why_and_survives_its_own_death() {
    if !require::docker_engine("the_supervisor_shows_what_the_node_does_and_why_and_survives_its_own_death") {
        return;
    }
    let field = Field::new();
    field.containers();
    let supervisor = Supervisor::new(&field);
    let mut serving = supervisor.start();
    let more = format!("[[supervisor]]\naddress = \"{}\"", supervisor.listen);
    let agent = run(&field.config(&falls(75.0, 50.0), &more));

    supervisor.sees(Stage::Throttle);
    let why = supervisor.read(&["why", "pi-1"]);
    assert!(why.contains("throttle") && why.contains('%'), "the stage and its numbers:\n{why}");

    // Nobody watches any more: the node goes on deciding by itself, and its containers with it.
    serving.kill();
    field.reach(Stage::Shed);
    field.see("batch-2", "paused");

    // The next life of the supervisor knows the node again from one full report, and its journal is whole.
    let serving = supervisor.start();
    supervisor.sees(Stage::Shed);
    let events = supervisor.read(&["events"]);
    assert!(
        events.contains("throttle") && events.contains("shed"),
        "what was seen before and after:\n{events}"
    );
    wait::until_true("the containers in status", PATIENCE, || supervisor.read(&["status"]).contains("pi-1"));
    drop((serving, agent));
}

#[test]
fn an_agent_with_no_supervisor_saves_energy_all_the_same() {
    if !require::docker_engine("an_agent_with_no_supervisor_saves_energy_all_the_same") {
        return;
    }
    let field = Field::new();
    field.containers();
    let config = field.config(&falls(62.0, 50.0), "");
    // Nobody ever listens there.
    let text = std::fs::read_to_string(&config).expect("the config");
    let nobody = text.replace(&field.watcher.address().to_string(), "127.0.0.1:9");
    std::fs::write(&config, nobody).expect("the config");
    let agent = run(&config);
    field.see("batch-1", "paused");
    field.see("batch-2", "paused");
    drop(agent);
}

#[test]
fn two_agents_on_one_engine_do_not_both_change_its_containers() {
    if !require::docker_engine("two_agents_on_one_engine_do_not_both_change_its_containers") {
        return;
    }
    let field = Field::new();
    field.containers();
    let first = field.agent(&falls(62.0, 50.0));
    first.wait_for_line("begins", PATIENCE);
    // Another state file, the same Docker: two ledgers would take each other's caps for originals.
    let config = field.config(&falls(62.0, 50.0), "");
    let text = std::fs::read_to_string(&config).expect("the config");
    let elsewhere = text.replace("agent.state", "second.state").replace("pi-1", "pi-2");
    std::fs::write(&config, elsewhere).expect("the config");
    let second = run(&config);
    let words = second.wait_for_line("another agent manages", PATIENCE);
    assert!(words.contains(&field.engine.socket().display().to_string()), "it names the engine: {words}");
    field.see("batch-2", "paused");
    assert!(!second.output().contains("pause"), "only the first changes containers");
    // The first is gone for good: the second takes over.
    drop(first);
    second.wait_for_line("Docker answers", PATIENCE);
}
