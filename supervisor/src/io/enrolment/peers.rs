//! Supervisors tell each other who was let in and who was revoked.
//!
//! Each calls those that it knows of, and is called. On a connection both send all that they know, and from then on what is
//! new; what comes is merged ([`crate::core::enrolment::ledger`]), so it does not matter who says what how often.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::NodeName;
use protocol::trust::{EnrolmentId, LinkError, Role, Who, enrol, tls};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::door::{Door, FromDoor, read_chain};
use crate::core::enrolment::ledger::{Enrolment, Ledger};

/// A connection is tried again after this.
const CALL_AGAIN: Duration = Duration::from_secs(10);

/// ... and stands, handshake and all, within this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// With nothing new, a sign of life this often.
const ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Without one for so long, the connection is given up.
const SILENT_MAX: Duration = Duration::from_secs(100);

/// So many entries a message: each is at most a role, a name and a number.
const ENTRIES_MAX: usize = 32;

/// What is said: some entries, or none as a sign of life.
type Entries = Vec<(EnrolmentId, Enrolment)>;

/// Calls one supervisor, again and again, and tells it what is new.
pub async fn call(
    address: SocketAddr,
    door: Arc<Door>,
    newest: watch::Receiver<Arc<Ledger>>,
    events: mpsc::Sender<FromDoor>,
) {
    let mut said = None;
    loop {
        let why = match timeout(CALL_TIMEOUT, connect(address, &door)).await {
            Ok(Ok((stream, chain))) => {
                tracing::info!("linked with the supervisor at {address}");
                said = None;
                converse(stream, &chain, newest.clone(), &events).await;
                LinkError::Ended
            }
            Ok(Err(why)) => why,
            Err(_elapsed) => LinkError::Slow,
        };
        // The same trouble is said once.
        if said.as_ref() != Some(&why) {
            tracing::warn!("no link with the supervisor at {address}: {why}");
            said = Some(why);
        }
        if events.is_closed() {
            return;
        }
        sleep(CALL_AGAIN).await;
    }
}

async fn connect(
    address: SocketAddr,
    door: &Door,
) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, Vec<Who>), LinkError> {
    let broken = |error: std::io::Error| LinkError::from(&error);
    let socket = TcpStream::connect(address).await.map_err(broken)?;
    let name = tls::supervisor_name().map_err(|error| LinkError::from(&error))?;
    let stream = TlsConnector::from(door.call()).connect(name, socket).await.map_err(broken)?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain = read_chain(certificates)?.into_iter().map(|identity| identity.who).collect();
    Ok((stream, chain))
}

/// Tells and hears until the connection ends, or the other side is revoked.
pub async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    chain: &[Who],
    mut newest: watch::Receiver<Arc<Ledger>>,
    events: &mpsc::Sender<FromDoor>,
) {
    let Some(other) = chain.first().filter(|who| who.role == Role::Supervisor) else { return };
    let (mut read, mut write) = tokio::io::split(stream);
    let (heard, mut hear) = mpsc::channel::<Entries>(4);
    // Reading is not cancelled half-way through a message.
    let reading = tokio::spawn(async move {
        while let Ok(Ok(entries)) = timeout(SILENT_MAX, enrol::read::<Entries>(&mut read)).await {
            if heard.send(entries).await.is_err() {
                return;
            }
        }
    });
    let mut known: BTreeMap<EnrolmentId, bool> = BTreeMap::new();
    let mut alive = interval(ALIVE_INTERVAL);
    loop {
        let ledger = Arc::clone(&newest.borrow_and_update());
        if ledger.distrusts(chain) || tell(&mut write, &ledger, &mut known).await.is_err() {
            break;
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { break },
            _ = alive.tick() => if enrol::write(&mut write, &Entries::new()).await.is_err() { break },
            entries = hear.recv() => {
                let Some(entries) = entries else { break };
                known.extend(entries.iter().map(|(id, entry)| (*id, entry.revoked.is_some())));
                if !entries.is_empty() && !pass_on(&other.name, entries, events).await {
                    break;
                }
            }
        }
    }
    reading.abort();
    let _ = timeout(CALL_TIMEOUT, write.shutdown()).await;
}

async fn pass_on(from: &NodeName, entries: Entries, events: &mpsc::Sender<FromDoor>) -> bool {
    events.send(FromDoor::Learned { from: from.clone(), entries }).await.is_ok()
}

/// Says what the other side does not know yet.
async fn tell(
    write: &mut (impl AsyncWrite + Unpin),
    ledger: &Ledger,
    known: &mut BTreeMap<EnrolmentId, bool>,
) -> std::io::Result<()> {
    let is_news = |(id, entry): &(&EnrolmentId, &Enrolment)| match known.get(id) {
        Some(revoked) => entry.revoked.is_some() && !revoked,
        None => true,
    };
    let news: Entries =
        ledger.enrolments.iter().filter(is_news).map(|(id, entry)| (*id, entry.clone())).collect();
    for part in news.chunks(ENTRIES_MAX) {
        timeout(CALL_TIMEOUT, enrol::write(write, &part.to_vec()))
            .await
            .map_err(|_elapsed| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        known.extend(part.iter().map(|(id, entry)| (*id, entry.revoked.is_some())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::core::enrolment::ledger::RevokedBy;

    use super::*;

    fn who(role: Role, name: &str, number: u8) -> Who {
        Who { role, name: name.parse().unwrap(), enrolment: EnrolmentId([number; 8]) }
    }

    fn ledger(names: &[(&str, u8)]) -> Arc<Ledger> {
        let entry = |(name, number): &(&str, u8)| {
            let entry = Enrolment { role: Role::Agent, name: name.parse().unwrap(), revoked: None };
            (EnrolmentId([*number; 8]), entry)
        };
        Arc::new(Ledger { enrolments: names.iter().map(entry).collect(), ..Ledger::default() })
    }

    /// One side of a conversation, merging what it hears.
    struct Side {
        newest: watch::Sender<Arc<Ledger>>,
        heard: mpsc::Receiver<FromDoor>,
    }

    fn side(stream: tokio::io::DuplexStream, other: Who, names: &[(&str, u8)]) -> Side {
        let (newest, receiver) = watch::channel(ledger(names));
        let (events, heard) = mpsc::channel(16);
        tokio::spawn(async move { converse(stream, &[other], receiver, &events).await });
        Side { newest, heard }
    }

    impl Side {
        async fn hear(&mut self) -> Option<Entries> {
            match self.heard.recv().await? {
                FromDoor::Learned { entries, .. } => {
                    self.newest.send_modify(|ledger| {
                        Arc::make_mut(ledger).merge(entries.clone());
                    });
                    Some(entries)
                }
                _ => None,
            }
        }
    }

    #[tokio::test]
    async fn each_side_learns_what_the_other_knows_and_a_revocation_at_once() {
        let (one, other) = tokio::io::duplex(4096);
        let mut one = side(one, who(Role::Supervisor, "m2", 102), &[("pi1", 1)]);
        let mut other = side(other, who(Role::Supervisor, "m1", 101), &[("pi2", 2)]);
        assert_eq!(one.hear().await.unwrap()[0].1.name.as_str(), "pi2");
        assert_eq!(other.hear().await.unwrap()[0].1.name.as_str(), "pi1");
        one.newest.send_modify(|ledger| {
            let ledger = Arc::make_mut(ledger);
            ledger.enrolments.get_mut(&EnrolmentId([2; 8])).unwrap().revoked = Some(RevokedBy::Person);
        });
        let entries = other.hear().await.unwrap();
        assert_eq!((entries.len(), entries[0].1.revoked), (1, Some(RevokedBy::Person)), "only what is new");
    }

    #[tokio::test]
    async fn a_supervisor_that_is_revoked_is_not_spoken_to_any_more() {
        let (one, other) = tokio::io::duplex(4096);
        let one = side(one, who(Role::Supervisor, "m2", 102), &[("pi1", 1)]);
        let mut other = side(other, who(Role::Supervisor, "m1", 101), &[]);
        other.hear().await.unwrap();
        one.newest.send_modify(|ledger| {
            let gone = Enrolment {
                role: Role::Issuer,
                name: "m2".parse().unwrap(),
                revoked: Some(RevokedBy::Person),
            };
            Arc::make_mut(ledger).enrolments.insert(EnrolmentId([102; 8]), gone);
        });
        assert!(other.hear().await.is_none(), "the conversation is over, and nothing more was said");
    }

    #[tokio::test]
    async fn an_agents_certificate_is_no_supervisors() {
        let (one, other) = tokio::io::duplex(4096);
        let mut one = side(one, who(Role::Agent, "pi1", 1), &[("pi1", 1)]);
        drop(other);
        assert!(one.hear().await.is_none());
    }
}
