//! The query parameters of the lists for admins: how each is read, and how it is documented.

use bson::oid::ObjectId;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde_json::json;

use super::model::{AccountState, UserQuery, UserSort};
use crate::audit::store::{AuditQuery, Event};
use crate::auth::token::Role;
use crate::http::query::{FromParams, Params};
use crate::mongo::object_id;
use crate::openapi::operation::Operation;
use crate::openapi::schema::named;
use crate::owned::text::{SENT_INSTANT, TextFormat};
use crate::users::model::EMAIL_MAX_BYTES;

impl FromParams for UserQuery {
    fn take(params: &mut Params) -> Option<Self> {
        let search = value(params, "q", &SEARCH);
        let role = value(params, "role", &ROLE);
        let state = value(params, "state", &STATE);
        let (sort, reverse) = value(params, "sort", &SORT).unwrap_or_default();
        Some(Self { search, role, state, sort, reverse })
    }
}

impl FromParams for AuditQuery {
    fn take(params: &mut Params) -> Option<Self> {
        Some(Self {
            user_id: value(params, "user_id", &ID),
            by: value(params, "by", &ID),
            event: value(params, "event", &EVENT),
            after: value(params, "after", &SENT_INSTANT),
            before: value(params, "before", &SENT_INSTANT),
        })
    }
}

pub(super) fn documented_users(operation: Operation) -> Operation {
    operation
        .description("Filters combine: a user must match all of them.")
        .query("q", SEARCH.schema(), "Users whose name or e-mail address contains this text, ignoring case.")
        .query("role", ROLE.schema(), "Users with this role. Every user has the role `user`.")
        .query("state", STATE.schema(), "Users who can log in (`active`), or cannot (`disabled`).")
        .query("sort", SORT.schema(), "The sort order; `-` reverses it.")
}

pub(super) fn documented_audit(operation: Operation) -> Operation {
    operation
        .description("Newest first. Entries are kept for 90 days. Filters combine.")
        .query("user_id", ID.schema(), "What happened to this user.")
        .query("by", ID.schema(), "What this admin did to others.")
        .query("event", EVENT.schema(), "Entries of this kind.")
        .query("after", SENT_INSTANT.schema(), "Entries after this time.")
        .query("before", SENT_INSTANT.schema(), "Entries before this time.")
}

fn value<T>(params: &mut Params, name: &str, format: &TextFormat<T>) -> Option<T> {
    params.parse(name, format.read, || format.violation(name))
}

/// A word that JSON would have in quotes.
fn word<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    let word: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(word).ok()
}

const SEARCH: TextFormat<String> = TextFormat {
    read: |text| {
        let text = text.trim();
        (!text.is_empty() && text.chars().nth(EMAIL_MAX_BYTES).is_none()).then(|| text.to_owned())
    },
    code: "wrong_length",
    detail: || format!("A search must have 1 to {EMAIL_MAX_BYTES} characters."),
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": EMAIL_MAX_BYTES, "pattern": r"\S" }),
};

const ROLE: TextFormat<Role> = TextFormat {
    read: word::<Role>,
    code: "unknown_value",
    detail: || "This parameter must be `user` or `admin`.".to_owned(),
    schema: || named("Role"),
};

const STATE: TextFormat<AccountState> = TextFormat {
    read: |text| match text {
        "active" => Some(AccountState::Active),
        "disabled" => Some(AccountState::Disabled),
        _ => None,
    },
    code: "unknown_value",
    detail: || "This parameter must be `active` or `disabled`.".to_owned(),
    schema: || json!({ "type": "string", "enum": ["active", "disabled"] }),
};

const SORT: TextFormat<(UserSort, bool)> = TextFormat {
    read: |text| {
        let (key, reverse) = text.strip_prefix('-').map_or((text, false), |key| (key, true));
        match key {
            "username" => Some((UserSort::Username, reverse)),
            "created_at" => Some((UserSort::CreatedAt, reverse)),
            _ => None,
        }
    },
    code: "unknown_value",
    detail: || {
        "This parameter must be `username` or `created_at`, with `-` in front for the reverse.".to_owned()
    },
    schema: || json!({ "type": "string", "enum": ["username", "-username", "created_at", "-created_at"], "default": "username" }),
};

const ID: TextFormat<ObjectId> = TextFormat {
    read: object_id::parse,
    code: "not_an_id",
    detail: || "An id must have 24 lower-case hex digits.".to_owned(),
    schema: || named("Id"),
};

const EVENT: TextFormat<Event> = TextFormat {
    read: word::<Event>,
    code: "unknown_value",
    detail: || "This parameter must be the word of an event, such as `login_failed`.".to_owned(),
    schema: || named("AuditEvent"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::schema::sent;

    fn users(query: &str) -> Option<UserQuery> {
        Params::new(format!("/users{query}").parse().unwrap()).read().ok()
    }

    #[test]
    fn parameters_of_users_combine() {
        let query = users("?q=+Ann+&role=admin&state=disabled&sort=-created_at").unwrap();
        let expected = UserQuery {
            search: Some("Ann".to_owned()),
            role: Some(Role::Admin),
            state: Some(AccountState::Disabled),
            sort: UserSort::CreatedAt,
            reverse: true,
        };
        assert_eq!(query, expected);
        assert_eq!(users(""), Some(UserQuery::default()));
        for wrong in
            ["?q=", "?q=+", "?role=root", "?role=Admin", "?state=x", "?sort=email", "?sort=--username"]
        {
            assert_eq!(users(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_documented_event_is_read() {
        let schema = sent::<Event>();
        let words = schema["enum"].as_array().unwrap();
        assert!(words.len() > 10, "{schema}");
        assert!(words.iter().all(|word| EVENT.read(word.as_str().unwrap()).is_some()), "{schema}");
        assert_eq!(EVENT.read("nothing"), None);
    }
}
