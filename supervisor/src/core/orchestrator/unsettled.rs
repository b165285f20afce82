//! Do Swarm and the agents say the same of who runs what? An engine tells of nodes and of services as they change, and of tasks
//! never: where one ended, or began somewhere else, shows in the next look only. An agent knows within a moment what runs on
//! its own host. So while the two differ, or a task that is wanted does not run, Swarm is looked at more often; for a while
//! only, since some of it may stay so for good.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::{NodeName, Uptime};

use super::picture::Picture;
use crate::core::balancer::Work;
use crate::core::member::{Member, Presence};

/// What has not changed for so long stays as it is for now.
const PATIENCE: Duration = Duration::from_secs(15);

/// Something about which Swarm and the agents do not agree yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// A task of this service and slot does not run (yet), as Swarm says.
    Waits(String, u64),
    /// Swarm says that a task of this service runs on this node, and the node's agent does not say so.
    Unseen(String, NodeName),
    /// This node's agent says that it runs a task of this service, and Swarm wants none there.
    Unknown(String, NodeName),
}

/// What is open, and since when it is the same.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    open: BTreeSet<Question>,
    since: Option<Uptime>,
}

impl Unsettled {
    /// Follows both.
    pub(super) fn follow(&mut self, picture: &Picture<'_>, now: Uptime) {
        let open = questions(picture);
        if open != self.open {
            (self.open, self.since) = (open, Some(now));
        }
    }

    /// Whether a look is likely to show something new.
    pub(super) fn is_likely_to_move(&self, now: Uptime) -> bool {
        !self.open.is_empty() && self.since.is_some_and(|since| now.since(since) < PATIENCE)
    }
}

fn questions(picture: &Picture<'_>) -> BTreeSet<Question> {
    let mut open = BTreeSet::new();
    for (id, service) in &picture.seen.services {
        let work = Work::Service(service.name.clone());
        let names = |containers: &[String]| containers.iter().any(|container| work.covers(container));
        let confirms = |member: &Member| {
            member.presence == Presence::Here && (names(&member.running) || names(&member.resting))
        };
        for task in picture.tasks_of(id) {
            // Of a host without an agent nobody else says anything.
            let member = task.node.as_deref().and_then(|node| picture.member(node));
            if !task.running {
                open.insert(Question::Waits(id.clone(), task.slot));
            } else if let Some(member) = member.filter(|member| !confirms(member)) {
                open.insert(Question::Unseen(id.clone(), member.name.clone()));
            }
        }
        for (node, _, member) in picture.ours() {
            let wanted = picture.tasks_of(id).any(|task| task.node.as_deref() == Some(node));
            if !wanted && member.presence == Presence::Here && names(&member.running) {
                open.insert(Question::Unknown(id.clone(), member.name.clone()));
            }
        }
    }
    open
}
