//! A screen at the end of a serial line: a VT100, a few hundred bytes a second, noise, and plugs that are pulled.
//!
//! [`Paper`] knows what the far screen should show and what it probably shows, and writes the fewest bytes that make
//! the one the other. "Probably", because a line without checksums loses and changes bytes: so every row is written
//! anew now and then, and whatever noise did is gone when the last row's turn has come. [`Pulse`] notices sooner that the far
//! screen was switched off and on. [`Typed`] makes keys of what comes back. None touches the line.

mod paper;
mod pulse;
mod typed;

pub use paper::Paper;
pub use pulse::Pulse;
pub use typed::{Typed, Word};
