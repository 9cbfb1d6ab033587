//! Due dates in request bodies: how they are read, and their schemas.

use serde_json::{Value, json};

use super::{DATE, DuePatch, LOCAL_TIME, TIME_ZONE};
use crate::http::fields::{Fields, FromFields};
use crate::openapi::schema::{described, or_null};

impl FromFields for DuePatch {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self {
            date: input.nullable("date", &DATE),
            at: input.nullable("at", &LOCAL_TIME),
            time_zone: input.nullable("time_zone", &TIME_ZONE),
        })
    }
}

impl DuePatch {
    /// One schema for requests and responses, because a union of the two forms has no equivalent in many languages.
    pub(in crate::todos) fn schema() -> Value {
        let field = |schema: Value, description: &str| described(or_null(schema), description);
        json!({
            "type": "object", "additionalProperties": false,
            "description": "When a todo is due: a `date`, or a local time `at` with its `time_zone`. Responses have the fields of one form. In a patch, one form replaces the other.",
            "properties": {
                "date": field(DATE.schema(), "A day: the same date in every time zone."),
                "at": field(LOCAL_TIME.schema(), "A local time, which stays the same when the rules of its time zone change."),
                "time_zone": field(TIME_ZONE.schema(), "The IANA time zone of `at`. Null means wherever the user is."),
            },
        })
    }
}
