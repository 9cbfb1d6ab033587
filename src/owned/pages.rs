//! Reading many documents in their order, without unreadable ones.

use bson::{Bson, Document, RawDocument, RawDocumentBuf, doc};
use mongodb::Cursor;
use mongodb::action::{Action, Find};
use mongodb::options::Hint;

use super::collection::OwnedBy;
use super::unreadable::set_aside;
use super::{Owned, Selection};
use crate::error::Error;
use crate::mongo;
use crate::mongo::metrics::Command;

// How many documents one round trip brings. The largest document that a client can write has about 140 kB, so a request
// holds at most about 9 MB of stored documents at a time, and 16 MB, the largest reply of MongoDB, if it is the first that
// meets a field to leave out. A page of the default length still takes one round trip.
pub(super) const READ_BATCH: u32 = 67;
/// The same for documents with the fields that other reads leave out, which have about as many bytes as the rest.
const WHOLE_BATCH: u32 = READ_BATCH / 2;
/// The same for documents of which only some fields are read. With the longest tags, they have 8 MB.
pub const PROJECTED_BATCH: u32 = 150;

impl<T: Owned> OwnedBy<'_, T> {
    /// Gives at most `limit` documents of `selections`, one selection after the other, to `take`, until it refuses one.
    /// Returns the last document that `take` accepted before it refused one, as it is stored, and `None` if it refused none.
    pub async fn read_page(
        &self,
        selections: impl IntoIterator<Item = Selection, IntoIter: Send> + Send,
        limit: i64,
        mut take: impl FnMut(T) -> Result<bool, Error> + Send,
    ) -> Result<Option<RawDocumentBuf>, Error> {
        let (mut last, mut left) = (Vec::new(), limit);
        for selection in selections {
            let selection = Selection { limit: left, ..selection };
            let take = |object, stored: &RawDocument| {
                let is_taken = take(object)?;
                if is_taken {
                    // Bytes, because `take` consumes the document and rarely refuses the next.
                    last.clear();
                    last.extend_from_slice(stored.as_bytes());
                    left -= 1;
                }
                Ok(is_taken)
            };
            if self.visit(selection, take).await? {
                return RawDocumentBuf::from_bytes(last).map_err(Error::internal).map(Some);
            }
            // A limit of 0 would mean all documents.
            if left <= 0 {
                break;
            }
        }
        Ok(None)
    }

    pub async fn select(&self, selection: Selection) -> Result<Vec<T>, Error> {
        let mut objects = Vec::new();
        let take = |object, _: &RawDocument| {
            objects.push(object);
            Ok(true)
        };
        self.visit(selection, take).await?;
        Ok(objects)
    }

    /// Returns whether `take` refused a document.
    pub async fn visit(
        &self,
        selection: Selection,
        take: impl FnMut(T, &RawDocument) -> Result<bool, Error> + Send,
    ) -> Result<bool, Error> {
        let read = |stored: &RawDocument| self.read_part(stored);
        self.visit_as(selection, (self.without_left_out(), READ_BATCH), read, take).await
    }

    /// Like [`OwnedBy::visit`], with the fields that other reads of many documents leave out.
    pub async fn visit_whole(
        &self,
        selection: Selection,
        take: impl FnMut(T, &RawDocument) -> Result<bool, Error> + Send,
    ) -> Result<bool, Error> {
        self.visit_as(selection, (None, WHOLE_BATCH), T::read, take).await
    }

    async fn visit_as(
        &self,
        selection: Selection,
        (fields, batch): (Option<Document>, u32),
        read: impl Fn(&RawDocument) -> Result<T, Error> + Send,
        mut take: impl FnMut(T, &RawDocument) -> Result<bool, Error> + Send,
    ) -> Result<bool, Error> {
        let (mut skipped, mut limit) = (0, selection.limit);
        loop {
            let of_page = Selection { limit, ..selection.clone() };
            let mut found = self.found(of_page, skipped, fields.clone(), batch).await?;
            let (mut seen, mut unreadable) = (0, 0);
            // Decodes from the buffer of the cursor, without a copy of each document.
            while found.advance().await? {
                seen += 1;
                match read(found.current()) {
                    Ok(object) => {
                        if !take(object, found.current())? {
                            return Ok(true);
                        }
                    }
                    Err(error) => {
                        unreadable += 1;
                        set_aside::<T>(found.current(), &error);
                    }
                }
            }
            // Others take the places of unreadable documents. Otherwise, the page would look like the last one.
            if unreadable == 0 || limit == 0 || seen < limit {
                return Ok(false);
            }
            (skipped, limit) = (skipped + seen, unreadable);
        }
    }

    /// Gives some fields of documents to `take`, until it refuses one. One round trip brings `batch` documents.
    pub async fn project_each(
        &self,
        selection: Selection,
        fields: Document,
        batch: u32,
        mut take: impl FnMut(&RawDocument) -> Result<bool, Error> + Send,
    ) -> Result<(), Error> {
        let Selection { filter, sort, index, limit } = selection;
        let stored = self.stored();
        let found = stored.find(self.owned_filter(filter)).projection(fields).sort(sort).limit(limit);
        let found = found.batch_size(batch).hint(Hint::Name(index.to_owned()));
        let mut found = found.max_time(mongo::MAX_TIME).timed().await?;
        while found.advance().await? {
            if !take(found.current())? {
                break;
            }
        }
        Ok(())
    }

    /// Some fields of documents, for which MongoDB fetches no document if the index contains these fields.
    pub async fn project(&self, selection: Selection, fields: Document) -> Result<Vec<Document>, Error> {
        let mut projected = Vec::new();
        let take = |document: &RawDocument| {
            projected.push(bson::deserialize_from_slice(document.as_bytes()).map_err(Error::internal)?);
            Ok(true)
        };
        self.project_each(selection, fields, PROJECTED_BATCH, take).await?;
        Ok(projected)
    }

    /// Gives some fields of documents to `take`, in one round trip and in no order. An index has `fields` after the owner;
    /// `range` is that of the first of them, without its end. The index must contain the projected fields, because without a
    /// filter MongoDB fetches no document even if the first field is an array.
    pub async fn project_range(
        &self,
        index: &str,
        fields: &[&str],
        (from, to): (&str, Option<&str>),
        limit: u32,
        projected: Document,
        mut take: impl FnMut(&RawDocument) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let bound = |first: Bson| {
            let mut bound = doc! { "owner_id": self.owner_id() };
            bound.extend(fields.iter().map(|field| ((*field).to_owned(), Bson::MinKey)));
            bound.extend(fields.first().map(|field| ((*field).to_owned(), first)));
            bound
        };
        let (from, to) = (bound(from.into()), bound(to.map_or(Bson::MaxKey, Bson::from)));
        let stored = self.stored();
        let found = stored.find(doc! {}).min(from).max(to).hint(Hint::Name(index.to_owned()));
        let found = found.projection(projected).limit(limit.into()).batch_size(limit);
        let mut found = found.max_time(mongo::MAX_TIME).timed().await?;
        while found.advance().await? {
            take(found.current())?;
        }
        Ok(())
    }

    async fn found(
        &self,
        selection: Selection,
        skipped: i64,
        fields: Option<Document>,
        batch: u32,
    ) -> Result<Cursor<RawDocumentBuf>, Error> {
        let Selection { filter, sort, index, limit } = selection;
        let (stored, filter) = (self.stored(), self.owned_filter(filter));
        // MongoDB refuses to sort by nothing.
        let first = (!sort.is_empty()).then(|| doc! { "$sort": sort.clone() });
        let most = doc! { "$limit": skipped + limit };
        let top: Vec<_> = if limit == 0 { vec![] } else { first.iter().chain([&most]).cloned().collect() };
        if let Some(mut stages) = self.as_they_will_be(&filter, &top) {
            stages.extend(first);
            stages.extend((limit > 0).then_some(most));
            stages.extend((skipped > 0).then(|| doc! { "$skip": skipped }));
            stages.extend(fields.map(|fields| doc! { "$project": fields }));
            let found = stored.aggregate(stages).batch_size(batch).hint(Hint::Name(index.to_owned()));
            return Ok(found.with_type().max_time(mongo::MAX_TIME).timed().await?);
        }
        let found = stored.find(filter).sort(sort).limit(limit).batch_size(batch);
        let found = found.optional(fields, Find::projection);
        let found = found.skip(skipped.unsigned_abs()).hint(Hint::Name(index.to_owned()));
        Ok(found.max_time(mongo::MAX_TIME).timed().await?)
    }
}
