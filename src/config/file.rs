//! The configuration file.
//!
//! **Invariant:** no message contains text of the file, because any line may contain a secret.

use std::path::Path;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};

pub(super) struct File<'a>(pub &'a Path);

impl Provider for File<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0.display().to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let name = self.0.display();
        let text =
            std::fs::read_to_string(self.0).map_err(|error| format!("{name} cannot be read: {error}"))?;
        // The parser's message quotes the line, which may contain a secret.
        let invalid = |place: &str| format!("{name}{place} is not valid TOML; texts need quotes");
        let dict = Toml::from_str(&text).map_err(|error| {
            invalid(&error.span().map_or_else(String::new, |span| place(&text, span.start)))
        })?;
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// Line and column, counted from 1.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    format!(", line {}, column {},", before.matches('\n').count() + 1, column + 1)
}
