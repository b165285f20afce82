//! The adapters behind traffic and work, as far as the config wants them.

use std::path::PathBuf;

use tokio::sync::mpsc;

use super::{balancer, orchestrator};
use crate::core::Event;

/// What is done to the balancer and to the orchestrator; each action ends as one event.
#[derive(Debug)]
pub(super) struct Steering {
    balancer: Option<mpsc::UnboundedSender<crate::core::balancer::Action>>,
    orchestrator: Option<mpsc::UnboundedSender<crate::core::orchestrator::Action>>,
}

/// So many events wait here; the adapters have one action each under way, and stir now and then.
const EVENTS_MAX: usize = 16;

impl Steering {
    /// Starts what is configured.
    pub(super) fn start(haproxy: Option<PathBuf>, docker: Option<PathBuf>) -> (Self, mpsc::Receiver<Event>) {
        let (events, told) = mpsc::channel(EVENTS_MAX);
        let steering = Self {
            balancer: haproxy.map(|socket| balancer::start(socket, events.clone())),
            orchestrator: docker.map(|socket| orchestrator::start(socket, events.clone())),
        };
        (steering, told)
    }

    /// Asks something of the balancer. The core asks only where there is one.
    pub(super) fn balance(&self, action: crate::core::balancer::Action) {
        if let Some(balancer) = &self.balancer {
            let _ = balancer.send(action);
        }
    }

    /// Asks something of the orchestrator.
    pub(super) fn orchestrate(&self, action: crate::core::orchestrator::Action) {
        if let Some(orchestrator) = &self.orchestrator {
            let _ = orchestrator.send(action);
        }
    }
}
