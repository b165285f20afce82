//! Nodes that should be there and are not: off, perhaps, with nobody told.
//!
//! A node that halts while no supervisor leads says goodbye to nobody; one whose power failed never does. Both would stay off
//! beside a full battery. So a node that is missing for a while, and that somebody has a switch for, is woken like a
//! parked one. To switch its power *on* harms nobody, wherever it is. To break its power, which is what wakes a board that
//! halted, would harm one that runs behind a torn cable: that waits until no agent could still be up.

use std::time::Duration;

use protocol::{Charge, Uptime};

use super::fleet::Node;
use super::liveness::Liveness;
use super::settings::Settings;

/// Longer than a boot, an update, a switch that restarts.
const MISSING_AFTER: Duration = Duration::from_mins(15);

/// An agent without sensor and supervisor halts when the energy that it last knew of is gone at its greatest load: with the
/// usual 60 W and 100 Ah in 20 h at the most ...
const OFF_AFTER: Duration = Duration::from_hours(24);
/// ... and with a greater battery in proportion.
const OFF_AFTER_FOR: Charge = Charge::from_amp_hours(100.0);

/// Whether a node should be there and has not been heard of for long.
pub(crate) fn is_missing(node: &Node, now: Uptime) -> bool {
    matches!(node.liveness(), Liveness::NeverSeen | Liveness::Lost)
        && node.presence.silent(now) >= MISSING_AFTER
}

/// Whether it is missing for so long that its agent, did it live, would have switched it off by now. Of one that measures its
/// supply itself that is never sure.
pub(crate) fn is_off_for_sure(node: &Node, settings: &Settings, now: Uptime) -> bool {
    let capacity = settings.supply(&node.supply).site.map_or(OFF_AFTER_FOR, |site| site.capacity);
    let off_after = OFF_AFTER.mul_f64((capacity / OFF_AFTER_FOR).max(1.0));
    is_missing(node, now) && !node.has_sensor && !node.master && node.presence.silent(now) >= off_after
}

/// Whether it may be woken: parked, or missing.
pub(crate) fn may_be_woken(node: &Node, now: Uptime) -> bool {
    node.liveness() == Liveness::Parked || is_missing(node, now)
}
