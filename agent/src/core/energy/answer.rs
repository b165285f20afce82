//! What the estimator answers. Nothing here changes it.

use std::time::Duration;

use protocol::report::{Basis, Energy, SocBand, TimeBand};
use protocol::time::Seconds;
use protocol::{Charge, Current, Power, Soc, Uptime, Voltage};

use super::Estimator;
use super::learned::Learned;
use super::suspect::Advisory;

/// A count that is off the label's capacity by more than this part is the gain's doing: a shunt and the rate move it by less.
const GAIN_OFF: f64 = 0.03;

impl Estimator {
    /// What is known at `now`.
    pub fn energy(&self, now: Uptime) -> Energy {
        let Some(last) = self.last else {
            return Energy { fault: self.fault, soc: Some(self.band(0.0)), ..Energy::default() };
        };
        let stale = if self.fault.is_some() { now.since(last.at) } else { Duration::ZERO };
        let worst = self.battery.load_max.watts() / 12.0 * stale.as_secs_f64() / 3600.0;
        let counts = last.current.is_some();
        let soc = if counts { Some(self.band(worst)) } else { self.voltage_only.band(&self.cell) };
        let wide = soc.is_none_or(|band| self.is_guess(band.high.fraction() - band.low.fraction()));
        let basis = match (wide, self.fault, counts) {
            (true, _, true) => Basis::Unknown,
            (_, Some(_), _) => Basis::Aged,
            (_, None, true) => Basis::Counted,
            (_, None, false) => Basis::VoltageOnly,
        };
        let known = basis != Basis::Unknown && counts;
        Energy {
            voltage: Some(last.voltage),
            current: last.current,
            compensated: self.compensated.map(Voltage::from_volts),
            soc,
            time_to_empty: if known { self.time_left(worst) } else { None },
            basis,
            fault: self.fault,
        }
    }

    /// The band now: what the bank said last, less what flowed since.
    fn band(&self, worst: f64) -> SocBand {
        let (out, into) = self.pending;
        let flowed = (out - into * self.cell.usual.charge_efficiency) / self.drawn.size;
        let [low, best, high] = self.drawn.soc.map(|soc| soc - flowed);
        let worst = worst / self.drawn.size;
        SocBand {
            low: Soc::from_fraction(low - worst),
            best: Soc::from_fraction(best - 0.5 * worst),
            high: Soc::from_fraction(high),
        }
    }

    /// The present load: what the battery gives out, on the mean of hours or, near its end, of the last one; with many hours
    /// left it fades into the mean of the last day. `None` while it charges.
    pub fn load(&self) -> Option<Power> {
        let amps = self.load.amps();
        let hours = self.drawn.usable[1] / amps;
        (amps > 0.0).then(|| Power::from_watts(self.load.watts(hours))).filter(|load| *load > Power::ZERO)
    }

    /// Time to empty at the present load.
    fn time_left(&self, worst: f64) -> Option<TimeBand> {
        self.time_band(self.drawn.usable, worst, self.load()?.watts())
    }

    /// How long such an amount of charge carries this power, W: the current grows as the voltage falls.
    fn time_band(&self, usable: [f64; 3], worst: f64, watts: f64) -> Option<TimeBand> {
        let (out, into) = self.pending;
        let soc = self.drawn.soc[1];
        let apart = self.load.volts() - self.cell.middle(2.0 * soc);
        let volts = (self.cell.middle(soc) + apart.min(0.0)).max(self.cell.usual.empty.volts());
        let amps = Current::from_amps(watts / volts);
        let lasts = |charge: f64| {
            let left = Charge::from_amp_hours((charge - out + into).max(0.0));
            left.lasts(amps).map(Seconds::from)
        };
        let [low, best, high] = usable;
        Some(TimeBand { low: lasts(low - worst)?, best: lasts(best - 0.5 * worst)?, high: lasts(high)? })
    }

    /// How long until the state of charge falls to `soc` at this load: its lower bound in the band's low end, and so on.
    /// `None` for no load, or when nothing is known.
    pub fn time_until(&self, soc: Soc, load: Power) -> Option<TimeBand> {
        self.counts_at(load)?;
        let charge = |band: f64| (band - soc.fraction()).max(0.0) * self.drawn.size;
        self.time_band(self.drawn.soc.map(charge), 0.0, load.watts())
    }

    /// Whether there is a count of charge, and a load, to foretell from.
    fn counts_at(&self, load: Power) -> Option<()> {
        self.last?.current?;
        let [low, _, high] = self.drawn.soc;
        (!self.is_guess(high - low) && load.is_finite()).then_some(())
    }

    /// How long the battery would carry this load from its terminals, until it is usably empty. `None` for no load,
    /// or when nothing is known. Costs a few microseconds: it asks every hypothesis.
    pub fn time_to_empty_at(&self, load: Power) -> Option<TimeBand> {
        self.counts_at(load)?;
        let amps = load.watts().max(0.0) / self.cell.table(self.drawn.soc[1]);
        self.time_band(self.usable(amps), 0.0, load.watts())
    }

    /// Faults of the sensor or the settings that the readings give away.
    pub fn advisories(&self) -> impl Iterator<Item = Advisory> + '_ {
        let label = self.cell.label;
        let size = self.drawn.size / label;
        let spread = self.drawn.size_spread;
        let sure = spread < 0.045 && self.celsius > 10.0;
        let gain = sure && (size - 1.0).abs() > spread.max(GAIN_OFF) && size > 0.92;
        let old = sure && size <= 0.92;
        [
            self.suspect.clipped().map(|amps| Advisory::ShuntClipped { limit: Current::from_amps(amps) }),
            self.reversed.then_some(Advisory::CurrentReversed),
            gain.then_some(Advisory::CurrentGain { factor: size }),
            old.then(|| Advisory::CapacityLow {
                learned: Charge::from_amp_hours(size * label),
                label: self.battery.capacity,
            }),
            self.volts_off.map(|volts| Advisory::VoltageOffset { offset: Voltage::from_volts(volts) }),
        ]
        .into_iter()
        .flatten()
    }

    /// What a restart should know.
    pub fn learned(&self) -> Learned {
        let (_, spread) = self.bank.mean(|one| one.soc);
        let known = !self.is_guess(self.drawn.soc[2] - self.drawn.soc[0]);
        let soc = known.then(|| self.band(0.0).best);
        Learned::of(&self.bank.belief(self.placed), soc, spread, self.leak, self.reversed)
    }
}
