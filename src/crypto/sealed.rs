//! Opaque texts that clients keep for the service and can neither read nor forge, such as cursors: AES-256-GCM (NIST
//! SP 800-38D).
//!
//! **Invariant:** does not reveal why a text cannot be opened.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use secrecy::SecretString;

use super::derive;
use crate::error::Error;

// Has room for 3,044 bytes: the longest sort key, which is a name of 500 characters of up to 4 bytes, and an id.
pub const SEALED_MAX_CHARS: usize = 4_096;

/// The first key seals. The others belong to previous secrets, and only open texts.
pub struct Sealer(Vec<RandomizedNonceKey>);

impl Sealer {
    pub fn derive(current: &SecretString, previous: &[SecretString]) -> Result<Self, Error> {
        let key = |secret| {
            let key = derive::derive(secret, b"seal")?;
            RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| Error::internal("no key to seal with"))
        };
        std::iter::once(current).chain(previous).map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Base64url without padding (RFC 4648 §5) of nonce, ciphertext and tag. Opens only with the same `context`.
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

    pub fn open(&self, context: &[u8], text: &str) -> Option<Vec<u8>> {
        // The service never sealed a longer text.
        if text.len() > SEALED_MAX_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        // Texts that were sealed under a previous secret stay valid while the secrets are rotated.
        self.0.iter().find_map(|key| {
            let mut sealed = sealed.to_vec();
            // The name warns callers that seal. For opening, the nonce is part of the text.
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

    fn sealer(current: &str, previous: &[&str]) -> Sealer {
        let previous: Vec<SecretString> = previous.iter().map(|secret| (*secret).into()).collect();
        Sealer::derive(&current.into(), &previous).unwrap()
    }

    #[test]
    fn sealed_text_opens_only_in_its_context() {
        let sealer = sealer(NEW, &[]);
        for plain in [&b""[..], b"x", &[0; 3_000]] {
            let text = sealer.seal(b"ann", plain).unwrap();
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
            assert_eq!(sealer.open(b"ann", &text).as_deref(), Some(plain));
            assert_eq!(sealer.open(b"ben", &text), None);
            assert_eq!(sealer.open(b"", &text), None);
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        let sealer = sealer(NEW, &[]);
        assert_ne!(sealer.seal(b"", b"x").unwrap(), sealer.seal(b"", b"x").unwrap());
    }

    #[test]
    fn altered_text_does_not_open() {
        let sealer = sealer(NEW, &[]);
        let text = sealer.seal(b"ann", b"position").unwrap();
        for at in 0..text.len() {
            for other in ["A", "B", "-", "_", "=", " ", "\u{e9}", ""] {
                let altered = [&text[..at], other, &text[at + 1..]].concat();
                assert!(altered == text || sealer.open(b"ann", &altered).is_none(), "{altered}");
            }
            assert_eq!(sealer.open(b"ann", &text[..at]), None);
        }
        assert_eq!(sealer.open(b"ann", &format!("{text}=")), None);
        assert_eq!(sealer.open(b"ann", &format!("{text}{text}")), None);
    }

    #[test]
    fn text_of_a_previous_secret_still_opens() {
        let text = sealer(OLD, &[]).seal(b"ann", b"position").unwrap();
        assert_eq!(sealer(NEW, &[OLD]).open(b"ann", &text).as_deref(), Some(&b"position"[..]));
        assert_eq!(sealer(NEW, &[]).open(b"ann", &text), None);
        let newer = sealer(NEW, &[OLD]).seal(b"ann", b"position").unwrap();
        assert_eq!(sealer(OLD, &[]).open(b"ann", &newer), None);
    }

    #[test]
    fn texts_up_to_the_limit_are_sealed_and_opened() {
        let sealer = sealer(NEW, &[]);
        let longest = sealer.seal(b"", &[1; 3_044]).unwrap();
        assert_eq!(longest.len(), SEALED_MAX_CHARS);
        assert_eq!(sealer.open(b"", &longest), Some(vec![1; 3_044]));
        assert!(sealer.seal(b"", &[1; 3_045]).is_err());
        assert_eq!(sealer.open(b"", &"A".repeat(SEALED_MAX_CHARS + 4)), None);
    }
}
