//! The loop's side of enrolment: who waits for which answer, and what the core wants done about it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::trust::{Clock, Fingerprint, Token};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::door::{Door, FromDoor};
use super::files::{Folder, TrustError};
use super::keeper::Keeper;
use super::peers;
use super::wish::{EnrolmentView, MadeToken, Reply, TokenView, Wish};
use crate::core::enrolment::ledger::{KeptToken, Ledger};
use crate::core::enrolment::{AskId, EnrolmentAction, EnrolmentEvent, Rules, Verdict};
use crate::io::links::Guarded;

/// So many may wait for the loop.
const WAITING_MAX: usize = 64;

/// The desk.
#[derive(Debug)]
pub struct Desk {
    keeper: Keeper,
    clock: Clock,
    authority: Fingerprint,
    waiting: BTreeMap<AskId, oneshot::Sender<Verdict>>,
    asks: u64,
    peers: Vec<JoinHandle<()>>,
    heard: mpsc::Receiver<FromDoor>,
}

/// All that a supervisor of a cluster begins with.
pub struct Opened {
    /// For the loop.
    pub desk: Desk,
    /// For who accepts connections.
    pub door: Arc<Door>,
    /// Where the door says it.
    pub events: mpsc::Sender<FromDoor>,
    /// What was known before.
    pub ledger: Ledger,
    /// What may be done here.
    pub rules: Rules,
}

/// Opens the cluster's trust; `None` while this supervisor belongs to no cluster.
///
/// # Errors
/// What is there and cannot be used.
pub fn open(folder: Folder, valid_for: Duration, peers: &[SocketAddr]) -> Result<Option<Opened>, TrustError> {
    let Some(held) = folder.load()? else { return Ok(None) };
    let ledger = folder.ledger()?;
    let own = Some(held.who.enrolment);
    let rules = Rules { valid_for, authority: held.authority_key.is_some(), own };
    let (clock, authority) = (folder.clock(), held.fingerprint());
    let door = Arc::new(Door::new(held, clock.clone())?);
    let (events, heard) = mpsc::channel(WAITING_MAX);
    let mut addresses = folder.peers();
    addresses.extend(peers);
    addresses.sort_unstable();
    addresses.dedup();
    let path = folder.ledger_file();
    let keeper = Keeper::start(folder, &ledger)
        .map_err(|cause| TrustError::Kept(protocol::trust::KeptError::Io { path, cause }))?;
    let call =
        |address| tokio::spawn(peers::call(address, Arc::clone(&door), keeper.newest(), events.clone()));
    let peers = addresses.into_iter().map(call).collect();
    let desk = Desk { keeper, clock, authority, waiting: BTreeMap::new(), asks: 0, peers, heard };
    Ok(Some(Opened { desk, door, events, ledger, rules }))
}

impl Opened {
    /// Its parts; where there is no cluster, such as let nobody in and hear nothing.
    pub(crate) fn apart(opened: Option<Self>) -> (Option<Desk>, Option<Guarded>, Ledger, Rules) {
        match opened {
            None => (None, None, Ledger::default(), Rules::default()),
            Some(Self { desk, door, events, ledger, rules }) => {
                let guarded = Guarded { door, newest: desk.newest(), events };
                (Some(desk), Some(guarded), ledger, rules)
            }
        }
    }
}

/// What the door says next; nothing ever where there is none.
pub async fn hear(desk: &mut Option<Desk>) -> FromDoor {
    if let Some(desk) = desk
        && let Some(heard) = desk.heard.recv().await
    {
        return heard;
    }
    std::future::pending().await
}

impl Desk {
    /// The newest ledger, for who passes it on.
    pub fn newest(&self) -> tokio::sync::watch::Receiver<Arc<Ledger>> {
        self.keeper.newest()
    }

    /// Somebody waits from now on.
    fn wait(&mut self, reply: oneshot::Sender<Verdict>) -> AskId {
        self.asks += 1;
        let ask = AskId(self.asks);
        self.waiting.insert(ask, reply);
        ask
    }

    /// What the door heard, as an event.
    pub fn take(&mut self, heard: FromDoor) -> EnrolmentEvent {
        match heard {
            FromDoor::Failed { peer, why } => EnrolmentEvent::HandshakeFailed { peer: peer.to_string(), why },
            FromDoor::Asked(mut asked, reply) => {
                asked.ask = self.wait(reply);
                EnrolmentEvent::Asked(asked)
            }
            FromDoor::Learned { from, entries } => EnrolmentEvent::Learned { from, entries },
        }
    }

    /// A person's wish: answered at once, or an event for the core whose verdict is answered.
    pub fn wish(
        &mut self,
        wish: Wish,
        ledger: &Ledger,
        reply: oneshot::Sender<Reply>,
    ) -> Option<EnrolmentEvent> {
        let now = self.clock.now();
        let (settled, verdict) = oneshot::channel();
        let (event, done) = match wish {
            Wish::MakeToken { role, node, valid_for_s, uses } => {
                let Ok(token) = Token::draw(self.authority) else {
                    let _ =
                        reply.send(Reply::Impossible { why: "the kernel gives no randomness".to_owned() });
                    return None;
                };
                let expires = now.plus(Duration::from_secs(valid_for_s));
                let hash = token.secret.hash();
                let kept = KeptToken {
                    hash,
                    role,
                    node: node.clone(),
                    made: now,
                    expires,
                    uses,
                    used: Vec::new(),
                    revoked: false,
                };
                let authority = self.authority.to_string();
                let id = token.id;
                let made = MadeToken { token: token.to_string(), id, role, node, uses, expires, authority };
                let ask = self.wait(settled);
                (EnrolmentEvent::MakeToken { ask, id, token: Box::new(kept) }, Some(Reply::Token(made)))
            }
            Wish::RevokeToken { id } => (EnrolmentEvent::RevokeToken { ask: self.wait(settled), id }, None),
            Wish::Revoke { name } => (EnrolmentEvent::Revoke { ask: self.wait(settled), name }, None),
            Wish::Tokens => {
                let tokens = ledger.tokens.iter().map(|(id, token)| TokenView::of(*id, token, now));
                let _ = reply.send(Reply::Tokens { tokens: tokens.collect() });
                return None;
            }
            Wish::Enrolments => {
                let _ = reply.send(Reply::Enrolments { enrolments: EnrolmentView::all(ledger) });
                return None;
            }
        };
        // The answer comes once the ledger is on disk.
        tokio::spawn(async move {
            let stopping = || Reply::Impossible { why: "the supervisor is stopping".to_owned() };
            let answer = match verdict.await {
                Ok(Verdict::Done(what)) => done.unwrap_or(Reply::Done { done: what }),
                Ok(Verdict::Impossible(why)) => Reply::Impossible { why: why.to_string() },
                Ok(Verdict::Grant { .. } | Verdict::Refuse(_)) | Err(_) => stopping(),
            };
            // Who asked may be gone.
            let _ = reply.send(answer);
        });
        Some(event)
    }

    /// Carries out what the core wants.
    pub fn perform(&mut self, action: EnrolmentAction) {
        match action {
            EnrolmentAction::Keep(ledger) => self.keeper.keep(ledger),
            EnrolmentAction::Answer { ask, verdict } => {
                if let Some(reply) = self.waiting.remove(&ask) {
                    self.keeper.answer(reply, verdict);
                }
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for peer in &self.peers {
            peer.abort();
        }
    }
}
