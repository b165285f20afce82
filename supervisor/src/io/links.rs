//! The agents' links: one task each, bounded in everything a stranger could fill.
//!
//! A link holds one message being read (the decoder's own bound), [`QUEUE_MAX`] messages being written, and nothing
//! else. What is no message ends that link alone; who reads too slowly is dropped; more connections than
//! the loop allows wait unaccepted.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::frame::stream::{self, Decoder};
use protocol::frame::{MESSAGE_BYTES_MAX, stream::FRAME_BYTES_MAX};
use protocol::message::{AgentMessage, Refusal, SupervisorMessage};
use protocol::trust::{Clock, WallTime, Who};
use protocol::version::refusal_of_first;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::enrolment::door::{Admitted, Door, FromDoor, TLS_HANDSHAKE};
use super::enrolment::peers;
use crate::core::enrolment::ledger::Ledger;
use crate::core::{FromAgent, LinkEnd, LinkEvent, LinkId};

/// So many messages wait for one agent; one more and it is dropped.
const QUEUE_MAX: usize = 64;

/// A write that takes longer than this means that the agent does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// What was written must be acknowledged by the agent's kernel within this.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(6);

/// After a refusal so much more is read and thrown away, so that the refusal arrives before the reset.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// ... and not longer than this.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// What a link was told to do, after the core saw damage, at the latest by then.
const VERDICT_TIMEOUT: Duration = Duration::from_secs(5);

/// A certificate that runs out is looked at this often: a machine's clock may jump.
const EXPIRY_LOOK: Duration = Duration::from_mins(10);

/// What the loop hears of links.
pub(super) type FromLinks = (LinkId, LinkEvent, Option<mpsc::Sender<Command>>);

/// What a link is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Write this frame.
    Frame(Vec<u8>),
    /// Write this last frame, if there is one, and close.
    Close(Option<Vec<u8>>),
}

/// The way in for protected links, and what the loop hears of it.
#[derive(Clone)]
pub(crate) struct Guarded {
    pub(super) door: Arc<Door>,
    pub(super) newest: watch::Receiver<Arc<Ledger>>,
    pub(super) events: mpsc::Sender<FromDoor>,
}

/// Accepts for as long as the loop listens; in clear where there is no door.
pub(super) async fn accept(
    listener: TcpListener,
    connections_max: usize,
    guarded: Option<Guarded>,
    events: mpsc::Sender<FromLinks>,
) {
    let places = Arc::new(Semaphore::new(connections_max));
    let mut number = 0;
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (connection, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, or the peer gave up already: wait a moment rather than spin.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        number += 1;
        let (link, events, guarded) = (LinkId(number), events.clone(), guarded.clone());
        tokio::spawn(async move {
            // A failure here costs time, nothing else.
            let _ = watch_for_death(&connection);
            match guarded {
                None => serve(connection, Caller::in_clear(peer), link, &events).await,
                Some(guarded) => through_the_door(connection, peer, link, &guarded, &events).await,
            }
            drop(place);
        });
    }
}

/// Orders are small and urgent; and a host that is gone is noticed by the kernel, so that its agent's next call finds nobody
/// still talking to the last one.
fn watch_for_death(connection: &TcpStream) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let unacknowledged = u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(connection, unacknowledged)?;
    Ok(())
}

/// One connection, by what its handshake shows it to be.
async fn through_the_door(
    connection: TcpStream,
    peer: SocketAddr,
    link: LinkId,
    guarded: &Guarded,
    events: &mpsc::Sender<FromLinks>,
) {
    let Guarded { door, newest, events: heard } = guarded;
    match door.admit(connection).await {
        Ok(Admitted::Link(stream, chain, ends)) => {
            let proof = Proof { chain, ends, clock: door.clock().clone() };
            let caller = Caller { peer, unwanted: None, proof: Some(proof) };
            serve(*stream, caller, link, events).await;
        }
        Ok(Admitted::Plain(connection)) => {
            let caller = Caller { unwanted: Some(Refusal::Unprotected), ..Caller::in_clear(peer) };
            serve(connection, caller, link, events).await;
        }
        Ok(Admitted::Nobody) => {}
        Ok(Admitted::Enrol(stream, shown)) => {
            door.serve_enrolment(stream, shown, peer.ip(), heard).await;
        }
        Ok(Admitted::Peer(stream, chain)) => {
            peers::converse(*stream, &chain, newest.clone(), heard).await;
        }
        Err(why) => {
            // The loop may have ended already.
            let _ = heard.send(FromDoor::Failed { peer, why }).await;
        }
    }
}

/// Who is on a link, as far as is known before the first message.
struct Caller {
    peer: SocketAddr,
    /// Why it is refused whatever it says.
    unwanted: Option<Refusal>,
    proof: Option<Proof>,
}

/// What a handshake proved.
struct Proof {
    chain: Vec<Who>,
    ends: WallTime,
    clock: Clock,
}

impl Caller {
    const fn in_clear(peer: SocketAddr) -> Self {
        Self { peer, unwanted: None, proof: None }
    }
}

impl Proof {
    /// Waits until the certificate has run out.
    async fn expired(&self) {
        loop {
            let now = self.clock.now();
            if now >= self.ends {
                return;
            }
            sleep(self.ends.since(now).min(EXPIRY_LOOK)).await;
        }
    }
}

/// One link from its opening to its end.
async fn serve<S: AsyncRead + AsyncWrite + Send + 'static>(
    connection: S,
    caller: Caller,
    link: LinkId,
    events: &mpsc::Sender<FromLinks>,
) {
    let (commands, queue) = mpsc::channel(QUEUE_MAX);
    let opened = LinkEvent::Opened { peer: caller.peer.to_string() };
    let proved = caller.proof.as_ref().map(|proof| LinkEvent::Proved(proof.chain.clone()));
    if events.send((link, opened, Some(commands))).await.is_err() {
        return;
    }
    if let Some(proved) = proved
        && events.send((link, proved, None)).await.is_err()
    {
        return;
    }
    let (mut read, write) = tokio::io::split(connection);
    let mut writer = tokio::spawn(write_all(write, queue));
    let listening = listen(&mut read, &mut writer, &caller, link, events);
    let end = listening.await;
    if !writer.is_finished() {
        writer.abort();
    }
    // The loop may have ended already.
    let _ = events.send((link, LinkEvent::Closed(end), None)).await;
}

/// Reads until the peer goes, the bytes are no messages, its certificate runs out, or the writer has ended.
async fn listen(
    read: &mut (impl AsyncRead + Unpin),
    writer: &mut JoinHandle<LinkEnd>,
    caller: &Caller,
    link: LinkId,
    events: &mpsc::Sender<FromLinks>,
) -> LinkEnd {
    if let Some(refusal) = caller.unwanted {
        return give_up(read, writer, (link, refusal), events).await;
    }
    let mut inbox = Inbox { decoder: Decoder::new(), greeted: false };
    let mut buffer = [0; 4096];
    let mut expired = std::pin::pin!(async {
        match &caller.proof {
            Some(proof) => proof.expired().await,
            None => std::future::pending().await,
        }
    });
    loop {
        let count = tokio::select! {
            end = &mut *writer => {
                linger(read).await;
                return end.unwrap_or(LinkEnd::ByUs);
            }
            () = &mut expired => return give_up(read, writer, (link, Refusal::Expired), events).await,
            read = read.read(&mut buffer) => match read {
                Ok(count) if count > 0 => count,
                Ok(_) | Err(_) => return LinkEnd::ByPeer,
            },
        };
        let mut input = &buffer[..count];
        if !inbox.greeted && caller.proof.is_none() && is_tls(input) {
            return give_up(read, writer, (link, Refusal::NoCertificates), events).await;
        }
        loop {
            let message = match inbox.next(&mut input) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(refusal) => return give_up(read, writer, (link, refusal), events).await,
            };
            let told = tokio::select! {
                sent = events.send((link, LinkEvent::Said(message), None)) => sent.is_ok(),
                end = &mut *writer => {
                    linger(read).await;
                    return end.unwrap_or(LinkEnd::ByUs);
                }
            };
            if !told {
                return LinkEnd::ByUs;
            }
        }
    }
}

/// Tells the core that nothing more is to be had from this link, and waits for what it says to that.
async fn give_up(
    read: &mut (impl AsyncRead + Unpin),
    writer: &mut JoinHandle<LinkEnd>,
    (link, refusal): (LinkId, Refusal),
    events: &mpsc::Sender<FromLinks>,
) -> LinkEnd {
    if events.send((link, LinkEvent::Damaged(refusal), None)).await.is_err() {
        return LinkEnd::ByUs;
    }
    let end = timeout(VERDICT_TIMEOUT, &mut *writer).await;
    linger(read).await;
    end.ok().and_then(Result::ok).unwrap_or(LinkEnd::ByUs)
}

/// Whether the first bytes are a TLS handshake's: no frame of ours begins with a hello of 22 bytes whose tag is 3.
fn is_tls(first: &[u8]) -> bool {
    first.starts_with(&[TLS_HANDSHAKE, 3])
}

/// Bytes to messages.
struct Inbox {
    decoder: Decoder,
    greeted: bool,
}

impl Inbox {
    fn next(&mut self, input: &mut &[u8]) -> Result<Option<FromAgent>, Refusal> {
        let Some(bytes) = self.decoder.push(input)? else { return Ok(None) };
        match AgentMessage::decode(bytes) {
            Ok(message) => {
                self.greeted = true;
                Ok(Some(FromAgent::from(message)))
            }
            // A hello of a future version may have a tail that nobody here knows: it is told our versions.
            Err(error) if !self.greeted => Err(refusal_of_first(bytes, error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Writes what is queued until told to close, or nobody is left to tell.
async fn write_all(mut write: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Command>) -> LinkEnd {
    let mut end = LinkEnd::ByUs;
    while let Some(command) = queue.recv().await {
        let (frame, last) = match command {
            Command::Frame(frame) => (frame, false),
            Command::Close(frame) => (frame.unwrap_or_default(), true),
        };
        let written = async {
            write.write_all(&frame).await?;
            write.flush().await
        };
        match timeout(WRITE_TIMEOUT, written).await {
            Ok(Ok(())) if !last => {}
            Ok(Ok(())) => break,
            Ok(Err(_)) => {
                end = LinkEnd::ByPeer;
                break;
            }
            Err(_) => {
                end = LinkEnd::Stalled;
                break;
            }
        }
    }
    // The peer may have closed first.
    let _ = timeout(WRITE_TIMEOUT, write.shutdown()).await;
    end
}

/// Throws away what still comes, within bounds: closing with unread bytes would reset the connection, and the
/// refusal that was just written would be lost with it.
async fn linger(read: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 4096];
    let mut left = LINGER_BYTES_MAX;
    let drain = async {
        while left > 0 {
            match read.read(&mut buffer).await {
                Ok(count) if count > 0 => left = left.saturating_sub(count),
                _ => return,
            }
        }
    };
    // Either way the link is over.
    let _ = timeout(LINGER_TIME, drain).await;
}

/// The loop's side of all links: where the core's messages go.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queues: BTreeMap<LinkId, mpsc::Sender<Command>>,
}

impl Outbox {
    /// A link was opened.
    pub(super) fn opened(&mut self, link: LinkId, queue: mpsc::Sender<Command>) {
        self.queues.insert(link, queue);
    }

    /// A link has ended.
    pub(super) fn closed(&mut self, link: LinkId) {
        self.queues.remove(&link);
    }

    /// Queues a message. `false` when the link cannot take it: it is then dropped.
    pub(super) fn send(&mut self, link: LinkId, message: &SupervisorMessage) -> bool {
        let Some(queue) = self.queues.get(&link) else { return true };
        let taken = match frame(message) {
            Some(frame) => queue.try_send(Command::Frame(frame)).is_ok(),
            // A message without a wire form (a quantity beyond all bounds) is left out, and said.
            None => true,
        };
        if !taken {
            self.queues.remove(&link);
        }
        taken
    }

    /// Says why, if there is something to say, and closes.
    pub(super) fn close(&mut self, link: LinkId, refusal: Option<Refusal>) {
        let last = refusal.and_then(|refusal| frame(&SupervisorMessage::Refused(refusal)));
        if let Some(queue) = self.queues.remove(&link) {
            // A full queue is not waited for: dropping our end closes the link once the rest is written.
            let _ = queue.try_send(Command::Close(last));
        }
    }
}

/// A message as bytes for the stream.
fn frame(message: &SupervisorMessage) -> Option<Vec<u8>> {
    let mut bytes = [0; MESSAGE_BYTES_MAX];
    let mut framed = [0; FRAME_BYTES_MAX];
    let encoded = message.encode(&mut bytes).and_then(|length| stream::encode(&bytes[..length], &mut framed));
    match encoded {
        Ok(length) => Some(framed[..length].to_vec()),
        Err(error) => {
            tracing::error!("a message could not be encoded: {error}: {message:?}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Sequence;

    use super::*;

    #[test]
    fn a_link_that_takes_nothing_more_is_dropped_and_later_messages_go_nowhere() {
        let (queue, mut waiting) = mpsc::channel(QUEUE_MAX);
        let mut outbox = Outbox::default();
        outbox.opened(LinkId(1), queue);
        let message = SupervisorMessage::Ack(Sequence(1));
        for _ in 0..QUEUE_MAX {
            assert!(outbox.send(LinkId(1), &message));
        }
        assert!(!outbox.send(LinkId(1), &message), "the queue is bounded");
        assert!(outbox.send(LinkId(1), &message), "said once");
        let mut written = 0;
        while waiting.try_recv().is_ok() {
            written += 1;
        }
        assert_eq!(written, QUEUE_MAX);
        assert!(waiting.is_closed(), "the writer ends once the rest is written");
    }

    #[test]
    fn a_first_message_of_a_future_version_is_answered_with_versions_and_a_later_one_as_malformed() {
        // The tag of a hello, the versions 200 to 201, and then nothing that this build knows.
        let bytes = [8, 0, 200, 1, 201, 1, 9, 9, 9];
        let mut inbox = Inbox { decoder: Decoder::new(), greeted: false };
        assert!(matches!(inbox.next(&mut &bytes[..]), Err(Refusal::Version { .. })));
        let mut inbox = Inbox { decoder: Decoder::new(), greeted: true };
        assert_eq!(inbox.next(&mut &bytes[..]), Err(Refusal::Malformed));
    }
}
