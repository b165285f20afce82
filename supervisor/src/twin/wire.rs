//! The network between one agent and the supervisor: bytes that arrive later, in order, or not at all.
//!
//! It behaves as TCP over a switch does: what arrives is whole and in order; a pulled cable is noticed only after a
//! while, and then the connection is gone with everything that was still under way.

use std::time::Duration;

use protocol::Uptime;
use rand::{Rng, RngExt};

/// The least time that bytes are under way.
const LATENCY_MIN: Duration = Duration::from_micros(400);
/// The most, between two lightly loaded hosts on one switch.
const LATENCY_MAX: Duration = Duration::from_millis(6);
/// A side notices after this long that nothing it sends is acknowledged any more.
pub(super) const NOTICED_AFTER: Duration = Duration::from_secs(15);

/// One connection, from accepted to gone. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ConnectionId(pub(super) u64);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the agent to the supervisor.
    Up,
    /// From the supervisor to the agent.
    Down,
}

/// The cable of one node, and when the last bytes sent each way arrive.
#[derive(Debug, Clone, Default)]
pub(super) struct Wire {
    cut: bool,
    arrives: [Uptime; 2],
}

impl Wire {
    /// When bytes sent now arrive at the other end; `None` while the cable is out: they never do.
    pub(super) fn send(&mut self, now: Uptime, way: Way, random: &mut impl Rng) -> Option<Uptime> {
        if self.cut {
            return None;
        }
        let micros = random.random_range(LATENCY_MIN.as_micros()..LATENCY_MAX.as_micros()) as u64;
        let arrival = now + Duration::from_millis(micros.div_ceil(1000));
        let last = match way {
            Way::Up => &mut self.arrives[0],
            Way::Down => &mut self.arrives[1],
        };
        // In order, whatever the latency drawn.
        *last = arrival.max(*last);
        Some(*last)
    }

    /// Pulls the cable, or puts it back.
    pub(super) fn set_cut(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// Whether the cable is out.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    #[test]
    fn bytes_stay_in_order() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let mut wire = Wire::default();
        let mut before = Uptime::START;
        for millis in 0..1000 {
            let arrives = wire.send(Uptime::from_millis(millis), Way::Up, &mut random).unwrap();
            assert!(arrives >= before && arrives > Uptime::from_millis(millis));
            before = arrives;
        }
    }

    #[test]
    fn nothing_arrives_over_a_pulled_cable() {
        let mut random = Pcg64Mcg::seed_from_u64(1);
        let mut wire = Wire::default();
        wire.set_cut(true);
        assert_eq!(wire.send(Uptime::START, Way::Down, &mut random), None);
        wire.set_cut(false);
        assert!(wire.send(Uptime::START, Way::Down, &mut random).is_some());
    }
}
