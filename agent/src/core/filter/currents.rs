//! Two sensors that measure the battery's current, and what is made of it when they differ.
//!
//! A shunt of another value than it says, a monitor that misses a load, a sensor wired the other way round: nobody here
//! can say which is right. So it is told, with both numbers, and the one by which the battery empties faster rules until
//! they agree again.

use std::time::Duration;

use protocol::{Current, Uptime};

use crate::core::action::{Action, Warning};

/// Two currents may differ by this part of the greater: clones read up to 5 % off, either way ...
const TOLERANCE: f64 = 0.1;
/// ... and by so much whatever they are: offsets, and a Pi's load between two readings.
const TOLERANCE_LEAST: Current = Current::from_amps(0.3);
/// Once apart, they must come clearly nearer: no news at each noise bit.
const NEARER: f64 = 0.75;
/// A difference counts once it lasted this long, and is over once it was gone this long: a load may switch between two
/// readings.
const HOLD: Duration = Duration::from_mins(1);

/// Whether they differ, and since when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Currents {
    /// The present course (differing or agreeing) began then.
    since: Option<Uptime>,
    /// The sensor that shows the less, as long as they differ.
    standing: Option<usize>,
}

impl Currents {
    /// Whether a difference stands.
    pub(super) const fn differ(&self) -> bool {
        self.standing.is_some()
    }

    /// Looks at what the living sensors show, each with its place.
    pub(super) fn step(
        &mut self,
        now: Uptime,
        living: impl Iterator<Item = (usize, Current)> + Clone,
        actions: &mut Vec<Action>,
    ) {
        let by_amps = |a: &(usize, Current), b: &(usize, Current)| a.1.amps().total_cmp(&b.1.amps());
        let ends = living.clone().min_by(by_amps).zip(living.max_by(by_amps));
        let apart = ends.filter(|((_, low), (_, high))| self.is_apart(*low, *high));
        if apart.is_some() == self.differ() {
            self.since = None;
            return;
        }
        if now.since(*self.since.get_or_insert(now)) < HOLD {
            return;
        }
        self.since = None;
        let (sensor, what) = match (apart, self.standing) {
            (Some(((place, low), (_, high))), _) => {
                (place, format!("{low} out of the battery here but {high} on the other sensor, which rules"))
            }
            (None, Some(place)) => (place, "agrees with the other sensor's current again".to_owned()),
            (None, None) => return,
        };
        self.standing = apart.map(|((place, _), _)| place);
        actions.push(Action::Warn(Warning::Sensor { sensor: sensor as u8, what }));
    }

    fn is_apart(&self, low: Current, high: Current) -> bool {
        let part = if self.differ() { NEARER } else { 1.0 };
        let greater = low.abs().max(high.abs());
        high - low > (greater * TOLERANCE).max(TOLERANCE_LEAST) * part
    }
}
