//! The settings that differ from their defaults, for the log.
//!
//! **Invariant:** contains no secret.

use figment::Figment;

use super::environment::SECRETS;
use super::settings::SETTINGS;

// The log names the database, and the service needs the secret.
const LEFT_OUT: [&str; 2] = ["mongodb_uri", "jwt_secret"];

/// Such as `host=127.0.0.1 password_pepper=(set)`.
pub(super) fn shown(figment: &Figment) -> String {
    let differing = |(name, default): (&str, Option<&str>)| {
        let value = figment.extract_inner_lossy::<String>(name).ok()?;
        let is_shown = value != default.unwrap_or_default() && !LEFT_OUT.contains(&name);
        let value = if SECRETS.contains(&name) { "(set)".to_owned() } else { value };
        is_shown.then(|| format!("{name}={value}"))
    };
    SETTINGS.into_iter().filter_map(differing).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, figment};

    #[test]
    fn changed_settings_are_shown_without_secrets() {
        let set = [
            ("JWT_SECRET", "0123456789abcdef-0123456789abcdef"),
            ("PASSWORD_PEPPER", "salt"),
            ("PORT", "81"),
            ("HOST", "0.0.0.0"),
        ];
        let variable =
            |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        let config = Config::from_figment(&figment(None, variable)).unwrap();
        assert_eq!(config.changed, "port=81 password_pepper=(set)");
    }
}
