//! A supervisor's ear, played by the test: speaks the real protocol, keeps everything that a node reports, orders
//! nothing unless told.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::frame::stream;
use protocol::message::{Hello, Order, Welcome};
use protocol::{AgentMessage, Fault, Reason, Report, Sequence, Stage, SupervisorMessage, Term, delta};

/// What was heard.
#[derive(Debug, Default)]
struct Heard {
    hello: Option<Hello>,
    /// Every report, full or rebuilt from a delta, with its number.
    reports: Vec<(Sequence, Report)>,
    full: usize,
    deltas: usize,
    bytes: usize,
    /// The link that is up, to speak on.
    link: Option<TcpStream>,
}

/// A listening ear.
#[derive(Debug)]
pub struct Watcher {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

impl Watcher {
    /// Listens on a port of loopback that the system chooses.
    ///
    /// # Panics
    /// When there is no port.
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let ear = Arc::clone(&heard);
        std::thread::spawn(move || {
            for link in listener.incoming().flatten() {
                let heard = Arc::clone(&ear);
                std::thread::spawn(move || listen_to(link, &heard));
            }
        });
        Self { address, heard }
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic while locked")
    }

    /// Forgets everything heard so far.
    pub fn forget(&self) {
        *self.heard() = Heard::default();
    }

    /// The newest report.
    pub fn report(&self) -> Option<Report> {
        self.heard().reports.last().map(|(_, report)| report.clone())
    }

    /// The newest stage.
    pub fn stage(&self) -> Option<Stage> {
        self.report().map(|report| report.stage)
    }

    /// The fault of the newest report.
    pub fn fault(&self) -> Option<Fault> {
        self.report().and_then(|report| report.energy.fault)
    }

    /// The stages in the order in which they were reported, without repetitions.
    pub fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = self.heard().reports.iter().map(|(_, report)| report.stage).collect();
        stages.dedup();
        stages
    }

    /// The reasons in the order in which they were reported, without repetitions.
    pub fn reasons(&self) -> Vec<(Stage, Reason)> {
        let mut reasons: Vec<_> =
            self.heard().reports.iter().map(|(_, report)| (report.stage, report.reason.clone())).collect();
        reasons.dedup();
        reasons
    }

    /// How many full reports, deltas and bytes arrived.
    pub fn counts(&self) -> (usize, usize, usize) {
        let heard = self.heard();
        (heard.full, heard.deltas, heard.bytes)
    }

    /// Sends an order on the link that is up.
    ///
    /// # Panics
    /// When no link is up.
    pub fn order(&self, order: Order) {
        let heard = self.heard();
        say(heard.link.as_ref().expect("a link"), &SupervisorMessage::Order(order));
    }
}

/// Serves one link until it ends.
fn listen_to(mut link: TcpStream, heard: &Mutex<Heard>) {
    let mut decoder = stream::Decoder::new();
    let mut buffer = [0; 4096];
    let mut base: Vec<(Sequence, Report)> = Vec::new();
    while let Ok(length @ 1..) = link.read(&mut buffer) {
        let mut rest = &buffer[..length];
        heard.lock().expect("no panic while locked").bytes += length;
        while let Some(frame) = decoder.push(&mut rest).expect("the agent frames its messages") {
            let message = AgentMessage::decode(frame).expect("the agent's messages are well formed");
            let mut heard = heard.lock().expect("no panic while locked");
            match message {
                AgentMessage::Hello(hello) => {
                    let version = hello.version_max;
                    heard.hello = Some(hello);
                    heard.link = link.try_clone().ok();
                    say(
                        &link,
                        &SupervisorMessage::Welcome(Welcome { version, term: Term(1), leading: true }),
                    );
                }
                AgentMessage::Report { sequence, report } => {
                    heard.full += 1;
                    take(&mut heard, &mut base, &link, sequence, report);
                }
                AgentMessage::Delta { sequence, back, changes } => {
                    heard.deltas += 1;
                    let of = Sequence(sequence.0 - u32::from(back));
                    let report = base.iter().find(|(number, _)| *number == of).map(|(_, report)| report);
                    let report = delta::apply(report.expect("a delta's base was acknowledged"), changes);
                    take(&mut heard, &mut base, &link, sequence, report.expect("a delta fits its base"));
                }
                AgentMessage::Container(_)
                | AgentMessage::Outcome(_)
                | AgentMessage::Goodbye(_)
                | AgentMessage::Standing(_)
                | AgentMessage::Engine(_)
                | AgentMessage::Leading(_) => {}
            }
        }
    }
}

/// Keeps a report and acknowledges it.
fn take(
    heard: &mut Heard,
    base: &mut Vec<(Sequence, Report)>,
    link: &TcpStream,
    sequence: Sequence,
    report: Report,
) {
    base.push((sequence, report.clone()));
    heard.reports.push((sequence, report));
    say(link, &SupervisorMessage::Ack(sequence));
}

fn say(mut link: &TcpStream, message: &SupervisorMessage) {
    let mut bytes = [0; protocol::frame::MESSAGE_BYTES_MAX];
    let length = message.encode(&mut bytes).expect("a message fits");
    let mut frame = [0; stream::FRAME_BYTES_MAX];
    let length = stream::encode(&bytes[..length], &mut frame).expect("a frame fits");
    // A link that broke meanwhile is noticed by the reading side.
    let _ = link.write_all(&frame[..length]);
}
