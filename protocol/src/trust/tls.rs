//! TLS 1.3 and nothing older, both sides known, judged by our own clock.
//!
//! `ChaCha20` comes first: Pis before the 5 have no AES instructions. Sessions are not resumed: a resumed one would not look
//! at the certificate again, and links are few and long.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};

use crate::trust::clock::Clock;
use crate::trust::kept::Credentials;
use crate::trust::token::Fingerprint;

/// An agent's link to a supervisor.
pub const LINK: &[u8] = b"heliostat-link";
/// A token, or a certificate about to run out, for a new certificate.
pub const ENROL: &[u8] = b"heliostat-enrol";
/// Two supervisors that tell each other who was let in and who was revoked.
pub const PEER: &[u8] = b"heliostat-peer";

/// The name that every supervisor's certificate bears, and no agent's: who calls one knows it by this and its authority.
pub const SUPERVISOR_NAME: &str = "supervisor.heliostat";

/// What is asked of who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// A certificate of this cluster.
    Known,
    /// One, or none: who joins has none yet.
    Anyone,
}

/// The algorithms, the one that is quick on a small board first.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let make = || {
        Arc::new(CryptoProvider {
            cipher_suites: vec![
                cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
                cipher_suite::TLS13_AES_128_GCM_SHA256,
                cipher_suite::TLS13_AES_256_GCM_SHA384,
            ],
            kx_groups: vec![kx_group::X25519],
            ..default_provider()
        })
    };
    Arc::clone(PROVIDER.get_or_init(make))
}

fn roots(authority: &CertificateDer<'_>) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(Arc::new(roots))
}

fn internal(error: &dyn std::fmt::Display) -> Error {
    Error::General(error.to_string())
}

fn client_builder(
    clock: &Clock,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])
}

/// For who calls a supervisor of its own cluster, by `protocol`: [`LINK`], [`ENROL`] or [`PEER`].
///
/// # Errors
/// When the credentials cannot be used.
pub fn client(credentials: &Credentials, protocol: &[u8], clock: &Clock) -> Result<Arc<ClientConfig>, Error> {
    let mut config = client_builder(clock)?
        .with_root_certificates(roots(&credentials.authority)?)
        .with_client_auth_cert(credentials.chain.clone(), credentials.key.to_der())?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// For who joins: believes whoever shows the authority's certificate that the token names, and leads to it. A
/// certificate of its own is shown where there is one.
///
/// # Errors
/// When the credentials cannot be used.
pub fn joiner(
    pin: &Arc<Pin>,
    credentials: Option<&Credentials>,
    clock: &Clock,
) -> Result<Arc<ClientConfig>, Error> {
    let verified = client_builder(clock)?.dangerous().with_custom_certificate_verifier(Arc::clone(pin) as _);
    let mut config = match credentials {
        Some(own) => verified.with_client_auth_cert(own.chain.clone(), own.key.to_der())?,
        None => verified.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ENROL.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// For a supervisor, by `protocol`. Its chain is sent with the authority's own certificate behind it, so that who joins
/// can compare fingerprints.
///
/// # Errors
/// When the credentials cannot be used.
pub fn server(
    credentials: &Credentials,
    protocol: &[u8],
    callers: Callers,
    clock: &Clock,
) -> Result<Arc<ServerConfig>, Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&credentials.authority)?, provider());
    let verifier = match callers {
        Callers::Known => verifier,
        Callers::Anyone => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(|error| internal(&error))?;
    let mut chain = credentials.chain.clone();
    if callers == Callers::Anyone {
        chain.push(credentials.authority.clone());
    }
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(clock.clone()))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, credentials.key.to_der())?;
    config.alpn_protocols = vec![protocol.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The name to call a supervisor by.
///
/// # Errors
/// Never: the constant is a name, and a test holds it.
pub fn supervisor_name() -> Result<ServerName<'static>, Error> {
    ServerName::try_from(SUPERVISOR_NAME).map_err(|error| internal(&error))
}

/// Whether these credentials would be believed by others of the cluster now, as a caller's.
///
/// # Errors
/// Why not.
pub fn prove(credentials: &Credentials, clock: &Clock) -> Result<(), Error> {
    let verifier: Arc<dyn ClientCertVerifier> =
        WebPkiClientVerifier::builder_with_provider(roots(&credentials.authority)?, provider())
            .build()
            .map_err(|error| internal(&error))?;
    let (own, others) = credentials.chain.split_first().ok_or(Error::NoCertificatesPresented)?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(clock.now().0));
    verifier.verify_client_cert(own, others, now).map(|_| ())
}

/// Believes an authority by its fingerprint alone, and remembers which one it saw.
#[derive(Debug)]
pub struct Pin {
    wanted: Fingerprint,
    seen: OnceLock<(Fingerprint, CertificateDer<'static>)>,
}

impl Pin {
    /// Of this authority.
    pub fn new(wanted: Fingerprint) -> Arc<Self> {
        Arc::new(Self { wanted, seen: OnceLock::new() })
    }

    /// The fingerprint of the authority that the other side showed, once it has.
    pub fn seen(&self) -> Option<Fingerprint> {
        self.seen.get().map(|(fingerprint, _)| *fingerprint)
    }

    /// The authority's certificate, when it was the wanted one.
    pub fn authority(&self) -> Option<CertificateDer<'static>> {
        self.seen.get().filter(|(seen, _)| *seen == self.wanted).map(|(_, certificate)| certificate.clone())
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let (authority, between) = intermediates.split_last().ok_or_else(unknown)?;
        let seen = Fingerprint::of(authority);
        let _ = self.seen.set((seen, authority.clone().into_owned()));
        if seen != self.wanted {
            return Err(unknown());
        }
        WebPkiServerVerifier::builder_with_provider(roots(authority)?, provider())
            .build()
            .map_err(|error| internal(&error))?
            .verify_server_cert(end_entity, between, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // TLS 1.2 is not offered.
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_cipher_comes_first_and_all_are_of_tls_1_3() {
        let suites = &provider().cipher_suites;
        assert_eq!(suites[0].suite(), rustls::CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
        assert!(suites.iter().all(|suite| suite.tls13().is_some()));
    }

    #[test]
    fn the_supervisors_name_is_a_name() {
        assert!(supervisor_name().is_ok());
    }
}
