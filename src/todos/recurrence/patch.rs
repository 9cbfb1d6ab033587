//! A validated change of a recurrence, and how it is applied.

use super::rrule::{Rule, normalized};
use super::series::Series;
use super::stored::{Basis, Recurrence};
use crate::clock::time_zone::Zone;
use crate::error::Violation;
use crate::todos::due::Due;

/// A merge patch (RFC 7396): each field is absent (`None`), null (`Some(None)`) or given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecurrencePatch {
    pub rule: Option<Option<String>>,
    /// Null means [`Basis::Due`].
    pub basis: Option<Option<Basis>>,
    /// Clients send what they have received. Only the service changes it.
    pub left: Option<Option<u32>>,
}

impl RecurrencePatch {
    /// `whole`: absent fields have their defaults instead of the current values. `is_moved`: the request also changes the
    /// due date, with which it begins another series.
    pub fn apply(
        self,
        current: Option<&Recurrence>,
        whole: bool,
        due: &Due,
        is_moved: bool,
    ) -> Result<Recurrence, Vec<Violation>> {
        let kept = current.filter(|_| !whole);
        let basis = self.basis.unwrap_or_else(|| kept.map(Recurrence::basis));
        let basis = basis.unwrap_or_default();
        let old = kept.map(|current| current.rule.clone());
        let text = self.rule.unwrap_or(old).map(|text| normalized(&text));
        let Some(text) = text else {
            return Err(vec![Violation::of("recurrence/rule", "required", "A recurrence must have a rule.")]);
        };
        let new = match current.filter(|current| !is_moved && current.rule == text) {
            // A patch that changes nothing keeps the progress of COUNT and INTERVAL.
            Some(current) if current.basis == basis => current.clone(),
            // Completions have put the due date anywhere, so the series begins there.
            Some(current) if current.basis == Basis::Completion => {
                Recurrence { basis, start: *due, occurrence: None, ..current.clone() }
            }
            Some(current) => Recurrence { basis, ..current.clone() },
            None => Recurrence::begin(&text, basis, due)?,
        };
        // A completed todo is sent with 0.
        let is_known = |left| {
            left == new.left() || current.is_some_and(|old| left == old.left() || left == old.left.map(|_| 0))
        };
        if self.left.is_some_and(|left| !is_known(left)) {
            let detail = "Only the service sets this field.";
            return Err(vec![Violation::of("recurrence/left", "read_only", detail)]);
        }
        Ok(new)
    }
}

impl Recurrence {
    pub fn begin(text: &str, basis: Basis, due: &Due) -> Result<Self, Vec<Violation>> {
        let text = normalized(text);
        let rule = Rule::parse_for(&text, due).map_err(|violation| vec![violation])?;
        let count = rule.count;
        let left = match basis {
            // COUNT counts completions, so the first due date always counts.
            Basis::Completion => count.map(|count| count - 1),
            // The first due date counts only if it is an occurrence of the rule.
            _ => count
                .map(|count| Series::new(rule, due.local(), due.zone().unwrap_or(Zone::UTC)).left_of(count)),
        };
        Ok(Self { rule: text, basis, start: *due, left, occurrence: None })
    }
}
