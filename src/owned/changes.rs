//! Reading the changes since a stamp: see [`crate::owned::change_stamp`].

use bson::{Bson, Document, RawDocumentBuf, Timestamp, doc};
use mongodb::Cursor;
use mongodb::action::{Action, Find};
use mongodb::options::{Hint, ReadConcern};

use super::change_stamp::{Change, StreamPosition, below, to_number};
use super::collection::OwnedBy;
use super::pages::READ_BATCH;
use super::unreadable::set_aside;
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::commands;
use crate::mongo::metrics::Command;

impl<T: Owned> OwnedBy<'_, T> {
    /// The time of the last write of any user that a majority has. A reader that starts from now on sees every change
    /// up to [`crate::owned::change_stamp::OVERLAP_SECONDS`] below this time.
    pub async fn horizon(&self) -> Result<Timestamp, Error> {
        // Every document has a stamp, so the filter matches none and the read stays cheap.
        commands::committed_time(self.collection(), self.owned_filter(doc! { "changed": Bson::Null })).await
    }

    /// The newest change stamp, as long as no change with a lower stamp can become visible: then all documents are as they
    /// were whenever this stamp was the newest. `None` for a minute after a change, and while documents wait for changes that
    /// queries show already.
    pub async fn newest_settled(&self) -> Result<Option<u64>, Error> {
        // First, because a change that is written in between has a newer stamp.
        if self.has_waiting() {
            return Ok(None);
        }
        let (newest_first, stamp) = (doc! { "changed": -1, "_id": -1 }, doc! { "changed": 1, "_id": 0 });
        let all = self.owned_filter(doc! {});
        let (newest, at) =
            commands::first_key(self.collection(), all, newest_first, by_change(), stamp).await?;
        let Some(newest) = newest else { return Ok(Some(0)) };
        let newest = newest.get_timestamp("changed").map_err(Error::internal)?;
        Ok((newest < below(at)).then(|| to_number(newest)))
    }

    /// Gives at most `limit` changes after `from` to `take`, by stamp and id, without removals before `gone_since` and
    /// without unreadable documents. Stops after the change for which `take` returns false.
    pub async fn changed(
        &self,
        from: StreamPosition,
        gone_since: Option<Timestamp>,
        limit: i64,
        mut take: impl FnMut(StreamPosition, Change<T>) -> Result<bool, Error> + Send,
    ) -> Result<(), Error> {
        let (mut position, mut left) = (from, limit);
        loop {
            let mut found = self.find_changed(position, gone_since, left).await?;
            let (mut seen, mut unreadable) = (0, 0);
            while found.advance().await? {
                let stored = found.current();
                let stamp = stored.get_timestamp("changed").map_err(Error::internal)?;
                let behind = Some(stored.get_object_id("_id").map_err(Error::internal)?);
                position = StreamPosition { stamp, behind };
                seen += 1;
                match Change::read(stored, |stored| self.read_part(stored)) {
                    Ok(change) => {
                        if !take(position, change)? {
                            return Ok(());
                        }
                    }
                    Err(error) => {
                        unreadable += 1;
                        set_aside::<T>(stored, &error);
                    }
                }
            }
            // Others take the places of unreadable documents. Otherwise, these changes would look like the last ones.
            if unreadable == 0 || seen < left {
                return Ok(());
            }
            left = unreadable;
        }
    }

    async fn find_changed(
        &self,
        from: StreamPosition,
        gone_since: Option<Timestamp>,
        limit: i64,
    ) -> Result<Cursor<RawDocumentBuf>, Error> {
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
        let found = stored.find(self.owned_filter(filter)).sort(order).limit(limit).batch_size(READ_BATCH);
        let found = found.optional(self.without_left_out(), Find::projection);
        let found = found.hint(Hint::Keys(by_change()));
        // Only changes that a majority has, because a rollback could undo others.
        Ok(found.read_concern(ReadConcern::majority()).max_time(mongo::MAX_TIME).timed().await?)
    }
}

/// The key of the index of changes.
fn by_change() -> Document {
    doc! { "owner_id": 1, "changed": 1, "_id": 1 }
}
