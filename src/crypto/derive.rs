//! Derives keys from the configured secrets.
//!
//! **Invariant:** each purpose has its own label, so that no key serves two purposes.

use aws_lc_rs::hkdf;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

/// Derives a key of 32 bytes with HKDF and SHA-256 (RFC 5869).
pub fn derive(secret: &SecretString, label: &[u8]) -> Result<[u8; 32], Error> {
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"todo-api").extract(secret.expose_secret().as_bytes());
    let mut key = [0; 32];
    root.expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut key))
        // HKDF fails only for keys that are longer than 255 hashes.
        .map_err(|_| Error::internal("a key cannot be derived"))?;
    Ok(key)
}
