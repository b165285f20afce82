//! Who answers on the shared address, and since when: a caller on a host without it, and an answer on each master.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::wire::{SHARED, Wire};

const PORT: u16 = 4000;
/// A call is made this often.
const PAUSE: Duration = Duration::from_millis(5);

/// A thread that ends with this value.
struct Worker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Works in a host's network until it is told to stop.
    fn start(
        namespace: String,
        mut work: impl FnMut() + Send + 'static,
        begin: impl FnOnce() + Send + 'static,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            Wire::enter(&namespace);
            begin();
            while !told.load(Ordering::Relaxed) {
                work();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Slot = Arc<Mutex<Option<UdpSocket>>>;

/// A socket that is opened by the worker, in its own network.
fn open_later(address: SocketAddr) -> (Slot, impl FnOnce() + Send + 'static) {
    let slot: Slot = Arc::default();
    let filled = Arc::clone(&slot);
    let open = move || {
        let socket = UdpSocket::bind(address).expect("a socket");
        socket.set_read_timeout(Some(PAUSE)).expect("a time-out");
        *filled.lock().expect("the slot") = Some(socket);
    };
    (slot, open)
}

fn any(port: u16) -> SocketAddr {
    SocketAddr::from(([0, 0, 0, 0], port))
}

/// Answers every call with this host's number.
pub(crate) struct Answerer {
    _worker: Worker,
}

impl Answerer {
    pub(crate) fn start(wire: &Wire, host: u8) -> Self {
        let (slot, open) = open_later(any(PORT));
        let answer = move || {
            let slot = slot.lock().expect("the slot");
            let Some(socket) = slot.as_ref() else { return };
            if let Ok((_, from)) = socket.recv_from(&mut [0; 16]) {
                // A caller that cannot be reached is what is measured.
                let _ = socket.send_to(&[host], from);
            }
        };
        Self { _worker: Worker::start(wire.host(host), answer, open) }
    }
}

/// Calls the shared address, and keeps who answered when.
pub(crate) struct Caller {
    _worker: Worker,
    answers: Arc<Mutex<Vec<(Instant, u8)>>>,
}

impl Caller {
    pub(crate) fn start(wire: &Wire, host: u8) -> Self {
        let answers: Arc<Mutex<Vec<(Instant, u8)>>> = Arc::default();
        let heard = Arc::clone(&answers);
        let (slot, open) = open_later(any(0));
        let call = move || {
            let slot = slot.lock().expect("the slot");
            let Some(socket) = slot.as_ref() else { return };
            // No route and no neighbour are what is measured, too.
            let _ = socket.send_to(b"?", (SHARED, PORT));
            let mut host = [0];
            if let Ok((1, _)) = socket.recv_from(&mut host) {
                heard.lock().expect("the answers").push((Instant::now(), host[0]));
                std::thread::sleep(PAUSE);
            }
        };
        Self { _worker: Worker::start(wire.host(host), call, open), answers }
    }

    /// Who answered last, if that was a moment ago.
    pub(crate) fn answered_by(&self) -> Option<u8> {
        let answers = self.answers.lock().expect("the answers");
        answers.last().filter(|(at, _)| at.elapsed() < PAUSE * 20).map(|(_, host)| *host)
    }

    /// The first answer of a host after a moment.
    pub(crate) fn first_after(&self, moment: Instant, host: u8) -> Option<Instant> {
        let answers = self.answers.lock().expect("the answers");
        answers.iter().find(|(at, who)| *at > moment && *who == host).map(|(at, _)| *at)
    }

    /// The longest silence after a moment.
    pub(crate) fn longest_gap_after(&self, moment: Instant) -> Duration {
        let answers = self.answers.lock().expect("the answers");
        let times: Vec<Instant> = answers.iter().map(|(at, _)| *at).filter(|at| *at > moment).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}
