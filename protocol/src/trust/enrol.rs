//! How a token becomes a certificate, and a certificate about to run out a new one.
//!
//! ```text
//! joiner                                     supervisor
//!   |  TLS 1.3; it must show the authority that the token names, before anything else is said
//!   | Request (token, role, name, public key, signature)  --->  |
//!   |                        <---  Granted (certificates) | Refused (why)
//! ```
//!
//! A renewal is the same without a token: the old certificate, shown in the handshake, stands for it. Only a public key
//! crosses: what the certificate says is the supervisor's own word, there is no request form whose fields could ask for
//! more. The signature binds key and connection: nobody gets a certificate for a key that he does not hold.
//!
//! One frame each way: two bytes of length, then postcard. Enums are append-only, as on the links; golden bytes hold it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::NodeName;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, CommonState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::trust::clock::{Clock, WallTime};
use crate::trust::kept::Credentials;
use crate::trust::keys::{Key, PublicKey};
use crate::trust::tls::{self, Pin};
use crate::trust::token::{Fingerprint, Token, TokenId, TokenSecret};
use crate::trust::who::{Identity, Role};
use crate::trust::why::LinkError;

/// The whole exchange ends within this.
pub const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// No request or answer is longer.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// What the connection is asked for, to bind the joiner's signature to it (RFC 5705).
const EXPORTER: &[u8] = b"EXPORTER-heliostat-enrol";

/// What a joiner shows of its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The token's number.
    pub id: TokenId,
    /// Its secret.
    pub secret: TokenSecret,
}

impl From<&Token> for Ticket {
    fn from(token: &Token) -> Self {
        Self { id: token.id, secret: token.secret.clone() }
    }
}

/// A wish for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The token; `None` for a renewal.
    pub ticket: Option<Ticket>,
    /// As what: agent or issuer (a further supervisor).
    pub role: Role,
    /// Under which name.
    pub name: NodeName,
    /// For which key.
    pub key: PublicKey,
    /// That key's signature over this connection.
    pub proof: Vec<u8>,
}

impl Request {
    /// For a key, over one connection.
    ///
    /// # Errors
    /// When the handshake is not done.
    pub fn sign(
        ticket: Option<Ticket>,
        role: Role,
        name: NodeName,
        key: &Key,
        connection: &CommonState,
        exported: [u8; 32],
    ) -> Result<Self, rustls::Error> {
        if connection.is_handshaking() {
            return Err(rustls::Error::HandshakeNotComplete);
        }
        Ok(Self { ticket, role, name, key: key.public(), proof: key.sign(&exported) })
    }

    /// Whether who asks holds the key, over this connection.
    pub fn is_proved(&self, exported: &[u8; 32]) -> bool {
        self.key.has_signed(exported, &self.proof)
    }
}

/// The label for [`rustls::ConnectionCommon::export_keying_material`]: what [`Request::proof`] signs.
pub const fn exporter() -> &'static [u8] {
    EXPORTER
}

/// What is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The certificates, the joiner's own first, without the authority's.
    pub chain: Vec<Vec<u8>>,
}

/// Why somebody does not get a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinRefusal {
    /// There is no such token here.
    TokenUnknown,
    /// The token has run out.
    TokenExpired {
        /// When.
        at: WallTime,
    },
    /// The token was used as often as it may be.
    TokenSpent {
        /// How often.
        uses: u32,
    },
    /// A person took the token back.
    TokenRevoked,
    /// The token is for another role: agents and supervisors need different ones.
    TokenForOtherRole,
    /// The token is for a node of another name.
    TokenForOtherNode,
    /// A node of that name is in the cluster, and who asks did not show that it is the same.
    NameTaken,
    /// The enrolment was revoked.
    Revoked,
    /// Neither a token nor a certificate.
    NothingShown,
    /// This supervisor has not the authority's key: only the one that has can let further supervisors in.
    NotTheAuthority,
    /// Too many failed lately.
    TooManyTries,
    /// The request is none, or its signature does not fit.
    Malformed,
    /// The supervisor could not write down whom it lets in, so it lets nobody in.
    NotKept,
    /// There are as many enrolments as there may be.
    Full,
}

impl std::fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TokenUnknown => f.write_str(
                "this supervisor knows no such token (one is good at the supervisor that made it)",
            ),
            Self::TokenExpired { at } => write!(f, "the token ran out at {at}"),
            Self::TokenSpent { uses: 1 } => {
                f.write_str("the token was used already, and it was for one node")
            }
            Self::TokenSpent { uses } => {
                write!(f, "the token was used {uses} times, which is as often as it may be")
            }
            Self::TokenRevoked => f.write_str("the token was revoked"),
            Self::TokenForOtherRole => {
                f.write_str("the token is for another role: agents and supervisors need different ones")
            }
            Self::TokenForOtherNode => f.write_str("the token is for a node of another name"),
            Self::NameTaken => f.write_str(
                "a node of that name is in the cluster already; if it is this one, make a token for it: \
                 heliostat token create --node NAME",
            ),
            Self::Revoked => f.write_str("this node's enrolment was revoked"),
            Self::NothingShown => f.write_str("neither a token nor a certificate was shown"),
            Self::NotTheAuthority => f.write_str(
                "this supervisor has not the authority's key: further supervisors join at the one where \
                 `heliostat init` was run",
            ),
            Self::TooManyTries => f.write_str("too many tries failed lately: wait a minute"),
            Self::Malformed => f.write_str("the request is malformed"),
            Self::NotKept => {
                f.write_str("the supervisor cannot write to its disk, and lets nobody in meanwhile")
            }
            Self::Full => f.write_str("the cluster has as many enrolments as it may"),
        }
    }
}

/// The supervisor's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Here it is.
    Granted(Grant),
    /// No.
    Refused(JoinRefusal),
}

/// Why an exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Nobody answers there.
    #[error("{address} does not answer: {cause}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// Another cluster's supervisor answers, or an impostor.
    #[error(
        "{address} belongs to another authority: its fingerprint is {found}, the token says {wanted}. Nothing was told to it"
    )]
    WrongAuthority {
        /// Where.
        address: SocketAddr,
        /// What it showed.
        found: Fingerprint,
        /// What the token says.
        wanted: Fingerprint,
    },
    /// No protected connection came about.
    #[error("no protected connection to {address}: {why}{hint}", hint = hint(why))]
    Link {
        /// Where.
        address: SocketAddr,
        /// Why.
        why: LinkError,
    },
    /// The supervisor says no.
    #[error("refused: {0}")]
    Refused(JoinRefusal),
    /// What was granted is not what was asked for.
    #[error("what {address} granted is not what was asked for: {what}")]
    Odd {
        /// Where.
        address: SocketAddr,
        /// What is odd.
        what: &'static str,
    },
}

fn hint(why: &LinkError) -> &'static str {
    match why {
        LinkError::NotTls => {
            " (a supervisor without certificates: run `heliostat init` there, and start it again)"
        }
        _ => "",
    }
}

/// Whom to believe, and what to show.
#[derive(Debug)]
pub enum Trust<'a> {
    /// Joining: the authority that the token names. A certificate that is still good shows that it is the same node.
    Token {
        /// The token.
        token: &'a Token,
        /// What there is from an earlier joining.
        before: Option<&'a Credentials>,
    },
    /// Renewing.
    Certificate(&'a Credentials),
}

/// Asks for a certificate, and proves what comes back.
///
/// # Errors
/// Any [`EnrolError`]; nothing was changed then.
pub async fn ask(
    address: SocketAddr,
    trust: Trust<'_>,
    (role, name): (Role, &NodeName),
    key: &Arc<Key>,
    clock: &Clock,
) -> Result<Credentials, EnrolError> {
    let link = |why| EnrolError::Link { address, why };
    let unusable = |error: rustls::Error| link(LinkError::from(&error));
    let (config, ticket, pin) = match &trust {
        Trust::Token { token, before } => {
            let pin = Pin::new(token.authority);
            (tls::joiner(&pin, *before, clock).map_err(unusable)?, Some(Ticket::from(*token)), Some(pin))
        }
        Trust::Certificate(own) => (tls::client(own, tls::ENROL, clock).map_err(unusable)?, None, None),
    };
    let exchange = exchange(address, config, |connection, exported| {
        Request::sign(ticket, role, name.clone(), key, connection, exported)
    });
    let answer = match timeout(EXCHANGE_TIMEOUT, exchange).await {
        Err(_elapsed) => Err(link(LinkError::Slow)),
        Ok(answer) => answer,
    };
    let authority = match (&trust, &pin) {
        (Trust::Token { token, .. }, Some(pin)) => match pin.seen() {
            Some(found) if found != token.authority => {
                return Err(EnrolError::WrongAuthority { address, found, wanted: token.authority });
            }
            _ => pin.authority(),
        },
        (Trust::Token { .. }, None) => None,
        (Trust::Certificate(own), _) => Some(own.authority.clone()),
    };
    let grant = match answer? {
        Answer::Granted(grant) => grant,
        Answer::Refused(refusal) => return Err(EnrolError::Refused(refusal)),
    };
    let odd = |what| EnrolError::Odd { address, what };
    let authority = authority.ok_or_else(|| odd("no authority was shown"))?;
    let chain = grant.chain.into_iter().map(CertificateDer::from).collect();
    let credentials = Credentials { key: Arc::clone(key), chain, authority };
    prove(&credentials, role, name, clock).map_err(odd)?;
    Ok(credentials)
}

/// Whether a grant is what was asked for.
fn prove(credentials: &Credentials, role: Role, name: &NodeName, clock: &Clock) -> Result<(), &'static str> {
    let Identity { who, .. } = credentials.identity().map_err(|_| "it names nobody")?;
    if who.role != role || who.name != *name {
        return Err("it names somebody else");
    }
    let own = credentials.chain.first().ok_or("it is empty")?;
    let spki = credentials.key.public().to_spki();
    if !own.windows(spki.len()).any(|part| part == spki) {
        return Err("it is for another key");
    }
    // An issuing certificate is proved by what it signs, when its supervisor makes its own.
    if role == Role::Agent && tls::prove(credentials, clock).is_err() {
        return Err("it does not lead to the authority");
    }
    Ok(())
}

async fn exchange(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    sign: impl FnOnce(&CommonState, [u8; 32]) -> Result<Request, rustls::Error>,
) -> Result<Answer, EnrolError> {
    let link = |why| EnrolError::Link { address, why };
    let broken = |error: io::Error| link(LinkError::from(&error));
    let unusable = |error: rustls::Error| link(LinkError::from(&error));
    let socket = TcpStream::connect(address).await.map_err(|cause| EnrolError::Connect { address, cause })?;
    let name = tls::supervisor_name().map_err(unusable)?;
    let mut stream = TlsConnector::from(config).connect(name, socket).await.map_err(broken)?;
    let (_, connection) = stream.get_ref();
    let exported = connection.export_keying_material([0; 32], EXPORTER, None).map_err(unusable)?;
    let request = sign(connection, exported).map_err(unusable)?;
    write(&mut stream, &request).await.map_err(broken)?;
    let answer = read(&mut stream).await.map_err(broken)?;
    // All was said; who is gone first does not matter.
    let _ = stream.shutdown().await;
    Ok(answer)
}

/// Writes one message.
///
/// # Errors
/// The stream's, or that it is too long.
pub async fn write<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), message: &T) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    let length = u16::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MESSAGE_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("longer than any message"))?;
    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat()).await?;
    stream.flush().await
}

/// Reads one message.
///
/// # Errors
/// The stream's, or that it is too long, or none.
pub async fn read<T: DeserializeOwned>(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<T> {
    let malformed = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let length = usize::from(stream.read_u16().await?);
    if length > MESSAGE_BYTES_MAX {
        return Err(malformed("longer than any message"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    match postcard::take_from_bytes(&bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(malformed("no message")),
    }
}

#[cfg(test)]
mod tests;
