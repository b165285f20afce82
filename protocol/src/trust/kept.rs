//! What a node keeps on disk of its identity: one PEM file with its key, its certificates and the authority's.
//!
//! One file, written beside and renamed, so that a power cut at any byte leaves the old identity or the new one, whole.
//! Mode 0600; one that others may read is not used. `openssl x509 -in FILE` shows what it says.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pem::Pem;
use rustls::pki_types::CertificateDer;

use crate::trust::keys::{Key, KeyError};
use crate::trust::token::Fingerprint;
use crate::trust::who::{Identity, NotAnIdentity};

/// Longer than any identity of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

const KEY: &str = "PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// A key, the certificates that vouch for it, and the authority that all trust.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The private key.
    pub key: Arc<Key>,
    /// Its own certificate first, then those that lead to the authority's, without that.
    pub chain: Vec<CertificateDer<'static>>,
    /// The authority's certificate.
    pub authority: CertificateDer<'static>,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// It cannot be read or written.
    #[error("{path}: {cause}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others could have read the key.
    #[error(
        "{path}: mode {mode:04o} lets others read the key, so that it may be known: join again with a new token, \
         or, if you know better, chmod 600",
        path = path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is damaged, or no identity.
    #[error("{path}: this is no identity ({why}): join again with a new token", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: &'static str,
    },
    /// The key in it is none.
    #[error("{path}: {cause}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: KeyError,
    },
}

impl Credentials {
    /// Reads an identity; `None` where there is no file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(path: &Path) -> Result<Option<Self>, KeptError> {
        let Some(text) = read_private(path)? else { return Ok(None) };
        let damaged = |why| KeptError::Damaged { path: path.to_owned(), why };
        let parts = pem::parse_many(text).map_err(|_| damaged("it is not PEM"))?;
        let mut key = None;
        let mut certificates = Vec::new();
        for part in parts {
            match part.tag() {
                KEY => key = Some(part.into_contents()),
                CERTIFICATE => certificates.push(CertificateDer::from(part.into_contents())),
                _ => return Err(damaged("it holds something else")),
            }
        }
        let key = key.ok_or_else(|| damaged("it has no key"))?;
        let key = Key::from_pkcs8(key).map_err(|cause| KeptError::Key { path: path.to_owned(), cause })?;
        let authority = certificates.pop().ok_or_else(|| damaged("it has no certificate"))?;
        if certificates.is_empty() {
            return Err(damaged("it has one certificate, at least two are needed"));
        }
        Identity::chain(&certificates).map_err(|NotAnIdentity| damaged("its certificate names nobody"))?;
        Ok(Some(Self { key: Arc::new(key), chain: certificates, authority }))
    }

    /// Writes it, durably and all at once.
    ///
    /// # Errors
    /// The disk's own.
    pub fn save(&self, path: &Path) -> Result<(), KeptError> {
        let mut text = pem::encode(&Pem::new(KEY, self.key.as_pkcs8()));
        for certificate in self.chain.iter().chain([&self.authority]) {
            text += &pem::encode(&Pem::new(CERTIFICATE, certificate.to_vec()));
        }
        write(path, text.as_bytes())
    }

    /// What its own certificate says.
    ///
    /// # Errors
    /// [`NotAnIdentity`]: never after [`Self::load`].
    pub fn identity(&self) -> Result<Identity, NotAnIdentity> {
        Identity::read(self.chain.first().ok_or(NotAnIdentity)?)
    }

    /// The authority's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.authority)
    }
}

/// Reads a private key; `None` where there is no file.
///
/// # Errors
/// What is wrong with the file.
pub fn load_key(path: &Path) -> Result<Option<Key>, KeptError> {
    let Some(text) = read_private(path)? else { return Ok(None) };
    let damaged = |_| KeptError::Damaged { path: path.to_owned(), why: "it is not PEM" };
    let part = pem::parse(text).map_err(damaged)?;
    let key = Key::from_pkcs8(part.into_contents());
    key.map(Some).map_err(|cause| KeptError::Key { path: path.to_owned(), cause })
}

/// Writes a private key, durably and all at once.
///
/// # Errors
/// The disk's own.
pub fn save_key(path: &Path, key: &Key) -> Result<(), KeptError> {
    write(path, pem::encode(&Pem::new(KEY, key.as_pkcs8())).as_bytes())
}

/// The key of a joining that is not done yet: drawn once, so that an interrupted one is taken up again instead of using
/// its token twice. `path` is where the identity will be.
///
/// # Errors
/// When it can be neither read nor made and written.
pub fn joining_key(path: &Path) -> Result<Key, KeptError> {
    let path = &with_suffix(path, ".joining");
    match load_key(path) {
        Ok(Some(key)) => return Ok(key),
        Ok(None) | Err(KeptError::Damaged { .. } | KeptError::Key { .. }) => {}
        Err(error) => return Err(error),
    }
    let key = Key::draw().map_err(|cause| KeptError::Key { path: path.clone(), cause })?;
    save_key(path, &key)?;
    Ok(key)
}

/// The joining is done: its key is in the identity now.
pub fn forget_joining_key(path: &Path) {
    // What is left is a key without a certificate: of no use to anybody, and replaced by the next joining.
    let _ = fs::remove_file(with_suffix(path, ".joining"));
}

/// Reads a file that only its owner may read.
fn read_private(path: &Path) -> Result<Option<String>, KeptError> {
    let io = |cause| KeptError::Io { path: path.to_owned(), cause };
    let file = match OpenOptions::new().read(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeptError::TooOpen { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(io)?;
    Ok(Some(text))
}

/// Writes a file that only its owner may read, durably and all at once; makes its folder if need be.
///
/// # Errors
/// The disk's own.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), KeptError> {
    let io = |cause| KeptError::Io { path: path.to_owned(), cause };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io)?;
    }
    let new = with_suffix(path, ".new");
    // Made anew: a file that lay there could have another mode, or be a link to elsewhere.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).map_err(io)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&new, path).map_err(io)?;
    if let Some(folder) = folder {
        sync_folder(folder).map_err(io)?;
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_and_one_that_is_not_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/identity.pem");
        write(&path, b"x").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Credentials::load(&path), Err(KeptError::TooOpen { mode: 0o640, .. })));
    }

    #[test]
    fn no_file_is_no_identity_and_a_damaged_one_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.pem");
        assert!(Credentials::load(&path).unwrap().is_none());
        for noise in ["", "noise", "-----BEGIN CERTIFICATE-----\nMAMBAgM=\n-----END CERTIFICATE-----\n"] {
            write(&path, noise.as_bytes()).unwrap();
            assert!(matches!(Credentials::load(&path), Err(KeptError::Damaged { .. })), "{noise:?}");
        }
    }

    #[test]
    fn an_interrupted_joining_goes_on_with_the_same_key_and_a_new_one_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.pem");
        let first = joining_key(&path).unwrap().public();
        assert_eq!(joining_key(&path).unwrap().public(), first);
        forget_joining_key(&path);
        assert_ne!(joining_key(&path).unwrap().public(), first);
        write(&with_suffix(&path, ".joining"), b"torn").unwrap();
        assert_ne!(joining_key(&path).unwrap().public(), first, "a torn one is drawn again");
    }
}
