//! Chance, where it is wanted: this life's number, and waits that do not march in step.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use protocol::BootId;

/// From the kernel's randomness, by way of the standard library's hash keys: cannot fail, and needs no crate.
fn draw() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number for this life of the agent.
pub fn boot_id() -> BootId {
    BootId(draw() as u32)
}

/// Between half of `span` and all of it: many agents that lost one supervisor do not come back at one moment.
pub fn jitter(span: Duration) -> Duration {
    let part = (draw() >> 11) as f64 / (1u64 << 53) as f64;
    span.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_in_its_span_and_differs() {
        let span = Duration::from_secs(10);
        let waits: Vec<Duration> = (0..50).map(|_| jitter(span)).collect();
        assert!(waits.iter().all(|wait| (span / 2..=span).contains(wait)));
        assert!(waits.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
