//! Records of completed occurrences leave the collections when they are old, because clients would keep all of them for ever.
//! They stay todos for the other surfaces, and clients that know the address of one can still use it.
//!
//! A record leaves at the start of a day, so that a sync can tell which ones have left since an earlier one.

use bson::DateTime;
use bson::oid::ObjectId;

use crate::error::Error;
use crate::todos::calendar_queries::Version;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// How long a record stays in its collection, in days after its completion.
pub const RECORD_DAYS: i64 = 90;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Records that were completed before have left, at this time.
pub(super) fn shown_since(now: DateTime) -> DateTime {
    let day = now.timestamp_millis().div_euclid(DAY_MILLIS);
    DateTime::from_millis((day - RECORD_DAYS) * DAY_MILLIS)
}

pub(super) fn has_left(todo: &Todo, shown_since: DateTime) -> bool {
    is_old(todo.occurrence_of, todo.completed_at, shown_since)
}

pub(super) fn version_has_left(version: &Version, shown_since: DateTime) -> bool {
    is_old(version.occurrence_of, version.completed_at, shown_since)
}

fn is_old(series: Option<ObjectId>, completed_at: Option<DateTime>, shown_since: DateTime) -> bool {
    series.is_some() && completed_at.is_some_and(|at| at < shown_since)
}

impl Workspace {
    /// The ids of the todos of a collection.
    pub(super) async fn member_ids(&self, list_id: Option<ObjectId>) -> Result<Vec<ObjectId>, Error> {
        let (mut ids, shown_since) = (Vec::new(), shown_since(self.now));
        let take = |version: Version| {
            if !version_has_left(&version, shown_since) {
                ids.push(version.id);
            }
        };
        self.todos().each_version_in_list(list_id, take).await?;
        Ok(ids)
    }

    /// Gives the todos of a collection to `take`, without the texts of clients.
    pub(crate) async fn each_member(
        &self,
        list_id: Option<ObjectId>,
        mut take: impl FnMut(Todo) -> Result<bool, Error> + Send,
    ) -> Result<(), Error> {
        let shown_since = shown_since(self.now);
        let take = |todo: Todo, _: &_| if has_left(&todo, shown_since) { Ok(true) } else { take(todo) };
        self.todos().each_in_list(list_id, take).await
    }

    /// The names and ids of the records that have left a list since `then`.
    pub(super) async fn records_left_since(
        &self,
        list_id: Option<ObjectId>,
        then: DateTime,
    ) -> Result<Vec<(String, ObjectId)>, Error> {
        let (from, to) = (shown_since(then), shown_since(self.now));
        if from >= to {
            return Ok(Vec::new());
        }
        let records = self.todos().records_completed(list_id, from, to).await?;
        Ok(records.iter().map(|record| (record.resource_name(), record.id)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_leave_at_the_start_of_a_day() {
        let at = |text| DateTime::parse_rfc3339_str(text).unwrap();
        let morning = shown_since(at("2026-11-28T00:00:00Z"));
        assert_eq!(morning, shown_since(at("2026-11-28T23:59:59Z")));
        assert_eq!(morning, at("2026-08-30T00:00:00Z"));
        let id = Some(ObjectId::from_bytes([1; 12]));
        assert!(is_old(id, Some(at("2026-08-29T23:59:59Z")), morning));
        assert!(!is_old(id, Some(morning), morning) && !is_old(id, None, morning));
        assert!(!is_old(None, Some(at("2020-01-01T00:00:00Z")), morning));
    }
}
