//! The sentences for errors, invalid input and events of the audit.

use super::texts::Texts;
use crate::error::{Error, Violation};
use crate::web::language::Language;

type TextOf = fn(&'static Texts) -> &'static str;

/// The events of the audit. One that a newer version stored is shown as it is stored.
const EVENTS: &[(&str, TextOf)] = &[
    ("register", |t| t.ev_register),
    ("login", |t| t.ev_login),
    ("login_failed", |t| t.ev_login_failed),
    ("refresh_reuse", |t| t.ev_refresh_reuse),
    ("logout", |t| t.ev_logout),
    ("sessions_ended", |t| t.ev_sessions_ended),
    ("session_blocked", |t| t.ev_session_blocked),
    ("session_unblocked", |t| t.ev_session_unblocked),
    ("password_changed", |t| t.ev_password_changed),
    ("token_created", |t| t.ev_token_created),
    ("token_new_network", |t| t.ev_token_new_network),
    ("tokens_ended", |t| t.ev_tokens_ended),
    ("disabled", |t| t.ev_disabled),
    ("enabled", |t| t.ev_enabled),
    ("roles_changed", |t| t.ev_roles_changed),
    ("deleted", |t| t.ev_deleted),
    ("backed_up", |t| t.ev_backed_up),
];

pub(crate) fn events(t: &'static Texts) -> Vec<(&'static str, &'static str)> {
    EVENTS.iter().map(|(event, text)| (*event, text(t))).collect()
}

pub(crate) fn event<'a>(event: &'a str, t: &'static Texts) -> &'a str {
    EVENTS.iter().find(|(known, _)| *known == event).map_or(event, |(_, text)| text(t))
}

pub(crate) fn error_text(language: Language, error: &Error) -> &'static str {
    let texts = Texts::of(language);
    match error {
        Error::NotFound(_) | Error::MethodNotAllowed => texts.error_not_found,
        Error::InvalidCredentials => texts.wrong_password,
        Error::Forbidden => texts.error_forbidden,
        Error::LastAdmin => texts.error_last_admin,
        Error::VersionMismatch { .. } => texts.error_changed,
        Error::UsernameTaken => texts.error_name_taken,
        Error::PasswordChangeRequired => texts.new_password_needed,
        Error::Throttled { .. } => texts.error_throttled,
        Error::Unavailable(_) => texts.error_unavailable,
        Error::Internal(_) => texts.error_internal,
        _ => texts.error_invalid,
    }
}

/// The violations of an input, each as a sentence.
pub(crate) fn violation_texts(error: &Error, language: Language) -> Vec<String> {
    let Error::Invalid(violations) = error else { return Vec::new() };
    violations.iter().map(|violation| violation_text(violation, Texts::of(language))).collect()
}

fn violation_text(violation: &Violation, t: &Texts) -> String {
    let is_password = violation.pointer.ends_with("password");
    let text = match violation.code {
        "too_short" | "too_long" if is_password => t.bad_password_length,
        "too_short" | "too_long" => t.bad_username_length,
        "too_common" => t.bad_password_common,
        "same_as_username" => t.bad_password_username,
        "invisible" => t.bad_username_characters,
        "not_an_address" => t.bad_email,
        "not_new" => t.bad_password_not_new,
        _ => &violation.detail,
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::store::Event;

    #[test]
    fn every_event_of_the_audit_has_a_text() {
        // The error lists the known events.
        let error = serde_json::from_value::<Event>("".into()).unwrap_err().to_string();
        let known: Vec<_> = error.split('`').skip(3).step_by(2).collect();
        assert_eq!(EVENTS.iter().map(|(event, _)| *event).collect::<Vec<_>>(), known);
    }
}
