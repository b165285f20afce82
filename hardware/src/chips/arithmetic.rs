//! The sums that both chips do alike, in integers: nanovolts, nanoohms, nanoamperes.
//!
//! Both turn the shunt register into current by `current = shunt * calibration / divider`, where the calibration is
//! `divider * shunt_lsb / (current_lsb * R)`: 0.00512 = 2048 * 2.5 uV for the INA226 (SBOS547B 6.5.1, equations 1 and
//! 3), 0.04096 = 4096 * 10 uV for the INA219 (SBOS448G 8.5.1, equations 1 and 4).

use protocol::{Current, Resistance, Voltage};

use super::error::SettingsError;

/// 10 uOhm: a 100 A shunt is a hundred times that.
const SHUNT_NANOOHM_LEAST: i64 = 10_000;
/// 10 Ohm.
const SHUNT_NANOOHM_MOST: i64 = 10_000_000_000;
/// 10 kA.
const CURRENT_NANOAMP_MOST: i64 = 10_000_000_000_000;
/// The greatest current must span so many steps of the converter: then one step is 1 % of it.
const STEPS_LEAST: i64 = 100;
/// Nano-units to the unit.
const NANO: i64 = 1_000_000_000;
/// Pico-units to the nano-unit: a current step of a small shunt's chip is too small for nanoamperes.
const PICO_TO_NANO: i128 = 1000;
/// The current register is a signed 16-bit value.
const CURRENT_REGISTER_MAX: i64 = 0x7fff;

/// What differs between the chips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// The name, for errors.
    pub(crate) chip: &'static str,
    /// One step of the shunt register.
    pub(crate) shunt_lsb_nanovolt: i64,
    /// `current = shunt * calibration / divider`.
    pub(crate) divider: i64,
    /// The largest value of the calibration register.
    pub(crate) calibration_max: i64,
    /// The calibration register counts in steps of this (the INA219's lowest bit is fixed at 0).
    pub(crate) calibration_step: i64,
}

impl Scale {
    /// What `current_lsb * R * calibration` makes, in picoamperes times nanoohms.
    fn numerator(&self) -> i128 {
        i128::from(self.divider) * i128::from(self.shunt_lsb_nanovolt) * i128::from(NANO) * PICO_TO_NANO
    }

    /// Whether the calibration register of a living chip can hold this: its fixed bits are 0.
    pub(crate) const fn can_hold(&self, calibration: u16) -> bool {
        calibration as i64 <= self.calibration_max && calibration as i64 % self.calibration_step == 0
    }
}

/// A shunt, a range and the calibration that belongs to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calibration {
    /// For the calibration register.
    pub(crate) register: u16,
    shunt_nanoohm: i64,
    shunt_lsb_nanovolt: i64,
    divider: i64,
    numerator: i128,
}

impl Calibration {
    /// The finest current step that still holds `current_max` and that the register can express.
    ///
    /// `range_raw` is the end of the shunt's range in steps. The step is `current_max / 2^15`, rounded up (SBOS547B 6.5.1
    /// equation 2; SBOS448G 8.5.1 equation 2), the register rounded down, so that both roundings widen the span.
    pub(crate) fn new(
        scale: &Scale,
        range_raw: i64,
        shunt: Resistance,
        current_max: Current,
    ) -> Result<Self, SettingsError> {
        let shunt_nanoohm = shunt_nanoohm(shunt)?;
        let current_nanoamp = current_nanoamp(current_max)?;
        let drop = drop_nanovolt(current_nanoamp, shunt_nanoohm);
        let range = range_raw * scale.shunt_lsb_nanovolt;
        if drop > range {
            return Err(SettingsError::DropTooLarge {
                chip: scale.chip,
                current_max,
                shunt,
                drop: volts(drop),
                range: volts(range),
                reaches: amps(rounded(i128::from(range) * i128::from(NANO), shunt_nanoohm)),
            });
        }
        let steps = drop / scale.shunt_lsb_nanovolt;
        if steps < STEPS_LEAST {
            return Err(SettingsError::DropTooSmall {
                chip: scale.chip,
                current_max,
                shunt,
                drop: volts(drop),
                steps,
                steps_least: STEPS_LEAST,
            });
        }
        let current_max_picoamp = i128::from(current_nanoamp) * PICO_TO_NANO;
        let current_lsb =
            (current_max_picoamp + i128::from(CURRENT_REGISTER_MAX) - 1) / i128::from(CURRENT_REGISTER_MAX);
        let register = (scale.numerator() / (current_lsb * i128::from(shunt_nanoohm)))
            .clamp(i128::from(scale.calibration_step), i128::from(scale.calibration_max))
            as i64;
        Ok(Self {
            register: (register - register % scale.calibration_step) as u16,
            shunt_nanoohm,
            shunt_lsb_nanovolt: scale.shunt_lsb_nanovolt,
            divider: scale.divider,
            numerator: scale.numerator(),
        })
    }

    /// The current behind a shunt register, to the nanoampere.
    pub(crate) fn current(&self, shunt_raw: i64) -> Current {
        let nanovolt = i128::from(shunt_raw * self.shunt_lsb_nanovolt);
        amps(rounded(nanovolt * i128::from(NANO), self.shunt_nanoohm))
    }

    /// What the chip's own current register holds for a shunt register, had it room enough.
    pub(crate) fn current_register(&self, shunt_raw: i64) -> i64 {
        shunt_raw * i64::from(self.register) / self.divider
    }

    /// Whether the chip's current register cannot hold that.
    pub(crate) fn overflows(&self, shunt_raw: i64) -> bool {
        self.current_register(shunt_raw).abs() > CURRENT_REGISTER_MAX
    }

    /// The most that the chip's current register can hold.
    pub(crate) fn current_limit(&self) -> Current {
        amps(rounded(i128::from(CURRENT_REGISTER_MAX * self.current_lsb_picoamp()), PICO_TO_NANO as i64))
    }

    /// One step of the chip's current register, in picoamperes.
    pub(crate) fn current_lsb_picoamp(&self) -> i64 {
        rounded(self.numerator, i64::from(self.register) * self.shunt_nanoohm)
    }
}

/// The drop of a current across a shunt, rounded to nanovolts.
pub(crate) fn drop_nanovolt(current_nanoamp: i64, shunt_nanoohm: i64) -> i64 {
    rounded(i128::from(current_nanoamp) * i128::from(shunt_nanoohm), NANO)
}

/// A shunt in nanoohms, if it is one.
pub(crate) fn shunt_nanoohm(shunt: Resistance) -> Result<i64, SettingsError> {
    let nano = nano(shunt.ohms());
    if !(SHUNT_NANOOHM_LEAST..=SHUNT_NANOOHM_MOST).contains(&nano) {
        let [least, most] =
            [SHUNT_NANOOHM_LEAST, SHUNT_NANOOHM_MOST].map(|n| Resistance::from_ohms(n as f64 * 1e-9));
        return Err(SettingsError::Shunt { shunt, least, most });
    }
    Ok(nano)
}

/// A greatest current in nanoamperes, if it is one.
pub(crate) fn current_nanoamp(current_max: Current) -> Result<i64, SettingsError> {
    let nano = nano(current_max.amps());
    if !(1..=CURRENT_NANOAMP_MOST).contains(&nano) {
        return Err(SettingsError::CurrentMax { current_max, most: amps(CURRENT_NANOAMP_MOST) });
    }
    Ok(nano)
}

/// In nano-units, rounded; what is not finite or beyond 2^63 saturates (NaN becomes 0), so that range checks refuse it.
pub(crate) fn nano(value: f64) -> i64 {
    libm::round(value * 1e9) as i64
}

/// Nanovolts as a voltage.
pub(crate) fn volts(nanovolt: i64) -> Voltage {
    Voltage::from_volts(nanovolt as f64 / 1e9)
}

/// Nanoamperes as a current.
pub(crate) fn amps(nanoamp: i64) -> Current {
    Current::from_amps(nanoamp as f64 / 1e9)
}

/// A quotient rounded half away from zero, saturating; the divisor is positive.
pub(crate) fn rounded(dividend: i128, divisor: i64) -> i64 {
    let divisor = i128::from(divisor);
    let half = if dividend < 0 { -(divisor / 2) } else { divisor / 2 };
    ((dividend + half) / divisor).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INA226: Scale = Scale {
        chip: "INA226",
        shunt_lsb_nanovolt: 2_500,
        divider: 2048,
        calibration_max: 0x7fff,
        calibration_step: 1,
    };
    const INA219: Scale = Scale {
        chip: "INA219",
        shunt_lsb_nanovolt: 10_000,
        divider: 4096,
        calibration_max: 0xfffe,
        calibration_step: 2,
    };

    prop_compose! {
        /// A scale with the end of its range, a shunt, and a greatest current that fits.
        fn cases()(
            (scale, range) in prop_oneof![
                Just((INA226, 32767_i64)), Just((INA219, 4000)), Just((INA219, 32000)),
            ],
            shunt_microohm in 20_u32..1_000_000,
            share in 0.004_f64..1.0,
        ) -> (Scale, i64, Resistance, Current) {
            let shunt = Resistance::from_ohms(f64::from(shunt_microohm) * 1e-6);
            let reach = volts(range * scale.shunt_lsb_nanovolt) / shunt;
            let steps_least = 1.01 * STEPS_LEAST as f64 / range as f64;
            (scale, range, shunt, reach * share.max(steps_least))
        }
    }

    proptest! {
        #[test]
        fn the_greatest_current_always_fits_the_register_and_the_register_the_chip(
            (scale, range, shunt, current_max) in cases()
        ) {
            let calibration = Calibration::new(&scale, range, shunt, current_max).unwrap();
            prop_assert!(scale.can_hold(calibration.register) && calibration.register > 0);
            let drop = (current_max * shunt).volts() * 1e9 / scale.shunt_lsb_nanovolt as f64;
            prop_assert!(!calibration.overflows(drop as i64), "{} steps", drop);
            prop_assert!(!calibration.overflows(-(drop as i64)));
            prop_assert!(calibration.current_limit() >= current_max * (1.0 - 1e-6));
        }

        #[test]
        fn the_chip_s_own_current_is_the_driver_s_within_a_step(
            (scale, range, shunt, current_max) in cases(),
            part in -1.0_f64..1.0,
        ) {
            let calibration = Calibration::new(&scale, range, shunt, current_max).unwrap();
            let raw = (part * range as f64) as i64;
            let step = calibration.current_lsb_picoamp() as f64 / 1e3;
            let own = calibration.current_register(raw) as f64 * step;
            let ours = calibration.current(raw).amps() * 1e9;
            // The least step is kept in whole picoamperes: its own rounding grows with the reading.
            let rounding = 1.0 / calibration.current_lsb_picoamp() as f64;
            prop_assert!((own - ours).abs() <= step * 1.001 + 1.0 + ours.abs() * (1e-6 + rounding), "{own} {ours} nA");
        }

        #[test]
        fn current_is_odd_and_rises_with_the_drop((scale, range, shunt, current_max) in cases(), raw in 0_i64..32767) {
            let calibration = Calibration::new(&scale, range, shunt, current_max).unwrap();
            prop_assert_eq!(calibration.current(-raw), -calibration.current(raw));
            prop_assert!(calibration.current(raw + 1) > calibration.current(raw));
        }

        #[test]
        fn no_number_at_all_makes_it_panic(ohms in any::<f64>(), amps in any::<f64>(), raw in any::<i16>()) {
            let made = Calibration::new(&INA226, 32767, Resistance::from_ohms(ohms), Current::from_amps(amps));
            if let Ok(calibration) = made {
                prop_assert!(calibration.current(i64::from(raw)).is_finite());
            }
        }
    }

    #[test]
    fn a_current_step_of_few_nanoamperes_is_not_rounded_to_whole_ones() {
        let shunt = Resistance::from_ohms(9.0);
        let calibration = Calibration::new(&INA226, 32767, shunt, Current::from_amps(0.0014)).unwrap();
        let limit = calibration.current_limit().amps();
        assert!((0.0014..0.001_400_2).contains(&limit), "{limit} A");
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!([5, -5, 4, -4, 0].map(|dividend| rounded(dividend, 10)), [1, -1, 0, 0, 0]);
        assert_eq!(rounded(i128::MAX / 2, 1), i64::MAX);
    }
}
