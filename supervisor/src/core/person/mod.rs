//! A person's orders: drain, park or wake a node, for a time or until it is resumed.
//!
//! A standing order is a wish that the leader carries out like a floor: the plan may make the node save more, and never
//! lets it spend more than the person allowed. It ends with its time, when a person resumes the node, or, for a parked
//! one, when somebody switches the node on by hand. It is kept over restarts of the supervisor, and every agent passes
//! it on to the other supervisors ([`protocol::standing`]), so that the next leader goes on with it.
//!
//! Only the leader takes orders. What must not be is refused, with a typed reason; some of that a person may insist on.

mod carry;
mod judge;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use protocol::message::Goodbye;
use protocol::standing::{Standing, Wish};
use protocol::{NodeName, Reason, Seconds, Stage, Uptime};
use serde::{Deserialize, Serialize};

use super::address::{LeaderView, Standby};
use super::liveness::Liveness;
use super::safety::Veto;

/// More standing orders are refused: agents keep no more either.
const STANDING_MAX: usize = 64;

/// A withdrawn order is remembered for so long, so that who was away does not bring it back.
const WITHDRAWN_FOR: Seconds = Seconds(24 * 3600);

/// Who wakes a node without saying for how long wants it for this long, at the least.
const AWAKE_FOR: Seconds = Seconds(3600);

/// What a person types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Do no more than critical work.
    Drain,
    /// End what was asked before.
    Resume,
    /// Be off.
    Park,
    /// Be on.
    Wake,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drain => "drain",
            Self::Resume => "resume",
            Self::Park => "park",
            Self::Wake => "wake",
        })
    }
}

/// What a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// About which node.
    pub node: NodeName,
    /// What.
    pub verb: Verb,
    /// For how long; `None`: until it is resumed.
    pub left: Option<Seconds>,
    /// Who asks.
    pub who: String,
    /// Why, in the person's own words.
    pub why: String,
    /// Insist, where that is possible.
    pub force: bool,
}

/// Which request an answer is to: numbered by `io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// A person asks something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonEvent {
    /// For the answer.
    pub ask: AskId,
    /// What.
    pub request: Request,
}

/// What a person is answered: what was accepted, with what is worth knowing, or why not.
pub type PersonAnswer = Result<Accepted, Refused>;

/// It will be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The node.
    pub node: NodeName,
    /// What.
    pub verb: Verb,
    /// The standing order that came of it, if one did.
    pub standing: Option<StandingView>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
}

/// What is worth knowing about an accepted order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// The address moves to another master first, whose supervisor then goes on.
    AddressFirst {
        /// To whom, as it looks.
        other: NodeName,
    },
    /// No node is known to have a power switch for it.
    NoKnownSwitch,
    /// It saves as much already, for other reasons.
    SavesAlready {
        /// In this stage.
        stage: Stage,
    },
    /// It is parked: the plan wakes it when the energy carries it.
    WakesLater,
    /// Another order stood, and does not any more.
    Replaces {
        /// Which.
        standing: StandingView,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressFirst { other } => {
                write!(
                    f,
                    "it holds the address: that moves first, to {other} as it looks, and its supervisor goes on"
                )
            }
            Self::NoKnownSwitch => f.write_str(
                "no node is known to have a power switch for it: it may have to be switched on by hand",
            ),
            Self::SavesAlready { stage } => write!(f, "it is in {stage} already, and stays there now"),
            Self::Replaces { standing } => write!(f, "it was to be {standing}: that ends with this"),
            Self::WakesLater => f.write_str("it is parked; the plan wakes it when the energy carries it"),
        }
    }
}

/// Why a person's order is not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refused")]
pub enum Refused {
    /// This supervisor does not lead.
    NotLeading {
        /// Why not.
        why: Standby,
        /// Who leads, as far as is known.
        #[serde(default)]
        leader: Option<LeaderView>,
    },
    /// There is no such node.
    UnknownNode {
        /// Those that there are.
        known: Vec<NodeName>,
    },
    /// It cannot be spoken to.
    NotThere {
        /// What it is.
        liveness: Liveness,
    },
    /// It is off.
    Parked,
    /// It is not off: there is nothing to wake.
    NotParked {
        /// What it is.
        liveness: Liveness,
    },
    /// Nobody asked anything of it.
    NothingToResume,
    /// Every other master is lost, parked or drained.
    LastMaster,
    /// Of the masters too few would be left to agree on anything.
    FewMasters {
        /// So many would be left.
        left: usize,
        /// So many are needed.
        needed: usize,
    },
    /// No other node is seen to run this critical container.
    LastReplica {
        /// Its name.
        container: String,
    },
    /// No node has a power switch for it.
    NoSwitch,
    /// The energy, or the pace of waking, forbids it.
    Vetoed {
        /// Why.
        veto: Veto,
    },
    /// So many orders stand already.
    TooMany {
        /// How many.
        standing: usize,
    },
}

impl Refused {
    /// Whether `--force` would help.
    pub const fn yields_to_force(&self) -> bool {
        matches!(self, Self::LastReplica { .. } | Self::FewMasters { .. })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeading { why, leader } => {
                write!(f, "this supervisor does not lead ({why}): ")?;
                match leader.as_ref().filter(|leader| !leader.old) {
                    Some(leader) => write!(f, "ask on {}, which leads and holds the address", leader.node),
                    None => f.write_str("ask on the master that holds the address"),
                }
            }
            Self::UnknownNode { known } if known.is_empty() => f.write_str("no node is known yet"),
            Self::UnknownNode { known } => {
                let known: Vec<_> = known.iter().map(NodeName::as_str).collect();
                write!(f, "there is no such node; known nodes: {}", known.join(", "))
            }
            Self::NotThere { liveness } => write!(f, "it cannot be told: it is {liveness}"),
            Self::Parked => f.write_str("it is parked already"),
            Self::NotParked { liveness: liveness @ (Liveness::Lost | Liveness::NeverSeen) } => write!(
                f,
                "it is {liveness}, not parked, and may be on: look at it, and switch it off and on by hand"
            ),
            Self::NotParked { liveness } => write!(f, "it is on: it is {liveness}"),
            Self::NothingToResume => {
                f.write_str("no person's order stands about it; what is parked is woken by `wake`")
            }
            Self::LastMaster => f.write_str("every other master is lost, parked or drained"),
            Self::FewMasters { left, needed } => {
                write!(f, "only {left} masters would be left, and {needed} are needed to agree on anything")
            }
            Self::LastReplica { container } => {
                write!(f, "no other node is seen to run the critical container {container}")
            }
            Self::NoSwitch => f.write_str("no node has a power switch for it: switch it on by hand"),
            Self::Vetoed { veto } => write!(f, "{veto}"),
            Self::TooMany { standing } => {
                write!(f, "{standing} orders stand already: resume some nodes first")
            }
        }
    }
}

/// A standing order as a person may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    /// What is wanted.
    pub wish: Wish,
    /// By whom.
    pub who: String,
    /// Why; may be empty.
    pub why: String,
    /// For how long yet; `None`: until it is resumed.
    pub left: Option<Seconds>,
}

impl StandingView {
    pub(crate) fn of(standing: &Standing) -> Self {
        let Standing { wish, left, .. } = *standing;
        Self { wish, who: standing.who.to_string(), why: standing.why.to_string(), left }
    }
}

impl fmt::Display for StandingView {
    /// `drained by ada for another 2 h: a new fan`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.wish {
            Wish::Withdrawn => "resumed",
            Wish::Drain => "drained",
            Wish::Park => "parked",
            Wish::Awake => "kept awake",
        };
        write!(f, "{verb} by {}", self.who)?;
        match (self.left, self.wish) {
            (_, Wish::Withdrawn) => {}
            (Some(left), _) => write!(f, " for another {left}")?,
            (None, _) => f.write_str(" until it is resumed")?,
        }
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// Why a node is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedBy {
    /// A person.
    Person,
    /// The leader's plan.
    Plan,
    /// Its own readings.
    Itself,
}

impl ParkedBy {
    /// As the node's goodbye says.
    pub(crate) const fn of(goodbye: &Goodbye) -> Option<Self> {
        match goodbye {
            Goodbye::Stopping => None,
            Goodbye::Parking { reason: Reason::Ordered { why: protocol::OrderReason::Operator, .. } } => {
                Some(Self::Person)
            }
            Goodbye::Parking { reason: Reason::Ordered { .. } } => Some(Self::Plan),
            Goodbye::Parking { .. } => Some(Self::Itself),
        }
    }
}

/// Why a standing order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its time is over.
    Expired,
    /// Somebody switched the parked node on.
    SwitchedOn,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "its time is over",
            Self::SwitchedOn => "the node was switched on",
        })
    }
}

/// A standing order, and what was before it.
#[derive(Debug, Clone)]
struct Held {
    standing: Standing,
    until: Option<Uptime>,
    /// The stage that the node was ordered before, to which it may come back.
    from: Stage,
}

/// All standing orders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Persons {
    held: BTreeMap<NodeName, Held>,
    /// Nodes that were drained and are not any more, with the stage to which they may come back.
    released: BTreeMap<NodeName, Stage>,
}

impl Persons {
    /// Takes a standing order if it is newer than what is known of its node; whether it was.
    pub(crate) fn take(&mut self, standing: Standing, from: Stage, now: Uptime) -> bool {
        let known = self.held.get(&standing.node);
        if known.is_some_and(|held| held.standing.id >= standing.id)
            || (known.is_none() && self.held.len() >= STANDING_MAX)
        {
            return false;
        }
        // Drained twice, it comes back to where it was before the first time.
        let from = known.filter(|held| held.standing.wish == Wish::Drain).map_or(from, |held| held.from);
        let was_drained = known.is_some_and(|held| held.standing.wish == Wish::Drain);
        if was_drained && matches!(standing.wish, Wish::Withdrawn | Wish::Awake) {
            self.released.insert(standing.node.clone(), from);
        } else {
            self.released.remove(&standing.node);
        }
        let until = standing.left.map(|left| now + Duration::from(left));
        self.held.insert(standing.node.clone(), Held { standing, until, from });
        true
    }

    /// Ends those whose time is over.
    pub(crate) fn expire(&mut self, now: Uptime) -> Vec<Standing> {
        let over = |held: &Held| held.until.is_some_and(|until| now >= until);
        let nodes: Vec<_> =
            self.held.iter().filter(|(_, held)| over(held)).map(|(node, _)| node.clone()).collect();
        let mut ended = Vec::new();
        for node in nodes {
            let Some(held) = self.held.remove(&node) else { continue };
            if held.standing.wish == Wish::Drain {
                self.released.insert(node, held.from);
            }
            ended.push(held.standing);
        }
        ended
    }

    /// All orders, withdrawn ones too, with the time that is left.
    pub(crate) fn all(&self, now: Uptime) -> impl Iterator<Item = Standing> {
        self.held.values().map(move |held| Standing {
            left: held.until.map(|until| Seconds::from(until.since(now))),
            ..held.standing.clone()
        })
    }

    /// What a person wants of a node.
    pub(crate) fn wish(&self, node: &NodeName) -> Wish {
        self.held.get(node).map_or(Wish::Withdrawn, |held| held.standing.wish)
    }

    /// The order about a node, for people.
    pub(crate) fn view(&self, node: &NodeName, now: Uptime) -> Option<StandingView> {
        let standing = self.all(now).find(|standing| standing.node == *node)?;
        (standing.wish != Wish::Withdrawn).then(|| StandingView::of(&standing))
    }

    /// Whether a node may not be let off the stage that it is ordered.
    pub(crate) fn keeps(&self, node: &NodeName, ordered: Stage) -> bool {
        match self.wish(node) {
            Wish::Drain => ordered <= Stage::Drain,
            Wish::Park => true,
            Wish::Withdrawn | Wish::Awake => false,
        }
    }

    /// How many orders stand.
    fn standing(&self) -> usize {
        self.held.values().filter(|held| held.standing.wish != Wish::Withdrawn).count()
    }
}
