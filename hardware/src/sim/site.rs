//! The whole site: a battery, a panel under a sky, a charger, a network switch and the nodes, stepped through time.
//!
//! ```text
//!  sun, clouds -> panel -> charger -> [battery] -> charger's load output -> converters -> nodes
//!                                                                        -> network switch
//! ```
//!
//! Each step solves for the one voltage at which the battery, the panel's power and the load's power agree, then lets
//! each part take its stretch of time. Every watt-hour is in [`Accounts`].

use std::sync::Arc;
use std::time::Duration;

use protocol::{Charge, Current, Energy, Power, Soc, Temperature, Voltage};

use super::ageing::Ageing;
use super::battery::{Battery, Condition};
use super::charger::{self, Charger};
use super::load::{NodeLoad, PowerState};
use super::outdoors::Outdoors;
use super::panel::Panel;
use super::record::Record;
use super::sun::SolarTime;
use super::weather::{Climate, Weather};
use crate::battery::Chemistry;

/// How slowly a battery in its box follows the air.
const BATTERY_WARMS_SECONDS: f64 = 6.0 * 3600.0;

/// What a site is made of, and when it begins.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The battery's chemistry.
    pub chemistry: Chemistry,
    /// The battery's label.
    pub label: Charge,
    /// How it differs from its label.
    pub condition: Condition,
    /// How full it is at the start.
    pub soc: Soc,
    /// The panel.
    pub panel: Panel,
    /// How the charger is set.
    pub charger: charger::Settings,
    /// Degrees, north positive.
    pub latitude_degrees: f64,
    /// What the sky is like there.
    pub climate: Climate,
    /// A measured sky that is played instead of the climate's.
    pub record: Option<Arc<Record>>,
    /// Whether the battery wears.
    pub ages: bool,
    /// When it begins.
    pub start: SolarTime,
    /// What the network switch draws at 12 V.
    pub network: Power,
    /// Of the weather.
    pub seed: u64,
}

/// Where the energy went since the start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Accounts {
    /// What the panel could have given.
    pub available: Energy,
    /// What the charger took of it; the rest was curtailed, because the battery was full.
    pub panel: Energy,
    /// What the nodes used, at 5 V.
    pub nodes: Energy,
    /// What their converters lost.
    pub converters: Energy,
    /// What the network switch used.
    pub network: Energy,
    /// What the charger used for itself.
    pub charger: Energy,
}

impl Accounts {
    /// All that was used or lost outside of the battery.
    pub fn used(&self) -> Energy {
        self.nodes + self.converters + self.network + self.charger
    }
}

/// A site at one moment of its time.
#[derive(Debug, Clone)]
pub struct Site {
    battery: Battery,
    label: Charge,
    ageing: Option<Ageing>,
    outdoors: Outdoors,
    charger: Charger,
    network: Power,
    nodes: Vec<NodeLoad>,
    start: SolarTime,
    elapsed: Duration,
    day: u32,
    voltage: Voltage,
    current: Current,
    load: Power,
    accounts: Accounts,
    brown_outs: u32,
}

impl Site {
    /// A site with these nodes, all of them up.
    pub fn new(settings: &Settings, nodes: Vec<NodeLoad>) -> Self {
        let Settings { chemistry, label, condition, soc, start, .. } = *settings;
        let outdoors = Outdoors::new(settings);
        let mut battery = Battery::new(chemistry, label, condition, soc);
        battery.set_temperature(outdoors.air());
        let voltage = battery.voltage(Current::ZERO);
        Self {
            battery,
            label,
            ageing: settings.ages.then(|| Ageing::new(chemistry, condition)),
            outdoors,
            charger: Charger::new(settings.charger),
            network: settings.network,
            nodes,
            start,
            elapsed: Duration::ZERO,
            day: start.day,
            voltage,
            current: Current::ZERO,
            load: Power::ZERO,
            accounts: Accounts::default(),
            brown_outs: 0,
        }
    }

    /// Lets a stretch of time pass: best a second, good up to ten.
    pub fn step(&mut self, dt: Duration) {
        self.elapsed += dt;
        let time = self.time();
        self.outdoors.step(dt, time);
        self.warm_battery(dt, self.outdoors.air());
        let available = self.outdoors.available();

        let connected = self.charger.load_closed();
        let nodes: Power = self.nodes.iter().map(NodeLoad::input).sum();
        let wanted = if connected { nodes + self.network } else { Power::ZERO };
        let own = self.charger.settings().own;
        // A battery that cannot carry the load collapses, and everything that hangs on it stops.
        let carried = self.solve(wanted + own).map(|terminals| (terminals, wanted));
        let collapsed = carried.is_none();
        let ((voltage, current), load) = carried
            .unwrap_or_else(|| (self.solve(own).unwrap_or((Voltage::ZERO, Current::ZERO)), Power::ZERO));
        (self.voltage, self.current, self.load) = (voltage, current, load);

        self.account(dt, load + own + -(voltage * current));
        self.battery.step(dt, current);
        let temperature = self.battery.temperature();
        self.charger.observe(dt, voltage, current, available, temperature);
        self.wear(dt, time.day);
        let input = if connected && !collapsed { voltage } else { Voltage::ZERO };
        self.feed_nodes(dt, input);
    }

    /// What the battery's use does to it; it takes effect once a day.
    fn wear(&mut self, dt: Duration, day: u32) {
        let Some(ageing) = &mut self.ageing else { return };
        let battery = &mut self.battery;
        ageing.observe(dt, self.current, battery.true_soc(), battery.nominal(), battery.temperature());
        if day != self.day {
            self.day = day;
            battery.set_condition(self.label, ageing.condition());
        }
    }

    /// The battery's voltage and current at which the panel and this load agree with it.
    fn solve(&self, load: Power) -> Option<(Voltage, Current)> {
        let available = self.outdoors.available();
        let ceiling = self.charger.ceiling(self.battery.temperature());
        let all_the_sun = self.battery.current_for(load - available);
        if let Some(current) = all_the_sun {
            let voltage = self.battery.voltage(current);
            // A battery that refuses its charge leaves the panel's power where it is, so the load sets the current.
            if voltage <= ceiling && !(current == Current::ZERO && available > load) {
                return Some((voltage, current));
            }
        }
        // Above the ceiling the charger curtails; it can give less, but never draw from the battery.
        let without_sun = self.battery.current_for(load)?;
        let current = self.battery.current_at(ceiling).min(without_sun);
        Some((self.battery.voltage(current), current))
    }

    fn account(&mut self, dt: Duration, panel: Power) {
        let accounts = &mut self.accounts;
        accounts.available += self.outdoors.available() * dt;
        accounts.panel += panel * dt;
        accounts.charger += self.charger.settings().own * dt;
        if self.load > Power::ZERO {
            let output: Power =
                self.nodes.iter().filter(|node| node.switch_closed()).map(NodeLoad::output).sum();
            accounts.nodes += output * dt;
            accounts.network += self.network * dt;
            accounts.converters += (self.load - self.network - output) * dt;
        }
    }

    fn feed_nodes(&mut self, dt: Duration, input: Voltage) {
        for node in &mut self.nodes {
            // A switch that somebody opened is that somebody's decision; the rest is the supply's fault.
            let commanded = !node.switch_closed();
            if node.step(dt, input) && !commanded {
                self.brown_outs += 1;
            }
        }
    }

    fn warm_battery(&mut self, dt: Duration, air: Temperature) {
        let now = self.battery.temperature();
        let part = 1.0 - libm::exp(-dt.as_secs_f64() / BATTERY_WARMS_SECONDS);
        self.battery.set_temperature(now + (air - now) * part);
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The moment of the solar year.
    pub fn time(&self) -> SolarTime {
        self.start.after(self.elapsed)
    }

    /// At the battery's terminals during the last step: what a sensor there sees.
    pub fn voltage(&self) -> Voltage {
        self.voltage
    }

    /// Out of the battery during the last step, negative while it charged: what a sensor there sees.
    pub fn current(&self) -> Current {
        self.current
    }

    /// What the panel could have given during the last step.
    pub fn available(&self) -> Power {
        self.outdoors.available()
    }

    /// The sky over it and its panel.
    pub fn outdoors(&self) -> &Outdoors {
        &self.outdoors
    }

    /// What the battery's use has done to it; `None` where it does not wear.
    pub fn ageing(&self) -> Option<&Ageing> {
        self.ageing.as_ref()
    }

    /// What hung on the load output during the last step, at 12 V.
    pub fn load(&self) -> Power {
        self.load
    }

    /// What no sensor can see.
    pub fn true_soc(&self) -> Soc {
        self.battery.true_soc()
    }

    /// The battery.
    pub fn battery(&self) -> &Battery {
        &self.battery
    }

    /// The charger.
    pub fn charger(&self) -> &Charger {
        &self.charger
    }

    /// The weather.
    pub fn weather(&self) -> &Weather {
        self.outdoors.weather()
    }

    /// The weather, to ordain it.
    pub fn weather_mut(&mut self) -> &mut Weather {
        self.outdoors.weather_mut()
    }

    /// The nodes, in the order in which they were given.
    pub fn nodes(&self) -> &[NodeLoad] {
        &self.nodes
    }

    /// A node, to set its work, halt it or switch it.
    pub fn node_mut(&mut self, index: usize) -> Option<&mut NodeLoad> {
        self.nodes.get_mut(index)
    }

    /// How many nodes are up or coming up.
    pub fn running(&self) -> usize {
        let runs = |node: &&NodeLoad| matches!(node.state(), PowerState::Up | PowerState::Booting { .. });
        self.nodes.iter().filter(runs).count()
    }

    /// Where the energy went.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How many times a running node lost its power to the supply: cut off by the charger, or under the voltage that
    /// its converter needs.
    pub fn brown_outs(&self) -> u32 {
        self.brown_outs
    }
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
