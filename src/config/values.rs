//! The forms of settings: each is text in the environment, and text or a number in the file.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};

const NOT_A_NUMBER: &str = "must be a whole number, 0 or more";

/// An unsigned number of a setting.
pub(super) trait Number: TryFrom<u64> {
    /// What a larger number becomes, so that the check of the range names it. `None` if there is no such check.
    const TOO_LARGE: Option<Self>;
}

impl Number for u16 {
    const TOO_LARGE: Option<Self> = None;
}

impl Number for u32 {
    const TOO_LARGE: Option<Self> = Some(Self::MAX);
}

impl Number for usize {
    const TOO_LARGE: Option<Self> = Some(Self::MAX);
}

pub(super) fn number<'de, D: Deserializer<'de>, T: Number>(deserializer: D) -> Result<T, D::Error> {
    optional_number(deserializer)?.ok_or_else(|| de::Error::custom(NOT_A_NUMBER))
}

pub(super) fn optional_number<'de, D: Deserializer<'de>, T: Number>(
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
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().unwrap_or(u64::MAX));
    let number = number.ok_or_else(|| de::Error::custom(NOT_A_NUMBER))?;
    let number = T::try_from(number).ok().or(T::TOO_LARGE);
    number.map(Some).ok_or_else(|| de::Error::custom(format_args!("must be from 0 to {}", u16::MAX)))
}

pub(super) fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    let text = SecretString::deserialize(deserializer)?;
    Ok(text.expose_secret().trim().into())
}

pub(super) fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::custom("must be an IP address such as `127.0.0.1` or `::`, or `localhost`");
    numeric_host(text.trim()).parse().map_err(wrong)
}

/// No other name, because a name may have several addresses, or other addresses later.
fn numeric_host(host: &str) -> &str {
    if host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { host }
}

/// Directives such as `info` and `mongodb=debug`. The library takes a misspelled level for the name of a module, and then
/// logs nothing.
pub(super) fn log_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let text = String::deserialize(deserializer)?;
    let level =
        |directive: &str| directive.rsplit('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if elements(&text).all(|directive| LEVELS.contains(&level(directive).as_str())) {
        return Ok(text);
    }
    Err(de::Error::custom(format_args!(
        "must be one of {}, or such a level for a module as in `info,mongodb=debug`",
        LEVELS.join(", ")
    )))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| de::Error::custom("must be a duration such as `15m` or `90s`"))
}

/// A setting with its own form, whose error says what the form is.
pub(super) fn parsed<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let wrong = |_| de::Error::custom("must be an address and a port such as `127.0.0.1:9100`");
    format!("{}:{port}", numeric_host(host)).parse().map(Some).map_err(wrong)
}

/// Origins in the form that browsers send (RFC 6454 §6.2): scheme, host and port only.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderValue>, D::Error> {
    let text = String::deserialize(deserializer)?;
    // Values of settings are not repeated in errors, because one may be a secret in the wrong place.
    let numbered = elements(&text).zip(1..);
    let origins = numbered.map(|(text, number)| {
        origin(text)
            .map_err(|why| de::Error::custom(format_args!("must be origins, but number {number} {why}")))
    });
    origins.collect()
}

fn origin(text: &str) -> Result<HeaderValue, &'static str> {
    const FORM: &str = "is not of the form `https://todo.example.org`";
    if text.contains('*') {
        return Err("contains a wildcard; list every origin");
    }
    let (scheme, authority) = text.split_once("://").ok_or(FORM)?;
    if authority.contains(['/', '?', '#']) {
        return Err("has a path; leave out everything after the host and port");
    }
    let scheme = scheme.to_ascii_lowercase();
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let parsed: Authority = authority.parse().map_err(|_| FORM)?;
    if !is_scheme || authority.contains('@') || parsed.host().is_empty() || !has_valid_port(&parsed) {
        return Err(FORM);
    }
    let host = parsed.host().to_ascii_lowercase();
    // Browsers leave out the default port.
    let port = parsed.port_u16().filter(|port| !matches!((&*scheme, port), ("http", 80) | ("https", 443)));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    HeaderValue::try_from(format!("{scheme}://{host}{port}")).map_err(|_| FORM)
}

fn has_valid_port(authority: &Authority) -> bool {
    authority.as_str().len() == authority.host().len() || authority.port_u16().is_some()
}

pub(super) fn header_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderName>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| {
        de::Error::custom("must be names of request headers such as `X-Requested-With`, separated by commas")
    };
    elements(&text).map(|name| HeaderName::try_from(name).map_err(wrong)).collect()
}

/// The elements of a list that is separated by commas.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(elements(&text).map(SecretString::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        for (text, sent) in [
            ("https://todo.example.org", "https://todo.example.org"),
            ("HTTPS://Todo.Example.ORG:443", "https://todo.example.org"),
            ("http://localhost:80", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
        ] {
            assert_eq!(origin(text).unwrap(), sent);
        }
        for (text, why) in [
            ("*", "wildcard"),
            ("https://*.example.org", "wildcard"),
            ("https://todo.example.org/", "path"),
            ("https://todo.example.org/app", "path"),
            ("todo.example.org", "form"),
            ("null", "form"),
            ("https://", "form"),
            ("https://:443", "form"),
            ("https://user@todo.example.org", "form"),
            ("https://todo.example.org:", "form"),
            ("https://todo.example.org:99999", "form"),
            ("https://b\u{fc}cher.example", "form"),
            ("1s://host", "form"),
        ] {
            assert!(origin(text).unwrap_err().contains(why), "{text}: {:?}", origin(text));
        }
    }
}
