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
    /// How often the todo still comes, with the current due date; null if the rule has no COUNT.
    #[schema(required)]
    left: Option<u32>,
}

impl RecurrenceBody {
    /// A completed todo comes no more.
    pub(in crate::todos) fn of(recurrence: Recurrence, is_completed: bool) -> Self {
        let left = recurrence.left().map(|left| if is_completed { 0 } else { left });
        Self { rule: recurrence.rule, basis: recurrence.basis, left }
    }
}

impl FromFields for RecurrencePatch {
    fn take(input: &mut Fields) -> Option<Self> {
        let not_a_number = "`left` must be a whole number.";
        Some(Self {
            rule: input.optional_text("rule"),
            basis: input.nullable("basis", &Basis::FORMAT),
            left: input.optional("left", "not_a_number", not_a_number),
        })
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
                "rule": { "type": rule_type, "maxLength": RULE_MAX, "description": "A recurrence rule (RFC 5545 §3.3.10), which lines with EXDATE may follow.", "examples": ["FREQ=WEEKLY;BYDAY=MO"] },
                "basis": or_null(Basis::FORMAT.schema()),
                "left": { "type": ["integer", "null"], "minimum": 0, "description": "Only the service changes this field: send it unchanged, or not." },
            },
        })
    }
}
