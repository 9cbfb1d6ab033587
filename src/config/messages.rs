//! What is wrong with the configuration, in one line that names the setting.
//!
//! **Invariant:** no message contains a value, because any value may be a secret in the wrong place.

use figment::Metadata;
use figment::error::Kind;

use super::settings::{FILE, SETTINGS};

// Between 0 (nothing in common) and 1 (equal).
const SIMILAR: f64 = 0.8;

pub(super) fn message(errors: &figment::Error) -> String {
    let name = errors.path.join(".").to_uppercase();
    match &errors.kind {
        Kind::UnknownField(field, _) => unknown(field, errors.metadata.as_ref()),
        Kind::MissingField(field) => missing(&field.to_uppercase()),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("{name} must be {expected}")
        }
        Kind::UnknownVariant(_, expected) => format!("{name} must be one of {}", expected.join(", ")),
        Kind::Message(message) if name.is_empty() => message.clone(),
        Kind::Message(message) => format!("{name}: {message}"),
        _ => format!("{name} cannot be read"),
    }
}

fn unknown(field: &str, place: Option<&Metadata>) -> String {
    let place = place.map_or("the configuration", |place| &place.name);
    let similarity = |name: &&str| strsim::jaro_winkler(&field.to_lowercase(), name);
    let names = SETTINGS.iter().map(|(name, _)| *name);
    let nearest = names.max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let nearest = nearest.filter(|name| similarity(name) > SIMILAR);
    let advice = nearest.map_or_else(
        || "`todo-api --help` lists all settings".to_owned(),
        |name| format!("did you mean `{name}`?"),
    );
    format!("unknown setting `{field}` in {place}; {advice}")
}

fn missing(name: &str) -> String {
    format!(
        "{name} is not set; create a secret with `openssl rand -hex 32`, and set it in the environment or in {FILE}"
    )
}
