//! Reading the changes since a stamp: see [`crate::owned::change_stamp`].

use bson::{Bson, RawDocumentBuf, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::options::{Hint, ReadConcern};

use super::change_stamp::{Change, StreamPosition};
use super::collection::OwnedBy;
use super::unreadable::set_aside;
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::commands;

impl<T: Owned> OwnedBy<'_, T> {
    /// The time of the last write of any user that a majority has. A reader that starts from now on sees every change
    /// up to [`crate::owned::change_stamp::OVERLAP_SECONDS`] below this time.
    pub async fn horizon(&self) -> Result<Timestamp, Error> {
        // Every document has a stamp, so the filter matches none and the read stays cheap.
        commands::committed_time(self.collection(), self.owned_filter(doc! { "changed": Bson::Null })).await
    }

    /// At most `limit` changes after `from`, by stamp and id, without removals before `gone_since` and without unreadable
    /// documents.
    pub async fn changed(
        &self,
        from: StreamPosition,
        gone_since: Option<Timestamp>,
        limit: i64,
    ) -> Result<Vec<(StreamPosition, Change<T>)>, Error> {
        let (mut position, mut changes) = (from, Vec::new());
        loop {
            let missing = limit - i64::try_from(changes.len()).unwrap_or(limit);
            let found = self.changed_or_unreadable(position, gone_since, missing).await?;
            let is_last = i64::try_from(found.len()).is_ok_and(|found| found < missing);
            position = found.last().map_or(position, |(position, _)| *position);
            changes.extend(found.into_iter().filter_map(|(position, change)| Some((position, change?))));
            // Others take the places of unreadable documents. Otherwise, these changes would look like the last ones.
            if is_last || i64::try_from(changes.len()).is_ok_and(|found| found >= limit) {
                return Ok(changes);
            }
        }
    }

    async fn changed_or_unreadable(
        &self,
        from: StreamPosition,
        gone_since: Option<Timestamp>,
        limit: i64,
    ) -> Result<Vec<(StreamPosition, Option<Change<T>>)>, Error> {
        let StreamPosition { stamp, behind } = from;
        let mut filter = match behind {
            None => doc! { "changed": { "$gte": stamp } },
            Some(id) => {
                // All documents that one bulk update changes have the same stamp, so their ids order them.
                let ways =
                    [doc! { "changed": stamp, "_id": { "$gt": id } }, doc! { "changed": { "$gt": stamp } }];
                doc! { "$or": ways.to_vec() }
            }
        };
        if let Some(since) = gone_since {
            let before = doc! { "state": State::Gone.word(), "changed": { "$lt": since } };
            filter.insert("$nor", vec![before]);
        }
        let order = doc! { "changed": 1, "_id": 1 };
        let stored = self.stored();
        let found = stored.find(self.owned_filter(filter)).sort(order).limit(limit);
        let found = found.hint(Hint::Keys(doc! { "owner_id": 1, "changed": 1, "_id": 1 }));
        // Only changes that a majority has, because a rollback could undo others.
        let found = found.read_concern(ReadConcern::majority()).max_time(mongo::MAX_TIME).await?;
        let changed = |stored: RawDocumentBuf| {
            let stamp = stored.get_timestamp("changed").map_err(Error::internal)?;
            let behind = Some(stored.get_object_id("_id").map_err(Error::internal)?);
            let document = bson::deserialize_from_slice(stored.as_bytes()).map_err(Error::internal);
            let change = document.and_then(Change::read).inspect_err(|error| set_aside::<T>(&stored, error));
            Ok((StreamPosition { stamp, behind }, change.ok()))
        };
        found.map_err(Error::from).and_then(async |stored| changed(stored)).try_collect().await
    }
}
