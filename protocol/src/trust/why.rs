//! What went wrong between two sides, typed, in words that both log.

use std::error::Error as _;
use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use serde::{Deserialize, Serialize};

/// Why a certificate is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distrust {
    /// There is none.
    Missing,
    /// Another authority signed it, or none.
    OtherAuthority,
    /// It has run out.
    Expired,
    /// It holds only from a later time on.
    NotYetValid,
    /// Its bearer may do other things, not this.
    WrongRole,
    /// It was revoked.
    Revoked,
    /// A signature does not fit, or it cannot be read.
    Damaged,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none",
            Self::OtherAuthority => "another cluster's authority signed it",
            Self::Expired => "it has run out",
            Self::NotYetValid => "it is not valid yet: is the clock right?",
            Self::WrongRole => "it is for another role",
            Self::Revoked => "it was revoked",
            Self::Damaged => "it is damaged",
        })
    }
}

/// Why there is no protected link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum LinkError {
    /// What the other side says is no TLS.
    NotTls,
    /// We do not believe the other side's certificate.
    Theirs {
        /// Why.
        distrust: Distrust,
    },
    /// The other side does not believe ours.
    Ours {
        /// Why, as it says.
        distrust: Distrust,
    },
    /// The handshake took too long.
    Slow,
    /// It offers nothing that we speak.
    NothingInCommon,
    /// The connection ended in the middle of it.
    Ended,
    /// Anything else.
    Other {
        /// In the words of who noticed.
        what: String,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => f.write_str("the other side speaks no TLS"),
            Self::Theirs { distrust } => {
                write!(f, "the other side's certificate is not believed: {distrust}")
            }
            Self::Ours { distrust } => {
                write!(f, "the other side does not believe our certificate: {distrust}")
            }
            Self::Slow => f.write_str("the handshake took too long"),
            Self::NothingInCommon => {
                f.write_str("the other side speaks TLS, but nothing that we speak over it")
            }
            Self::Ended => f.write_str("the connection ended in the middle of the handshake"),
            Self::Other { what } => f.write_str(what),
        }
    }
}

impl std::error::Error for LinkError {}

impl From<&io::Error> for LinkError {
    fn from(error: &io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match inner.or_else(|| error.source().and_then(|source| source.downcast_ref())) {
            Some(error) => Self::from(error),
            None if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ) =>
            {
                Self::Ended
            }
            None => Self::Other { what: error.to_string() },
        }
    }
}

impl From<&Error> for LinkError {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Self::NotTls,
            Error::NoCertificatesPresented => Self::Theirs { distrust: Distrust::Missing },
            Error::InvalidCertificate(why) => Self::Theirs { distrust: of_certificate(why) },
            Error::AlertReceived(alert) => of_alert(*alert),
            Error::NoApplicationProtocol
            | Error::PeerIncompatible(
                PeerIncompatible::Tls12NotOffered
                | PeerIncompatible::Tls13RequiredForQuic
                | PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::NoCipherSuitesInCommon
                | PeerIncompatible::NoKxGroupsInCommon,
            ) => Self::NothingInCommon,
            other => Self::Other { what: other.to_string() },
        }
    }
}

fn of_certificate(error: &CertificateError) -> Distrust {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Distrust::NotYetValid,
        // Everybody's authority has the same name: a signature that does not fit is another's.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Distrust::OtherAuthority,
        CertificateError::InvalidPurpose
        | CertificateError::InvalidPurposeContext { .. }
        | CertificateError::NotValidForName
        | CertificateError::NotValidForNameContext { .. } => Distrust::WrongRole,
        CertificateError::Revoked => Distrust::Revoked,
        _ => Distrust::Damaged,
    }
}

fn of_alert(alert: AlertDescription) -> LinkError {
    let distrust = match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => Distrust::Missing,
        AlertDescription::UnknownCA | AlertDescription::DecryptError => Distrust::OtherAuthority,
        AlertDescription::CertificateExpired => Distrust::Expired,
        AlertDescription::CertificateRevoked => Distrust::Revoked,
        AlertDescription::UnsupportedCertificate | AlertDescription::AccessDenied => Distrust::WrongRole,
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => Distrust::Damaged,
        AlertDescription::NoApplicationProtocol
        | AlertDescription::ProtocolVersion
        | AlertDescription::HandshakeFailure => return LinkError::NothingInCommon,
        AlertDescription::DecodeError | AlertDescription::UnexpectedMessage => return LinkError::NotTls,
        other => return LinkError::Other { what: format!("the other side ended it: {other:?}") },
    };
    LinkError::Ours { distrust }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_one_refusal_say_the_same() {
        let pairs = [
            (CertificateError::UnknownIssuer, AlertDescription::UnknownCA),
            (CertificateError::Expired, AlertDescription::CertificateExpired),
            (CertificateError::Revoked, AlertDescription::CertificateRevoked),
        ];
        for (ours, alert) in pairs {
            let LinkError::Theirs { distrust } = LinkError::from(&Error::InvalidCertificate(ours)) else {
                panic!("a certificate")
            };
            assert_eq!(of_alert(alert), LinkError::Ours { distrust });
        }
        let missing = LinkError::from(&Error::NoCertificatesPresented);
        assert_eq!(missing, LinkError::Theirs { distrust: Distrust::Missing });
    }

    #[test]
    fn an_error_of_rustls_is_found_inside_the_stream_s() {
        let error = io::Error::new(io::ErrorKind::InvalidData, Error::NoCertificatesPresented);
        assert_eq!(LinkError::from(&error), LinkError::Theirs { distrust: Distrust::Missing });
        assert_eq!(LinkError::from(&io::Error::from(io::ErrorKind::UnexpectedEof)), LinkError::Ended);
    }
}
