//! Recurrences as JSON: sent, and read from request bodies.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Basis, RULE_MAX, Recurrence, RecurrencePatch};
use crate::error::Violation;
use crate::http::fields::{Fields, FromFields, NOT_NULL};
use crate::openapi::schema::{described, input, named, nullable};

/// How a todo repeats.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Recurrence)]
pub(in crate::todos) struct RecurrenceBody {
    /// A recurrence rule (RFC 5545 §3.3.10), which lines with EXDATE may follow.
    rule: String,
    /// From where the next occurrence counts.
    basis: Basis,
    /// How often the todo still comes, with the current due date. Null if the rule has no COUNT.
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
    /// In a body that replaces the todo, a recurrence must have a rule, and null means the same as an absent field.
    pub(in crate::todos) fn whole_schema() -> Value {
        let basis = described(
            nullable(&named("RecurrenceBasis")),
            "From where the next occurrence counts. The default is `due`.",
        );
        input(
            "How a todo repeats. Requires a due date.",
            &["rule"],
            &json!({ "rule": rule(), "basis": basis, "left": left() }),
        )
    }

    pub(in crate::todos) fn schema() -> Value {
        let basis = described(named("RecurrenceBasis"), "From where the next occurrence counts.");
        input(
            "Merged with the current recurrence. Requires a due date.",
            &[],
            &json!({ "rule": rule(), "basis": basis, "left": left() }),
        )
    }

    /// Null sets the default, which a patch must name.
    pub(in crate::todos) fn require_no_null(&self, input: &mut Fields) {
        if self.basis == Some(None) {
            input.reject::<()>(Violation::of("recurrence/basis", "required", NOT_NULL));
        }
    }
}

fn rule() -> Value {
    json!({
        "type": "string", "maxLength": RULE_MAX, "examples": ["FREQ=WEEKLY;BYDAY=MO"],
        "description": "A recurrence rule (RFC 5545 §3.3.10), which lines with EXDATE may follow.",
    })
}

fn left() -> Value {
    json!({
        "type": ["integer", "null"], "format": "int64", "minimum": 0,
        "description": "How often the todo still comes. Only the service changes this field: send it unchanged, or not.",
    })
}
