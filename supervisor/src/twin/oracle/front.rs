//! What the fleet may do, and which of it is worth considering: the efficient front of watts and worth.
//!
//! Each node does one of a few things ([`Mode`]). All combinations of ten nodes are millions, but only those matter for
//! which no other is worth more for the same watts. For each node the corners of its own concave hull are steps up, each of
//! so many watts for so much worth; the fleet's corners are all nodes' steps, the most worth for a watt first. Combinations
//! between two corners are left out: within a step the front is a straight line to the next corner, and the schedule gets
//! there by changing between two corners from step to step.

use protocol::Power;

/// What is to be as great as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// Worth by the site's weights.
    Worth,
    /// That critical work runs at all, on as many nodes for as long as possible; worth decides among equals.
    CriticalFirst,
}

/// What an hour of all critical work counts for [`Aim::CriticalFirst`]: more than weeks of everything else, and yet so little
/// that the sum of a year still has its digits for the rest.
const FIRST: f64 = 1e9;

impl Aim {
    /// What an hour counts.
    pub(super) fn value(self, worth: f64, critical: f64) -> f64 {
        match self {
            Self::Worth => worth,
            Self::CriticalFirst => worth + critical * FIRST,
        }
    }
}

/// One thing that a node may do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// What it draws at 12 V, converter included.
    pub power: Power,
    /// Worth of an hour of it, by the site's weights.
    pub worth: f64,
    /// The part of the fleet's critical containers that it serves.
    pub critical: f64,
}

/// What all nodes do at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What all draw together at 12 V.
    pub power: Power,
    /// Worth of an hour of it.
    pub worth: f64,
    /// The part of all critical containers that is served.
    pub critical: f64,
    /// For each node the index of its mode.
    pub modes: Vec<u8>,
}

/// The efficient choices, from the least power to the most.
#[derive(Debug, Clone, PartialEq)]
pub struct Front {
    choices: Vec<Choice>,
    slopes: Vec<f64>,
}

/// From one corner of a node's hull to the next.
struct Rise {
    node: usize,
    mode: u8,
    /// Aimed-at worth for each watt.
    slope: f64,
}

impl Front {
    /// Of nodes with these modes, those of each node in any order. A node without modes is left out of everything.
    pub fn of(nodes: &[Vec<Mode>], aim: Aim) -> Self {
        let value = |mode: &Mode| aim.value(mode.worth, mode.critical);
        let mut least = Vec::with_capacity(nodes.len());
        let mut rises = Vec::new();
        for (node, modes) in nodes.iter().enumerate() {
            let hull = hull(modes, value);
            least.push(hull.first().map_or(0, |first| first.0));
            rises.extend(hull.iter().skip(1).map(|(mode, slope)| Rise { node, mode: *mode, slope: *slope }));
        }
        // Stable: among equals the lower node rises first, as masters do.
        rises.sort_by(|a, b| b.slope.total_cmp(&a.slope));
        let slopes = rises.iter().map(|rise| rise.slope).collect();
        Self { choices: climb(nodes, least, &rises), slopes }
    }

    /// The same where the nodes `kept` are off only when all are: on them runs whoever wakes the others.
    pub fn keeping(nodes: &[Vec<Mode>], kept: &[bool], aim: Aim) -> Self {
        let is_kept = |node: usize| kept.get(node).copied().unwrap_or_default();
        let up = |(node, modes): (usize, &Vec<Mode>)| {
            let mut modes = modes.clone();
            if is_kept(node) && modes.len() > 1 {
                modes[0] = modes[1];
            }
            modes
        };
        let mut front = Self::of(&nodes.iter().enumerate().map(up).collect::<Vec<_>>(), aim);
        for choice in &mut front.choices {
            let kept =
                choice.modes.iter_mut().enumerate().filter(|(node, mode)| is_kept(*node) && **mode == 0);
            for (_, mode) in kept {
                *mode = 1;
            }
        }
        let off = sum(nodes, &vec![0; nodes.len()]);
        if let Some(first) = front.choices.first().filter(|first| first.power > off.power) {
            let value = |choice: &Choice| aim.value(choice.worth, choice.critical);
            front.slopes.insert(0, (value(first) - value(&off)) / (first.power - off.power).watts());
            front.choices.insert(0, off);
        }
        front
    }

    /// For each choice but the first: how much of what the front was made for it adds to the one before, for each watt.
    pub fn slopes(&self) -> impl Iterator<Item = f64> + '_ {
        self.slopes.iter().copied()
    }

    /// The choices, from the least power to the most.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// From choices that are given, for tests of what follows.
    #[cfg(test)]
    pub(super) fn from_choices(mut choices: Vec<Choice>) -> Self {
        choices.sort_by(|a, b| a.power.watts().total_cmp(&b.power.watts()));
        Self { choices, slopes: Vec::new() }
    }
}

/// The corners of one node's concave hull from the least power on: mode, and worth for each watt since the last.
fn hull(modes: &[Mode], value: impl Fn(&Mode) -> f64) -> Vec<(u8, f64)> {
    let slope = |from: &Mode, to: &Mode| (value(to) - value(from)) / (to.power - from.power).watts();
    let mut order: Vec<usize> = (0..modes.len().min(usize::from(u8::MAX))).collect();
    // Of the same power only the worthiest counts: it comes first.
    order.sort_by(|a, b| {
        let (a, b) = (&modes[*a], &modes[*b]);
        a.power.watts().total_cmp(&b.power.watts()).then(value(b).total_cmp(&value(a)))
    });
    let mut corners: Vec<usize> = Vec::new();
    for next in order {
        if corners.last().is_some_and(|last| value(&modes[next]) <= value(&modes[*last])) {
            continue; // more watts for nothing
        }
        while let [.., before, last] = corners[..] {
            if slope(&modes[before], &modes[last]) > slope(&modes[last], &modes[next]) {
                break;
            }
            corners.pop();
        }
        corners.push(next);
    }
    let before = std::iter::once(None).chain(corners.iter().map(Some));
    let rise = |(before, corner): (Option<&usize>, &usize)| {
        let slope = before.map_or(f64::INFINITY, |before| slope(&modes[*before], &modes[*corner]));
        (*corner as u8, slope)
    };
    before.zip(&corners).map(rise).collect()
}

/// What these modes come to together.
fn sum(nodes: &[Vec<Mode>], modes: &[u8]) -> Choice {
    let of = nodes.iter().zip(modes).filter_map(|(node, mode)| node.get(usize::from(*mode)));
    let mut choice = Choice { power: Power::ZERO, worth: 0.0, critical: 0.0, modes: modes.to_vec() };
    for mode in of {
        choice.power += mode.power;
        choice.worth += mode.worth;
        choice.critical += mode.critical;
    }
    choice
}

/// The choices on the way up.
fn climb(nodes: &[Vec<Mode>], least: Vec<u8>, rises: &[Rise]) -> Vec<Choice> {
    let mut modes = least;
    let mut choices = vec![sum(nodes, &modes)];
    for rise in rises {
        modes[rise.node] = rise.mode;
        choices.push(sum(nodes, &modes));
    }
    choices
}
