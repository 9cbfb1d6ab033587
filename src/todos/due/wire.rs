//! Due dates in request bodies: how they are read, and their schemas.

use serde_json::{Value, json};

use super::{DATE, DuePatch, LOCAL_TIME, TIME_ZONE};
use crate::http::fields::{Fields, FromFields};
use crate::openapi::schema::{nullable, or_null};

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
    pub(in crate::todos) fn schema() -> Value {
        json!({
            "type": ["object", "null"], "additionalProperties": false,
            "description": "Merged with the current due date. To change from `date` to `at` or back, set the fields of the old form to null.",
            "properties": {
                "date": nullable(&DATE.schema()), "at": nullable(&LOCAL_TIME.schema()), "time_zone": or_null(TIME_ZONE.schema()),
            },
        })
    }

    /// The same fields in a body that replaces the todo: there is no current due date to merge with.
    pub(in crate::todos) fn whole_schema() -> Value {
        let unset = json!({ "type": "null" });
        let form = |required: &str, properties: Value| json!({ "type": "object", "required": [required], "properties": properties, "additionalProperties": false });
        let date = json!({ "date": DATE.schema(), "at": unset, "time_zone": unset });
        let at =
            json!({ "at": LOCAL_TIME.schema(), "time_zone": or_null(TIME_ZONE.schema()), "date": unset });
        json!({ "anyOf": [unset, form("date", date), form("at", at)] })
    }
}
