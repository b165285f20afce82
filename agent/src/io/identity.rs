//! This node's certificate: what its links show, and how it is renewed by itself.
//!
//! Renewed when two thirds of its life are over, at whichever supervisor answers first, with a new key each time. Links
//! that stand go on with the old one; the supervisor ends them when that has run out, and they come back with the new.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use protocol::NodeName;
use protocol::trust::enrol::{self, EnrolError, Trust};
use protocol::trust::{Clock, Credentials, Identity, KeptError, Key, LinkError, Role, WallTime, tls};
use tokio::time::sleep;
use tokio_rustls::rustls::{self, ClientConfig};
use tracing::{info, warn};

use super::random;

/// The clock is looked at this often: a Pi's may jump by years when the network comes up.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// A renewal that came to nothing is tried again after this, or sooner where little time is left ...
const AGAIN_AFTER: Duration = Duration::from_mins(10);

/// ... but not more often than this.
const AGAIN_LEAST: Duration = Duration::from_secs(1);

/// Why the node's identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// It is not an agent's.
    #[error("{path}: this is the identity of {who}, not of an agent", path = path.display())]
    NotAnAgent {
        /// The file.
        path: PathBuf,
        /// Whom it names.
        who: protocol::trust::Who,
    },
    /// TLS refuses it.
    #[error("{path}: {cause}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
}

/// The clock by which an identity is judged: its confirmed moments are kept beside it.
pub fn clock(identity: &Path) -> Clock {
    Clock::open(&identity.with_extension("clock"))
}

/// What is shown at present.
#[derive(Debug)]
struct Held {
    credentials: Credentials,
    identity: Identity,
    config: Arc<ClientConfig>,
}

/// The node's papers; clones are the same papers.
#[derive(Debug, Clone)]
pub struct Papers {
    path: PathBuf,
    clock: Clock,
    held: Arc<Mutex<Arc<Held>>>,
}

impl Papers {
    /// Reads them; `None` while the node is in no cluster.
    ///
    /// # Errors
    /// What is there and cannot be used.
    pub fn open(path: &Path) -> Result<Option<Self>, IdentityError> {
        Self::open_with(path, clock(path))
    }

    /// As [`Self::open`], judged by another clock.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: &Path, clock: Clock) -> Result<Option<Self>, IdentityError> {
        let Some(credentials) = Credentials::load(path)? else { return Ok(None) };
        let held = hold(path, credentials, &clock)?;
        Ok(Some(Self { path: path.to_owned(), clock, held: Arc::new(Mutex::new(Arc::new(held))) }))
    }

    fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The node that they are made out to.
    pub fn name(&self) -> NodeName {
        self.held().identity.who.name.clone()
    }

    /// Until when they hold.
    pub fn until(&self) -> WallTime {
        self.held().identity.not_after
    }

    /// What a link shows, and whom it believes.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.held().config)
    }

    /// A handshake succeeded: the clock is right, or at least not too late.
    pub fn confirm(&self) {
        self.clock.confirm();
    }

    /// Renews when it is time, for as long as the program runs.
    pub async fn keep_fresh(self, supervisors: Vec<SocketAddr>) {
        let mut said = None;
        loop {
            let (now, due, ends) = (self.clock.now(), self.due(), self.until());
            if now < due {
                sleep(due.since(now).min(LOOK_EVERY)).await;
                continue;
            }
            match self.renew(&supervisors).await {
                Ok(()) => {
                    let (life, until) = self.life();
                    info!(%until, "certificate renewed");
                    said = None;
                    // A clock that once ran ahead finds even this one due: it is not asked for again and again.
                    sleep(life / 8).await;
                }
                Err(why) => {
                    let words = format!("the certificate that ends at {ends} cannot be renewed: {why}");
                    // The same trouble is said once.
                    if said.as_ref() != Some(&words) {
                        warn!("{words}");
                        said = Some(words);
                    }
                    let left = ends.since(now);
                    sleep(random::jitter((left / 8).clamp(AGAIN_LEAST, AGAIN_AFTER))).await;
                }
            }
        }
    }

    /// How long they hold in all, and until when.
    fn life(&self) -> (Duration, WallTime) {
        let Identity { issued, not_after, .. } = self.held().identity;
        (not_after.since(issued), not_after)
    }

    /// When it is time: after two thirds of its life, not all nodes at one moment.
    fn due(&self) -> WallTime {
        let Identity { issued, not_after, .. } = self.held().identity;
        due(issued, not_after)
    }

    /// Renews at the first supervisor that does it.
    ///
    /// # Errors
    /// What the last one said.
    pub async fn renew(&self, supervisors: &[SocketAddr]) -> Result<(), RenewError> {
        let mut last = RenewError::Nobody;
        for &address in supervisors {
            match self.renew_at(address).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn renew_at(&self, address: SocketAddr) -> Result<(), RenewError> {
        let held = self.held();
        let key = Arc::new(Key::draw()?);
        let name = (Role::Agent, &held.identity.who.name);
        let fresh =
            enrol::ask(address, Trust::Certificate(&held.credentials), name, &key, &self.clock).await?;
        fresh.save(&self.path)?;
        let fresh = hold(&self.path, fresh, &self.clock)?;
        self.clock.confirm();
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
    }
}

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// There is nobody to ask.
    #[error("no supervisor is configured")]
    Nobody,
    /// The supervisor did not.
    #[error("{0}{advice}", advice = advice_on(.0))]
    Enrol(#[from] EnrolError),
    /// The disk did not.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// No key could be drawn.
    #[error(transparent)]
    Key(#[from] protocol::trust::keys::KeyError),
    /// What was given is of no use.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

fn advice_on(error: &EnrolError) -> &'static str {
    match error {
        EnrolError::Link { why, .. } => advice(why),
        _ => "",
    }
}

/// What a person can do about a link that does not come about.
pub fn advice(why: &LinkError) -> &'static str {
    match why {
        LinkError::NotTls => {
            "; this node has a certificate, that supervisor has none: run `heliostat init` or `heliostat join` there"
        }
        LinkError::Ours { .. } => "; if that lasts, join this node again: heliostat-agent join --force",
        LinkError::Theirs { .. } => "; is that supervisor of this cluster?",
        _ => "",
    }
}

fn due(issued: WallTime, ends: WallTime) -> WallTime {
    let life = ends.since(issued);
    let latest = life * 2 / 3;
    issued.plus(latest.saturating_sub(life / 12) + random::jitter(life / 12))
}

fn hold(path: &Path, credentials: Credentials, clock: &Clock) -> Result<Held, IdentityError> {
    let damaged = |_| KeptError::Damaged { path: path.to_owned(), why: "its certificate names nobody" };
    let identity = credentials.identity().map_err(damaged)?;
    if identity.who.role != Role::Agent {
        return Err(IdentityError::NotAnAgent { path: path.to_owned(), who: identity.who });
    }
    let config = tls::client(&credentials, tls::LINK, clock)
        .map_err(|cause| IdentityError::Unusable { path: path.to_owned(), cause })?;
    Ok(Held { credentials, identity, config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_due_well_before_the_end_and_not_for_all_at_once() {
        let (issued, ends) = (WallTime(1_800_000_000), WallTime(1_831_536_000));
        let life = ends.since(issued).as_secs();
        let moments: Vec<u64> = (0..50).map(|_| due(issued, ends).since(issued).as_secs()).collect();
        assert!(moments.iter().all(|moment| (life * 3 / 5..=life * 2 / 3).contains(moment)), "{moments:?}");
        assert!(moments.windows(2).any(|pair| pair[0] != pair[1]));
        assert_eq!(due(ends, issued), ends, "a life that is none is over");
    }

    #[test]
    fn no_file_is_no_papers_and_noise_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.pem");
        assert!(Papers::open(&path).unwrap().is_none());
        protocol::trust::kept::write(&path, b"noise").unwrap();
        assert!(matches!(Papers::open(&path), Err(IdentityError::Kept(KeptError::Damaged { .. }))));
    }
}
