//! Which parts of a recurrence rule can stand together (RFC 5545 §3.3.10), and which a due date allows.

use super::rrule::Rule;
use super::values::{Frequency, Moment};
use crate::todos::due::Due;

impl Rule {
    /// The first rule that these parts break. `seen` holds the names of the parts.
    pub(super) fn contradiction(&self, seen: &[&str]) -> Option<&'static str> {
        let has = |name| seen.contains(&name);
        let (frequency, weekdays) = (self.frequency, || self.by_day.iter().flatten());
        let of_months = matches!(frequency, Frequency::Monthly | Frequency::Yearly);
        let ordinals = weekdays().any(|numbers| (1..=53).any(|n| numbers.has(n) || numbers.has(-n)));
        let rules = [
            (!has("FREQ"), "A rule must have FREQ."),
            (has("COUNT") && has("UNTIL"), "A rule must not have both COUNT and UNTIL."),
            (
                has("BYMONTHDAY") && frequency == Frequency::Weekly,
                "BYMONTHDAY is not allowed with FREQ=WEEKLY, because a week belongs to no month.",
            ),
            (
                has("BYYEARDAY")
                    && matches!(frequency, Frequency::Daily | Frequency::Weekly | Frequency::Monthly),
                "BYYEARDAY is not allowed with FREQ=DAILY, WEEKLY and MONTHLY (RFC 5545).",
            ),
            (has("BYWEEKNO") && frequency != Frequency::Yearly, "BYWEEKNO is only allowed with FREQ=YEARLY."),
            (ordinals && !of_months, "Numbers in BYDAY are only allowed with FREQ=MONTHLY and FREQ=YEARLY."),
            (ordinals && has("BYWEEKNO"), "Numbers in BYDAY are not allowed with BYWEEKNO."),
            (
                has("BYSETPOS") && self.is_within_days(),
                "BYSETPOS is not supported with FREQ=HOURLY and FREQ=MINUTELY.",
            ),
            (
                has("BYSETPOS") && !seen.iter().any(|name| name.starts_with("BY") && *name != "BYSETPOS"),
                "BYSETPOS requires another part that begins with BY.",
            ),
        ];
        rules.into_iter().find_map(|(broken, detail)| broken.then_some(detail))
    }

    pub(super) fn is_within_days(&self) -> bool {
        matches!(self.frequency, Frequency::Hourly | Frequency::Minutely)
    }

    /// Why the series cannot begin at this due date.
    pub(super) fn misfit(&self, due: &Due) -> Option<&'static str> {
        let has_clock = self.is_within_days() || !self.by_hour.is_empty() || !self.by_minute.is_empty();
        let in_utc = |moment: &Moment| matches!(moment, Moment::Utc(_));
        if due.time().is_none() && has_clock {
            return Some(
                "FREQ=HOURLY, FREQ=MINUTELY, BYHOUR and BYMINUTE need a due date with a time (`at`).",
            );
        }
        let floats = due.zone().is_none() && self.excluded.iter().any(in_utc);
        floats.then_some("EXDATE with Z needs a due date with a time zone.")
    }
}
