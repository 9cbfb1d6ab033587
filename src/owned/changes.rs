//! Reading the changes since a stamp: see [`crate::owned::change_stamp`].

use bson::{Bson, Document, Timestamp, doc};
use futures_util::TryStreamExt;
use mongodb::options::{Hint, ReadConcern};

use super::change_stamp::{Change, StreamPosition};
use super::collection::OwnedBy;
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

    /// At most `limit` changes after `from`, by stamp and id, without removals before `gone_since`.
    pub async fn changed(
        &self,
        from: StreamPosition,
        gone_since: Option<Timestamp>,
        limit: i64,
    ) -> Result<Vec<(StreamPosition, Change<T>)>, Error> {
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
        let found = self.collection().find(self.owned_filter(filter)).sort(order).limit(limit);
        let found = found.hint(Hint::Keys(doc! { "owner_id": 1, "changed": 1, "_id": 1 }));
        // Only changes that a majority has, because a rollback could undo others.
        let found = found.read_concern(ReadConcern::majority()).max_time(mongo::MAX_TIME).await?;
        let changed = |document: Document| {
            let stamp = document.get_timestamp("changed").map_err(Error::internal)?;
            let behind = Some(document.get_object_id("_id").map_err(Error::internal)?);
            Ok((StreamPosition { stamp, behind }, Change::read(document)?))
        };
        found.map_err(Error::from).and_then(async |document| changed(document)).try_collect().await
    }
}
