//! Physical quantities as types: the arithmetic that physics allows compiles, the rest does not.
//!
//! `Power * Duration` is [`Energy`]; volts plus amperes is a compile error. Every quantity holds SI base units in
//! an `f64` that nobody outside can reach without naming the unit (`voltage.volts()`).
//!
//! As text (configs, command lines) a quantity is written with its unit, `"12.05 V"`, `"70Ah"`, `"2 mOhm"`.
//! On the wire it is a zigzag varint of milli-units (mV, mA, mW, ...): two or three bytes for anything a 12 V site
//! produces. A quantity that is not finite has no wire form: encoding it fails instead of inventing a number.

mod cpu;
mod soc;
mod text;

use core::fmt;
use core::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use core::str::FromStr;
use core::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, ser};

pub use cpu::{Cpus, Frequency};
pub use soc::Soc;
pub use text::ParseUnitError;
use text::{TextVisitor, split_quantity};

/// Rounds to milli-units for the wire; `None` for what has no wire form.
///
/// Every `i32` is some quantity's wire form, so that whatever was decoded can be encoded again.
fn to_milli(value: f64) -> Option<i32> {
    let milli = value * 1000.0;
    // Half away from zero, without `std`.
    let rounded = if milli < 0.0 { milli - 0.5 } else { milli + 0.5 };
    let in_range = rounded > f64::from(i32::MIN) - 1.0 && rounded < f64::from(i32::MAX) + 1.0;
    in_range.then_some(rounded as i32)
}

macro_rules! unit {
    (
        $(#[$doc:meta])*
        $name:ident: $getter:ident / $maker:ident in $symbol:literal, shown to $decimals:literal,
        parsed from [$(($suffix:literal, $scale:expr)),+], like $example:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(f64);

        impl $name {
            /// Zero of this unit.
            pub const ZERO: Self = Self(0.0);

            #[doc = concat!("From a number of ", $symbol, ".")]
            pub const fn $maker(value: f64) -> Self {
                Self(value)
            }

            #[doc = concat!("The number of ", $symbol, ".")]
            pub const fn $getter(self) -> f64 {
                self.0
            }

            /// Its magnitude.
            #[must_use]
            pub const fn abs(self) -> Self {
                Self(self.0.abs())
            }

            /// The smaller of two.
            #[must_use]
            pub const fn min(self, other: Self) -> Self {
                Self(self.0.min(other.0))
            }

            /// The larger of two.
            #[must_use]
            pub const fn max(self, other: Self) -> Self {
                Self(self.0.max(other.0))
            }

            /// Whether it is a number at all: neither infinite nor NaN.
            pub const fn is_finite(self) -> bool {
                self.0.is_finite()
            }

            /// The nearest number of milli-units, which is the wire form; `None` for what has none.
            pub(crate) fn to_wire(self) -> Option<i32> {
                to_milli(self.0)
            }

            /// From a wire form; every `i32` is one.
            pub(crate) fn from_wire(milli: i32) -> Self {
                Self(f64::from(milli) / 1000.0)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }
        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }
        /// How many times one fits into the other.
        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }
        impl core::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:.*} {}", f.precision().unwrap_or($decimals), self.0, $symbol)
            }
        }

        impl FromStr for $name {
            type Err = ParseUnitError;
            fn from_str(text: &str) -> Result<Self, ParseUnitError> {
                let error = ParseUnitError { expected: $example };
                let (number, unit) = split_quantity(text).ok_or(error)?;
                $(if unit.eq_ignore_ascii_case($suffix) && (unit == $suffix || !unit.starts_with(['m', 'M'])) {
                    return Ok(Self(number * $scale));
                })+
                Err(error)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                let milli = self
                    .to_wire()
                    .ok_or_else(|| ser::Error::custom(concat!(stringify!($name), " has no wire form")))?;
                serializer.serialize_i32(milli)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return deserializer.deserialize_str(TextVisitor::<Self>::new($example));
                }
                Ok(Self::from_wire(i32::deserialize(deserializer)?))
            }
        }
    };
}

unit! {
    /// An electric potential difference, in volts.
    Voltage: volts / from_volts in "V", shown to 2,
    parsed from [("V", 1.0), ("mV", 1e-3)], like "\"12.05 V\""
}
unit! {
    /// An electric current, in amperes. Positive is discharge: out of the battery.
    Current: amps / from_amps in "A", shown to 2,
    parsed from [("A", 1.0), ("mA", 1e-3)], like "\"2.5 A\""
}
unit! {
    /// A power, in watts. Positive is consumption or discharge.
    Power: watts / from_watts in "W", shown to 1,
    parsed from [("W", 1.0), ("kW", 1e3), ("mW", 1e-3)], like "\"28 W\""
}
unit! {
    /// An energy, in watt-hours.
    Energy: watt_hours / from_watt_hours in "Wh", shown to 1,
    parsed from [("Wh", 1.0), ("kWh", 1e3)], like "\"840 Wh\""
}
unit! {
    /// A charge, in ampere-hours. Positive is drawn from the battery.
    Charge: amp_hours / from_amp_hours in "Ah", shown to 1,
    parsed from [("Ah", 1.0), ("mAh", 1e-3)], like "\"70 Ah\""
}
unit! {
    /// A resistance, in ohms.
    Resistance: ohms / from_ohms in "Ohm", shown to 4,
    parsed from [("Ohm", 1.0), ("mOhm", 1e-3), ("kOhm", 1e3)], like "\"2 mOhm\""
}
unit! {
    /// A temperature, in degrees Celsius. A difference of two is in kelvin, of the same size.
    Temperature: celsius / from_celsius in "C", shown to 1,
    parsed from [("C", 1.0), ("°C", 1.0)], like "\"25 C\""
}

/// Seconds of a duration as the unit the products below are counted in: hours.
fn hours(duration: Duration) -> f64 {
    duration.as_secs_f64() / 3600.0
}

/// A duration of so many hours; `None` when negative, not finite, or beyond what a duration holds.
fn from_hours(hours: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(hours * 3600.0).ok()
}

macro_rules! product {
    ($left:ident * $right:ident = $result:ident) => {
        impl Mul<$right> for $left {
            type Output = $result;
            fn mul(self, other: $right) -> $result {
                $result(self.0 * other.0)
            }
        }
        impl Mul<$left> for $right {
            type Output = $result;
            fn mul(self, other: $left) -> $result {
                $result(self.0 * other.0)
            }
        }
        impl Div<$left> for $result {
            type Output = $right;
            fn div(self, other: $left) -> $right {
                $right(self.0 / other.0)
            }
        }
        impl Div<$right> for $result {
            type Output = $left;
            fn div(self, other: $right) -> $left {
                $left(self.0 / other.0)
            }
        }
    };
}

product!(Voltage * Current = Power);
product!(Current * Resistance = Voltage);
product!(Charge * Voltage = Energy);

macro_rules! integral {
    ($rate:ident * Duration = $total:ident) => {
        impl Mul<Duration> for $rate {
            type Output = $total;
            fn mul(self, time: Duration) -> $total {
                $total(self.0 * hours(time))
            }
        }
        impl Mul<$rate> for Duration {
            type Output = $total;
            fn mul(self, rate: $rate) -> $total {
                rate * self
            }
        }
        impl Div<Duration> for $total {
            type Output = $rate;
            fn div(self, time: Duration) -> $rate {
                $rate(self.0 / hours(time))
            }
        }
        impl $total {
            /// How long it lasts at a rate; `None` when it never ends (the rate is zero or flows the other way).
            pub fn lasts(self, rate: $rate) -> Option<Duration> {
                if rate.0 <= 0.0 { None } else { from_hours((self.0 / rate.0).max(0.0)) }
            }
        }
    };
}

integral!(Power * Duration = Energy);
integral!(Current * Duration = Charge);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_times_time_is_energy_and_back() {
        let night = Power::from_watts(28.0) * Duration::from_hours(12);
        assert!((night.watt_hours() - 336.0).abs() < 1e-9);
        assert_eq!(night.lasts(Power::from_watts(28.0)), Some(Duration::from_hours(12)));
        assert_eq!(night.lasts(Power::ZERO), None, "no load: it never ends");
        assert_eq!(night.lasts(Power::from_watts(-5.0)), None, "charging: it never ends");
    }

    #[test]
    fn ohms_law_in_all_directions() {
        let drop = Current::from_amps(5.0) * Resistance::from_ohms(0.02);
        assert!((drop.volts() - 0.1).abs() < 1e-12);
        assert!((drop / Current::from_amps(5.0)).ohms() - 0.02 < 1e-12);
    }

    #[test]
    fn text_needs_the_right_unit() {
        assert_eq!("70Ah".parse::<Charge>(), Ok(Charge::from_amp_hours(70.0)));
        assert_eq!("12.05 V".parse::<Voltage>(), Ok(Voltage::from_volts(12.05)));
        assert!(("2 mOhm".parse::<Resistance>().unwrap().ohms() - 0.002).abs() < 1e-12);
        for bad in ["12.05", "12 A", "V", "", "nan V", "1e3 V", "12 MV"] {
            assert!(bad.parse::<Voltage>().is_err(), "{bad:?} is no voltage");
        }
        assert!("101 %".parse::<Soc>().is_err());
        assert!("0".parse::<Cpus>().is_err());
    }

    #[test]
    fn what_is_not_finite_has_no_wire_form() {
        let mut buffer = [0; 16];
        assert!(postcard::to_slice(&Voltage::from_volts(f64::NAN), &mut buffer).is_err());
        assert!(postcard::to_slice(&Voltage::from_volts(3e9), &mut buffer).is_err());
        assert_eq!(postcard::to_slice(&Voltage::from_volts(12.345), &mut buffer).unwrap().len(), 3);
    }

    #[test]
    fn a_state_of_charge_that_is_no_number_counts_as_empty() {
        assert_eq!(Soc::from_fraction(f64::NAN), Soc::EMPTY);
        assert_eq!(Soc::from_percent(120.0), Soc::FULL);
    }
}
