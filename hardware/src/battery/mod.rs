//! What chemistry says about a 12 V battery: curves, limits, usual settings. Data with its sources; no state.

use serde::{Deserialize, Serialize};

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
