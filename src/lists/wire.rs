//! Lists as JSON: bodies of requests and responses, and query parameters.

use std::collections::HashMap;

use bson::oid::ObjectId;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{List, ListInput};
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::http::query::{FromParams, Params};
use crate::openapi::schema::{Id, Time};
use crate::owned::text::{COLOR, DESCRIPTION, NAME};
use crate::owned::{Conflict, State};

/// A list in sync: without its number of open todos, which clients count themselves.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SyncedList)]
pub struct ListBody {
    /// The id of the list.
    id: Id,
    /// The name of the list.
    name: String,
    /// Notes. Empty if there are none.
    description: String,
    /// The color in which clients show the list. Null if it has none.
    color: Option<String>,
    /// Sorts the list among the others: compare positions as bytes. The service sets it when the list is moved.
    position: String,
    /// Grows with every change. It is the `ETag`, and the value for `If-Match` and `if_version`.
    version: i64,
    /// When the list was created.
    created_at: Time,
    /// When the list was last changed.
    updated_at: Time,
    /// When the list was moved to the trash. Null outside the trash.
    deleted_at: Option<Time>,
}

/// A list of todos.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TodoList)]
pub struct CountedList {
    #[serde(flatten)]
    list: ListBody,
    /// How many todos of the list are open. This number changes without a change of `version`.
    open_count: i64,
}

impl From<List> for ListBody {
    fn from(list: List) -> Self {
        Self {
            id: Id(list.id),
            name: list.name,
            description: list.description,
            color: list.color,
            position: list.position,
            version: list.version,
            created_at: Time(list.created_at),
            updated_at: Time(list.updated_at),
            deleted_at: list.deleted_at.map(Time),
        }
    }
}

impl CountedList {
    /// `open_counts` holds the lists that have open todos.
    pub fn of(list: List, open_counts: &HashMap<ObjectId, i64>) -> Self {
        let open_count = open_counts.get(&list.id).copied().unwrap_or_default();
        Self { list: list.into(), open_count }
    }

    pub fn versioned(self) -> WithEtag<Self> {
        WithEtag { version: self.list.version, body: self }
    }
}

/// For sync, because its clients count open todos themselves.
impl From<Conflict<List>> for Error {
    fn from(conflict: Conflict<List>) -> Self {
        match conflict {
            Conflict::Stale(Some(current)) => {
                WithEtag { version: current.version, body: ListBody::from(*current) }.mismatch()
            }
            Conflict::Stale(None) => Self::VersionMismatch { current: Box::default() },
            Conflict::Error(error) => error,
        }
    }
}

pub struct WholeList(pub ListInput);

pub struct ListPatch(pub ListInput);

const READ_ONLY: [&str; 7] =
    ["id", "position", "open_count", "version", "created_at", "updated_at", "deleted_at"];

impl FromFields for WholeList {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.required("name", &NAME);
        let description = input.nullable("description", &DESCRIPTION).map(Option::unwrap_or_default);
        let others = color_and_sent_back(input);
        Some(Self(ListInput { whole: true, name: Some(name?), description, ..others }))
    }
}

impl FromFields for ListPatch {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.non_null("name", &NAME);
        let description = input.non_null("description", &DESCRIPTION);
        Some(Self(ListInput { name, description, ..color_and_sent_back(input) }))
    }
}

fn color_and_sent_back(input: &mut Fields) -> ListInput {
    ListInput {
        whole: false,
        name: None,
        description: None,
        color: input.nullable("color", &COLOR),
        sent_back: input.read_only(&READ_ONLY),
    }
}

/// The states of the lists that a client asked for.
pub struct Shown(pub &'static [State]);

impl FromParams for Shown {
    fn take(params: &mut Params) -> Option<Self> {
        let parse = |word: &str| match word {
            "false" => Some([State::Live].as_slice()),
            "true" => Some([State::Trash].as_slice()),
            "any" => Some([State::Live, State::Trash].as_slice()),
            _ => None,
        };
        let violation =
            || Violation::of("deleted", "unknown_value", "Must be one of: `false`, `true`, `any`.");
        Some(Self(params.parse("deleted", parse, violation).unwrap_or(&[State::Live])))
    }
}
