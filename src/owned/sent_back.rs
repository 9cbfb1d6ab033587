//! Fields that only the service sets, as clients send them back: a body that a response showed is a valid request.

use chrono::DateTime;
use serde_json::Value;

use crate::error::{Error, Violation};

/// The read-only fields of a request, with their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentBack(Vec<(&'static str, Value)>);

impl SentBack {
    pub fn new(fields: Vec<(&'static str, Value)>) -> Self {
        Self(fields)
    }

    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    /// Fails with a violation for each value that differs from the one that `shown` returns for the field.
    pub fn assert_unchanged(&self, shown: impl Fn(&str) -> Value) -> Result<(), Error> {
        let changed = self.0.iter().filter(|(name, sent)| !is_same(sent, &shown(name)));
        let detail = "Only the service sets this field. Send its current value, or leave it out.";
        let violations: Vec<_> = changed.map(|(name, _)| Violation::of(name, "read_only", detail)).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

fn is_same(sent: &Value, shown: &Value) -> bool {
    // Clients that parse times write them in other forms.
    let instant = |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    sent == shown || instant(sent).is_some_and(|sent| instant(shown) == Some(sent))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_unchanged_in_any_form() {
        let shown = json!("2026-11-21T09:42:04.101Z");
        for (sent, expected) in [
            (json!("2026-11-21T09:42:04.101Z"), true),
            (json!("2026-11-21T10:42:04.101000+01:00"), true),
            (json!("2026-11-21T09:42:04Z"), false),
            (json!(null), false),
            (json!(1), false),
        ] {
            assert_eq!(is_same(&sent, &shown), expected, "{sent}");
        }
        assert!(is_same(&json!(null), &json!(null)) && !is_same(&json!("3"), &json!(3)));
    }
}
