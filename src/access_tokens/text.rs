//! The text of a token: `tdo_`, 32 random characters, and a checksum of 6 characters, all of them letters and digits.
//!
//! Scanners for secrets find it by its prefix, which therefore never changes, and the checksum refuses a typing error
//! without the database.

use aws_lc_rs::hmac;
use bson::oid::ObjectId;
use secrecy::{ExposeSecret, SecretString};

use crate::crypto::derive;
use crate::crypto::random_id::random_bytes;
use crate::crypto::sha256::sha256;
use crate::error::Error;

pub const PREFIX: &str = "tdo_";
const RANDOM_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
const CHARS: usize = PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// SHA-256 of the text. A slow hash would not add anything, because nobody can guess 190 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// `None` if the text is not a token.
    pub fn of(text: &str) -> Option<Self> {
        // The length first, because the checksum of a long text would take long.
        let is_token = text.len() == CHARS
            && text.starts_with(PREFIX)
            && text.bytes().skip(PREFIX.len()).all(|byte| byte.is_ascii_alphanumeric());
        let (head, checksum) = is_token.then(|| text.split_at_checked(CHARS - CHECKSUM_CHARS))??;
        (checksum == checksum_of(head)).then(|| Self::of_valid(text))
    }

    fn of_valid(text: &str) -> Self {
        Self(sha256(text.as_bytes()))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A new token, which is shown once.
#[derive(Clone)]
pub struct NewText {
    pub text: SecretString,
    pub digest: TokenDigest,
    pub last_four: String,
}

impl NewText {
    pub fn random() -> Self {
        Self::from_bytes(random_bytes())
    }

    fn from_bytes(bytes: [u8; 32]) -> Self {
        let head = format!("{PREFIX}{}", base62::<RANDOM_CHARS>(bytes));
        let text = format!("{head}{}", checksum_of(&head));
        let last_four = text[CHARS - 4..].to_owned();
        Self { digest: TokenDigest::of_valid(&text), text: text.into(), last_four }
    }

    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

/// Derives the tokens of requests with an `Idempotency-Key`, so that a repetition gets the same token although nothing
/// stores it. The key of the current secret comes first.
pub struct RepeatableTexts(Vec<hmac::Key>);

impl RepeatableTexts {
    pub fn derive(current: &SecretString, previous: &[SecretString]) -> Result<Self, Error> {
        let key = |secret| {
            derive::derive(secret, b"repeatable access token")
                .map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key))
        };
        std::iter::once(current).chain(previous).map(key).collect::<Result<_, _>>().map(Self)
    }

    /// The token of the id and the key, once for each secret. Because of the key, which is not stored either, the secret
    /// alone does not reveal the token.
    pub fn all(&self, id: ObjectId, idempotency_key: &str) -> Vec<NewText> {
        let request = [&id.bytes(), idempotency_key.as_bytes()].concat();
        let new = |key| NewText::from_bytes(first_32(hmac::sign(key, &request).as_ref()));
        self.0.iter().map(new).collect()
    }
}

fn first_32(bytes: &[u8]) -> [u8; 32] {
    bytes.first_chunk().copied().unwrap_or_default()
}

fn checksum_of(head: &str) -> String {
    let mut bytes = [0; 32];
    bytes[28..].copy_from_slice(&crc32fast::hash(head.as_bytes()).to_be_bytes());
    base62::<CHECKSUM_CHARS>(bytes)
}

/// The last `N` digits of a number to the base 62.
fn base62<const N: usize>(mut number: [u8; 32]) -> String {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_usize;
        for byte in &mut number {
            let value = rest << 8 | usize::from(*byte);
            // The quotient fits, because the rest is below 62.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *digit = ALPHABET[rest];
    }
    String::from_utf8_lossy(&digits).into_owned()
}

impl std::fmt::Debug for NewText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewText(..{})", self.last_four)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_documented_form() {
        let first = NewText::from_bytes([0; 32]);
        assert_eq!(first.expose(), "tdo_000000000000000000000000000000004IeAvQ");
        for new in [NewText::random(), NewText::from_bytes([255; 32])] {
            let text = new.expose();
            assert_eq!(text.len(), 42);
            assert!(text.starts_with("tdo_") && text[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert!(text.ends_with(&new.last_four) && new.last_four.len() == 4);
            assert_eq!(TokenDigest::of(text), Some(new.digest));
            assert!(!format!("{new:?}").contains(&text[..38]));
        }
        assert_ne!(NewText::random().expose(), NewText::random().expose());
    }

    #[test]
    fn every_typing_error_is_refused() {
        let new = NewText::random();
        let text = new.expose();
        for at in 0..text.len() {
            for other in ["0", "a", "Z", "_", " ", "\u{e9}", ""] {
                let wrong = [&text[..at], other, &text[at + 1..]].concat();
                assert!(wrong == text || TokenDigest::of(&wrong).is_none(), "{wrong}");
            }
            if at > 0 && text.as_bytes()[at - 1] != text.as_bytes()[at] {
                let mut swapped = text.as_bytes().to_vec();
                swapped.swap(at - 1, at);
                assert_eq!(TokenDigest::of(std::str::from_utf8(&swapped).unwrap()), None);
            }
        }
        for wrong in ["", "tdo_", &text[1..], &text.to_uppercase(), &format!("{text}0"), &format!(" {text}")]
        {
            assert_eq!(TokenDigest::of(wrong), None, "{wrong}");
        }
        assert_eq!(TokenDigest::of(&"\u{e9}".repeat(21)), None);
    }

    #[test]
    fn a_repeated_request_gets_the_same_token() {
        let (old, new) =
            ("0123456789abcdef0123456789abcdef".into(), "fedcba9876543210fedcba9876543210".into());
        let texts = |keys: &RepeatableTexts, id| {
            keys.all(id, "key").iter().map(|new| new.expose().to_owned()).collect::<Vec<_>>()
        };
        let id = ObjectId::new();
        let before = RepeatableTexts::derive(&old, &[]).unwrap();
        let after = RepeatableTexts::derive(&new, &[old]).unwrap();
        assert_eq!(texts(&before, id), texts(&before, id));
        assert_eq!(texts(&before, id)[0], texts(&after, id)[1]);
        assert_ne!(texts(&after, id)[0], texts(&after, id)[1]);
        assert_ne!(texts(&before, id), texts(&before, ObjectId::new()));
        assert_ne!(before.all(id, "key")[0].expose(), before.all(id, "yek")[0].expose());
    }
}
