//! One timer for the whole loop, in the kernel.
//!
//! A `timerfd` wakes the process once for each ring. The runtime's own timer wheel wakes it twice for any wait over
//! 64 ms (once to move the timer to a finer wheel), which at ten readings a second is most of what the agent costs.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The timer.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<OwnedFd>,
}

impl Alarm {
    /// Makes one that does not ring.
    ///
    /// # Errors
    /// The kernel refuses another file, or there is no runtime.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its danger is a file that is closed while registered; an `OwnedFd` in here is not"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self { timer })
    }

    /// Rings once after this long, instead of whenever it was set to before; `None`: never.
    ///
    /// # Errors
    /// The kernel refuses; it has no reason to.
    pub fn set(&self, after: Option<Duration>) -> io::Result<()> {
        // Zero would disarm it: what is due now rings after the shortest wait there is.
        let after = after.map_or(Duration::ZERO, |after| after.max(Duration::from_nanos(1)));
        let value = Timespec {
            tv_sec: after.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Waits until it rings.
    ///
    /// # Errors
    /// The timer cannot be read.
    pub async fn rings(&self) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            let mut count = [0; 8];
            match ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut count)?)) {
                Ok(read) => {
                    // One read takes every ring there was: to ask again before the next one is a waste.
                    ready.clear_ready();
                    return read.map(|_| ());
                }
                Err(_would_block) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn it_rings_when_set_and_not_before() {
        block_on(async {
            let alarm = Alarm::new().unwrap();
            let start = Instant::now();
            alarm.set(Some(Duration::from_mins(1))).unwrap();
            alarm.set(Some(Duration::from_millis(30))).unwrap();
            alarm.rings().await.unwrap();
            assert!(start.elapsed() >= Duration::from_millis(30));
            assert!(start.elapsed() < Duration::from_secs(30), "the last setting counts");
        });
    }

    #[test]
    fn what_is_due_rings_at_once_and_what_is_unset_never() {
        block_on(async {
            let alarm = Alarm::new().unwrap();
            alarm.set(Some(Duration::ZERO)).unwrap();
            alarm.rings().await.unwrap();
            alarm.set(None).unwrap();
            let never = tokio::time::timeout(Duration::from_millis(50), alarm.rings()).await;
            assert!(never.is_err());
        });
    }
}
