//! The configuration: defaults, overridden by `todo-api.toml`, overridden by the environment.
//!
//! **Invariant:** no other code reads the environment, and no message contains the value of a secret.

mod changed;
mod environment;
mod file;
mod messages;
pub mod public_url;
mod settings;
mod values;

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use base64::prelude::{BASE64_STANDARD, Engine};
use figment::Figment;
use figment::providers::Serialized;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use self::environment::Environment;
use self::file::File;
use self::messages::message;
use self::public_url::PublicUrl;
pub use self::settings::{FILE, SETTINGS};
use self::values::{
    address, duration, header_names, host, list, log_level, number, optional_number, origins, parsed, trimmed,
};
use crate::error::OperatorError;

/// In the environment, the names are in upper case. docs/operating.md explains every setting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The path names the database; `todolistapp` if there is no path.
    #[serde(deserialize_with = "trimmed")]
    pub mongodb_uri: SecretString,
    pub jwt_secret: SecretString,
    /// Tokens signed with these secrets are still accepted.
    #[serde(deserialize_with = "list")]
    pub jwt_secrets_previous: Vec<SecretString>,
    #[serde(deserialize_with = "host")]
    pub host: IpAddr,
    /// 0 takes a free port.
    #[serde(deserialize_with = "number")]
    pub port: u16,
    /// The base-2 logarithm of the number of rounds.
    #[serde(deserialize_with = "number")]
    pub bcrypt_cost: u32,
    /// Part of every password hash, so that a stolen database alone is not enough to guess passwords.
    pub password_pepper: Option<SecretString>,
    /// The number of trusted proxies that append to `X-Forwarded-For`.
    #[serde(deserialize_with = "number")]
    pub trusted_proxy_hops: usize,
    #[serde(deserialize_with = "parsed")]
    pub public_url: PublicUrl,
    #[serde(deserialize_with = "duration")]
    pub access_token_ttl: Duration,
    /// Rate limits for registration and login; off for load tests.
    pub throttles: Switch,
    pub registration: Registration,
    /// Whether calendar clients may use the password of the account.
    pub caldav_passwords: Switch,
    #[serde(deserialize_with = "number")]
    pub max_connections: usize,
    /// A quarter of `max_connections` if it is not set.
    #[serde(deserialize_with = "optional_number")]
    pub max_connections_per_address: Option<usize>,
    #[serde(deserialize_with = "address")]
    pub metrics_addr: Option<SocketAddr>,
    #[serde(deserialize_with = "origins")]
    pub cors_origins: Vec<HeaderValue>,
    /// Request headers that these pages may send beside those of the API.
    #[serde(deserialize_with = "header_names")]
    pub cors_headers: Vec<HeaderName>,
    /// How long a connection may be idle between two requests.
    #[serde(deserialize_with = "duration")]
    pub keep_alive: Duration,
    #[serde(deserialize_with = "number")]
    pub max_event_connections: usize,
    /// Bodies of requests and responses that are in memory because their clients are slow.
    #[serde(deserialize_with = "number")]
    pub max_answer_bytes: usize,
    pub log_format: Option<LogFormat>,
    /// Directives of `tracing_subscriber`, such as `info,mongodb=debug`.
    #[serde(deserialize_with = "log_level")]
    pub log_level: String,
    /// For the log: what differs from the defaults, without secrets and without the database.
    #[serde(skip)]
    pub changed: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    On,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    Text,
}

// HS256 needs a key of at least 256 bits (RFC 7518 §3.2), and a derived key is not stronger than its secret.
const SECRET_MIN_BYTES: usize = 32;
const SECRETS_PREVIOUS_MAX: usize = 2;
// A random secret has far more distinct bytes.
const SECRET_MIN_DISTINCT_BYTES: usize = 8;
// The range of bcrypt itself.
const BCRYPT_COSTS: RangeInclusive<u32> = 4..=31;
// More proxies than any deployment has. A larger number is a mistake, and would make every client unknown.
const PROXY_HOPS: RangeInclusive<usize> = 0..=32;
// Far more than one process can have open.
const CONNECTIONS_MAX: usize = 1_000_000;
// One client gets a sixteenth, which must be enough for a page of 1 MiB.
const ANSWER_BYTES: RangeInclusive<usize> = 16 * 1024 * 1024..=usize::MAX / 2;
// `REVOCATION_TTL` of `operator::backup::store` must stay longer than the maximum.
const ACCESS_TOKEN_TTL_SECONDS: RangeInclusive<u64> = 1..=3_600;
const KEEP_ALIVE_SECONDS: RangeInclusive<u64> = 1..=3_600;

impl Config {
    /// Reads `file`, which must exist, or else [`FILE`] if it exists, and the environment of this process.
    pub fn load(file: Option<&Path>) -> Result<Self, OperatorError> {
        Self::from_figment(&of_process(file))
    }

    /// Like [`Config::load`], for commands that neither issue nor check tokens, so that they need no `JWT_SECRET`.
    pub fn load_without_secret(file: Option<&Path>) -> Result<Self, OperatorError> {
        let mut figment = of_process(file);
        if figment.find_value("jwt_secret").is_err() {
            let secret = unused_secret()?;
            figment = figment.merge(Serialized::default("jwt_secret", secret.expose_secret()));
        }
        Self::from_figment(&figment)
    }

    pub fn from_figment(figment: &Figment) -> Result<Self, OperatorError> {
        let config: Self = figment.extract().map_err(|errors| OperatorError(message(&errors)))?;
        config.check().map_err(OperatorError)?;
        Ok(Self { changed: changed::shown(figment), ..config })
    }

    fn check(&self) -> Result<(), String> {
        check_secret("JWT_SECRET", &self.jwt_secret)?;
        for secret in &self.jwt_secrets_previous {
            check_secret("JWT_SECRETS_PREVIOUS", secret)?;
        }
        if self.jwt_secrets_previous.len() > SECRETS_PREVIOUS_MAX {
            return Err(format!(
                "JWT_SECRETS_PREVIOUS has more than {SECRETS_PREVIOUS_MAX} secrets; remove the oldest"
            ));
        }
        check_range("BCRYPT_COST", self.bcrypt_cost, &BCRYPT_COSTS)?;
        check_range("TRUSTED_PROXY_HOPS", self.trusted_proxy_hops, &PROXY_HOPS)?;
        check_range("MAX_CONNECTIONS", self.max_connections, &(1..=CONNECTIONS_MAX))?;
        check_range("MAX_EVENT_CONNECTIONS", self.max_event_connections, &(0..=CONNECTIONS_MAX))?;
        check_seconds("ACCESS_TOKEN_TTL", self.access_token_ttl, &ACCESS_TOKEN_TTL_SECONDS)?;
        check_seconds("KEEP_ALIVE", self.keep_alive, &KEEP_ALIVE_SECONDS)?;
        if let Some(share) = self.max_connections_per_address {
            check_range("MAX_CONNECTIONS_PER_ADDRESS", share, &(1..=CONNECTIONS_MAX))?;
        }
        check_range("MAX_ANSWER_BYTES", self.max_answer_bytes, &ANSWER_BYTES)?;
        Ok(())
    }
}

/// `environment` looks up a variable. An empty variable counts as unset.
pub fn figment(file: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Figment {
    let mut figment = Figment::new();
    for (name, default) in SETTINGS {
        if let Some(default) = default {
            figment = figment.merge(Serialized::default(name, default));
        }
    }
    if let Some(file) = file {
        figment = figment.merge(File(file));
    }
    let names = SETTINGS.iter().map(|(name, _)| *name);
    figment.merge(Environment::read(names, environment))
}

fn of_process(file: Option<&Path>) -> Figment {
    let default = Path::new(FILE);
    let file = file.or(default.exists().then_some(default));
    figment(file, |name| std::env::var(name).ok())
}

fn unused_secret() -> Result<SecretString, OperatorError> {
    let mut bytes = [0; SECRET_MIN_BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| OperatorError("no random numbers".to_owned()))?;
    Ok(BASE64_STANDARD.encode(bytes).into())
}

fn check_range<T: PartialOrd + Display + Copy>(
    name: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(format!("{name} is {value}, but must be from {} to {}", range.start(), range.end()))
}

fn check_seconds(name: &str, duration: Duration, range: &RangeInclusive<u64>) -> Result<(), String> {
    let (min, max) = range.clone().into_inner();
    let is_in_range = duration.subsec_nanos() == 0 && range.contains(&duration.as_secs());
    is_in_range
        .then_some(())
        .ok_or_else(|| format!("{name} must be a whole number of seconds, from {min}s to {}h", max / 3_600))
}

fn check_secret(name: &str, secret: &SecretString) -> Result<(), String> {
    let secret = secret.expose_secret();
    let advice = "create a secret with `openssl rand -hex 32`";
    if secret.len() < SECRET_MIN_BYTES {
        return Err(format!(
            "{name} has {} bytes, but must have at least {SECRET_MIN_BYTES}; {advice}",
            secret.len()
        ));
    }
    // Parts of the placeholders in examples and tutorials.
    let words = ["secret", "changeme", "change-me", "replace-me", "your-256-bit", "password", "example"];
    let distinct = secret.bytes().collect::<std::collections::HashSet<_>>().len();
    if distinct < SECRET_MIN_DISTINCT_BYTES || words.iter().any(|word| secret.to_lowercase().contains(word)) {
        return Err(format!("{name} is easy to guess; {advice}"));
    }
    Ok(())
}
