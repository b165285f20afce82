//! What of a report is news, cheap to compare: noise does not send, a fault or a stage does at once.

use protocol::report::{Energy, Host};
use protocol::{OrderId, Reason, Stage};

/// Changes smaller than these wait for the next heartbeat.
const VOLTS: f64 = 0.1;
const AMPS: f64 = 1.0;
const POINTS: f64 = 1.0;
const KELVIN: f64 = 5.0;
/// As a part of the time to empty.
const TIME_PART: f64 = 0.2;
/// Per mille of all CPUs.
const CPU_PERMILLE: u16 = 250;

/// How urgent a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// Nothing but noise.
    None,
    /// Worth a report soon.
    Soon,
    /// Worth a report now.
    Now,
}

/// A report without its containers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Headline {
    pub(super) stage: Stage,
    pub(super) floor: Stage,
    pub(super) reason: Reason,
    pub(super) energy: Energy,
    pub(super) host: Host,
    pub(super) order: Option<OrderId>,
    pub(super) docker_up: bool,
    /// Changes with the containers.
    pub(super) containers: u64,
}

/// The same, borrowed: nothing is copied while nothing is sent.
#[derive(Debug, Clone, Copy)]
pub struct Present<'a> {
    /// What the node does.
    pub stage: Stage,
    /// The lowest stage that its readings allow.
    pub floor: Stage,
    /// Why it is in its stage.
    pub reason: &'a Reason,
    /// Its supply.
    pub energy: &'a Energy,
    /// Its board.
    pub host: &'a Host,
    /// The newest order that it accepted.
    pub order: Option<OrderId>,
    /// Whether Docker answers.
    pub docker_up: bool,
    /// Changes with the containers.
    pub containers: u64,
}

impl Headline {
    pub(super) fn of(now: &Present<'_>) -> Self {
        Self {
            stage: now.stage,
            floor: now.floor,
            reason: now.reason.clone(),
            energy: *now.energy,
            host: *now.host,
            order: now.order,
            docker_up: now.docker_up,
            containers: now.containers,
        }
    }

    /// How far the present is from what was said.
    pub(super) fn news(&self, now: &Present<'_>) -> News {
        let fault = |energy: &Energy| energy.fault.map(|fault| std::mem::discriminant(&fault));
        if self.stage != now.stage
            || self.floor != now.floor
            || self.reason != *now.reason
            || self.docker_up != now.docker_up
            || self.host.rail_low != now.host.rail_low
            || fault(&self.energy) != fault(now.energy)
        {
            return News::Now;
        }
        let soon = self.containers != now.containers
            || self.order != now.order
            || self.energy.basis != now.energy.basis
            || self.host.frequency_cap != now.host.frequency_cap
            || self.moved(now);
        if soon { News::Soon } else { News::None }
    }

    /// Whether a number left its dead-band, or appeared, or vanished.
    fn moved(&self, now: &Present<'_>) -> bool {
        let (old, new) = (&self.energy, now.energy);
        let left = |old: Option<f64>, new: Option<f64>, band: f64| match (old, new) {
            (Some(old), Some(new)) => (old - new).abs() >= band,
            (None, None) => false,
            _ => true,
        };
        let volts = |voltage: Option<protocol::Voltage>| voltage.map(protocol::Voltage::volts);
        let low = |energy: &Energy| energy.soc.map(|band| band.low.percent());
        let time = |energy: &Energy| energy.time_to_empty.map(|band| f64::from(band.low.0));
        let amps = |energy: &Energy| energy.current.map(protocol::Current::amps);
        let celsius = |host: &Host| host.temperature.map(protocol::Temperature::celsius);
        let cpu = |host: &Host| host.cpu_permille.map(f64::from);
        left(volts(old.voltage), volts(new.voltage), VOLTS)
            || left(volts(old.compensated), volts(new.compensated), VOLTS)
            || left(amps(old), amps(new), AMPS)
            || left(low(old), low(new), POINTS)
            || left(time(old), time(new), time(old).unwrap_or_default().max(300.0) * TIME_PART)
            || left(celsius(&self.host), celsius(now.host), KELVIN)
            || left(cpu(&self.host), cpu(now.host), f64::from(CPU_PERMILLE))
    }
}
