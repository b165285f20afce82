//! A node's own key: Ed25519, drawn on the node, never sent.
//!
//! Ed25519 because its signatures need no randomness (a Pi has little at boot), are short, and quick without hardware.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};

/// What stands before the 32 bytes in an Ed25519 `SubjectPublicKeyInfo` (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The kernel gives no randomness.
    #[error("the kernel gives no randomness")]
    NoRandomness,
    /// The bytes are no private key of ours.
    #[error("this is no Ed25519 private key")]
    NotAKey,
}

/// A public key, raw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// As certificates have it.
    pub fn to_spki(self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }

    /// Whether `signature` is this key's over `message`.
    pub fn has_signed(self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

/// A private key, with its public one.
pub struct Key {
    pkcs8: Vec<u8>,
    pair: Ed25519KeyPair,
}

/// Never shown.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl Key {
    /// Draws one.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn draw() -> Result<Self, KeyError> {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
        Self::from_pkcs8(pkcs8.as_ref().to_vec())
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_pkcs8(pkcs8: Vec<u8>) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::NotAKey)?;
        Ok(Self { pkcs8, pair })
    }

    /// As files have it.
    pub fn as_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// As TLS takes it.
    pub fn to_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.clone()))
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_key_over_one_message() {
        let (key, other) = (Key::draw().unwrap(), Key::draw().unwrap());
        let signature = key.sign(b"message");
        assert!(key.public().has_signed(b"message", &signature));
        assert!(!key.public().has_signed(b"massage", &signature));
        assert!(!other.public().has_signed(b"message", &signature));
        assert!(!key.public().has_signed(b"message", &[]));
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::draw().unwrap();
        let shown = format!("{key:?}");
        let hidden = format!("{:?}", &key.as_pkcs8()[16..24]);
        assert!(!shown.contains(hidden.trim_matches(['[', ']'])), "{shown}");
        assert_eq!(Key::from_pkcs8(vec![1, 2, 3]).unwrap_err(), KeyError::NotAKey);
    }
}
