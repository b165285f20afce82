//! Carries out the core's actions, each within a bound; or, in a dry run, says what it would do and touches nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hardware::linux::Root;
use protocol::Reason;
use protocol::message::OrderOutcome;
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

use super::cpufreq::Cpufreq;
use super::docker::{self, Engine};
use super::dry_run::Shadow;
use super::engine_restart;
use super::freezer::Freezer;
use super::leds::Leds;
use super::links::Links;
use super::power_off::PowerOff;
use super::recorder::{self, Writer};
use super::save::Saver;
use super::spare::Spare;
use super::switches::Switches;
use super::systemd::Systemd;
use crate::config::Config;
use crate::core::action::{Action, ActionId, ContainerChange, Outgoing};
use crate::core::event::{ActionError, ContainerId, ContainerSeen, ContainerStatus, DockerEvent, Event};
use crate::core::recorder::Record;

/// Everything that acts.
#[derive(Debug)]
pub struct Hands {
    events: Sender<Event>,
    /// `None` in a dry run, which writes nothing.
    saver: Option<Saver>,
    /// In a dry run: the containers as they would be.
    shadow: Option<Shadow>,
    engine: Engine,
    /// The command that restarts the engine; may be empty.
    engine_restart: Vec<String>,
    /// Shared with the changes that are under way.
    freezer: Arc<Mutex<Freezer>>,
    cpufreq: Cpufreq,
    leds: Leds,
    spare: Spare,
    links: Links,
    switches: Switches,
    power_off: PowerOff,
    /// `None` in a dry run.
    recorder: Option<Writer>,
    /// What people call the containers, for the log.
    names: BTreeMap<ContainerId, String>,
    /// A power off that waits for the actions before it.
    parting: Option<(ActionId, Reason)>,
    /// Begun and not yet ended.
    under_way: BTreeSet<ActionId>,
    stopped: bool,
}

impl Hands {
    /// Hands for a config. A `saver` of `None` makes it a dry run.
    pub fn new(
        config: &Config,
        root: &Root,
        events: Sender<Event>,
        saver: Option<Saver>,
        engine: Engine,
        links: Links,
    ) -> Self {
        Self {
            shadow: saver.is_none().then(Shadow::default),
            recorder: saver.is_some().then(|| Writer::start(recorder::path(&config.state.path))),
            saver,
            engine,
            engine_restart: config.containers.restart.clone(),
            links,
            freezer: Arc::new(Mutex::new(Freezer::new(root, &config.state.frozen))),
            cpufreq: Cpufreq::new(root),
            leds: Leds::new(root, &config.leds),
            spare: Spare::new(root),
            switches: Switches::new(root, &config.switches),
            power_off: PowerOff::new(config.halt.power_off),
            names: BTreeMap::new(),
            parting: None,
            under_way: BTreeSet::new(),
            stopped: false,
            events,
        }
    }

    /// Whether nothing is touched.
    pub fn is_dry_run(&self) -> bool {
        self.shadow.is_some()
    }

    /// For the log: nothing, but in a dry run.
    fn dry_run(&self) -> Option<bool> {
        self.is_dry_run().then_some(true)
    }

    /// Whether the core said that the program may end.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Ends without waiting for the core.
    pub fn stop_now(&mut self) {
        self.stopped = true;
    }

    /// Sees an event before the core does: in a dry run Docker's list is shown as it would be, and an outcome is
    /// taken off the list of what is under way.
    pub fn notice(&mut self, event: &mut Event) {
        match event {
            Event::Docker(DockerEvent::Containers(containers)) => {
                if let Some(shadow) = &mut self.shadow {
                    *containers = shadow.overlay(std::mem::take(containers));
                }
                let running = |seen: &&ContainerSeen| seen.status == ContainerStatus::Running;
                let running: Vec<ContainerId> =
                    containers.iter().filter(running).map(|seen| seen.id.clone()).collect();
                self.freezer.lock().unwrap_or_else(PoisonError::into_inner).prepare(&running);
                self.names = containers.iter().map(|seen| (seen.id.clone(), seen.name.clone())).collect();
            }
            Event::Outcome { action, .. } => {
                self.under_way.remove(action);
            }
            _ => {}
        }
    }

    /// Begins an action. What ends at once comes back as events in `ended`; the rest ends on the channel.
    pub fn begin(&mut self, action: Action, systemd: &Systemd, ended: &mut Vec<Event>) {
        match action {
            Action::Container {
                id,
                container,
                change: change @ (ContainerChange::Freeze | ContainerChange::Thaw),
                ..
            } => self.stand_still(id, &container, change == ContainerChange::Freeze, ended),
            Action::Container { id, container, change, stage } => {
                let name = self.names.get(&container).map_or("(gone)", String::as_str);
                info!(%container, %stage, dry_run = self.dry_run(), "{name}: {}", Words(change));
                self.under_way.insert(id);
                self.change(id, container, change, ended);
            }
            Action::SaveState { id, state } => {
                self.under_way.insert(id);
                match &self.saver {
                    None => ended.push(outcome(id, Ok(()))),
                    Some(saver) => {
                        ended.extend(saver.save(id, state).err().map(|error| outcome(id, Err(error))));
                    }
                }
            }
            Action::ListContainers => self.engine.want_list(),
            Action::SetFrequencyCap { id, cap } => {
                let result = self.unless_dry(|| format!("clock cap {cap:?}"), |hands| hands.cpufreq.set(cap));
                self.now(id, result, ended);
            }
            Action::ShowLamps { id, lamps } => {
                let result = self.unless_dry(|| format!("{lamps:?}"), |hands| hands.leds.show(lamps));
                self.now(id, result, ended);
            }
            Action::SwitchPart { id, part, off } => {
                let words = || format!("{part}: {}", if off { "off" } else { "as it was" });
                let result = self.unless_dry(words, |hands| hands.spare.set(part, off));
                self.now(id, result, ended);
            }
            Action::Switch { id, node, on } => {
                let word = if on { "on" } else { "off" };
                info!(dry_run = self.dry_run(), "power of {node}: {word}");
                let result = self.unless_dry(String::new, |hands| hands.switches.set(&node, on));
                self.now(id, result, ended);
            }
            Action::RestartEngine { id, reason } => {
                warn!(dry_run = self.dry_run(), "restarts the container engine: {reason}");
                self.restart_engine(id, ended);
            }
            Action::Send { supervisor, message } => {
                if let Outgoing::Outcome(OrderOutcome { id, result: Ok(_) }) = &message {
                    self.links.obeyed(id.term);
                }
                self.links.send(supervisor, message);
            }
            Action::CloseLink { supervisor } => self.links.close(supervisor),
            Action::PowerOff { id, .. } if self.parting.is_some() => {
                ended.push(outcome(id, Err(ActionError::Refused("it is on its way already".to_owned()))));
            }
            Action::PowerOff { id, reason } => self.parting = Some((id, reason)),
            Action::Announce { from, to, reason } => {
                info!(dry_run = self.dry_run(), "stage {from} -> {to}: {reason}");
                systemd.status(&format!("{to}: {reason}"));
            }
            Action::Warn(warning) => warn!("{warning}"),
            // The loop has the sensors.
            Action::Read { .. } | Action::Arm { .. } => {}
            Action::Stop => self.stopped = true,
        }
    }

    /// Keeps the rhythm of LEDs that the kernel does not blink; when that is next to be done.
    pub fn blink(&mut self) -> Option<Instant> {
        self.leds.blink()
    }

    /// Sees after the power switches: whether all stand as they were left. A dry run touches none.
    pub fn watch_switches(&mut self) -> Vec<Event> {
        if self.is_dry_run() { Vec::new() } else { self.switches.watch() }
    }

    /// Begins what waited for everything else to end: the power off.
    pub fn begin_parting(&mut self, ended: &mut Vec<Event>) {
        if !self.under_way.is_empty() {
            return;
        }
        let Some((id, reason)) = self.parting.take() else { return };
        self.under_way.insert(id);
        warn!(dry_run = self.dry_run(), "powering off: {reason}");
        if self.is_dry_run() {
            ended.push(outcome(id, Ok(())));
            return;
        }
        let (power_off, events) = (self.power_off.clone(), self.events.clone());
        tokio::spawn(async move {
            let result = power_off.carry_out().await;
            let _ = events.send(outcome(id, result)).await;
        });
    }

    /// Not among what a power off waits for: a battery waits for no engine.
    fn restart_engine(&self, id: ActionId, ended: &mut Vec<Event>) {
        if self.is_dry_run() {
            ended.push(outcome(id, Ok(())));
            return;
        }
        let (words, events) = (self.engine_restart.clone(), self.events.clone());
        tokio::spawn(async move {
            let result = engine_restart::restart(&words).await;
            info!("the container engine was restarted: {}", if result.is_ok() { "yes" } else { "no" });
            let _ = events.send(outcome(id, result)).await;
        });
    }

    /// Puts records away.
    pub fn record(&self, batch: Vec<Record>) {
        if let Some(recorder) = &self.recorder {
            recorder.keep(batch);
        }
    }

    /// Ends orderly: the recorder's last words are on disk, what is queued for the supervisors goes out, the LEDs are given back.
    pub async fn finish(mut self) {
        if !self.is_dry_run() {
            self.leds.give_back();
        }
        if let Some(recorder) = self.recorder.take() {
            recorder.finish().await;
        }
        let freezer = (!self.is_dry_run()).then(|| Arc::clone(&self.freezer));
        self.links.finish().await;
        if let Some(freezer) = freezer {
            let_go(&mut freezer.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn now(&mut self, id: ActionId, result: Result<(), ActionError>, ended: &mut Vec<Event>) {
        self.under_way.insert(id);
        ended.push(outcome(id, result));
    }

    fn unless_dry(
        &mut self,
        words: impl FnOnce() -> String,
        act: impl FnOnce(&mut Self) -> Result<(), ActionError>,
    ) -> Result<(), ActionError> {
        if !self.is_dry_run() {
            return act(self);
        }
        let words = words();
        if !words.is_empty() {
            info!(dry_run = true, "{words}");
        }
        Ok(())
    }

    /// Freezes or thaws: first, and said afterwards, because the log may be slow.
    fn stand_still(&mut self, id: ActionId, container: &ContainerId, still: bool, ended: &mut Vec<Event>) {
        let result = if self.is_dry_run() {
            Ok(())
        } else {
            let mut freezer = self.freezer.lock().unwrap_or_else(PoisonError::into_inner);
            if still { freezer.freeze(container) } else { freezer.thaw(container) }
        };
        let name = self.names.get(container).map_or("(gone)", String::as_str);
        let word = if still { "freeze" } else { "thaw" };
        info!(%container, dry_run = self.dry_run(), "{name}: {word}");
        self.now(id, result, ended);
    }

    /// What an earlier life left frozen; nothing in a dry run.
    pub fn frozen(&self) -> Vec<ContainerId> {
        if self.is_dry_run() {
            return Vec::new();
        }
        self.freezer.lock().unwrap_or_else(PoisonError::into_inner).frozen()
    }

    fn change(
        &mut self,
        id: ActionId,
        container: ContainerId,
        change: ContainerChange,
        ended: &mut Vec<Event>,
    ) {
        if let Some(shadow) = &mut self.shadow {
            ended.push(outcome(id, Ok(())));
            ended.push(Event::Docker(DockerEvent::Containers(shadow.change(&container, change))));
            return;
        }
        let (engine, events, freezer) = (self.engine.clone(), self.events.clone(), Arc::clone(&self.freezer));
        tokio::spawn(async move {
            let result = docker::change::change_frozen(&engine, &freezer, &container, change).await;
            let _ = events.send(outcome(id, result)).await;
        });
    }
}

/// Thaws what Docker does not know of, last of all: a pause that was under way and failed has frozen it again.
fn let_go(freezer: &mut Freezer) {
    for container in freezer.frozen() {
        if let Err(error) = freezer.thaw(&container) {
            warn!("{container} stays frozen: {error}");
        }
    }
}

fn outcome(action: ActionId, result: Result<(), ActionError>) -> Event {
    Event::Outcome { action, result }
}

/// A change in words.
struct Words(ContainerChange);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ContainerChange::SetCpu(cpu) => {
                write!(f, "CPU nano {} quota {} period {}", cpu.nano_cpus, cpu.quota, cpu.period)
            }
            ContainerChange::Pause => f.write_str("pause"),
            ContainerChange::Unpause => f.write_str("unpause"),
            ContainerChange::Stop { timeout } => write!(f, "stop within {} s", timeout.as_secs()),
            ContainerChange::Start => f.write_str("start"),
            ContainerChange::Freeze => f.write_str("freeze"),
            ContainerChange::Thaw => f.write_str("thaw"),
        }
    }
}
