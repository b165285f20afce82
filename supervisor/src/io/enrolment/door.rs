//! The door: every connection shows who it is before it is anything.
//!
//! ```text
//! accepted -> first byte -> TLS 1.3 handshake -> link | enrolment | another supervisor
//!              no TLS: told so, closed
//! ```
//!
//! So many handshakes at one time, each with a deadline: who dawdles holds one place for that long.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::NodeName;
use protocol::trust::enrol::{self, Answer, EXCHANGE_TIMEOUT, Grant, Request};
use protocol::trust::tls::{self, Callers};
use protocol::trust::why::Distrust;
use protocol::trust::{Clock, EnrolmentId, Identity, JoinRefusal, LinkError, Role, WallTime, Who, token};
use rustls::pki_types::CertificateDer;
use rustls::server::Acceptor;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::files::{Held, TrustError};
use super::issue;
use crate::core::enrolment::ledger::Enrolment;
use crate::core::enrolment::{AskId, Asked, Verdict};

/// So many handshakes at one time.
const HANDSHAKES_MAX: usize = 64;

/// Each ends within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
pub const TLS_HANDSHAKE: u8 = 22;

/// How long this supervisor's own certificate holds. It is made anew at half of that, and at each start.
const OWN_LASTS: Duration = Duration::from_hours(400 * 24);

/// A supervisor's own certificate, ready for use.
struct Configs {
    link: Arc<ServerConfig>,
    enrol: Arc<ServerConfig>,
    peer: Arc<ServerConfig>,
    /// For calling other supervisors.
    call: Arc<ClientConfig>,
    renew_at: WallTime,
}

/// The door.
pub struct Door {
    held: Held,
    clock: Clock,
    configs: Mutex<Arc<Configs>>,
    handshakes: Semaphore,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("held", &self.held).finish_non_exhaustive()
    }
}

/// Who came in.
#[derive(Debug)]
pub enum Admitted {
    /// Somebody who left without a word: a look whether anybody listens.
    Nobody,
    /// Somebody who speaks no TLS.
    Plain(TcpStream),
    /// An agent, its chain of certificates, and until when its own holds.
    Link(Box<TlsStream<TcpStream>>, Vec<Who>, WallTime),
    /// Somebody who wants a certificate, and the chain that was shown.
    Enrol(Box<TlsStream<TcpStream>>, Vec<Who>),
    /// Another supervisor, and its chain.
    Peer(Box<TlsStream<TcpStream>>, Vec<Who>),
}

/// What the loop hears of the door.
pub enum FromDoor {
    /// No protected connection came about.
    Failed {
        /// Where from.
        peer: SocketAddr,
        /// Why.
        why: LinkError,
    },
    /// Somebody wants a certificate, and waits for the answer.
    Asked(Box<Asked>, oneshot::Sender<Verdict>),
    /// Another supervisor said whom it knows.
    Learned {
        /// That supervisor.
        from: NodeName,
        /// What it knows.
        entries: Vec<(EnrolmentId, Enrolment)>,
    },
}

impl Door {
    /// Hangs the door.
    ///
    /// # Errors
    /// When no certificate can be made of what this supervisor has.
    pub fn new(held: Held, clock: Clock) -> Result<Self, TrustError> {
        let configs = Mutex::new(Arc::new(Configs::make(&held, &clock)?));
        Ok(Self { held, clock, configs, handshakes: Semaphore::new(HANDSHAKES_MAX) })
    }

    /// The clock by which certificates are judged.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How other supervisors are called.
    pub fn call(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.configs().call)
    }

    /// The present certificate, made anew when it is time.
    fn configs(&self) -> Arc<Configs> {
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.clock.now() >= configs.renew_at {
            match Configs::make(&self.held, &self.clock) {
                Ok(made) => *configs = Arc::new(made),
                Err(error) => tracing::error!("this supervisor's certificate cannot be renewed: {error}"),
            }
        }
        Arc::clone(&configs)
    }

    /// Finds out who calls, within bounds.
    ///
    /// # Errors
    /// Why it is nobody to speak to.
    pub async fn admit(&self, connection: TcpStream) -> Result<Admitted, LinkError> {
        // Closed never.
        let _place = self.handshakes.acquire().await;
        match timeout(HANDSHAKE_TIMEOUT, self.greet(connection)).await {
            Ok(admitted) => admitted,
            Err(_elapsed) => Err(LinkError::Slow),
        }
    }

    async fn greet(&self, connection: TcpStream) -> Result<Admitted, LinkError> {
        let broken = |error: io::Error| LinkError::from(&error);
        let mut first = [0];
        match connection.peek(&mut first).await.map_err(broken)? {
            0 => return Ok(Admitted::Nobody),
            _ if first[0] != TLS_HANDSHAKE => return Ok(Admitted::Plain(connection)),
            _ => {}
        }
        let start = LazyConfigAcceptor::new(Acceptor::default(), connection).await.map_err(broken)?;
        let wanted: Option<&[u8]> = start.client_hello().alpn().and_then(|mut protocols| protocols.next());
        let configs = self.configs();
        let config = match wanted {
            Some(tls::ENROL) => &configs.enrol,
            Some(tls::PEER) => &configs.peer,
            _ => &configs.link,
        };
        let stream = Box::new(start.into_stream(Arc::clone(config)).await.map_err(broken)?);
        let (_, tls) = stream.get_ref();
        let protocol = tls.alpn_protocol().map(<[u8]>::to_vec);
        let identities = match tls.peer_certificates() {
            Some(certificates) => read_chain(certificates)?,
            None => Vec::new(),
        };
        let ends = identities.first().map_or(WallTime(0), |identity| identity.not_after);
        let chain: Vec<Who> = identities.into_iter().map(|identity| identity.who).collect();
        let role = chain.first().map(|who| who.role);
        let wrong = LinkError::Theirs { distrust: Distrust::WrongRole };
        if role.is_some() {
            self.clock.confirm();
        }
        match (protocol.as_deref(), role) {
            (Some(tls::ENROL), _) => Ok(Admitted::Enrol(stream, chain)),
            (Some(tls::PEER), Some(Role::Supervisor)) => Ok(Admitted::Peer(stream, chain)),
            (Some(tls::LINK), Some(Role::Agent)) => Ok(Admitted::Link(stream, chain, ends)),
            (Some(tls::PEER | tls::LINK), _) => Err(wrong),
            _ => Err(LinkError::NothingInCommon),
        }
    }

    /// Hears one wish for a certificate, has it decided, and answers.
    pub async fn serve_enrolment(
        &self,
        mut stream: Box<TlsStream<TcpStream>>,
        shown: Vec<Who>,
        peer: IpAddr,
        events: &mpsc::Sender<FromDoor>,
    ) {
        let exchange = async {
            let answer = match enrol::read::<Request>(&mut stream).await {
                Ok(request) => self.decide(&stream, request, shown, peer, events).await,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    Answer::Refused(JoinRefusal::Malformed)
                }
                Err(error) => return Err(error),
            };
            enrol::write(&mut stream, &answer).await?;
            stream.shutdown().await
        };
        match timeout(EXCHANGE_TIMEOUT, exchange).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("{peer} left in the middle of joining: {error}"),
            Err(_elapsed) => tracing::debug!("{peer} was too slow in joining"),
        }
    }

    async fn decide(
        &self,
        stream: &TlsStream<TcpStream>,
        request: Request,
        shown: Vec<Who>,
        peer: IpAddr,
        events: &mpsc::Sender<FromDoor>,
    ) -> Answer {
        let exported = stream.get_ref().1.export_keying_material([0; 32], enrol::exporter(), None);
        let proved = exported.is_ok_and(|exported| request.is_proved(&exported));
        let Ok(fresh) = token::draw_enrolment() else { return Answer::Refused(JoinRefusal::NotKept) };
        let Request { ticket, role, name, key, .. } = request;
        let (ask, at) = (AskId(0), self.clock.now());
        let asked = Asked { ask, peer, at, shown, ticket, role, name, key, proved, fresh };
        let (reply, verdict) = oneshot::channel();
        let sent = events.send(FromDoor::Asked(Box::new(asked), reply)).await;
        let verdict = match sent {
            Ok(()) => verdict.await.unwrap_or(Verdict::Refuse(JoinRefusal::NotKept)),
            Err(_stopping) => Verdict::Refuse(JoinRefusal::NotKept),
        };
        match verdict {
            Verdict::Grant { who, valid_for } => match self.sign(key, &who, valid_for) {
                Ok(grant) => Answer::Granted(grant),
                Err(error) => {
                    tracing::error!("{who} was let in, and gets no certificate: {error}");
                    Answer::Refused(JoinRefusal::NotKept)
                }
            },
            Verdict::Refuse(refusal) => Answer::Refused(refusal),
            Verdict::Done(_) | Verdict::Impossible(_) => Answer::Refused(JoinRefusal::Malformed),
        }
    }

    /// Signs what was granted.
    fn sign(
        &self,
        key: protocol::trust::PublicKey,
        who: &Who,
        valid_for: Duration,
    ) -> Result<Grant, issue::IssueError> {
        let (held, now) = (&self.held, self.clock.now());
        let chain = if let (Role::Issuer, Some(authority_key)) = (who.role, &held.authority_key) {
            let authority = (&held.issuing.authority, &**authority_key);
            vec![issue::issuer(now, authority, key, who, held.ends())?]
        } else {
            let issuer = held.issuer()?;
            let ends = now.plus(valid_for).min(held.ends());
            vec![issue::leaf(now, (issuer, &held.issuing.key), key, who, ends)?, issuer.clone()]
        };
        Ok(Grant { chain: chain.iter().map(|certificate| certificate.to_vec()).collect() })
    }
}

impl Configs {
    fn make(held: &Held, clock: &Clock) -> Result<Self, TrustError> {
        let now = clock.now();
        let own = held.own_leaf(now, now.plus(OWN_LASTS))?;
        let unusable = |error: rustls::Error| {
            tracing::error!("this supervisor's certificate cannot be used: {error}");
            TrustError::Issue(issue::IssueError::Certificate(rcgen::Error::CouldNotParseCertificate))
        };
        let server = |protocol, callers| tls::server(&own, protocol, callers, clock).map_err(unusable);
        Ok(Self {
            link: server(tls::LINK, Callers::Known)?,
            enrol: server(tls::ENROL, Callers::Anyone)?,
            peer: server(tls::PEER, Callers::Known)?,
            call: tls::client(&own, tls::PEER, clock).map_err(unusable)?,
            renew_at: now.plus(OWN_LASTS / 2),
        })
    }
}

/// Whom a chain names. The authority's own certificate, should a caller have sent it, names nobody and is left out.
pub(super) fn read_chain(certificates: &[CertificateDer<'_>]) -> Result<Vec<Identity>, LinkError> {
    let damaged = LinkError::Theirs { distrust: Distrust::Damaged };
    let own = certificates.first().ok_or(damaged.clone())?;
    let mut chain = vec![Identity::read(own).map_err(|_| damaged)?];
    chain.extend(certificates.iter().skip(1).filter_map(|certificate| Identity::read(certificate).ok()));
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use protocol::trust::{Credentials, Key};
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::super::Folder;
    use super::*;

    /// A door, and the seconds that the clocks of both sides show.
    struct Here {
        _data: tempfile::TempDir,
        held: Held,
        door: Door,
        seconds: Arc<AtomicU64>,
        listener: TcpListener,
    }

    impl Here {
        async fn new() -> Self {
            let data = tempfile::tempdir().unwrap();
            let held = Folder::of(data.path()).init(&"m1".parse().unwrap()).unwrap();
            let seconds = Arc::new(AtomicU64::new(1_900_000_000));
            let door = Door::new(held.clone(), clock(&seconds)).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Self { _data: data, held, door, seconds, listener }
        }

        /// An agent's credentials that end so long from now.
        fn agent(&self, lasts: Duration) -> Credentials {
            let (key, now) = (Arc::new(Key::draw().unwrap()), self.door.clock.now());
            let who = Who { role: Role::Agent, name: "pi1".parse().unwrap(), enrolment: EnrolmentId([1; 8]) };
            let issuer = self.held.issuer().unwrap();
            let signer = (issuer, &*self.held.issuing.key);
            let own = issue::leaf(now, signer, key.public(), &who, now.plus(lasts)).unwrap();
            Credentials {
                key,
                chain: vec![own, issuer.clone()],
                authority: self.held.issuing.authority.clone(),
            }
        }

        /// What both sides think of a link with these credentials.
        async fn link(&self, credentials: &Credentials) -> (Result<(), LinkError>, Result<(), LinkError>) {
            let config = tls::client(credentials, tls::LINK, &clock(&self.seconds)).unwrap();
            let connect = async {
                let socket = TcpStream::connect(self.listener.local_addr().unwrap()).await?;
                let name = tls::supervisor_name().unwrap();
                let mut stream = TlsConnector::from(config).connect(name, socket).await?;
                // What the other side thinks of our certificate is the first thing read.
                stream.read_u8().await.map(|_| ())
            };
            let accept = async {
                let (connection, _) = self.listener.accept().await.unwrap();
                match self.door.admit(connection).await? {
                    Admitted::Link(mut stream, ..) => stream.write_all(&[1]).await.unwrap(),
                    other => panic!("no link: {other:?}"),
                }
                Ok(())
            };
            let (ours, theirs) = tokio::join!(accept, connect);
            (ours, theirs.map_err(|error: io::Error| LinkError::from(&error)))
        }
    }

    fn clock(seconds: &Arc<AtomicU64>) -> Clock {
        let seconds = Arc::clone(seconds);
        Clock::with_source(Arc::new(move || WallTime(seconds.load(Ordering::Relaxed))), None)
    }

    const LASTS: Duration = Duration::from_secs(100);

    #[tokio::test]
    async fn a_certificate_holds_to_its_last_second_and_not_one_more() {
        let here = Here::new().await;
        let credentials = here.agent(LASTS);
        here.seconds.fetch_add(LASTS.as_secs(), Ordering::Relaxed);
        assert_eq!(here.link(&credentials).await, (Ok(()), Ok(())));
        here.seconds.fetch_add(1, Ordering::Relaxed);
        let distrust = Distrust::Expired;
        let (ours, theirs) = here.link(&credentials).await;
        assert_eq!(ours, Err(LinkError::Theirs { distrust }));
        assert_eq!(theirs, Err(LinkError::Ours { distrust }), "and the agent is told why");
    }

    #[tokio::test]
    async fn two_pis_without_a_clock_believe_each_other() {
        let here = Here::new().await;
        let credentials = here.agent(Duration::from_hours(24 * 365));
        let booted = Arc::new(AtomicU64::new(17));
        let without =
            Here { door: Door::new(here.held.clone(), clock(&booted)).unwrap(), seconds: booted, ..here };
        assert_eq!(without.link(&credentials).await, (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn a_supervisors_own_certificate_is_made_anew_in_time() {
        let here = Here::new().await;
        let credentials = here.agent(OWN_LASTS * 4);
        here.seconds.fetch_add((OWN_LASTS * 3).as_secs(), Ordering::Relaxed);
        assert_eq!(here.link(&credentials).await, (Ok(()), Ok(())));
    }

    #[tokio::test]
    async fn another_clusters_certificate_is_refused_by_name_on_both_sides() {
        let (here, elsewhere) = (Here::new().await, Here::new().await);
        let foreign =
            Credentials { authority: here.held.issuing.authority.clone(), ..elsewhere.agent(LASTS) };
        let distrust = Distrust::OtherAuthority;
        let (ours, theirs) = here.link(&foreign).await;
        assert_eq!(ours, Err(LinkError::Theirs { distrust }));
        assert_eq!(theirs, Err(LinkError::Ours { distrust }));
    }

    #[tokio::test]
    async fn a_supervisors_issuing_certificate_opens_no_link() {
        let here = Here::new().await;
        let (ours, _) = here.link(&here.held.issuing.clone()).await;
        assert!(matches!(ours, Err(LinkError::Theirs { .. })), "{ours:?}");
    }
}
