//! What a person carries from the authority to a new node: one word that says whom to trust and proves that one was asked.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | the token's number |
//! | 16 | its secret, drawn at random: nobody guesses 128 bits |
//! | 32 | the fingerprint of the authority's certificate (SHA-256) |
//! | 4 | CRC-32 of everything before, so that a slip of the pen is not taken for theft |
//!
//! Written in base32 behind `hel1`, small letters, which survives being read aloud. The supervisor keeps only a hash of
//! the secret.

use std::fmt;
use std::str::FromStr;

use crc::{CRC_32_ISO_HDLC, Crc};
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use subtle::ConstantTimeEq;

use crate::trust::keys::KeyError;
use crate::trust::who::EnrolmentId;

const PREFIX: &str = "hel1";
const BYTES: usize = 4 + 16 + 32 + 4;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A token's number, by which it is listed and revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub [u8; 4]);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for TokenId {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| TokenError::NotAToken)?;
        bytes.try_into().map(Self).map_err(|_| TokenError::NotAToken)
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What only the token's bearer knows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenSecret([u8; 16]);

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

impl TokenSecret {
    /// What the supervisor keeps of it.
    pub fn hash(&self) -> SecretHash {
        SecretHash(sha256(&self.0))
    }
}

/// A secret's SHA-256. One of 128 random bits needs nothing slower.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash([u8; 32]);

/// In a time that does not depend on where they differ.
impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

/// By what a joiner knows the authority: the SHA-256 of its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// A certificate's.
    pub fn of(certificate: &[u8]) -> Self {
        Self(sha256(certificate))
    }
}

/// Sixteen groups of four, which two people can compare.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pair) in self.0.chunks(2).enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            f.write_str(&HEXLOWER.encode(pair))?;
        }
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// A join token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// Its secret.
    pub secret: TokenSecret,
    /// The authority that it is for.
    pub authority: Fingerprint,
}

impl Token {
    /// Draws one.
    ///
    /// # Errors
    /// When the kernel gives no randomness.
    pub fn draw(authority: Fingerprint) -> Result<Self, KeyError> {
        Ok(Self { id: TokenId(random()?), secret: TokenSecret(random()?), authority })
    }
}

/// Draws the number of one more joining.
///
/// # Errors
/// When the kernel gives no randomness.
pub fn draw_enrolment() -> Result<EnrolmentId, KeyError> {
    random().map(EnrolmentId)
}

/// Bytes from the kernel's randomness.
///
/// # Errors
/// When the kernel gives none.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not look like one.
    #[error("this is no join token: one begins with {PREFIX} and is made by `heliostat token create`")]
    NotAToken,
    /// It looks like one, with a letter wrong or missing.
    #[error("the join token is not complete or has a letter wrong: copy it again, whole")]
    Mistyped,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.extend(self.id.0);
        bytes.extend(self.secret.0);
        bytes.extend(self.authority.0);
        bytes.extend(CRC.checksum(&bytes).to_be_bytes());
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }
}

impl FromStr for Token {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let text = text.trim().to_ascii_lowercase();
        let body = text.strip_prefix(PREFIX).ok_or(TokenError::NotAToken)?;
        let bytes =
            BASE32_NOPAD.decode(body.to_ascii_uppercase().as_bytes()).map_err(|_| TokenError::Mistyped)?;
        let (content, checksum) = bytes.split_last_chunk::<4>().ok_or(TokenError::Mistyped)?;
        if bytes.len() != BYTES || CRC.checksum(content) != u32::from_be_bytes(*checksum) {
            return Err(TokenError::Mistyped);
        }
        let (id, rest) = content.split_first_chunk().ok_or(TokenError::Mistyped)?;
        let (secret, rest) = rest.split_first_chunk().ok_or(TokenError::Mistyped)?;
        let authority = rest.try_into().map_err(|_| TokenError::Mistyped)?;
        Ok(Self { id: TokenId(*id), secret: TokenSecret(*secret), authority: Fingerprint(authority) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_written_down_in_either_case() {
        let token = Token::draw(Fingerprint([7; 32])).unwrap();
        let text = token.to_string();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(format!(" {}\n", text.to_ascii_uppercase()).parse(), Ok(token));
    }

    #[test]
    fn a_wrong_letter_anywhere_is_a_slip_and_not_a_token() {
        let text = Token::draw(Fingerprint([7; 32])).unwrap().to_string();
        for at in PREFIX.len()..text.len() {
            let mut letters = text.clone().into_bytes();
            letters[at] = if letters[at] == b'a' { b'b' } else { b'a' };
            let wrong = String::from_utf8(letters).unwrap();
            assert_eq!(wrong.parse::<Token>(), Err(TokenError::Mistyped), "{wrong}");
            assert_eq!(text[..at].parse::<Token>(), Err(TokenError::Mistyped), "cut at {at}");
        }
        assert_eq!("SWMTKN-1-abc".parse::<Token>(), Err(TokenError::NotAToken));
    }

    #[test]
    fn a_secret_is_not_shown_and_its_hash_tells_it_from_others() {
        let (one, other) = (TokenSecret([1; 16]), TokenSecret([2; 16]));
        assert_eq!(format!("{one:?}"), "TokenSecret(..)");
        assert_eq!(one.hash(), one.clone().hash());
        assert_ne!(one.hash(), other.hash());
    }

    #[test]
    fn a_fingerprint_is_shown_in_groups() {
        assert!(Fingerprint([0xa5; 32]).to_string().starts_with("a5a5:a5a5:"));
        assert_eq!(Fingerprint([0; 32]).to_string().len(), 16 * 4 + 15);
    }
}
