//! Settings from environment variables, and secrets from files that variables name.
//!
//! **Invariant:** a variable is text and never guessed to be a number or a list, because a secret may look like either.

use std::path::PathBuf;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

// Systemd and container platforms hand out secrets as files.
pub(super) const SECRETS: [&str; 4] =
    ["mongodb_uri", "jwt_secret", "jwt_secrets_previous", "password_pepper"];

pub(super) struct Environment(Vec<(&'static str, Source)>);

enum Source {
    Text(String),
    File(PathBuf),
    Both,
}

impl Environment {
    /// `variable` looks up a variable. An empty variable counts as unset.
    pub(super) fn read(
        names: impl Iterator<Item = &'static str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name: String| variable(&name).filter(|value| !value.is_empty());
        let source = |name: &'static str| {
            let upper = name.to_uppercase();
            let file = SECRETS.contains(&name).then(|| set(format!("{upper}_FILE"))).flatten();
            Some((
                name,
                match (set(upper), file) {
                    (Some(text), None) => Source::Text(text),
                    (None, Some(file)) => Source::File(file.into()),
                    (Some(_), Some(_)) => Source::Both,
                    (None, None) => return None,
                },
            ))
        };
        Self(names.filter_map(source).collect())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("environment variable").interpolater(|_, keys| keys.join(".").to_uppercase())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let values = self.0.iter().map(|(name, source)| Ok(((*name).to_owned(), value(name, source)?)));
        Ok(Map::from([(Profile::Default, values.collect::<Result<_, String>>()?)]))
    }
}

fn value(name: &str, source: &Source) -> Result<Value, String> {
    let name = name.to_uppercase();
    match source {
        Source::Text(text) => Ok(text.as_str().into()),
        Source::Both => Err(format!("{name} and {name}_FILE are both set; set one of them")),
        Source::File(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{name}_FILE: {} cannot be read: {error}", path.display()))?;
            // Editors and `echo` end a file with a newline.
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                return Err(format!("{name}_FILE: {} is empty", path.display()));
            }
            Ok(text.into())
        }
    }
}
