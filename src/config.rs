//! Configuration: defaults, then `todo-api.toml`, then the environment. Must not be read anywhere else, and prints no secret.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};

use crate::error::OperatorError;

/// The file that is read when there is one, in the working directory.
pub const FILE: &str = "todo-api.toml";

/// Every setting. The name in the environment is the same in upper case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where MongoDB is; its path names the database, `todolistapp` without one.
    pub mongodb_uri: SecretString,
    /// Signs the tokens: at least 32 bytes, kept secret.
    pub jwt_secret: SecretString,
    /// Up to two earlier secrets, separated by commas, whose tokens are still accepted.
    #[serde(deserialize_with = "list")]
    pub jwt_secrets_previous: Vec<SecretString>,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    #[serde(deserialize_with = "number")]
    pub port: u16,
    /// The work of one password hash: 2 to the power of this, 4 to 31.
    #[serde(deserialize_with = "number")]
    pub bcrypt_cost: u32,
    /// Mixed into every password hash, so that a stolen database alone is not enough to guess passwords.
    pub password_pepper: Option<SecretString>,
    /// How many proxies of ours stand in front and append to `X-Forwarded-For`.
    #[serde(deserialize_with = "number")]
    pub trusted_proxy_hops: usize,
    /// How long an access token is valid: whole seconds, 1 s to 1 h.
    #[serde(deserialize_with = "duration")]
    pub access_token_ttl: Duration,
    /// Whether attempts at registration and login are throttled; off for load tests.
    pub throttles: Switch,
    /// Whether anyone may register.
    pub registration: Registration,
    /// How many connections this instance serves at a time.
    #[serde(deserialize_with = "number")]
    pub max_connections: usize,
    /// Where monitoring may ask for figures, such as `127.0.0.1:9100`; nowhere without it.
    #[serde(deserialize_with = "address")]
    pub metrics_addr: Option<SocketAddr>,
    /// Origins whose pages may use the API, separated by commas; none without it.
    #[serde(deserialize_with = "origins")]
    pub cors_origins: Vec<HeaderValue>,
    /// How many streams of events this instance serves at a time.
    #[serde(deserialize_with = "number")]
    pub max_event_connections: usize,
    /// How log lines look; without it, text on a terminal and JSON elsewhere.
    pub log_format: Option<LogFormat>,
    /// What is logged: `error`, `warn`, `info`, `debug`, or directives such as `info,mongodb=debug`.
    pub log_level: String,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is done.
    On,
    /// It is not.
    Off,
}

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Anyone.
    Open,
    /// Nobody: operators make users.
    Closed,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The settings with their defaults; `None` where there is none. The order is that of the table in docs/operating.md.
pub const SETTINGS: [(&str, Option<&str>); 17] = [
    ("mongodb_uri", Some("mongodb://localhost:27017/todolistapp")),
    ("jwt_secret", None),
    ("jwt_secrets_previous", Some("")),
    ("host", Some("0.0.0.0")),
    ("port", Some("8000")),
    ("bcrypt_cost", Some("12")),
    ("password_pepper", None),
    ("trusted_proxy_hops", Some("0")),
    ("access_token_ttl", Some("15m")),
    ("throttles", Some("on")),
    ("registration", Some("open")),
    ("max_connections", Some("4096")),
    ("max_event_connections", Some("1000")),
    ("metrics_addr", Some("")),
    ("cors_origins", Some("")),
    ("log_format", None),
    ("log_level", Some("info")),
];

const SECRET_MIN_BYTES: usize = 32;
const SECRETS_PREVIOUS_MAX: usize = 2;

impl Config {
    /// Reads the environment of this process and `file`, which must exist; without one, [`FILE`] if it exists.
    ///
    /// # Errors
    /// A line that names the setting and says what is wrong with it.
    pub fn load(file: Option<&Path>) -> Result<Self, OperatorError> {
        let usual = Path::new(FILE);
        let file = file.or(usual.exists().then_some(usual));
        Self::from_figment(&figment(file, |name| std::env::var(name).ok()))
    }

    /// Checks what `figment` gathered.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_figment(figment: &Figment) -> Result<Self, OperatorError> {
        let config: Self = figment.extract().map_err(|errors| OperatorError(sentence(&errors)))?;
        config.check().map_err(OperatorError)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        check_secret("JWT_SECRET", &self.jwt_secret)?;
        for secret in &self.jwt_secrets_previous {
            check_secret("JWT_SECRETS_PREVIOUS", secret)?;
        }
        if self.jwt_secrets_previous.len() > SECRETS_PREVIOUS_MAX {
            return Err(format!(
                "JWT_SECRETS_PREVIOUS holds more than {SECRETS_PREVIOUS_MAX} secrets; drop the oldest"
            ));
        }
        if !(4..=31).contains(&self.bcrypt_cost) {
            return Err(format!("BCRYPT_COST is {}, and must be 4 to 31", self.bcrypt_cost));
        }
        if self.access_token_ttl.subsec_nanos() != 0
            || !(1..=3_600).contains(&self.access_token_ttl.as_secs())
        {
            return Err("ACCESS_TOKEN_TTL must be whole seconds, from 1s to 1h".to_owned());
        }
        Ok(())
    }
}

/// Defaults, then `file`, then the variables that `environment` knows.
pub fn figment(file: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Figment {
    let mut figment = Figment::new();
    for (name, default) in SETTINGS {
        if let Some(default) = default {
            figment = figment.merge(Serialized::default(name, default));
        }
    }
    let environment = SETTINGS
        .iter()
        .filter_map(|(name, _)| Some((*name, environment(&name.to_uppercase())?)))
        .filter(|(_, value)| !value.is_empty());
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    figment.merge(Environment(environment.collect()))
}

/// Environment variables as text, never guessed to be numbers or lists: a secret may look like either.
struct Environment(Vec<(&'static str, String)>);

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable").interpolater(|_, keys| keys.join(".").to_uppercase())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        Ok(Map::from([(Profile::Default, dict.collect())]))
    }
}

/// The first error as one line that names the setting. The value is left out: it may be a secret.
fn sentence(errors: &figment::Error) -> String {
    use figment::error::Kind;
    let name = errors.path.join(".").to_uppercase();
    match &errors.kind {
        Kind::UnknownField(field, _) => {
            format!("the configuration has an unknown setting `{field}`; see `todo-api --help`")
        }
        Kind::MissingField(field) => missing(&field.to_uppercase()),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("{name} must be {expected}")
        }
        Kind::UnknownVariant(_, expected) => format!("{name} must be one of {}", expected.join(", ")),
        Kind::Message(message) if name.is_empty() => format!("{FILE}: {message}"),
        Kind::Message(message) => format!("{name}: {message}"),
        _ => format!("{name} cannot be read"),
    }
}

fn missing(name: &str) -> String {
    format!(
        "{name} is not set; make a secret with `openssl rand -hex 32` and set it in the environment or in {FILE}"
    )
}

fn check_secret(name: &str, secret: &SecretString) -> Result<(), String> {
    let secret = secret.expose_secret();
    let advice = "make one with `openssl rand -hex 32`";
    if secret.len() < SECRET_MIN_BYTES {
        return Err(format!(
            "{name} has {} bytes and needs at least {SECRET_MIN_BYTES}; {advice}",
            secret.len()
        ));
    }
    let words = ["secret", "changeme", "change-me", "replace-me", "your-256-bit", "password", "example"];
    let distinct = secret.bytes().collect::<std::collections::HashSet<_>>().len();
    if distinct < 8 || words.iter().any(|word| secret.to_lowercase().contains(word)) {
        return Err(format!("{name} is well known or easy to guess; {advice}"));
    }
    Ok(())
}

/// A number, also when it is written as text, as in the environment.
fn number<'de, D: Deserializer<'de>, T: std::str::FromStr>(deserializer: D) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i64),
        Text(String),
    }
    let text = match Written::deserialize(deserializer) {
        Ok(Written::Number(number)) => number.to_string(),
        Ok(Written::Text(text)) => text,
        Err(_) => String::new(),
    };
    text.trim().parse().map_err(|_| de::Error::custom("must be a whole number in range"))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map_err(|_| de::Error::custom("must be a duration such as `15m` or `90s`"))
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |_| de::Error::custom("must be an address and a port such as `127.0.0.1:9100`");
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(wrong) }
}

/// Origins as browsers write them (RFC 6454 §6.2): scheme, host and port, nothing behind.
fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<HeaderValue>, D::Error> {
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

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretString>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(SecretString::from).collect())
}
