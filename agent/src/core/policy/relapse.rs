//! No wake-halt loop, ever: who falls back right after recovering waits longer each time.
//!
//! A rung that is climbed again within [`WINDOW`] of having been left is a relapse. After `n` relapses the leaving
//! conditions must hold for their delay and `2^n - 1` delays more (at most [`WAIT_MAX`]). A relapse is forgiven after
//! [`FORGIVEN`] without another one.

use std::time::Duration;

use protocol::{Stage, Uptime};

/// Climbing again this soon after recovering is a relapse.
const WINDOW: Duration = Duration::from_hours(1);
/// One relapse is forgiven after this long without another.
const FORGIVEN: Duration = Duration::from_hours(12);
/// The longest extra wait: longer than a night, so that the next sun decides.
const WAIT_MAX: Duration = Duration::from_hours(12);

/// The relapses so far.
#[derive(Debug, Clone)]
pub(super) struct Relapses {
    count: u16,
    /// When each stage was last left, by its place in [`Stage::ALL`].
    left: [Option<Uptime>; Stage::ALL.len()],
    /// When the count last changed.
    since: Option<Uptime>,
}

impl Relapses {
    /// Goes on from an earlier life.
    pub(super) const fn new(count: u16) -> Self {
        Self { count, left: [None; Stage::ALL.len()], since: None }
    }

    /// How many.
    pub(super) const fn count(&self) -> u16 {
        self.count
    }

    /// Forgives what is long ago.
    pub(super) fn step(&mut self, now: Uptime) {
        let since = *self.since.get_or_insert(now);
        if self.count > 0 && now.since(since) >= FORGIVEN {
            self.count -= 1;
            self.since = Some(now);
        }
    }

    /// A stage was left for the one above.
    pub(super) const fn left(&mut self, now: Uptime, stage: Stage) {
        self.left[stage as usize] = Some(now);
    }

    /// A stage was climbed to; whether that is a relapse.
    pub(super) fn climbed(&mut self, now: Uptime, stage: Stage) -> bool {
        let mut left = self.left[..=stage as usize].iter().flatten();
        let relapsed = left.any(|at| now.since(*at) < WINDOW);
        if relapsed {
            self.again(now);
        }
        relapsed
    }

    /// A relapse that no climb showed: a woken node had to halt again before it left `Halt`.
    pub(super) fn again(&mut self, now: Uptime) {
        self.count = self.count.saturating_add(1);
        self.left = [None; Stage::ALL.len()];
        self.since = Some(now);
    }

    /// How much longer than `hold` the leaving conditions must hold.
    pub(super) fn extra(&self, hold: Duration) -> Duration {
        let times = 2_u32.saturating_pow(u32::from(self.count)) - 1;
        hold.saturating_mul(times).min(WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Uptime = Uptime::from_secs;

    #[test]
    fn each_relapse_doubles_the_wait_up_to_its_bound() {
        let mut relapses = Relapses::new(0);
        let hold = Duration::from_mins(30);
        assert_eq!(relapses.extra(hold), Duration::ZERO);
        let mut waits = Vec::new();
        for round in 0..8 {
            relapses.left(AT(round * 1000), Stage::Halt);
            assert!(relapses.climbed(AT(round * 1000 + 600), Stage::Halt));
            waits.push(relapses.extra(hold));
        }
        assert_eq!(waits[..3], [30, 90, 210].map(Duration::from_mins));
        assert!(waits.is_sorted());
        assert_eq!(waits.last(), Some(&WAIT_MAX));
        assert_eq!(Relapses::new(u16::MAX).extra(hold), WAIT_MAX, "no overflow");
    }

    #[test]
    fn a_climb_long_after_or_to_a_lesser_stage_is_none() {
        let mut relapses = Relapses::new(0);
        relapses.left(AT(0), Stage::Drain);
        assert!(!relapses.climbed(AT(60), Stage::Shed), "not as deep as what was left");
        assert!(!relapses.climbed(AT(2 * 3600), Stage::Drain), "hours later is another night");
        assert_eq!(relapses.count(), 0);
    }

    #[test]
    fn relapses_are_forgiven_one_by_one() {
        let mut relapses = Relapses::new(2);
        relapses.step(AT(0));
        relapses.step(AT(11 * 3600));
        assert_eq!(relapses.count(), 2);
        relapses.step(AT(12 * 3600));
        assert_eq!(relapses.count(), 1);
        relapses.step(AT(24 * 3600));
        assert_eq!(relapses.count(), 0);
    }
}
