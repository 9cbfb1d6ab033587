//! Keys that are derived from the configured secrets. Must not use one key for two purposes: each has its own label.

use aws_lc_rs::hkdf;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;

/// The key of 32 bytes for the purpose `label` (HKDF with SHA-256, RFC 5869).
///
/// # Errors
/// [`Error::Internal`] if the derivation fails, which needs an impossible key length.
pub fn derive(secret: &SecretString, label: &[u8]) -> Result<[u8; 32], Error> {
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"todo-api").extract(secret.expose_secret().as_bytes());
    let mut key = [0; 32];
    root.expand(&[label], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut key))
        .map_err(|_| Error::internal("a key cannot be derived"))?;
    Ok(key)
}
