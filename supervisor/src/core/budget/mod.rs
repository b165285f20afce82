//! A supply's energy, as the leader knows it: what its nodes take and are worth, what the sun will bring, where the
//! watt-hours went; and from all that, the level the fleet should be at.
//!
//! One [`Budget`] for each supply that has a site in the config. Each minute it looks: at night the load teaches
//! ([`LoadModel`]), by day the panel's power is inferred and the forecast learns. Once an hour it plans ([`aim`]). What it
//! learned is handed out to be kept a few times a day. Nothing here gives orders: the planner carries the fleet towards
//! the [`Aim`], rung by rung.

mod accounts;
mod aim;
mod capacity;
mod uses;
pub mod view;

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::{Class, Energy, NodeName, Power, Soc, Stage, SupplyName, Uptime};
use serde::{Deserialize, Serialize};

pub use accounts::{Accounts, DayEnergy, NodeEnergy};
pub(crate) use aim::Aim;
pub use uses::Uses;

use super::fleet::{Fleet, Node};
use super::forecast::inference::{Doing, Holding, LoadModel};
use super::forecast::{Estimate as Inferred, Forecast, Learned, Observation, WallClock};
use super::liveness::Liveness;
use super::pace::Paces;
use super::planner::ladder::Ladder;
use super::planner::schedule::Schedule;
use super::settings::{Chemistry, Settings, SiteSettings, SupplySettings};
use super::supply::{self, Estimate};
use accounts::Seen;
use capacity::Capacity;

/// The supply is looked at this often.
const LOOK: Duration = Duration::from_mins(1);
/// What was learned is handed out to be kept this often: some ten kilobytes each time.
const KEEP: Duration = Duration::from_hours(6);
/// A plan needs the supply's state at most this old.
const KNOWN_FOR: Duration = Duration::from_mins(3);
/// A wall clock that was told longer ago is not gone by.
const WALL_FOR: Duration = Duration::from_mins(10);
/// Between two looks at most this much time counts: nobody knows what was in a longer gap.
const GAP_MAX: Duration = Duration::from_mins(5);

/// What is kept of a supply's budget over a restart. Some ten kilobytes as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptBudget {
    /// Which supply.
    pub supply: SupplyName,
    /// What the forecast learned.
    pub forecast: Learned,
    /// What the load is made of.
    pub load: LoadModel,
    /// What a full battery gives.
    pub capacity: Energy,
    /// What each node's work takes.
    pub uses: BTreeMap<NodeName, Uses>,
    /// Where the energy went.
    pub accounts: Accounts,
}

/// What a budget looks at.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) paces: &'a Paces,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Uptime,
}

/// One supply's budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    name: SupplyName,
    site: SiteSettings,
    chemistry: Chemistry,
    forecast: Forecast,
    load: LoadModel,
    holding: Holding,
    capacity: Capacity,
    uses: BTreeMap<NodeName, Uses>,
    accounts: Accounts,
    ladder: Ladder,
    ladder_made: Option<Uptime>,
    schedule: Option<Schedule>,
    aim: Option<Aim>,
    planned: Option<Uptime>,
    /// The deepest stage whose threshold the charge was below then.
    passed: Option<Stage>,
    /// The charge that the plan began with.
    soc: Option<Soc>,
    looked: Option<Uptime>,
    /// When the supply's state was last known.
    known: Option<Uptime>,
    kept: Uptime,
}

/// All budgets, and the wall clock as it was last told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budgets {
    supplies: BTreeMap<SupplyName, Budget>,
    wall: Option<(WallClock, Uptime)>,
}

impl Budgets {
    /// One for each supply with a site; what an earlier life learned goes on.
    pub(crate) fn new(settings: &Settings, kept: Vec<KeptBudget>) -> Self {
        let mut kept: BTreeMap<_, _> = kept.into_iter().map(|kept| (kept.supply.clone(), kept)).collect();
        let budget = |(name, supply): (&SupplyName, &SupplySettings)| {
            let site = supply.site?;
            Some((name.clone(), Budget::new(name.clone(), site, supply.chemistry, kept.remove(name))))
        };
        Self { supplies: settings.supplies.iter().filter_map(budget).collect(), wall: None }
    }

    /// The machine's clock says this.
    pub(crate) fn told(&mut self, wall: WallClock, now: Uptime) {
        self.wall = Some((wall, now));
    }

    /// Looks at every supply whose minute is over; returns what is to be kept.
    pub(crate) fn look(&mut self, around: Around<'_>) -> Vec<KeptBudget> {
        let now = around.now;
        let wall = self.wall.filter(|(_, told)| now.since(*told) <= WALL_FOR).map(|(wall, told)| {
            let since = i64::try_from(now.since(told).as_secs()).unwrap_or(i64::MAX);
            WallClock::from_unix_seconds(wall.unix_seconds().saturating_add(since))
        });
        let due = |budget: &Budget| budget.looked.is_none_or(|looked| now.since(looked) >= LOOK);
        self.supplies
            .values_mut()
            .filter(|budget| due(budget))
            .filter_map(|budget| budget.look(around, wall))
            .collect()
    }

    /// Where the fleet on a supply should be, while there is a plan that holds.
    pub(crate) fn aim(&self, supply: &SupplyName, now: Uptime) -> Option<&Aim> {
        let budget = self.supplies.get(supply)?;
        let fresh = budget.known.is_some_and(|known| now.since(known) <= KNOWN_FOR);
        budget.aim.as_ref().filter(|_| fresh)
    }

    /// A supply's budget.
    pub(crate) fn get(&self, supply: &SupplyName) -> Option<&Budget> {
        self.supplies.get(supply)
    }
}

impl Budget {
    fn new(name: SupplyName, site: SiteSettings, chemistry: Chemistry, kept: Option<KeptBudget>) -> Self {
        let label = chemistry.energy(site.capacity);
        let (learned, load, capacity, uses, accounts) = match kept {
            Some(kept) => {
                let uses = kept.uses.into_iter().filter_map(|(name, uses)| Some((name, uses.sound()?)));
                let accounts = kept.accounts.sound();
                (Some(kept.forecast), kept.load.sound(), Some(kept.capacity), uses.collect(), accounts)
            }
            None => (None, LoadModel::default(), None, BTreeMap::new(), Accounts::default()),
        };
        Self {
            name,
            site,
            chemistry,
            forecast: Forecast::new(site.site, learned),
            load,
            holding: Holding::default(),
            capacity: Capacity::new(label, capacity),
            uses,
            accounts,
            ladder: Ladder::default(),
            ladder_made: None,
            schedule: None,
            aim: None,
            planned: None,
            passed: None,
            soc: None,
            looked: None,
            known: None,
            kept: Uptime::START,
        }
    }

    /// One look, and what follows; what was learned, when it is time to keep it.
    fn look(&mut self, around: Around<'_>, wall: Option<WallClock>) -> Option<KeptBudget> {
        let now = around.now;
        let time = self.looked.map_or(Duration::ZERO, |looked| now.since(looked)).min(GAP_MAX);
        self.looked = Some(now);
        let estimate = supply::estimate(around.fleet, &self.name, &around.settings.plan, now);
        let estimate = estimate.filter(|estimate| estimate.known);
        let members = around.fleet.turns(&self.name);
        for node in members.iter().filter(|node| node.reachable()) {
            self.watch(node);
        }
        let (doing, steady) = doing(&members);
        let panel = self.infer(now, wall, estimate.as_ref(), &doing, steady);
        if let Some(estimate) = &estimate {
            self.known = Some(now);
            let drawn = drawn(estimate).unwrap_or(Power::ZERO);
            self.capacity.look(now, &estimate.energy, drawn);
            self.account(now, wall, time, &members, (panel.unwrap_or(Power::ZERO), drawn));
            self.plan(around, &members, estimate);
        }
        if now.since(self.kept) < KEEP {
            return None;
        }
        self.kept = now;
        // Nodes that are gone for good must not be kept for ever.
        self.uses.retain(|name, _| around.fleet.get(name).is_some());
        Some(self.to_keep())
    }

    fn to_keep(&self) -> KeptBudget {
        KeptBudget {
            supply: self.name.clone(),
            forecast: self.forecast.learned(),
            load: self.load,
            capacity: self.capacity.energy(),
            uses: self.uses.clone(),
            accounts: self.accounts.clone(),
        }
    }

    /// What a node that is up does.
    fn watch(&mut self, node: &Node) {
        let Some((report, _)) = &node.report else { return };
        let class = |slot| node.containers.get(slot).map(|entry| entry.class);
        let classes: Vec<Class> = report.containers.iter().filter_map(|seen| class(&seen.slot)).collect();
        self.uses.entry(node.name.clone()).or_default().look(report, classes.into_iter());
    }

    /// Learns the load by night and the panel by day; the panel's power now.
    fn infer(
        &mut self,
        now: Uptime,
        wall: Option<WallClock>,
        estimate: Option<&Estimate>,
        doing: &Doing,
        steady: bool,
    ) -> Option<Power> {
        let measured = estimate.and_then(|estimate| estimate.energy.voltage.zip(estimate.energy.current));
        let Some((voltage, current)) = measured else {
            self.forecast.observe(now, Observation { wall, panel: None, curtailed: false });
            return None;
        };
        let dark = self.forecast.is_dark(now) == Some(true);
        if dark && steady {
            self.load.learn(doing, voltage, current);
        }
        let mut panel: Inferred = self.load.panel(doing, voltage, current);
        if dark {
            panel.power = Power::ZERO;
        }
        let lit = panel.power > panel.spread;
        let curtailed = self.holding.look(&self.site.hold_points(), voltage, current, lit);
        self.forecast.observe(now, Observation { wall, panel: Some(panel), curtailed });
        Some(panel.power)
    }

    fn account(
        &mut self,
        now: Uptime,
        wall: Option<WallClock>,
        time: Duration,
        members: &[&Node],
        (panel, drawn): (Power, Power),
    ) {
        let parts = self.load.parts();
        let up = members.iter().filter(|node| node.reachable());
        let nodes: Vec<_> = up
            .map(|node| {
                let split = self.uses.get(&node.name).map(|uses| uses.split(node.stage()));
                (node.name.clone(), parts.node, split.unwrap_or_default())
            })
            .collect();
        let seen = Seen { time, panel, drawn, always: parts.always, nodes: &nodes, busy: parts.busy };
        // Without a known time of day, a day is a day of the supervisor's own clock.
        let day = self.forecast.day(now).unwrap_or_else(|| (now.as_millis() / 86_400_000).cast_signed());
        self.accounts.add(day, wall, &seen);
    }
}

/// What flows out of the battery; negative while it charges.
fn drawn(estimate: &Estimate) -> Option<Power> {
    Some(estimate.energy.voltage? * estimate.energy.current?)
}

/// What the nodes are doing, and whether that is known well enough to learn the load by.
fn doing(members: &[&Node]) -> (Doing, bool) {
    let (mut nodes_up, mut busy, mut steady) = (0u16, 0.0, true);
    for node in members {
        match node.liveness() {
            Liveness::Alive if node.reachable() => {
                nodes_up = nodes_up.saturating_add(1);
                let permille = node.report.as_ref().and_then(|(report, _)| report.host.cpu_permille);
                steady &= permille.is_some() && node.stage() != Stage::Halt;
                busy += permille.map_or(0.5, |permille| f64::from(permille) / 1000.0);
            }
            Liveness::Parked | Liveness::NeverSeen => steady &= !node.presence.linked(),
            Liveness::Alive | Liveness::Late | Liveness::Leaving | Liveness::Lost => steady = false,
        }
    }
    (Doing { nodes_up, busy }, steady)
}
