//! The agent's only clock: monotonic, from the program's start, and as much faster than life as a replayed trace wants.
//!
//! Everything that decides sees its [`Uptime`]; only network time-outs, which other machines share, run in real time.

use std::time::{Duration, Instant};

use protocol::Uptime;

/// The clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    speed: f64,
}

impl Clock {
    /// Starts at [`Uptime::START`], running `speed` times as fast as life (a proved config holds it above 0).
    pub fn start(speed: f64) -> Self {
        Self { start: Instant::now(), speed }
    }

    /// Now, rounded down to a millisecond.
    pub fn now(&self) -> Uptime {
        Uptime::from_millis((self.start.elapsed().as_secs_f64() * 1000.0 * self.speed) as u64)
    }

    /// How long life takes until the clock shows `moment`; zero when it does already.
    pub fn until(&self, moment: Uptime) -> Duration {
        let since_start = moment.as_secs_f64() / self.speed;
        Duration::try_from_secs_f64(since_start - self.start.elapsed().as_secs_f64())
            .unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_waits_less() {
        let clock = Clock::start(60.0);
        let wait = clock.until(clock.now() + Duration::from_mins(1));
        assert!(wait <= Duration::from_secs(1) && wait > Duration::from_millis(900), "{wait:?}");
        assert_eq!(clock.until(Uptime::START), Duration::ZERO, "what is past is due");
    }

    #[test]
    fn waiting_until_a_moment_reaches_it() {
        let clock = Clock::start(1000.0);
        let moment = clock.now() + Duration::from_secs(10);
        std::thread::sleep(clock.until(moment) + Duration::from_millis(1));
        assert!(clock.now() >= moment);
    }
}
