//! The loop: everything that happens, in one order, through the core, and out again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep_until};

use super::address::Address;
use super::clock::{Clock, Timestamp};
use super::enrolment::desk::{self, Desk, Opened};
use super::enrolment::door::FromDoor;
use super::enrolment::wish::Reply;
use super::enrolment::{Folder, TrustError};
use super::history::{History, SAMPLE_EVERY};
use super::journal::{Journal, OpenError};
use super::links::{self, FromLinks, Outbox};
use super::notify;
use super::operator::{self, Question, Shelf, SocketError, Status};
use super::steering::Steering;
use super::tell::Teller;
use super::web::Web;
use crate::config::{Config, Keepalived, Notify};
use crate::core;
use crate::core::person::{AskId, PersonAnswer, PersonEvent};
use crate::core::{
    Action, AddressEvent, Event, JournalState, LinkEnd, LinkEvent, LinkId, Record, Supervisor, What,
};

/// Events wait here when the core is busy; a link that would add one more waits with it.
const EVENTS_MAX: usize = 256;

/// Refused connections linger a moment: so many may, beyond those that the core allows.
const LINGERING_MAX: usize = 32;

/// The core is told what the machine's clock says this often.
const CLOCK_INTERVAL: Duration = Duration::from_mins(1);

/// To who asks about enrolment where there is none.
const NO_CLUSTER: &str = "this supervisor belongs to no cluster yet: run `heliostat init` on the first one, or \
                          `heliostat join ADDRESS --token TOKEN` on a further one, and start it again";

/// Why the supervisor cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The operators' socket cannot be opened.
    #[error("operators' socket {0}")]
    Socket(#[from] SocketError),
    /// The journal is not ours to open.
    #[error("journal {0}")]
    Journal(#[from] OpenError),
    /// The cluster's trust cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system has no threads left.
    #[error("no thread for the history: {0}")]
    Threads(std::io::Error),
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start; once it runs, it goes on.
pub async fn run(config: Config) -> Result<(), RunError> {
    let socket = operator::bind(&config.socket).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|cause| RunError::Listen { address: config.listen, cause })?;
    let listen = listener.local_addr().map_or_else(|_| config.listen.to_string(), |bound| bound.to_string());
    let (states, journal_states) = mpsc::unbounded_channel();
    let (journal, kept) = Journal::open(&config.journal_path(), config.journal_rows_max, states)?;
    let (events, from_links) = mpsc::channel(EVENTS_MAX);
    let (questions, asked) = mpsc::channel(1);
    let connections_max = config.settings.links_max + LINGERING_MAX;
    let history =
        History::open(&config.history_path(), config.history_rows_max).map_err(RunError::Threads)?;
    let (web, teller) = watched(config.web, config.notify, &questions, &history).await?;
    let shelf = Shelf { journal: journal.reader(), history: history.reader() };
    let (steering, steered) = Steering::start(config.haproxy_socket, config.docker_socket);
    let opened = desk::open(Folder::of(&config.data), config.certificates_valid_for, &config.peers)?;
    let (desk, guarded, ledger, rules) = Opened::apart(opened);
    let protected = if desk.is_some() { "TLS" } else { "in clear" };
    let mut world = World {
        clock: Clock::start(),
        core: Supervisor::resume(config.settings, kept).with_ledger(ledger, rules),
        outbox: Outbox::default(),
        journal,
        teller,
        history,
        steering,
        address: None,
        desk,
        asks: 0,
        awaited: BTreeMap::new(),
        listen,
        actions: Vec::new(),
    };
    let signals = Signals::new().map_err(RunError::Signals)?;
    let (first, address_events) = world.find_address(config.keepalived);
    // The new term is on disk before any agent hears it.
    world.happen(first);
    world.journal.sync();
    let accepting = tokio::spawn(links::accept(listener, connections_max, guarded, events));
    let answering = tokio::spawn(operator::serve(socket, questions, shelf));
    tracing::info!("listening on {}, {protected}, operators on {}", world.listen, config.socket.display());
    notify::ready(&format!("listening on {}", world.listen));
    let world = world.turn(from_links, steered, asked, journal_states, address_events, signals).await;
    notify::stopping();
    accepting.abort();
    answering.abort();
    if let Some(web) = web {
        web.abort();
    }
    remove_socket(&config.socket);
    world.history.close();
    world.journal.close();
    Ok(())
}

/// Starts what others see of it: the page and the metrics, and who is told of what matters.
async fn watched(
    web: Option<SocketAddr>,
    notify: Option<Notify>,
    questions: &mpsc::Sender<Question>,
    history: &History,
) -> Result<(Option<JoinHandle<()>>, Option<Teller>), RunError> {
    let teller = notify.map(Teller::start);
    let Some(address) = web else { return Ok((None, teller)) };
    let listener = TcpListener::bind(address).await.map_err(|cause| RunError::Listen { address, cause })?;
    let bound = listener.local_addr().unwrap_or(address);
    tracing::info!("status page and metrics on http://{bound}/");
    let web = Web::new(questions.clone(), history.reader());
    Ok((Some(tokio::spawn(web.serve(listener))), teller))
}

/// The next start would replace it anyway; a clean end leaves nothing behind.
fn remove_socket(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!("{}: {error}", PathBuf::from(path).display());
    }
}

/// The signals that end the program.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The core and what its actions touch.
struct World {
    clock: Clock,
    core: Supervisor,
    outbox: Outbox,
    journal: Journal,
    teller: Option<Teller>,
    history: History,
    steering: Steering,
    address: Option<Address>,
    /// `None` while this supervisor belongs to no cluster.
    desk: Option<Desk>,
    /// How many persons asked so far, and who waits for an answer: it comes with the same event.
    asks: u64,
    awaited: BTreeMap<AskId, oneshot::Sender<PersonAnswer>>,
    listen: String,
    actions: Vec<Action>,
}

impl World {
    /// Where masters share an address: who holds it? The answer is the first event.
    fn find_address(&mut self, keepalived: Option<Keepalived>) -> (Event, mpsc::Receiver<AddressEvent>) {
        let Some(keepalived) = keepalived else { return (Event::Tick, mpsc::channel(1).1) };
        let (address, first, events) = Address::start(keepalived);
        self.address = Some(address);
        (Event::Address(AddressEvent::Seen(first)), events)
    }

    async fn turn(
        mut self,
        mut from_links: mpsc::Receiver<FromLinks>,
        mut steered: mpsc::Receiver<Event>,
        mut asked: mpsc::Receiver<Question>,
        mut journal_states: mpsc::UnboundedReceiver<JournalState>,
        mut address_events: mpsc::Receiver<AddressEvent>,
        mut signals: Signals,
    ) -> Self {
        let watchdog = notify::watchdog_interval();
        let mut clock = interval(CLOCK_INTERVAL);
        let mut sample = interval(SAMPLE_EVERY);
        loop {
            // Every turn of the loop is a sign of life, and a quiet one ends in time to give the next.
            if watchdog.is_some() {
                notify::alive();
            }
            let tick = self.core.next_wake().map(|at| self.clock.until(at)).into_iter();
            let wait = tick.chain(watchdog).min().unwrap_or_default();
            tokio::select! {
                biased;
                () = signals.any() => return self,
                Some(state) = journal_states.recv() => self.happen(Event::Journal(state)),
                Some(event) = address_events.recv() => self.happen(Event::Address(event)),
                Some(question) = asked.recv() => self.answer(question),
                Some(event) = steered.recv() => self.happen(event),
                heard = desk::hear(&mut self.desk) => self.on_door(heard),
                Some((link, event, queue)) = from_links.recv() => self.on_link(link, event, queue),
                _ = sample.tick() => self.sample(),
                _ = clock.tick() => self.happen(Event::Clock(Timestamp::now().wall_clock())),
                () = sleep_until(Instant::now() + wait) => self.happen(Event::Tick),
            }
        }
    }

    /// Takes readings for the history.
    fn sample(&self) {
        let view = self.core.view(self.clock.now());
        self.history.add(Timestamp::now(), core::history::samples(&view));
    }

    /// Answers an operator's question; who asked may be gone.
    fn answer(&mut self, question: Question) {
        let now = self.clock.now();
        match question {
            Question::Fleet(reply) => {
                let _ = reply.send(Status {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    pid: std::process::id(),
                    listen: self.listen.clone(),
                    fleet: self.core.view(now),
                });
            }
            Question::Energy(reply) => {
                let _ = reply.send(self.core.energy());
            }
            Question::Person(request, reply) => {
                self.asks += 1;
                let ask = AskId(self.asks);
                self.awaited.insert(ask, reply);
                self.happen(Event::Person(PersonEvent { ask, request }));
            }
            Question::Forecast(reply) => {
                let _ = reply.send(self.core.forecast(now));
            }
            Question::Enrolment(wish, reply) => match &mut self.desk {
                Some(desk) => {
                    if let Some(event) = desk.wish(wish, self.core.ledger(), reply) {
                        self.happen(Event::Enrolment(event));
                    }
                }
                None => {
                    let _ = reply.send(Reply::Impossible { why: NO_CLUSTER.to_owned() });
                }
            },
        }
    }

    fn on_door(&mut self, heard: FromDoor) {
        if let Some(desk) = &mut self.desk {
            let event = desk.take(heard);
            self.happen(Event::Enrolment(event));
        }
    }

    fn on_link(&mut self, link: LinkId, event: LinkEvent, queue: Option<mpsc::Sender<links::Command>>) {
        if let Some(queue) = queue {
            self.outbox.opened(link, queue);
        }
        if matches!(event, LinkEvent::Closed(_)) {
            self.outbox.closed(link);
        }
        self.happen(Event::Link { link, event });
    }

    /// One event through the core, and all that follows from it.
    fn happen(&mut self, event: Event) {
        let mut stalled = Vec::new();
        let mut next = Some(event);
        while let Some(event) = next {
            let mut actions = std::mem::take(&mut self.actions);
            self.core.handle(self.clock.now(), event, &mut actions);
            for action in actions.drain(..) {
                stalled.extend(self.perform(action));
            }
            self.actions = actions;
            next = stalled.pop().map(|link| Event::Link { link, event: LinkEvent::Closed(LinkEnd::Stalled) });
        }
    }

    /// Carries one action out; returns the link that could not take it.
    fn perform(&mut self, action: Action) -> Option<LinkId> {
        match action {
            Action::Send { link, message } => return (!self.outbox.send(link, &message)).then_some(link),
            Action::Refuse { link, refusal } => self.outbox.close(link, Some(refusal)),
            Action::Close { link } => self.outbox.close(link, None),
            Action::Record(record) => {
                log(&record);
                if let Some(teller) = &self.teller {
                    teller.tell(&record);
                }
                self.journal.record(record);
            }
            Action::Remember(node) => self.journal.remember(node),
            Action::SaveTerm(term) => self.journal.save_term(term),
            Action::Keep(budget) => self.journal.keep(budget),
            Action::Enrolment(action) => {
                if let Some(desk) = &mut self.desk {
                    desk.perform(action);
                }
            }
            Action::Balancer(action) => self.steering.balance(action),
            Action::Orchestrator(action) => self.steering.orchestrate(action),
            Action::KeepStanding(standing) => self.journal.keep_standing(standing),
            Action::ForgetStanding(node) => self.journal.forget_standing(node),
            Action::Answer { ask, answer } => {
                if let Some(reply) = self.awaited.remove(&ask) {
                    // Who asked may be gone.
                    let _ = reply.send(answer);
                }
            }
            Action::Address(what) => {
                if let Some(address) = &self.address {
                    address.perform(what);
                }
            }
        }
        None
    }
}

/// What a person reads in the system's log.
fn log(record: &Record) {
    match record.what {
        What::LinkRefused { .. }
        | What::JoinRefused { .. }
        | What::HandshakeFailed { .. }
        | What::EnrolmentRevoked { .. }
        | What::LinksRefusedMore { .. }
        | What::OrderRefused { .. }
        | What::Vetoed { .. }
        | What::SensorFault { .. }
        | What::SensorsDisagree { .. }
        | What::SupplyUnknown { .. }
        | What::KeepalivedGone { .. }
        | What::AddressFailed { .. }
        | What::WakeFailed { .. } => tracing::warn!("{record}"),
        What::JournalFailing { .. } => tracing::error!("{record}"),
        _ => tracing::info!("{record}"),
    }
}
