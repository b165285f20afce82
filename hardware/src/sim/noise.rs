//! Gaussian noise from a seed, the same on every platform.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

/// A source of numbers with mean zero and standard deviation one.
#[derive(Debug, Clone)]
pub struct Gaussian {
    rng: Pcg32,
    /// Box-Muller yields two at a time.
    spare: Option<f64>,
}

impl Gaussian {
    /// The sequence that belongs to a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: Pcg32::seed_from_u64(seed), spare: None }
    }

    /// The next number.
    pub fn draw(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        // 1 - [0, 1) is never zero, so the logarithm is finite.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.rng.random::<f64>()));
        let (sin, cos) = libm::sincos(core::f64::consts::TAU * self.rng.random::<f64>());
        self.spare = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_mean_zero_and_deviation_one() {
        let mut noise = Gaussian::new(7);
        let draws: Vec<f64> = (0..20_000).map(|_| noise.draw()).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b, mut c) = (Gaussian::new(1), Gaussian::new(1), Gaussian::new(2));
        let run = |g: &mut Gaussian| (0..10).map(|_| g.draw().to_bits()).collect::<Vec<_>>();
        let first = run(&mut a);
        assert_eq!(first, run(&mut b));
        assert_ne!(first, run(&mut c));
    }
}
