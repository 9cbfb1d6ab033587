//! A recurrence as an export saves it, with the progress that clients do not see.

use serde::Serialize;
use utoipa::ToSchema;

use super::rrule::{Rule, normalized};
use super::stored::{Basis, Recurrence};
use crate::error::Violation;
use crate::http::fields::{Fields, FromFields};
use crate::todos::due::{Due, DuePatch};

/// A series and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ExportedRecurrence)]
pub struct SavedRecurrence {
    /// The recurrence rule.
    rule: String,
    /// From where the next occurrence counts.
    basis: Basis,
    /// The due date with which the series began.
    #[schema(value_type = Object)]
    start: Due,
    /// How often the todo still comes, with the current due date. Null if the rule has no COUNT.
    #[schema(required)]
    left: Option<u32>,
    /// The occurrence for which a due date stands that was moved.
    #[schema(value_type = Object)]
    occurrence: Option<Due>,
}

impl From<&Recurrence> for SavedRecurrence {
    fn from(recurrence: &Recurrence) -> Self {
        Self {
            rule: recurrence.rule.clone(),
            basis: recurrence.basis,
            start: recurrence.start,
            left: recurrence.left(),
            occurrence: recurrence.occurrence,
        }
    }
}

impl FromFields for SavedRecurrence {
    fn take(input: &mut Fields) -> Option<Self> {
        let rule = input.text("rule");
        let basis = input.nullable("basis", &Basis::FORMAT).flatten().unwrap_or_default();
        let start = input.required_object::<DuePatch>("start");
        let start = start.and_then(|start| due(input, "start", start));
        let left = input.optional("left", "not_a_number", "`left` must be a whole number.").flatten();
        let occurrence = input.object::<DuePatch>("occurrence").flatten();
        let occurrence = occurrence.and_then(|occurrence| due(input, "occurrence", occurrence));
        Some(Self { rule: rule?, basis, start: start?, left, occurrence })
    }
}

fn due(input: &mut Fields, name: &str, patch: DuePatch) -> Option<Due> {
    let detail = "Must have either `date` or `at`, and `time_zone` only with `at`.";
    input.check(patch.apply(None).ok(), || Violation::of(name, "malformed", detail))
}

impl SavedRecurrence {
    /// The recurrence where it stood. Pointers are those of the recurrence in a todo.
    pub fn resume(self) -> Result<Recurrence, Vec<Violation>> {
        let begun = Recurrence::begin(&self.rule, self.basis, &self.start)?;
        let count = Rule::parse(&normalized(&self.rule)).ok().and_then(|rule| rule.count);
        let left = match (count, self.left) {
            (Some(_), None) => begun.left,
            (Some(count), Some(left)) if (1..=count.saturating_add(1)).contains(&left) => Some(left - 1),
            (None, None) => None,
            _ => {
                let detail = "Must be from 1 to the COUNT of the rule, and null without COUNT.";
                return Err(vec![Violation::of("recurrence/left", "out_of_range", detail)]);
            }
        };
        Ok(Recurrence { left, occurrence: self.occurrence, ..begun })
    }
}
