//! A board on which the agent runs in this very process: its chip is simulated at the register, and its ALERT line is that
//! chip's pin, carried by a socket instead of a gpiochip. Everything from the edge of `io` on is the agent's own.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use agent::config::Config;
use agent::io::outside::{EdgeLine, Outside};
use agent::io::run::{RunError, run_on};
use hardware::line::LineAt;
use hardware::linux::Root;
use hardware::sim::bus::{Attached, SimBus};
use hardware::sim::chips::SimIna226;
use protocol::{Current, Resistance, Voltage};
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};

/// The sensor of such a board, for its config.
pub const SENSOR: &str =
    "[[sensor]]\nkind = \"ina226\"\nbus = \"/dev/i2c-1\"\nshunt = \"2 mOhm\"\ncurrent_max = \"40 A\"\n";
/// The line of its ALERT pin, behind [`SENSOR`].
pub const ALERT: &str = "alert = { line = 17 }\n";

/// The far end of the line, while somebody listens at the near one.
type Wire = Arc<Mutex<Option<UnixStream>>>;

/// A board. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Board {
    root: Root,
    bus: SimBus,
    chip: Attached<SimIna226>,
    wire: Wire,
}

/// Now, by the clock that the kernel stamps edges with.
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.cast_unsigned(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

impl Board {
    /// A board whose files are under this root, on a healthy battery.
    pub fn new(root: Root) -> Self {
        let bus = SimBus::new();
        let chip = bus.attach(0x40, SimIna226::new(Resistance::from_ohms(0.002)));
        let board = Self { root, bus, chip, wire: Wire::default() };
        board.battery(12.8);
        board
    }

    /// The terminals show this from now on; the chip pulls its pin if it is set to.
    pub fn battery(&self, volts: f64) {
        let high = |chip: &mut SimIna226| chip.alert_is_high();
        let before = self.chip.with(high);
        self.chip.with(|chip| chip.settle(Voltage::from_volts(volts), Current::from_amps(2.0)));
        if before && !self.chip.with(high) {
            self.pulse();
        }
    }

    /// An edge on the line, whatever the chip says: a spark, a loose wire.
    pub fn pulse(&self) {
        if let Some(far) = &mut *self.far() {
            let stamp = u64::try_from(monotonic().as_nanos()).unwrap_or(0);
            // Nobody listens any more: an edge that the kernel forgets.
            let _ = far.write_all(&stamp.to_ne_bytes());
        }
    }

    /// Whether the agent listens to the line.
    pub fn is_heard(&self) -> bool {
        // The near end is closed when it was let go: then the far one is at its end.
        self.far().as_mut().is_some_and(
            |far| matches!(far.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock),
        )
    }

    /// Runs the agent on this board, in a thread of its own.
    pub fn run(&self, config: Config) -> JoinHandle<Result<(), RunError>> {
        let board = self.clone();
        std::thread::spawn(move || run_on(&config, false, board))
    }

    fn far(&self) -> MutexGuard<'_, Option<UnixStream>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends an agent that runs in this process, as systemd ends a program.
///
/// # Panics
/// When it ended badly.
pub fn end(agent: JoinHandle<Result<(), RunError>>) {
    kill_process(getpid(), Signal::TERM).expect("a signal to this process");
    agent.join().expect("the agent does not panic").expect("the agent ends well");
}

impl Outside for Board {
    type Bus = SimBus;

    fn root(&self) -> &Root {
        &self.root
    }

    fn bus(&self, _path: &Path) -> SimBus {
        self.bus.clone()
    }

    fn line(&self, _at: &LineAt) -> Result<Box<dyn EdgeLine>, String> {
        let pair = UnixStream::pair().and_then(|(near, far)| {
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
            Ok((near, far))
        });
        let (near, far) = pair.map_err(|error| error.to_string())?;
        *self.far() = Some(far);
        Ok(Box::new(NearEnd { near, chip: self.chip.clone() }))
    }
}

/// The agent's end of the line.
#[derive(Debug)]
struct NearEnd {
    near: UnixStream,
    chip: Attached<SimIna226>,
}

impl AsFd for NearEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.near.as_fd()
    }
}

impl EdgeLine for NearEnd {
    fn take(&mut self) -> io::Result<Option<Duration>> {
        let mut stamp = [0; 8];
        match self.near.read_exact(&mut stamp) {
            Ok(()) => Ok(Some(monotonic().saturating_sub(Duration::from_nanos(u64::from_ne_bytes(stamp))))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_pulled(&self) -> io::Result<bool> {
        Ok(!self.chip.with(|chip| chip.alert_is_high()))
    }
}
