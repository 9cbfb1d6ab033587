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
use crate::http::problem::Problem;
use crate::openapi::schema::Id;

pub const COMMANDS_MAX: usize = 100;

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
    let detail = "A sync token must be sent unchanged, by the user to whom it was issued.".to_owned();
    Error::Invalid(vec![Violation { pointer: pointer.to_owned(), code: "invalid_sync_token", detail }])
}

#[derive(Serialize)]
pub struct SyncBody {
    pub token: String,
    pub has_more: bool,
    pub full: bool,
    #[serde(flatten)]
    pub changes: ChangesBody,
    /// In the order of the commands.
    pub results: Vec<Box<RawValue>>,
}

/// An object with one array per kind, and the array `removed`. All are present, even if empty.
pub struct ChangesBody(pub Vec<ChangedObject>);

#[derive(Serialize)]
struct RemovedBody {
    r#type: &'static str,
    id: Id,
}

impl Serialize for ChangesBody {
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
pub struct ResultBody<'a> {
    id: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem<'a>>,
}

impl<'a> ResultBody<'a> {
    pub fn of(id: &'a str, result: &'a Result<Applied, Error>) -> Self {
        match result {
            Ok(Applied { status, version }) => Self { id, status: *status, version: *version, problem: None },
            Err(error) => {
                let problem = Problem::new(error, None);
                Self { id, status: problem.status, version: None, problem: Some(problem) }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    SessionEnded,
    TokenExpired,
}

/// `id` is the token of a client that has received this event.
pub fn change_event(object: ChangedObject, id: String) -> Result<Event, Error> {
    Event::default().event("change").id(id).json_data(ChangesBody(vec![object])).map_err(Error::internal)
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
        let changes = ChangesBody(changes);
        let body = SyncBody { token: "t".to_owned(), has_more: false, full: true, changes, results };
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            format!(
                r#"{{"token":"t","has_more":false,"full":true,"todos":[1,3],"lists":[2],{later}"removed":[{{"type":"list","id":"6b01676ced65d6cc747c3412"}}],"results":[4]}}"#
            )
        );
        assert_eq!(
            serde_json::to_string(&ChangesBody(Vec::new())).unwrap(),
            format!(r#"{{"todos":[],"lists":[],{later}"removed":[]}}"#)
        );
    }
}
