//! Certificates: what each says, and nothing that was asked for says it.
//!
//! Validity begins at one fixed date for all, so that a clock can be too early for none, and ends where it is told to.

use std::time::Duration;

use protocol::trust::clock::CERTIFICATES_BEGIN;
use protocol::trust::{Key, PublicKey, Role, WallTime, Who, tls, who};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// How long the authority lasts, and the issuing certificates with it: longer than the hardware.
pub const AUTHORITY_LASTS: Duration = Duration::from_hours(25 * 365 * 24);

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The certificate library's.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// No serial number could be drawn.
    #[error("a certificate could not be made: {0}")]
    Key(#[from] protocol::trust::keys::KeyError),
}

/// The authority's own certificate.
///
/// # Errors
/// Any [`IssueError`].
pub fn authority(key: &Key, now: WallTime) -> Result<CertificateDer<'static>, IssueError> {
    let mut params = blank(now, now.plus(AUTHORITY_LASTS), "Heliostat authority")?;
    // Two authorities made on one day differ in their keys, and so in their names: a mistaken one is named as such.
    params.distinguished_name.push(DnType::OrganizationName, fingerprint_words(key.public()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params.self_signed(&pair(key)?)?.der().clone())
}

/// A supervisor's issuing certificate, signed by the authority; ends with it.
///
/// # Errors
/// Any [`IssueError`].
pub fn issuer(
    now: WallTime,
    (authority, authority_key): (&CertificateDer<'_>, &Key),
    key: PublicKey,
    who: &Who,
    ends: WallTime,
) -> Result<CertificateDer<'static>, IssueError> {
    let mut params = blank(now, ends, &format!("Heliostat issuer {}", who.name))?;
    params.distinguished_name.push(DnType::OrganizationName, who.enrolment.to_string());
    params.subject_alt_names = vec![uri(who)?];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    sign(&params, authority, authority_key, key)
}

/// An agent's or a supervisor's certificate, signed by a supervisor's issuing key.
///
/// # Errors
/// Any [`IssueError`].
pub fn leaf(
    now: WallTime,
    (issuer, issuer_key): (&CertificateDer<'_>, &Key),
    key: PublicKey,
    who: &Who,
    ends: WallTime,
) -> Result<CertificateDer<'static>, IssueError> {
    let mut params = blank(now, ends, &format!("Heliostat {} {}", who.role, who.name))?;
    params.subject_alt_names = vec![uri(who)?];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if who.role == Role::Supervisor {
        // Only these may be called: an agent's certificate is none of a server.
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names.push(SanType::DnsName(tls::SUPERVISOR_NAME.try_into()?));
    }
    sign(&params, issuer, issuer_key, key)
}

/// Nothing but a name, a number and an end.
fn blank(now: WallTime, ends: WallTime, name: &str) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&who::serial(now)?));
    params.use_authority_key_identifier_extension = true;
    let since_1970 = |moment: WallTime| date_time_ymd(1970, 1, 1) + Duration::from_secs(moment.0);
    params.not_before = since_1970(CERTIFICATES_BEGIN);
    params.not_after = since_1970(ends);
    Ok(params)
}

fn uri(who: &Who) -> Result<SanType, IssueError> {
    Ok(SanType::URI(who.to_uri().try_into()?))
}

fn pair(key: &Key) -> Result<KeyPair, IssueError> {
    Ok(KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.as_pkcs8()))?)
}

fn sign(
    params: &CertificateParams,
    by: &CertificateDer<'_>,
    by_key: &Key,
    key: PublicKey,
) -> Result<CertificateDer<'static>, IssueError> {
    let subject = SubjectPublicKeyInfo::from_der(&key.to_spki())?;
    debug_assert_eq!(subject.der_bytes(), key.0);
    let signer = Issuer::from_ca_cert_der(by, pair(by_key)?)?;
    Ok(params.signed_by(&subject, &signer)?.der().clone())
}

/// The beginning of a key's hash, to tell authorities apart.
fn fingerprint_words(key: PublicKey) -> String {
    protocol::trust::Fingerprint::of(&key.0).to_string().chars().take(9).collect()
}

#[cfg(test)]
mod tests {
    use protocol::trust::{EnrolmentId, Identity};

    use super::*;

    #[test]
    fn a_certificate_says_whom_it_names_and_when_it_ends() {
        let (root_key, issuer_key, key) = (Key::draw().unwrap(), Key::draw().unwrap(), Key::draw().unwrap());
        let now = CERTIFICATES_BEGIN.plus(Duration::from_hours(100));
        let root = authority(&root_key, now).unwrap();
        let who = |role| Who { role, name: "Pi_1".parse().unwrap(), enrolment: EnrolmentId([3; 8]) };
        let ends = now.plus(Duration::from_hours(24));
        let issuing = issuer(now, (&root, &root_key), issuer_key.public(), &who(Role::Issuer), ends).unwrap();
        let own = leaf(now, (&issuing, &issuer_key), key.public(), &who(Role::Agent), ends).unwrap();
        let identity = Identity::read(&own).unwrap();
        assert_eq!(identity.who, who(Role::Agent));
        assert_eq!((identity.not_before, identity.issued), (CERTIFICATES_BEGIN, now));
        assert_eq!(identity.not_after, ends);
        assert_eq!(Identity::chain(&[own, issuing]).unwrap()[1].who, who(Role::Issuer));
    }
}
