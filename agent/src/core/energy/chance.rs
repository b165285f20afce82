//! Numbers that spread hypotheses evenly. Not random: the same ones on every machine and in every life.

use libm::log;

/// The fraction of `index` on the `axis`-th irrational step: evenly spread over 0..1 in up to four dimensions at once
/// (the generalised golden ratio of four dimensions).
pub(super) fn even(index: usize, axis: u32) -> f64 {
    const GOLDEN: f64 = 1.167_303_978_261_418_7;
    let mut step = 1.0;
    for _ in 0..=axis {
        step /= GOLDEN;
    }
    let place = 0.5 + (index + 1) as f64 * step;
    place - libm::floor(place)
}

/// A bell-shaped value for an even one: the logistic quantile, scaled to a standard deviation of about one.
pub(super) fn bell(even: f64) -> f64 {
    let held = even.clamp(0.002, 0.998);
    log(held / (1.0 - held)) / 1.702
}

/// A well mixed value in 0..1 for a counter (splitmix64).
pub(super) fn mixed(counter: u64) -> f64 {
    let mut bits = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
