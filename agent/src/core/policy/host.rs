//! The board's own distress: its 5 V rail sags, or its processor is too hot. Both ask for less load, now.

use std::time::Duration;

use protocol::{Reason, Seconds, Temperature, Uptime};

use super::hold::Hold;
use crate::core::event::HostSample;

/// The rail must be low in samples this far apart: the flag alone also shows a single dip of the last 2 s.
const RAIL_HOLD: Duration = Duration::from_secs(5);
/// Hot for this long is hot.
const HOT_HOLD: Duration = Duration::from_secs(20);
/// Cool again only this far below the threshold.
const COOL: Temperature = Temperature::from_celsius(5.0);
/// Rail and heat must have been well for this long before the stage is left.
pub(super) const CLEAR: Duration = Duration::from_mins(5);

/// The board's state over time.
#[derive(Debug, Clone)]
pub(super) struct HostWatch {
    threshold: Temperature,
    rail: Hold,
    hot: Hold,
    hottest: Temperature,
}

impl HostWatch {
    pub(super) fn new(threshold: Temperature) -> Self {
        Self { threshold, rail: Hold::default(), hot: Hold::default(), hottest: threshold }
    }

    /// Notes a look at the board. What the board does not measure is no distress.
    pub(super) fn note(&mut self, now: Uptime, sample: &HostSample) {
        self.rail.note(now, sample.rail_low == Some(true));
        let limit = if self.hot.holds() { self.threshold - COOL } else { self.threshold };
        let hot = sample.temperature.filter(|temperature| *temperature > limit);
        self.hot.note(now, hot.is_some());
        if let Some(temperature) = hot {
            self.hottest = temperature;
        }
    }

    /// Why to throttle.
    pub(super) fn demand(&self, now: Uptime) -> Option<Reason> {
        let rail = self.rail.held(now, RAIL_HOLD).map(|held| Reason::RailLow { held: Seconds::from(held) });
        rail.or_else(|| {
            self.hot
                .held(now, HOT_HOLD)
                .map(|_| Reason::Hot { temperature: self.hottest, threshold: self.threshold })
        })
    }

    /// When a distress that began will have lasted long enough.
    pub(super) fn next_wake(&self) -> Option<Uptime> {
        [self.rail.due(RAIL_HOLD), self.hot.due(HOT_HOLD)].into_iter().flatten().min()
    }
}
