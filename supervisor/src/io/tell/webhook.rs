//! POSTs a message to a webhook, in clear or in TLS under the system's own authorities.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::rt::{Read, Write};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::config::Webhook;

/// Where Debian's ca-certificates has the authorities that this system trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Sends it; anything but a 2xx answer is a failure, in words.
pub(super) async fn post(hook: &Webhook, json: Vec<u8>) -> Result<(), String> {
    let host = hook.host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, hook.port)).await.map_err(|error| format!("{host}: {error}"))?;
    if !hook.tls {
        return send(hook, json, TokioIo::new(stream)).await;
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
    let connector = TlsConnector::from(Arc::new(trust()?));
    let stream = connector.connect(name, stream).await.map_err(|error| format!("{host}: {error}"))?;
    send(hook, json, TokioIo::new(stream)).await
}

/// Whom this system trusts.
fn trust() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(AUTHORITIES)
        .map_err(|error| format!("{AUTHORITIES} (package ca-certificates): {error}"))?;
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn send<I: Read + Write + Unpin + Send + 'static>(
    hook: &Webhook,
    json: Vec<u8>,
    io: I,
) -> Result<(), String> {
    let words = |error: hyper::Error| format!("{}: {error}", hook.host);
    let (mut sender, connection) = http1::handshake(io).await.map_err(words)?;
    let driving = tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(&hook.path)
        .header(HOST, format!("{}:{}", hook.host, hook.port))
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("heliostat/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(json)))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(words);
    driving.abort();
    let status = answer?.status();
    if status.is_success() { Ok(()) } else { Err(format!("{}: {status}", hook.host)) }
}
