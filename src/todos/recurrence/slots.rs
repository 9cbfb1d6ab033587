//! The occurrences of an hourly or minutely rule.

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::rrule::Rule;
use super::series::Series;
use super::values::Frequency;
use crate::todos::due::LAST_YEAR;

// A rule without an occurrence in so many steps counts as finished. A step is a day that does not fit the rule, an hour
// that does not, or an hour or minute of the rule.
const SEARCHED_SLOTS: usize = 50_000;

impl Series {
    pub(super) fn slot_after(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        let (rule, start) = (&self.rule, self.start);
        let hour = start.date().and_hms_opt(start.hour(), 0, 0)?;
        let (origin, unit) = match rule.frequency {
            Frequency::Hourly => (hour, 60),
            _ => (hour + TimeDelta::minutes(start.minute().into()), 1),
        };
        let unit = unit * i64::from(rule.interval);
        let number_at = |at: NaiveDateTime| (at - origin).num_minutes().div_euclid(unit).max(0);
        let mut number = number_at(after);
        for _ in 0..SEARCHED_SLOTS {
            let slot = origin.checked_add_signed(TimeDelta::try_minutes(number.checked_mul(unit)?)?)?;
            if slot.year() > LAST_YEAR {
                return None;
            }
            let hour = slot.date().and_hms_opt(slot.hour(), 0, 0)?;
            let skipped_until = if !rule.fits(slot.date()) {
                Some(slot.date().succ_opt()?.and_time(NaiveTime::MIN))
            } else if !rule.by_hour.is_empty() && rule.by_hour.binary_search(&slot.hour()).is_err() {
                Some(hour + TimeDelta::hours(1))
            } else {
                None
            };
            if skipped_until.is_none()
                && let Some(found) = self.minutes_of(rule, slot, hour).into_iter().find(|at| *at > after)
            {
                return Some(found);
            }
            // The first slot that begins at or after the end of what was skipped.
            number = skipped_until.map_or(number + 1, |until| {
                number_at(until) + i64::from((until - origin).num_minutes().rem_euclid(unit) != 0)
            });
        }
        None
    }

    fn minutes_of(&self, rule: &Rule, slot: NaiveDateTime, hour: NaiveDateTime) -> Vec<NaiveDateTime> {
        let own = [match rule.frequency {
            Frequency::Hourly => self.start.minute(),
            _ => slot.minute(),
        }];
        let minutes: &[u32] = match rule.frequency {
            _ if rule.by_minute.is_empty() => &own,
            Frequency::Hourly => &rule.by_minute,
            _ if rule.by_minute.binary_search(&own[0]).is_ok() => &own,
            _ => &[],
        };
        let seconds = TimeDelta::seconds(self.start.second().into());
        minutes.iter().map(|minute| hour + TimeDelta::minutes((*minute).into()) + seconds).collect()
    }
}
