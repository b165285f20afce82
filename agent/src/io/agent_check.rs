//! Answers HAProxy's agent-check: whoever connects is told one line, and the connection closes.
//!
//! Decides nothing: the line is the core's ([`crate::core::traffic`]). Nothing that a peer sends is read; so many may be
//! served at one moment, each for a bounded time, and who comes beyond that waits unaccepted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

/// So many are answered at one moment: every master's balancer, with some to spare.
const PEERS_MAX: usize = 16;
/// An answer is taken within this.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// After a connection could not be accepted (no descriptors): a pause rather than a spin.
const PAUSE: Duration = Duration::from_millis(200);

/// What balancers are told, until told otherwise.
#[derive(Debug)]
pub struct AgentCheck(watch::Sender<String>);

impl AgentCheck {
    /// Listens from here on.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn open(listen: SocketAddr, line: String) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (say, line) = watch::channel(line);
        info!("balancers are answered on {listen}");
        tokio::spawn(answer(listener, line));
        Ok(Self(say))
    }

    /// What is told from here on.
    pub fn tell(&self, line: String) {
        self.0.send_if_modified(|told| {
            let differs = *told != line;
            if differs {
                info!("balancers are told: {line}");
                *told = line;
            }
            differs
        });
    }
}

async fn answer(listener: TcpListener, line: watch::Receiver<String>) {
    let places = Arc::new(Semaphore::new(PEERS_MAX));
    // Ends with the program: the sender lives as long as the loop.
    while line.has_changed().is_ok() {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let peer = match listener.accept().await {
            Ok((peer, _)) => peer,
            Err(error) => {
                debug!("a balancer could not be accepted: {error}");
                sleep(PAUSE).await;
                continue;
            }
        };
        let line = format!("{}\n", *line.borrow());
        tokio::spawn(async move {
            // Who does not take its answer goes without.
            let _ = timeout(ANSWER_MAX, say(peer, &line)).await;
            drop(place);
        });
    }
}

async fn say(mut peer: TcpStream, line: &str) -> io::Result<()> {
    peer.write_all(line.as_bytes()).await?;
    peer.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn ask(address: SocketAddr) -> String {
        let mut answer = String::new();
        let mut peer = TcpStream::connect(address).await.expect("it listens");
        let read = timeout(Duration::from_secs(10), peer.read_to_string(&mut answer)).await;
        read.expect("in time").expect("an answer");
        answer
    }

    #[tokio::test]
    async fn everybody_is_told_the_newest_word_and_a_crowd_that_says_nothing_holds_nobody_up() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let check = AgentCheck::open(address, "stopped".to_owned()).expect("it listens");
        assert_eq!(ask(address).await, "stopped\n");
        check.tell("up 40%".to_owned());
        let mut silent = Vec::new();
        for _ in 0..4 * PEERS_MAX {
            silent.push(TcpStream::connect(address).await.expect("it listens"));
        }
        assert_eq!(ask(address).await, "up 40%\n");
        drop(silent);
    }
}
