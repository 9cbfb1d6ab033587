//! Texts that clients keep for us and can neither read nor make, such as cursors: AES-256-GCM (NIST SP 800-38D).
//! Must not say why a text does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use secrecy::SecretString;

use super::derive;
use crate::error::Error;

/// The longest sealed text, in characters. It holds 3,044 bytes: a name of 500 characters, whatever they are, and more.
pub const SEALED_MAX_CHARS: usize = 4_096;

/// The keys of the current secret, which seals, and of earlier ones, whose texts still open.
pub struct Sealer(Vec<RandomizedNonceKey>);

impl Sealer {
    /// Derives one key from each secret.
    ///
    /// # Errors
    /// [`Error::Internal`]: see [`derive::derive`].
    pub fn derive(current: &SecretString, previous: &[SecretString]) -> Result<Self, Error> {
        let key = |secret| {
            let key = derive::derive(secret, b"seal")?;
            RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| Error::internal("no key to seal with"))
        };
        std::iter::once(current).chain(previous).map(key).collect::<Result<_, _>>().map(Self)
    }

    /// `plain` as base64url without padding (RFC 4648 §5), which opens in the same `context` only.
    ///
    /// # Errors
    /// [`Error::Internal`] if the text would be longer than [`SEALED_MAX_CHARS`].
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<String, Error> {
        let key = self.0.first().ok_or_else(|| Error::internal("no key to seal with"))?;
        let mut sealed = plain.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(context), &mut sealed)
            .map_err(|_| Error::internal("sealing failed"))?;
        let text = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat());
        if text.len() > SEALED_MAX_CHARS {
            return Err(Error::internal("a sealed text would be too long"));
        }
        Ok(text)
    }

    /// What was sealed; `None` for a text that is altered, of another context or of an unknown secret.
    #[must_use]
    pub fn open(&self, context: &[u8], text: &str) -> Option<Vec<u8>> {
        if text.len() > SEALED_MAX_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        self.0.iter().find_map(|key| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = key.open_in_place(nonce, Aad::from(context), &mut sealed).ok()?;
            Some(plain.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "0123456789abcdef0123456789abcdef";
    const NEW: &str = "fedcba9876543210fedcba9876543210";

    fn seals(current: &str, previous: &[&str]) -> Sealer {
        let previous: Vec<SecretString> = previous.iter().map(|secret| (*secret).into()).collect();
        Sealer::derive(&current.into(), &previous).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_context_only() {
        let seals = seals(NEW, &[]);
        for plain in [&b""[..], b"x", &[0; 3_000]] {
            let text = seals.seal(b"ann", plain).unwrap();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
            assert_eq!(seals.open(b"ann", &text).as_deref(), Some(plain));
            assert_eq!(seals.open(b"ben", &text), None);
            assert_eq!(seals.open(b"", &text), None);
        }
    }

    #[test]
    fn the_same_is_never_sealed_alike() {
        let seals = seals(NEW, &[]);
        assert_ne!(seals.seal(b"", b"x").unwrap(), seals.seal(b"", b"x").unwrap());
    }

    #[test]
    fn an_altered_text_does_not_open() {
        let seals = seals(NEW, &[]);
        let text = seals.seal(b"ann", b"position").unwrap();
        for at in 0..text.len() {
            for other in ["A", "B", "-", "_", "=", " ", "\u{e9}", ""] {
                let altered = [&text[..at], other, &text[at + 1..]].concat();
                assert!(altered == text || seals.open(b"ann", &altered).is_none(), "{altered}");
            }
            assert_eq!(seals.open(b"ann", &text[..at]), None);
        }
        assert_eq!(seals.open(b"ann", &format!("{text}=")), None);
        assert_eq!(seals.open(b"ann", &format!("{text}{text}")), None);
    }

    #[test]
    fn a_text_of_the_previous_secret_still_opens() {
        let text = seals(OLD, &[]).seal(b"ann", b"position").unwrap();
        assert_eq!(seals(NEW, &[OLD]).open(b"ann", &text).as_deref(), Some(&b"position"[..]));
        assert_eq!(seals(NEW, &[]).open(b"ann", &text), None);
        let newer = seals(NEW, &[OLD]).seal(b"ann", b"position").unwrap();
        assert_eq!(seals(OLD, &[]).open(b"ann", &newer), None);
    }

    #[test]
    fn a_text_is_sealed_and_opened_up_to_the_limit() {
        let seals = seals(NEW, &[]);
        let longest = seals.seal(b"", &[1; 3_044]).unwrap();
        assert_eq!(longest.len(), SEALED_MAX_CHARS);
        assert_eq!(seals.open(b"", &longest), Some(vec![1; 3_044]));
        assert!(seals.seal(b"", &[1; 3_045]).is_err());
        assert_eq!(seals.open(b"", &"A".repeat(SEALED_MAX_CHARS + 4)), None);
    }
}
