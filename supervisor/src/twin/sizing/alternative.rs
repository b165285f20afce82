//! Sites to compare: one site, changed in what a person can choose.

use hardware::battery::Chemistry;
use hardware::boards::Board;
use hardware::sim::charger;
use protocol::{Charge, NodeName, Power};

use super::expect::{Skies, Study, study};
use super::shop::with_capacity;
use crate::twin::site::{Site, SiteNode};

/// A site with a name.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// What tells it from the others.
    pub name: String,
    /// The site.
    pub site: Site,
}

/// What is chosen otherwise than in the site it is applied to.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// How many nodes.
    pub nodes: Option<usize>,
    /// The battery's label.
    pub battery: Option<Charge>,
    /// The battery's chemistry; the charger becomes its usual one.
    pub chemistry: Option<Chemistry>,
    /// The panel's label.
    pub panel: Option<Power>,
    /// The panel's tilt, in degrees.
    pub tilt_degrees: Option<f64>,
    /// The board of all nodes.
    pub board: Option<&'static Board>,
    /// What the network switch takes.
    pub network: Option<Power>,
    /// Whether relays break the power of nodes that are off.
    pub relays: Option<bool>,
}

impl Choices {
    /// The site with these choices.
    pub fn apply(&self, site: &Site) -> Site {
        let mut site = self.nodes.map_or_else(|| site.clone(), |count| with_nodes(site, count));
        if let Some(chemistry) = self.chemistry.filter(|chemistry| *chemistry != site.battery.chemistry) {
            site.battery.chemistry = chemistry;
            site.charger = charger::Settings::usual(chemistry, site.battery.capacity);
        }
        if let Some(label) = self.battery {
            site = with_capacity(&site, label);
        }
        site.panel.label = self.panel.unwrap_or(site.panel.label);
        site.panel.tilt_degrees = self.tilt_degrees.unwrap_or(site.panel.tilt_degrees);
        site.network = self.network.unwrap_or(site.network);
        for node in &mut site.nodes {
            node.board = self.board.unwrap_or(node.board);
            node.relay = self.relays.unwrap_or(node.relay);
        }
        site
    }
}

/// The site with so many nodes: masters first, then the others in turn through their groups, again and again if there
/// must be more than there are.
fn with_nodes(site: &Site, count: usize) -> Site {
    let (masters, others): (Vec<&SiteNode>, Vec<&SiteNode>) = site.nodes.iter().partition(|node| node.master);
    let mut kinds: Vec<Vec<&SiteNode>> = Vec::new();
    for node in others {
        match kinds.iter_mut().find(|kind| kind.first().is_some_and(|first| alike(first, node))) {
            Some(kind) => kind.push(node),
            None => kinds.push(vec![node]),
        }
    }
    let depth = kinds.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..depth).flat_map(|row| kinds.iter().filter_map(move |kind| kind.get(row).copied()));
    let in_turn: Vec<&SiteNode> = in_turn.collect();
    let more = if in_turn.is_empty() { &masters } else { &in_turn };
    let nodes = masters.iter().chain(more.iter().cycle()).take(count).enumerate().map(|(place, node)| {
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        let name = format!("node-{}", u32::from(place) + 1).parse::<NodeName>();
        SiteNode { name: name.unwrap_or_else(|_| node.name.clone()), shed_order: place, ..(*node).clone() }
    });
    Site { nodes: nodes.collect(), ..site.clone() }
}

/// Whether two nodes do the same work on the same board.
fn alike(a: &SiteNode, b: &SiteNode) -> bool {
    a.board.model == b.board.model && a.work == b.work
}

/// Studies all of them, each under the skies that belong to it; gives the first one's skies as well. `tell` hears
/// after each year.
pub fn compare(sites: &[Alternative], seeds: u64, days: u32, mut tell: impl FnMut()) -> Vec<(Study, Skies)> {
    let mut known: Vec<(usize, Skies)> = Vec::new();
    let mut studies = Vec::with_capacity(sites.len());
    for (number, Alternative { site, .. }) in sites.iter().enumerate() {
        let same = known.iter().find(|(other, _)| same_sky(&sites[*other].site, site));
        let skies = if let Some((other, skies)) = same {
            skies.scaled(site.panel.label / sites[*other].site.panel.label)
        } else {
            let skies = Skies::over(site, seeds, days);
            known.push((number, skies.clone()));
            skies
        };
        studies.push((study(site, &skies, &mut tell), skies));
    }
    studies
}

/// Whether the sun of two sites differs by their panels' labels only.
fn same_sky(a: &Site, b: &Site) -> bool {
    let panel = |site: &Site| (site.panel.tilt_degrees, site.panel.azimuth_degrees, site.panel.soiling);
    let place = |site: &Site| (site.place, site.pace.step, site.climate);
    let record = |site: &Site| site.record.as_ref().map(std::sync::Arc::as_ptr);
    panel(a) == panel(b) && place(a) == place(b) && record(a) == record(b) && a.panel.label > Power::ZERO
}
