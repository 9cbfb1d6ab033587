//! The request header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use axum::http::HeaderMap;

use crate::error::{Error, Violation};

pub const HEADER: &str = "idempotency-key";
pub const KEY_MAX_CHARS: usize = 128;

pub fn is_key(text: &str) -> bool {
    (1..=KEY_MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

pub fn read(headers: &HeaderMap) -> Result<Option<String>, Error> {
    // Two keys would leave open which of them counts, so the header may occur only once.
    let mut values = headers.get_all(HEADER).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match first.to_str() {
        Ok(key) if is_key(key) && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let detail = format!(
                "Send the header {HEADER} once, with 1 to {KEY_MAX_CHARS} printable ASCII characters."
            );
            Err(Error::Invalid(vec![Violation::of_whole("malformed_header", detail)]))
        }
    }
}
