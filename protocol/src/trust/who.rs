//! What a certificate says: a role, a name, and the enrolment that it goes back to.
//!
//! It stands in the certificate as one URI, `heliostat:ROLE:NAME:ENROLMENT`. The enrolment is drawn once, when a token
//! is used, and is the same in every renewal: who revokes it revokes what was and what will be renewed from it,
//! whatever any clock says.

use std::fmt;
use std::str::FromStr;

use crate::NodeName;
use data_encoding::HEXLOWER;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use x509_parser::extensions::GeneralName;

use crate::trust::clock::WallTime;
use crate::trust::keys::KeyError;
use crate::trust::token::random;

/// What its bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Report for one node, under its name.
    Agent,
    /// Be called by agents and by other supervisors.
    Supervisor,
    /// Sign for agents and for its own supervisor: a supervisor's issuing certificate.
    Issuer,
}

impl Role {
    /// Its word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Issuer => "issuer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One joining of one node, drawn at random: 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnrolmentId(pub [u8; 8]);

impl fmt::Display for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for EnrolmentId {
    type Err = NotAnIdentity;
    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NotAnIdentity)?;
        bytes.try_into().map(Self).map_err(|_| NotAnIdentity)
    }
}

impl Serialize for EnrolmentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EnrolmentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Whom a certificate names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Who {
    /// What it may do.
    pub role: Role,
    /// The node.
    pub name: NodeName,
    /// The joining that it goes back to.
    pub enrolment: EnrolmentId,
}

impl Who {
    /// As it stands in a certificate.
    pub fn to_uri(&self) -> String {
        format!("heliostat:{}:{}:{}", self.role, self.name, self.enrolment)
    }

    fn from_uri(uri: &str) -> Option<Self> {
        let mut parts = uri.strip_prefix("heliostat:")?.split(':');
        let role = match parts.next()? {
            "agent" => Role::Agent,
            "supervisor" => Role::Supervisor,
            "issuer" => Role::Issuer,
            _ => return None,
        };
        let (name, enrolment) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { role, name, enrolment })
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role, self.name)
    }
}

/// A serial number for a certificate signed now: its moment, and 64 bits drawn at random. All certificates hold from the
/// same date, so that no clock is too early for one; when one is due for renewal is told by this.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn serial(issued: WallTime) -> Result<[u8; 16], KeyError> {
    let mut serial = [0; 16];
    let (moment, drawn) = serial.split_at_mut(8);
    moment.copy_from_slice(&issued.0.to_be_bytes());
    drawn.copy_from_slice(&random::<8>()?);
    Ok(serial)
}

/// The moment in a serial number; 1970 when there is none.
fn issued(serial: &[u8]) -> WallTime {
    let moment = serial.split_last_chunk::<8>().map_or(&[][..], |(moment, _)| moment);
    let shift = |sum: u64, byte: &u8| sum.checked_mul(256).map(|sum| sum + u64::from(*byte));
    WallTime(moment.iter().try_fold(0, shift).unwrap_or(0))
}

/// The bytes are no certificate of this kind, or the text no enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no certificate of a Heliostat cluster")]
pub struct NotAnIdentity;

/// What a certificate says. Reading it proves nothing: the signatures are the handshake's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Whom it names.
    pub who: Who,
    /// When it was signed, by the signer's clock.
    pub issued: WallTime,
    /// From when it holds.
    pub not_before: WallTime,
    /// Until when it holds.
    pub not_after: WallTime,
}

impl Identity {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`NotAnIdentity`], unless it bears exactly one name of ours.
    pub fn read(certificate: &CertificateDer<'_>) -> Result<Self, NotAnIdentity> {
        let (rest, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| NotAnIdentity)?;
        let names = parsed.subject_alternative_name().map_err(|_| NotAnIdentity)?.ok_or(NotAnIdentity)?;
        let uri = |name: &GeneralName<'_>| match name {
            GeneralName::URI(uri) => Some(Who::from_uri(uri)),
            _ => None,
        };
        let mut ours = names.value.general_names.iter().filter_map(uri);
        let (Some(Some(who)), None, true) = (ours.next(), ours.next(), rest.is_empty()) else {
            return Err(NotAnIdentity);
        };
        let validity = parsed.validity();
        let wall = |seconds: i64| WallTime(u64::try_from(seconds).unwrap_or(0));
        Ok(Self {
            who,
            issued: issued(parsed.raw_serial()),
            not_before: wall(validity.not_before.timestamp()),
            not_after: wall(validity.not_after.timestamp()),
        })
    }

    /// Reads whom a chain names, its own certificate first.
    ///
    /// # Errors
    /// [`NotAnIdentity`] when there is none, or one of them is not ours.
    pub fn chain(certificates: &[CertificateDer<'_>]) -> Result<Vec<Self>, NotAnIdentity> {
        if certificates.is_empty() {
            return Err(NotAnIdentity);
        }
        certificates.iter().map(Self::read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_its_uri_and_nothing_else_is_one() {
        let who =
            Who { role: Role::Agent, name: "pi-4.attic".parse().unwrap(), enrolment: EnrolmentId([0xab; 8]) };
        assert_eq!(who.to_uri(), "heliostat:agent:pi-4.attic:abababababababab");
        assert_eq!(Who::from_uri(&who.to_uri()), Some(who));
        for bad in [
            "",
            "heliostat:agent:pi",
            "heliostat:king:pi:abababababababab",
            "heliostat:agent::abababababababab",
            "heliostat:agent:pi:abababababababab:",
            "heliostat:agent:pi:abab",
            "spiffe:agent:pi:abababababababab",
        ] {
            assert_eq!(Who::from_uri(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_serial_number_bears_its_moment() {
        let moment = WallTime(1_800_000_000);
        let serial = serial(moment).unwrap();
        assert_eq!(issued(&serial), moment);
        assert_eq!(issued(&serial[4..]), moment, "written without its leading zeros");
        for odd in [&[][..], &[1; 8], &[0xff; 20]] {
            assert_eq!(issued(odd), WallTime(0));
        }
    }

    #[test]
    fn noise_is_no_certificate() {
        assert_eq!(Identity::read(&CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])), Err(NotAnIdentity));
        assert_eq!(Identity::chain(&[]), Err(NotAnIdentity));
    }
}
