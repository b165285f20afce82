//! What could have been done at best: a schedule from one who knows the weather of the whole year beforehand.
//!
//! **Which optimisation.** Dynamic programming by backward induction over time and the battery's state of charge. The year
//! is cut into steps of [`STEP`]; for each step, from the last to the first, and each level of a fine grid of
//! charge, that one of the fleet's choices is kept whose worth in this step and best worth of all that follows are
//! the greatest together:
//!
//! ```text
//! best[t][charge] = max over choices c of  worth(t, c) * STEP + best[t + 1][charge after (c, sun of t)]
//! ```
//!
//! The choices of a step are the corners of the fleet's efficient front ([`front`]): the combinations of what each
//! node may do for which no other combination is worth more for the same watts. The battery is the simulated one, asked
//! beforehand at every level, power and temperature ([`response`]). A choice that ends below the floor is none, and
//! the floor is the charge at which the default policy halts: the oracle spares the battery as the agents do.
//!
//! **What is relaxed**, so that the value is one that no policy reaches:
//!
//! - a node changes what it does at once: a boot takes no time and no energy, no stop takes long, nothing wears out;
//! - the battery stays as young as on the first day, and the charger never goes to float;
//! - nothing fails; nobody has to measure, guess or wait;
//! - what is left in the battery at the end is worth nothing, so it is spent.
//!
//! **What is not exact**: charge between two levels is interpolated, and a step holds one choice, its sun and its
//! demand their means. Both shrink with the grid (a test holds how much). So `Schedule::value` is a bound up to that, and
//! what the same schedule reaches when it is played in the twin, with boots and cuts and ageing, is the honest oracle.
//!
//! **Two aims** ([`Aim`]): the greatest worth by the site's weights; or critical work first, whatever it costs, and then
//! worth. The second answers whether critical work could have run all the time ([`Problem::critical_is_reachable`]).

use std::time::Duration;

mod clearness;
pub mod climate;
pub mod crew;
pub mod fleet;
pub mod front;
pub mod induction;
pub mod player;
pub mod response;
pub mod sky;

#[cfg(test)]
mod tests;

pub use climate::Climate;
pub use front::{Aim, Choice, Front, Mode};
pub use induction::{Played, Problem, Schedule, Step};
pub use player::Oracle;
pub use response::{Grid, Response};

/// How long a choice is held.
pub const STEP: Duration = Duration::from_mins(15);
