//! A second opinion of the charge: what a battery monitor, a UPS or a fuel gauge holds it to be, where the config wants
//! its word to count.
//!
//! Two ways to know a charge fail in different ways, so the lower one rules: a reported charge takes the band down with
//! it, never up. When the two are far apart for long, a person is told both numbers.

use std::time::Duration;

use protocol::report::{Basis, Energy};
use protocol::{Soc, Uptime};

use super::action::{Action, Warning};
use super::reading::SensorId;

/// Farther apart than this, percentage points, one of the two is wrong: each is good to some ten.
const APART_POINTS: f64 = 20.0;
/// Once apart, they must come this near again.
const NEARER_POINTS: f64 = 12.0;
/// Both are slow: a difference that passes is a monitor that was just synchronised.
const HOLD: Duration = Duration::from_mins(10);

/// Whether the two differ, and since when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opinion {
    since: Option<Uptime>,
    standing: Option<SensorId>,
}

impl Opinion {
    /// Whether a difference stands: something for a person.
    pub const fn differs(&self) -> bool {
        self.standing.is_some()
    }

    /// Compares the lowest reported charge with the estimate, which must not have been lowered yet.
    pub fn step(
        &mut self,
        now: Uptime,
        reported: Option<(SensorId, Soc)>,
        energy: &Energy,
        actions: &mut Vec<Action>,
    ) {
        // A guess by voltage, or none at all, contradicts nobody.
        let counted = energy.soc.filter(|_| energy.basis == Basis::Counted);
        let limit = if self.differs() { NEARER_POINTS } else { APART_POINTS };
        let apart = reported.zip(counted).filter(|((_, soc), band)| {
            soc.points_above(band.high) > limit || band.low.points_above(*soc) > limit
        });
        if apart.is_some() == self.differs() {
            self.since = None;
            return;
        }
        if now.since(*self.since.get_or_insert(now)) < HOLD {
            return;
        }
        self.since = None;
        let (sensor, what) = match (apart, self.standing) {
            (Some(((sensor, soc), band)), _) => {
                (sensor, format!("holds the charge to be {soc}, counted are {}: the lower rules", band.best))
            }
            (None, Some(sensor)) => (sensor, "its charge agrees with what was counted again".to_owned()),
            (None, None) => return,
        };
        self.standing = apart.map(|((sensor, _), _)| sensor);
        actions.push(Action::Warn(Warning::Sensor { sensor: sensor.0, what }));
    }
}

/// Takes the band down to a charge that is reported lower.
pub fn lower(energy: &mut Energy, reported: Option<(SensorId, Soc)>) {
    let (Some((_, soc)), Some(band)) = (reported, energy.soc.as_mut()) else { return };
    for end in [&mut band.low, &mut band.best, &mut band.high] {
        if *end > soc {
            *end = soc;
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::report::SocBand;

    use super::*;

    fn energy(percent: f64) -> Energy {
        let at = |points: f64| Soc::from_percent(percent + points);
        let soc = Some(SocBand { low: at(-5.0), best: at(0.0), high: at(5.0) });
        Energy { soc, basis: Basis::Counted, ..Energy::default() }
    }

    fn says(percent: f64) -> (SensorId, Soc) {
        (SensorId(1), Soc::from_percent(percent))
    }

    #[test]
    fn the_lower_of_two_charges_rules() {
        for (percent, best) in [(40.0, 40.0), (90.0, 70.0), (72.0, 70.0)] {
            let mut told = energy(70.0);
            lower(&mut told, Some(says(percent)));
            let band = told.soc.unwrap();
            assert!((band.best.percent() - best).abs() < 1e-9, "{percent}");
            assert!(band.low <= band.best && band.best <= band.high);
        }
        let mut told = energy(70.0);
        lower(&mut told, None);
        assert_eq!(told, energy(70.0));
    }

    #[test]
    fn charges_far_apart_for_long_are_told_once_with_both_numbers() {
        let (mut opinion, mut actions) = (Opinion::default(), Vec::new());
        let mut minutes = |opinion: &mut Opinion, from: u64, percent: f64| {
            for minute in from..from + 30 {
                opinion.step(
                    Uptime::from_secs(60 * minute),
                    Some(says(percent)),
                    &energy(75.0),
                    &mut actions,
                );
            }
            std::mem::take(&mut actions)
        };
        assert_eq!(minutes(&mut opinion, 0, 62.0), [], "near enough");
        let told = minutes(&mut opinion, 100, 40.0);
        let [Action::Warn(Warning::Sensor { sensor: 1, what })] = told.as_slice() else { panic!("{told:?}") };
        assert!(what.contains("40.0 %") && what.contains("75.0 %"), "{what}");
        assert!(opinion.differs());
        assert_eq!(minutes(&mut opinion, 200, 70.0).len(), 1, "and that it is over");
        assert!(!opinion.differs());
    }

    #[test]
    fn a_guess_contradicts_nobody() {
        let (mut opinion, mut actions) = (Opinion::default(), Vec::new());
        let guess = Energy { basis: Basis::VoltageOnly, ..energy(75.0) };
        for minute in 0..60 {
            opinion.step(Uptime::from_secs(60 * minute), Some(says(10.0)), &guess, &mut actions);
        }
        assert_eq!(actions, []);
    }
}
