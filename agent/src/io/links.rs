//! Links to the supervisors: one task each, connecting again by itself, so that every supervisor is told everything
//! and none can hold the node up.
//!
//! ```text
//! wait (jittered, doubling) -> connect -> Hello -> Welcome -> carry messages -> closed -> wait ...
//! ```
//!
//! A node that belongs to a cluster shows its certificate and believes none but the cluster's ([`super::identity`]); one
//! that belongs to none speaks in clear.
//!
//! What is to be sent waits in a bounded queue; a supervisor that does not take it loses its link, never the agent its
//! memory. A dead peer is noticed by the kernel: keep-alive probes while nothing is sent, a time-out on what was sent
//! and not acknowledged. Neither wakes this process.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use protocol::frame::MESSAGE_BYTES_MAX;
use protocol::frame::stream::{self, Decoder, FRAME_BYTES_MAX};
use protocol::message::{Hello, Refusal};
use protocol::trust::{LinkError, tls};
use protocol::{AgentMessage, SupervisorMessage, Term};
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::{debug, info, warn};

use super::identity::{Papers, advice};
use super::random;
use crate::core::action::Outgoing;
use crate::core::event::{Event, LinkEvent, SupervisorId};

/// A connection stands within this, and a welcome comes within it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries, doubling, before jitter. A thousand agents then come back spread over the time a crowd needs.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// A link that stood this long was no failure: the next try begins at the shortest wait again. Longer, and a supervisor that
/// is restarted soon after its agents began is missed for as long as they had waited for it then.
const STOOD_LONG: Duration = Duration::from_secs(2);
/// What may wait for a supervisor that is slow to take it: every container's entry and some reports.
const QUEUE: usize = 128;
/// What was sent must be acknowledged by the peer's kernel within this.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(6);
/// A silent link is probed after this ...
const PROBE_AFTER: Duration = Duration::from_secs(10);
/// ... and this often ...
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// ... and gone after so many probes with no answer.
const PROBES: u32 = 3;
/// How long what is queued may take to go out when the program stops.
const FLUSH: Duration = Duration::from_secs(1);

/// The links to all supervisors, in the order of the config.
#[derive(Debug)]
pub struct Links {
    links: Vec<Link>,
    term: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Link {
    orders: Sender<Command>,
    /// Rung when the queue ran over: the link is to be given up.
    overrun: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What a link's task is told.
#[derive(Debug)]
enum Command {
    Send(Outgoing),
    Close,
    /// Send what is queued, then end.
    Finish,
}

impl Links {
    /// Begins connecting to all of them. `hello` is what each is greeted with; its term is brought up to date by
    /// [`Self::obeyed`].
    pub fn open(
        addresses: &[SocketAddr],
        papers: Option<&Papers>,
        hello: &Hello,
        events: &Sender<Event>,
    ) -> Self {
        let term = Arc::new(AtomicU64::new(hello.term.0));
        let open = |(index, &address): (usize, &SocketAddr)| {
            let (orders, commands) = mpsc::channel(QUEUE);
            let supervisor = SupervisorId(index.try_into().unwrap_or(u8::MAX));
            let overrun = Arc::new(Notify::new());
            let peer = Peer {
                address,
                papers: papers.cloned(),
                supervisor,
                hello: hello.clone(),
                term: term.clone(),
                events: events.clone(),
                overrun: overrun.clone(),
            };
            Link { orders, overrun, task: tokio::spawn(peer.run(commands)) }
        };
        let links = addresses.iter().enumerate().map(open).collect();
        Self { links, term }
    }

    /// The highest term obeyed, for the next greeting.
    pub fn obeyed(&self, term: Term) {
        self.term.fetch_max(term.0, Ordering::Relaxed);
    }

    /// Queues a message. A link whose queue is full is closed: its supervisor does not keep up.
    pub fn send(&self, supervisor: SupervisorId, message: Outgoing) {
        let Some(link) = self.links.get(usize::from(supervisor.0)) else { return };
        match link.orders.try_send(Command::Send(message)) {
            // Closed: the task has ended, which only happens while the program stops.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => link.overrun.notify_one(),
        }
    }

    /// Closes a link; it connects again by itself.
    pub fn close(&self, supervisor: SupervisorId) {
        if let Some(link) = self.links.get(usize::from(supervisor.0))
            && let Err(TrySendError::Full(_)) = link.orders.try_send(Command::Close)
        {
            link.overrun.notify_one();
        }
    }

    /// Sends what is queued, and ends all links within [`FLUSH`].
    pub async fn finish(self) {
        for link in &self.links {
            let _ = link.orders.try_send(Command::Finish);
        }
        let all = async {
            for link in self.links {
                let _ = link.task.await;
            }
        };
        let _ = timeout(FLUSH, all).await;
    }
}

/// One supervisor, seen from its task.
struct Peer {
    address: SocketAddr,
    /// What it shows of itself; `None` on a link in clear.
    papers: Option<Papers>,
    supervisor: SupervisorId,
    hello: Hello,
    term: Arc<AtomicU64>,
    events: Sender<Event>,
    overrun: Arc<Notify>,
}

/// Why a link ended.
enum End {
    /// The supervisor said why.
    Refused(Refusal),
    /// One side does not believe the other.
    Distrusted(LinkError),
    /// The stream broke, or what came over it was no message.
    Broken(String),
    /// The core wanted it closed.
    Closed,
    /// The program stops.
    Finished,
}

impl Peer {
    async fn run(self, mut commands: Receiver<Command>) {
        let mut back_off = BACK_OFF.0;
        let mut said = None;
        loop {
            let start = Instant::now();
            let mut was_up = false;
            let end = self.live(&mut commands, &mut was_up).await;
            let refusal = match &end {
                End::Finished => return,
                End::Refused(refusal) => {
                    warn!(supervisor = %self.address, "refuses this agent: {refusal}");
                    Some(*refusal)
                }
                End::Distrusted(why) => {
                    // The same trouble is said once.
                    if said.as_ref() != Some(why) {
                        warn!(supervisor = %self.address, "no link: {why}{}", advice(why));
                        said = Some(why.clone());
                    }
                    None
                }
                End::Broken(why) if was_up => {
                    warn!(supervisor = %self.address, "link lost: {why}");
                    None
                }
                End::Broken(why) => {
                    debug!(supervisor = %self.address, "no link: {why}");
                    None
                }
                End::Closed => None,
            };
            if (was_up || refusal.is_some()) && self.tell(LinkEvent::Down { refusal }).await.is_err() {
                return;
            }
            said = said.filter(|_| !was_up);
            back_off = if was_up && start.elapsed() >= STOOD_LONG { BACK_OFF.0 } else { back_off };
            if self.wait(random::jitter(back_off), &mut commands).await.is_err() {
                return;
            }
            back_off = (back_off * 2).min(BACK_OFF.1);
        }
    }

    /// Waits, and throws away what the core sent before it knew that the link is gone.
    async fn wait(&self, pause: Duration, commands: &mut Receiver<Command>) -> Result<(), ()> {
        let mut over = std::pin::pin!(sleep(pause));
        loop {
            tokio::select! {
                () = &mut over => return Ok(()),
                command = commands.recv() => match command {
                    Some(Command::Send(_) | Command::Close) => {}
                    Some(Command::Finish) | None => return Err(()),
                },
                () = self.overrun.notified() => {}
            }
        }
    }

    async fn tell(&self, event: LinkEvent) -> Result<(), ()> {
        self.events.send(Event::Link { supervisor: self.supervisor, event }).await.map_err(|_| ())
    }

    /// One connection, from its first packet to its end.
    async fn live(&self, commands: &mut Receiver<Command>, was_up: &mut bool) -> End {
        let connect = async {
            let socket = TcpStream::connect(self.address).await?;
            watch_for_death(&socket)?;
            Ok(socket)
        };
        let socket = match timeout(HANDSHAKE_TIMEOUT, connect).await {
            Ok(Ok(socket)) => socket,
            Ok(Err::<_, io::Error>(error)) => return End::Broken(error.to_string()),
            Err(_elapsed) => return End::Broken("no connection in time".to_owned()),
        };
        let mut socket = match timeout(HANDSHAKE_TIMEOUT, self.protect(socket)).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(why)) => return End::Distrusted(why),
            Err(_elapsed) => return End::Distrusted(LinkError::Slow),
        };
        let hello = Hello { term: Term(self.term.load(Ordering::Relaxed)), ..self.hello.clone() };
        if let Err(error) = write(&mut socket, &AgentMessage::Hello(hello)).await {
            return broken(&error);
        }
        // What the core sent to the link before this one belongs to that one.
        while let Ok(command) = commands.try_recv() {
            if matches!(command, Command::Finish) {
                return End::Finished;
            }
        }
        self.carry(socket, commands, was_up).await
    }

    /// The handshake, where there are papers.
    async fn protect(&self, socket: TcpStream) -> Result<Box<dyn Stream>, LinkError> {
        let Some(papers) = &self.papers else { return Ok(Box::new(socket)) };
        let name = tls::supervisor_name().map_err(|error| LinkError::from(&error))?;
        let connecting = TlsConnector::from(papers.config()).connect(name, socket);
        let socket = connecting.await.map_err(|error| LinkError::from(&error))?;
        Ok(Box::new(socket))
    }

    /// Carries messages both ways until the link ends.
    async fn carry(
        &self,
        mut socket: Box<dyn Stream>,
        commands: &mut Receiver<Command>,
        was_up: &mut bool,
    ) -> End {
        let mut decoder = Decoder::new();
        let mut buffer = [0; 512];
        let mut welcomed_by = std::pin::pin!(sleep(HANDSHAKE_TIMEOUT));
        loop {
            tokio::select! {
                read = socket.read(&mut buffer) => {
                    let input = match read {
                        Ok(0) => return End::Broken("the supervisor closed it".to_owned()),
                        Ok(length) => buffer.get(..length).unwrap_or_default(),
                        Err(error) => return broken(&error),
                    };
                    if let Some(end) = self.take(input, &mut decoder, was_up).await {
                        return end;
                    }
                }
                command = commands.recv() => match command {
                    Some(Command::Send(message)) => {
                        if let Err(error) = send(&mut socket, &message).await {
                            return broken(&error);
                        }
                    }
                    Some(Command::Close) => return End::Closed,
                    Some(Command::Finish) | None => {
                        // The farewell is on its way; a reset would overtake it.
                        let _ = socket.shutdown().await;
                        return End::Finished;
                    }
                },
                () = self.overrun.notified() => {
                    return End::Broken("the supervisor does not keep up with what is sent".to_owned());
                }
                () = &mut welcomed_by, if !*was_up => return End::Broken("no welcome in time".to_owned()),
            }
        }
    }

    /// Takes in what was read.
    async fn take(&self, mut input: &[u8], decoder: &mut Decoder, was_up: &mut bool) -> Option<End> {
        loop {
            let message = match decoder.push(&mut input) {
                Ok(Some(message)) => SupervisorMessage::decode(message),
                Ok(None) => return None,
                Err(error) => return Some(End::Broken(error.to_string())),
            };
            let event = match message {
                Err(error) => return Some(End::Broken(error.to_string())),
                Ok(SupervisorMessage::Refused(refusal)) => return Some(End::Refused(refusal)),
                Ok(SupervisorMessage::Welcome(welcome)) if !*was_up => {
                    info!(supervisor = %self.address, leading = welcome.leading, "linked");
                    *was_up = true;
                    if let Some(papers) = &self.papers {
                        papers.confirm();
                    }
                    LinkEvent::Up(welcome)
                }
                Ok(_) if !*was_up => return Some(End::Broken("a message before the welcome".to_owned())),
                Ok(SupervisorMessage::Welcome(_)) => return Some(End::Broken("a second welcome".to_owned())),
                Ok(SupervisorMessage::Ack(sequence)) => LinkEvent::Ack(sequence),
                Ok(SupervisorMessage::RequestFull) => LinkEvent::RequestFull,
                Ok(SupervisorMessage::Order(order)) => LinkEvent::Order(order),
                Ok(SupervisorMessage::Supply(supply)) => LinkEvent::Supply(supply),
                Ok(SupervisorMessage::Switch(order)) => LinkEvent::Switch(order),
                Ok(SupervisorMessage::RestartEngine(order)) => LinkEvent::RestartEngine(order),
                Ok(SupervisorMessage::Leading(leading)) => LinkEvent::Leading(leading),
                Ok(SupervisorMessage::Standing(standing)) => LinkEvent::Standing(standing),
            };
            if self.tell(event).await.is_err() {
                return Some(End::Finished);
            }
        }
    }
}

/// A connection, in clear or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// How a stream's error ends a link. In TLS 1.3 the caller is done before the other side has looked at its certificate:
/// what that thinks of it comes as the first thing read.
fn broken(error: &io::Error) -> End {
    match LinkError::from(error) {
        why @ (LinkError::Theirs { .. } | LinkError::Ours { .. } | LinkError::NotTls) => End::Distrusted(why),
        _ => End::Broken(error.to_string()),
    }
}

/// Has the kernel find out when the other side is gone without a word.
fn watch_for_death(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, PROBE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    let unacknowledged = u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(socket, unacknowledged)?;
    Ok(())
}

async fn send(socket: &mut Box<dyn Stream>, message: &Outgoing) -> io::Result<()> {
    match message {
        Outgoing::Full { sequence, report } => {
            write(socket, &AgentMessage::Report { sequence: *sequence, report: (**report).clone() }).await
        }
        Outgoing::Delta { sequence, back, changes } => {
            write(socket, &AgentMessage::Delta { sequence: *sequence, back: *back, changes }).await
        }
        Outgoing::Container(entry) => write(socket, &AgentMessage::Container(entry.clone())).await,
        Outgoing::Outcome(outcome) => write(socket, &AgentMessage::Outcome(outcome.clone())).await,
        Outgoing::Goodbye(goodbye) => write(socket, &AgentMessage::Goodbye(goodbye.clone())).await,
        Outgoing::Engine(outcome) => write(socket, &AgentMessage::Engine(outcome.clone())).await,
        Outgoing::Leading(leading) => write(socket, &AgentMessage::Leading(leading.clone())).await,
        Outgoing::Standing(standing) => write(socket, &AgentMessage::Standing((**standing).clone())).await,
    }
}

/// Writes one message as one frame. Ends within [`UNACKNOWLEDGED_MAX`]: the kernel then gives the link up.
async fn write(socket: &mut Box<dyn Stream>, message: &AgentMessage<'_>) -> io::Result<()> {
    let mut frame = [0; FRAME_BYTES_MAX];
    let length = {
        let mut bytes = [0; MESSAGE_BYTES_MAX];
        let length = message.encode(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        stream::encode(bytes.get(..length).unwrap_or_default(), &mut frame)
            .map_err(|error| io::Error::other(error.to_string()))?
    };
    let written = async {
        socket.write_all(frame.get(..length).unwrap_or_default()).await?;
        socket.flush().await
    };
    match timeout(UNACKNOWLEDGED_MAX, written).await {
        Ok(written) => written,
        Err(_elapsed) => Err(io::Error::new(io::ErrorKind::TimedOut, "it does not take what is sent")),
    }
}
