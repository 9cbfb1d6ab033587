//! The forms of settings: each is text in the environment, and text or a number in the file.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

const NOT_A_NUMBER: &str = "must be a whole number in range";

pub(super) fn number<'de, D: Deserializer<'de>, T: std::str::FromStr>(
    deserializer: D,
) -> Result<T, D::Error> {
    optional_number(deserializer)?.ok_or_else(|| de::Error::custom(NOT_A_NUMBER))
}

pub(super) fn optional_number<'de, D: Deserializer<'de>, T: std::str::FromStr>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    // Variables are strings, and the file may contain numbers.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText {
        Number(i64),
        Text(String),
    }
    let text = match NumberOrText::deserialize(deserializer) {
        Ok(NumberOrText::Number(number)) => number.to_string(),
        // The default in `SETTINGS` of a number that may be left out.
        Ok(NumberOrText::Text(text)) if text.is_empty() => return Ok(None),
        Ok(NumberOrText::Text(text)) => text,
        Err(_) => return Err(de::Error::custom(NOT_A_NUMBER)),
    };
    text.trim().parse().map(Some).map_err(|_| de::Error::custom(NOT_A_NUMBER))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| de::Error::custom("must be a duration such as `15m` or `90s`"))
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::custom("must be an address and a port such as `127.0.0.1:9100`");
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

/// Origins in the form that browsers send (RFC 6454 §6.2): scheme, host and port only.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderValue>, D::Error> {
    let wrong =
        || de::Error::custom("must be origins such as `https://todo.example.org`, separated by commas");
    let origin = |part: &str| {
        let uri: Uri = part.parse().ok()?;
        let bare =
            uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme)) && uri.path() == "/";
        let is_origin = bare && uri.query().is_none() && !part.ends_with('/') && !part.contains('@');
        HeaderValue::from_str(part).ok().filter(|_| is_origin)
    };
    let text = String::deserialize(deserializer)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| origin(part).ok_or_else(wrong)).collect()
}

pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(SecretString::from).collect())
}
