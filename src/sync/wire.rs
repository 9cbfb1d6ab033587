//! Sync and events as JSON.

use axum::response::sse::Event;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::changes::PAGE_MAX;
use super::commands::Command;
use super::edit::Applied;
use super::kind::ChangedObject;
use super::kinds::KINDS;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::pagination::PAGE_BYTES_MAX;
use crate::http::problem::Problem;
use crate::idempotency::store::Kept;
use crate::openapi::schema::Id;

pub const COMMANDS_MAX: usize = 100;
/// Of the results of one request, so that changes have the other half of the response. Problems after that have no
/// `current` and fewer errors.
pub const RESULTS_BYTES_MAX: usize = PAGE_BYTES_MAX / 2;
/// Of a stored result. The response to a repeated command has a problem without `current` and with fewer errors.
pub const STORED_RESULT_BYTES_MAX: usize = 1024;

pub struct SyncRequest {
    pub token: Option<String>,
    pub limit: usize,
    pub commands: Vec<Command>,
}

impl FromFields for SyncRequest {
    fn take(input: &mut Fields) -> Option<Self> {
        let token = input.optional_text("token").flatten();
        let wrong_limit = format!("`limit` must be a whole number from 1 to {PAGE_MAX}.");
        let limit = input.optional::<usize>("limit", "out_of_range", &wrong_limit).flatten();
        let limit = limit.unwrap_or(PAGE_MAX);
        let limit = input.check((1..=PAGE_MAX).contains(&limit).then_some(limit), || {
            Violation::of("limit", "out_of_range", wrong_limit)
        });
        let commands = input.each("commands", COMMANDS_MAX);
        Some(Self { token, limit: limit?, commands: commands? })
    }
}

pub fn invalid_token(pointer: &str) -> Error {
    let detail = "A sync token must be sent unchanged, by the user to whom it was issued.";
    let violation = |code| match pointer.strip_prefix('/') {
        Some(field) => Violation::of(field, code, detail),
        None => Violation::of_whole(code, detail),
    };
    Error::Invalid(vec![violation("invalid_sync_token")])
}

#[derive(Serialize)]
pub struct SyncBody<'a> {
    pub token: String,
    pub has_more: bool,
    pub full: bool,
    #[serde(flatten)]
    pub changes: ChangesBody<'a>,
    /// In the order of the commands.
    pub results: Vec<Box<RawValue>>,
}

/// An object with one array per kind, and the array `removed`. All are present, even if empty.
pub struct ChangesBody<'a>(pub &'a [ChangedObject]);

#[derive(Serialize)]
struct RemovedBody {
    r#type: &'static str,
    id: Id,
}

impl Serialize for ChangesBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(KINDS.len() + 1))?;
        for kind in &KINDS {
            let of_kind = self.0.iter().filter(|object| object.kind.name == kind.name);
            let bodies: Vec<_> = of_kind.filter_map(|object| object.state.body.as_deref()).collect();
            body.serialize_entry(kind.field, &bodies)?;
        }
        let removed = self.0.iter().filter(|object| object.is_removed());
        let removed = removed.map(|object| RemovedBody { r#type: object.kind.name, id: Id(object.state.id) });
        body.serialize_entry("removed", &removed.collect::<Vec<_>>())?;
        body.end()
    }
}

#[derive(Serialize)]
struct ResultBody<'a> {
    id: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

impl<'a> ResultBody<'a> {
    fn of(id: &'a str, result: &'a Result<Applied, Error>) -> Self {
        match result {
            Ok(Applied { status, version }) => Self { id, status: *status, version: *version, problem: None },
            Err(error) => {
                let problem = Problem::of_command(error);
                Self { id, status: problem.status, version: None, problem: Some(problem) }
            }
        }
    }
}

/// The result of a command for the response, which has `room` bytes left for it, and the result to store.
pub fn result(id: &str, result: &Result<Applied, Error>, room: usize) -> Result<Kept<String>, Error> {
    let mut body = ResultBody::of(id, result);
    let whole = serde_json::to_string(&body).map_err(Error::internal)?;
    // Commands with versions that have changed are repeated by the thousand, and each holds the same object.
    if let Some(problem) = &mut body.problem {
        problem.current = None;
    }
    let mut stored = serde_json::to_string(&body).map_err(Error::internal)?;
    while stored.len() > STORED_RESULT_BYTES_MAX && body.problem.as_mut().is_some_and(Problem::shorten) {
        stored = serde_json::to_string(&body).map_err(Error::internal)?;
    }
    let response = if whole.len() > room { stored.clone() } else { whole };
    Ok(Kept { response, stored })
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    SessionEnded,
    TokenExpired,
}

/// `id` is the token of a client that has received this event.
pub fn change_event(object: &ChangedObject, id: String) -> Result<Event, Error> {
    let body = ChangesBody(std::slice::from_ref(object));
    Event::default().event("change").id(id).json_data(body).map_err(Error::internal)
}

/// Has data, because some clients ignore the `id` of an event without data.
pub fn hello_event(id: String) -> Result<Event, Error> {
    #[derive(Serialize)]
    struct Hello {}
    Event::default().event("hello").id(id).json_data(Hello {}).map_err(Error::internal)
}

pub fn bye_event(reason: ByeReason) -> Result<Event, Error> {
    #[derive(Serialize)]
    struct Bye {
        reason: ByeReason,
    }
    Event::default().event("bye").json_data(Bye { reason }).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;

    use super::*;
    use crate::sync::kind::ObjectState;

    #[test]
    fn a_stored_result_is_short_and_a_response_has_what_fits() {
        let violation =
            |n| Violation::of(&format!("tags/{n}"), "wrong_length", "A tag must have 1 to 64 characters.");
        let invalid = Err(Error::Invalid((0..100).map(violation).collect()));
        let current = Box::new(serde_json::json!({ "id": "1", "description": "x".repeat(5_000) }));
        let stale = Err(Error::VersionMismatch { current });
        let endless = Err(Error::Invalid(vec![Violation::of("name", "wrong", "x".repeat(5_000))]));
        for (failed, errors) in [(&invalid, 3..9), (&stale, 0..1), (&endless, 0..1)] {
            let Kept { response, stored } = result("c", failed, 20_000).unwrap();
            assert!(response.len() > 5_000 && stored.len() <= STORED_RESULT_BYTES_MAX, "{stored}");
            let parsed: serde_json::Value = serde_json::from_str(&stored).unwrap();
            assert!(errors.contains(&parsed["problem"]["errors"].as_array().map_or(0, Vec::len)), "{stored}");
            assert!(parsed["problem"].get("current").is_none() && parsed["problem"]["code"].is_string());
            assert_eq!(result("c", failed, 5_000).unwrap().response, stored);
        }
        let missing = Error::NotFound(crate::error::Resource::Todo);
        let Kept { response, stored } = result("c", &Err(missing), 5_000).unwrap();
        assert_eq!(response, stored);
    }

    #[test]
    fn fields_are_in_the_order_of_the_kinds_and_removals_come_last() {
        let object = |kind: usize, body: Option<&str>| {
            let body = body.map(|body| RawValue::from_string(body.to_owned()).unwrap());
            let id = ObjectId::parse_str("6b01676ced65d6cc747c3412").unwrap();
            ChangedObject { kind: &KINDS[kind], state: ObjectState { id, version: 1, body } }
        };
        let changes = vec![object(1, Some("2")), object(0, Some("1")), object(0, Some("3")), object(1, None)];
        let later = KINDS.iter().skip(2).map(|kind| format!(r#""{}":[],"#, kind.field));
        let later = later.collect::<Vec<_>>().concat();
        let results = vec![RawValue::from_string("4".to_owned()).unwrap()];
        let changes = ChangesBody(&changes);
        let body = SyncBody { token: "t".to_owned(), has_more: false, full: true, changes, results };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            format!(
                r#"{{"token":"t","has_more":false,"full":true,"todos":[1,3],"lists":[2],{later}"removed":[{{"type":"list","id":"6b01676ced65d6cc747c3412"}}],"results":[4]}}"#
            )
        );
        assert_eq!(
            serde_json::to_string(&ChangesBody(&[])).unwrap(),
            format!(r#"{{"todos":[],"lists":[],{later}"removed":[]}}"#)
        );
    }
}
