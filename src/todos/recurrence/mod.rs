//! Recurring todos: the next due date after a completion.
//!
//! A recurrence is a series (RFC 5545): it begins at `start`, and a due date stands for one of its occurrences even after a
//! client has moved it.
//!
//! **Invariant:** the next due date is computed with local times, never with instants, so that 09:00 stays 09:00 when the
//! clocks change.

mod conditions;
mod days;
mod patch;
mod rrule;
mod saved;
mod series;
mod slots;
mod stored;
mod values;
pub(super) mod wire;

pub use self::patch::RecurrencePatch;
pub use self::rrule::{RULE_MAX, normalized};
pub use self::saved::SavedRecurrence;
pub use self::stored::{Basis, Progress, Reason, Recurrence};
pub use self::values::weekday;
