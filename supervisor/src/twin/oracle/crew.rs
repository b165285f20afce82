//! From what each node is to do to commands: boards are switched on and off seldom, and told again when they did not hear.

use std::time::Duration;

use protocol::Uptime;

use super::fleet::stage_of;
use crate::twin::policy::{Command, Level, NodeSeen, NodeState, Seen};

/// A node that was switched on stays on for this long: a boot costs more than a short rest saves.
const ON_MIN: Duration = Duration::from_mins(30);

/// What each node is to do.
#[derive(Debug, Default)]
pub struct Crew {
    modes: Vec<u8>,
    on_since: Vec<Uptime>,
}

impl Crew {
    /// What each node is to do from now on: indices into [`super::fleet::Slot::nodes`].
    pub fn set(&mut self, modes: &[u8]) {
        modes.clone_into(&mut self.modes);
        self.on_since.resize(modes.len(), Uptime::START);
    }

    /// Whether a node has to be told again: it was still stopping when it was wanted.
    pub fn must_repeat(&self, seen: &Seen<'_>) -> bool {
        seen.nodes.iter().zip(&self.modes).any(|(node, mode)| *mode > 0 && node.state == NodeState::Stopping)
    }

    /// The commands that bring every node to it.
    pub fn command(&mut self, seen: &Seen<'_>, commands: &mut Vec<Command>) {
        let nodes = seen.nodes.iter().zip(&self.modes).zip(&mut self.on_since).enumerate();
        for (index, ((node, mode), on_since)) in nodes {
            one(index, *mode, node, seen.now, on_since, commands);
        }
    }
}

fn one(
    index: usize,
    mode: u8,
    node: &NodeSeen,
    now: Uptime,
    on_since: &mut Uptime,
    commands: &mut Vec<Command>,
) {
    let is_off = matches!(node.state, NodeState::Off | NodeState::Stopping);
    let Some(stage) = stage_of(mode) else {
        if !is_off && now.since(*on_since) >= ON_MIN {
            commands.push(Command::Off { node: index });
        }
        return;
    };
    commands.push(Command::Run { node: index, level: Level::of(stage) });
    if is_off {
        commands.push(Command::On { node: index });
        *on_since = now;
    }
}
