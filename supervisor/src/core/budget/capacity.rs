//! How many watt-hours the battery really gives: what flowed out of it against what its charge fell by.
//!
//! The nodes learn the battery's capacity by themselves and say how full it is; how much that is in watt-hours they do not
//! say. Each stretch of discharge in which the charge fell by enough is one look: as `LibreSolar` does at each cut,
//! a fifth of the difference is believed.

use protocol::report::{Basis, Energy as Reported};
use protocol::{Energy, Power, Soc, Uptime};

/// A stretch must take this part of the charge.
const STRETCH: f64 = 0.1;
/// So much of a look is believed.
const BELIEVED: f64 = 0.2;
/// What a battery may have of its label.
const OF_LABEL: (f64, f64) = (0.2, 1.3);
/// Readings further apart leave a gap, in seconds.
const GAP_MAX: f64 = 300.0;

/// The learned capacity.
#[derive(Debug, Clone)]
pub(super) struct Capacity {
    label: Energy,
    believed: Energy,
    stretch: Option<Stretch>,
}

/// A stretch of discharge.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: Soc,
    drawn: Energy,
    last: Uptime,
}

impl Capacity {
    /// By the label, or as an earlier life learned it.
    pub(super) fn new(label: Energy, learned: Option<Energy>) -> Self {
        let mut capacity = Self { label, believed: label, stretch: None };
        if let Some(learned) = learned {
            capacity.believed = capacity.held(learned);
        }
        capacity
    }

    fn held(&self, energy: Energy) -> Energy {
        energy.max(self.label * OF_LABEL.0).min(self.label * OF_LABEL.1)
    }

    /// What a full battery gives.
    pub(super) const fn energy(&self) -> Energy {
        self.believed
    }

    /// Takes what is known now; `drawn` is what flows out of the battery.
    pub(super) fn look(&mut self, now: Uptime, reported: &Reported, drawn: Power) {
        let Some(band) = reported.soc.filter(|_| reported.basis == Basis::Counted && drawn > Power::ZERO)
        else {
            self.stretch = None;
            return;
        };
        let Some(stretch) = &mut self.stretch else {
            self.stretch = Some(Stretch { from: band.best, drawn: Energy::ZERO, last: now });
            return;
        };
        let time = now.since(stretch.last);
        if time.as_secs_f64() > GAP_MAX || band.best > stretch.from {
            self.stretch = None;
            return;
        }
        stretch.drawn += drawn * time;
        stretch.last = now;
        let fell = stretch.from.fraction() - band.best.fraction();
        if fell >= STRETCH {
            let drawn = stretch.drawn;
            let seen = self.held(drawn / fell);
            self.stretch = None;
            self.believed = self.believed + (seen - self.believed) * BELIEVED;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::report::SocBand;

    /// A night of 20 W on a battery of `true_wh`.
    fn night(capacity: &mut Capacity, true_wh: f64, from: u64) {
        for minute in 0..600 {
            let soc = Soc::from_fraction(0.9 - 20.0 * minute as f64 / 60.0 / true_wh);
            let band = SocBand { low: soc, best: soc, high: soc };
            let energy = Reported { soc: Some(band), basis: Basis::Counted, ..Reported::default() };
            capacity.look(Uptime::from_secs(from + minute * 60), &energy, Power::from_watts(20.0));
        }
        capacity.look(Uptime::from_secs(from + 36_060), &Reported::default(), Power::ZERO);
    }

    #[test]
    fn an_aged_battery_is_found_within_a_week() {
        let mut capacity = Capacity::new(Energy::from_watt_hours(840.0), None);
        for day in 0..7 {
            night(&mut capacity, 560.0, day * 86_400);
        }
        assert!((capacity.energy().watt_hours() - 560.0).abs() < 30.0, "{}", capacity.energy());
    }

    #[test]
    fn nonsense_keeps_within_what_a_battery_can_be() {
        let label = Energy::from_watt_hours(840.0);
        let kept = Capacity::new(label, Some(Energy::from_watt_hours(1e6)));
        assert_eq!(kept.energy(), label * 1.3);
    }
}
