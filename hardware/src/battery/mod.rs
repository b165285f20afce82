//! What chemistry says about a 12 V battery: curves, limits, usual settings. Data with its sources; no state.
//!
//! [`Chemistry`] names the kind; [`Chemistry::usual`] is its datasheet in one struct ([`Usual`]); [`RestCurve`] is the
//! table from rest voltage to state of charge and back.

use std::fmt;
use std::str::FromStr;

use protocol::{Charge, Resistance};
use serde::{Deserialize, Serialize};

mod curve;
mod usual;

pub use curve::RestCurve;
pub use usual::Usual;

/// What a battery is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chemistry {
    /// Lead-acid with liquid acid: most car batteries.
    Flooded,
    /// Lead-acid, absorbed glass mat.
    Agm,
    /// Lead-acid, gel.
    Gel,
    /// Lithium iron phosphate, four cells in series.
    LiFePO4,
}

impl Chemistry {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::Flooded, Self::Agm, Self::Gel, Self::LiFePO4];

    /// As it is written in configs and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flooded => "flooded",
            Self::Agm => "agm",
            Self::Gel => "gel",
            Self::LiFePO4 => "lifepo4",
        }
    }

    /// Whether it is one of the lead-acid kinds.
    pub const fn is_lead_acid(self) -> bool {
        !matches!(self, Self::LiFePO4)
    }

    /// Its datasheet.
    pub const fn usual(self) -> &'static Usual {
        match self {
            Self::Flooded => &usual::FLOODED,
            Self::Agm => &usual::AGM,
            Self::Gel => &usual::GEL,
            Self::LiFePO4 => &usual::LIFEPO4,
        }
    }

    /// The usual internal resistance of a new battery of this label capacity at 25 C, with its leads.
    ///
    /// Resistance goes with the inverse of the plates' area, so with the inverse of the capacity.
    pub fn resistance(self, capacity: Charge) -> Resistance {
        let per_amp_hour = self.usual().resistance_amp_hours.ohms();
        let leads = self.usual().resistance_leads.ohms();
        Resistance::from_ohms(per_amp_hour / capacity.amp_hours().max(1.0) + leads)
    }
}

impl fmt::Display for Chemistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text is not a chemistry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a chemistry is one of flooded, agm, gel, lifepo4")]
pub struct ParseChemistryError;

impl FromStr for Chemistry {
    type Err = ParseChemistryError;

    fn from_str(text: &str) -> Result<Self, ParseChemistryError> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text)).ok_or(ParseChemistryError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chemistry_reads_back_what_it_prints() {
        for kind in Chemistry::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("AGM".parse(), Ok(Chemistry::Agm));
        assert_eq!("lead".parse::<Chemistry>(), Err(ParseChemistryError));
    }

    #[test]
    fn the_limits_of_every_chemistry_are_in_order() {
        for kind in Chemistry::ALL {
            let usual = kind.usual();
            let ladder = [
                usual.believable_low,
                usual.empty,
                usual.cutoff,
                usual.reconnect,
                usual.float,
                usual.absorption,
                usual.believable_high,
            ];
            assert!(ladder.is_sorted(), "{kind}: {ladder:?}");
        }
    }

    #[test]
    fn a_larger_battery_resists_less() {
        for kind in Chemistry::ALL {
            let small = kind.resistance(Charge::from_amp_hours(20.0));
            let large = kind.resistance(Charge::from_amp_hours(200.0));
            assert!(large < small, "{kind}: {large} of 200 Ah, {small} of 20 Ah");
        }
    }
}
