//! Recurrences as JSON: sent, and read from request bodies.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Basis, RULE_MAX, Recurrence, RecurrencePatch};
use crate::http::fields::{Fields, FromFields};
use crate::openapi::schema::or_null;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recurrence)]
pub(in crate::todos) struct RecurrenceBody {
    rule: String,
    basis: Basis,
}

impl From<Recurrence> for RecurrenceBody {
    fn from(recurrence: Recurrence) -> Self {
        Self { rule: recurrence.rule, basis: recurrence.basis }
    }
}

impl FromFields for RecurrencePatch {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self { rule: input.optional_text("rule"), basis: input.nullable("basis", &Basis::FORMAT) })
    }
}

impl RecurrencePatch {
    pub(in crate::todos) fn schema() -> Value {
        Self::schema_with(&[], &json!(["string", "null"]))
    }

    /// The same fields in a body that replaces the todo: a recurrence must have a rule.
    pub(in crate::todos) fn whole_schema() -> Value {
        Self::schema_with(&["rule"], &json!("string"))
    }

    fn schema_with(required: &[&str], rule_type: &Value) -> Value {
        json!({
            "type": ["object", "null"], "additionalProperties": false, "required": required,
            "description": "How the todo repeats. Requires a due date.",
            "properties": {
                "rule": { "type": rule_type, "maxLength": RULE_MAX, "description": "A recurrence rule (RFC 5545 §3.3.10).", "examples": ["FREQ=WEEKLY;BYDAY=MO"] },
                "basis": or_null(Basis::FORMAT.schema()),
            },
        })
    }
}
