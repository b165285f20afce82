//! A UPS behind a NUT server: asked at one reading, heard at the next, over one connection that is kept.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use hardware::devices::nut::{ANSWER_MAX, answer, question};
use hardware::devices::{Account, nut::NutError};
use protocol::{Fault, Uptime};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};

use super::Source;
use super::back_off::BackOff;
use super::told::Told;
use crate::config::NutSensor;
use crate::core::reading::Reading;

/// A server that has not answered, or not let us in, after this long will not.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);
/// An account older than this is none.
const OLD_AFTER: Duration = Duration::from_secs(25);

/// The server, and what was asked of it.
pub(super) struct Nut {
    server: SocketAddr,
    ups: String,
    stream: Option<TcpStream>,
    /// Since when an answer, or the connection itself, is waited for.
    waits_since: Uptime,
    asked: bool,
    heard: Vec<u8>,
    told: Told,
    last: Option<(Account, Uptime)>,
    back_off: BackOff,
}

impl Nut {
    /// Touches nothing yet.
    pub(super) fn new(sensor: usize, config: &NutSensor) -> Self {
        Self {
            server: config.server,
            ups: config.ups.clone(),
            stream: None,
            waits_since: Uptime::START,
            asked: false,
            heard: Vec::new(),
            told: Told::new(sensor, false, config.charge),
            last: None,
            back_off: BackOff::new(sensor),
        }
    }

    /// Takes what came, and asks again once it was answered.
    fn talk(&mut self, now: Uptime) -> Result<(), Trouble> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            empty => {
                (self.asked, self.waits_since) = (false, now);
                self.heard.clear();
                empty.insert(begin(self.server)?)
            }
        };
        let is_over = hear(stream, &mut self.heard)?;
        if self.asked
            && let Some(account) = answer(&self.ups, &self.heard)?
        {
            self.last = Some((account, now));
            self.asked = false;
            self.heard.clear();
        }
        if is_over {
            let words = "the server hung up";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words).into());
        }
        if !self.asked && ask(stream, &question(&self.ups))? {
            (self.asked, self.waits_since) = (true, now);
        }
        if now.since(self.waits_since) > ANSWER_WITHIN { Err(Trouble::Silence) } else { Ok(()) }
    }
}

impl Source for Nut {
    fn read(&mut self, now: Uptime) -> Reading {
        if let Some(fault) = self.back_off.holds(now) {
            return Err(fault);
        }
        if let Err(trouble) = self.talk(now) {
            (self.stream, self.last) = (None, None);
            let words = format!("NUT at {}: {trouble}", self.server);
            return Err(self.back_off.failed(now, trouble.fault(), &words));
        }
        match self.last {
            Some((account, at)) if now.since(at) <= OLD_AFTER => {
                self.back_off.well();
                Ok(self.told.sample(&account, at.as_millis()))
            }
            _ => Err(self.back_off.standing()),
        }
    }
}

/// Why the conversation ended.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Nut(#[from] NutError),
    #[error("no answer: is upsd running, and does it listen there?")]
    Silence,
}

impl Trouble {
    fn fault(&self) -> Fault {
        match self {
            Self::Io(_) | Self::Silence => Fault::BusGone,
            Self::Nut(error) => error.fault(),
        }
    }
}

/// Begins to connect, and does not wait for it.
fn begin(server: SocketAddr) -> io::Result<TcpStream> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket: OwnedFd = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Whether an error only means "not yet".
fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}

/// Takes what came; whether nothing more will.
fn hear(stream: &mut TcpStream, heard: &mut Vec<u8>) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    let mut piece = [0; 2048];
    while heard.len() <= ANSWER_MAX {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(true),
            Ok(length) => heard.extend_from_slice(&piece[..length]),
            Err(error) if is_early(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether the question went out; not before the connection stands.
fn ask(stream: &mut TcpStream, question: &str) -> io::Result<bool> {
    match stream.write_all(question.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if is_early(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[path = "nut_tests.rs"]
mod tests;
