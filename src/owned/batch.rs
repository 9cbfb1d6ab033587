//! Inserting many documents at once, for imports and demo data.
//!
//! **Invariant:** documents are stored exactly as [`OwnedBy::insert`] stores them.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use mongodb::options::Hint;

use super::collection::OwnedBy;
use super::{Owned, State};
use crate::error::Error;
use crate::mongo;
use crate::mongo::majority;
use crate::mongo::metrics::Command;

// Far fewer documents than can be written within `MAX_TIME`.
pub const BATCH_MAX: usize = 1_000;

/// What has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A document of this user, and where it belongs.
    ThisUser {
        state: State,
        list_id: Option<ObjectId>,
        parent_id: Option<ObjectId>,
    },
    OtherUser,
}

impl<T: Owned> OwnedBy<'_, T> {
    /// Who has up to [`BATCH_MAX`] ids. Free ids, and tombstones of this user, are missing in the result.
    pub async fn holders(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, Holder>, Error> {
        self.settle(ids).await?;
        let fields = doc! { "owner_id": 1, "state": 1, "list_id": 1, "parent_id": 1 };
        let found = self.collection().find(doc! { "_id": { "$in": ids } }).projection(fields);
        let found = found.hint(Hint::Name("_id_".to_owned())).max_time(mongo::MAX_TIME).timed().await?;
        let found: Vec<Document> = found.try_collect().await?;
        let holder = |stored: Document| {
            let id = stored.get_object_id("_id").ok()?;
            if stored.get_object_id("owner_id").ok() != Some(self.owner_id()) {
                return Some((id, Holder::OtherUser));
            }
            let state = stored.get_str("state").ok().and_then(State::of)?;
            let reference = |name| stored.get_object_id(name).ok();
            let (list_id, parent_id) = (reference("list_id"), reference("parent_id"));
            (state != State::Gone).then_some((id, Holder::ThisUser { state, list_id, parent_id }))
        };
        Ok(found.into_iter().filter_map(holder).collect())
    }

    /// Inserts up to [`BATCH_MAX`] documents and returns how many were new. If this fails, some may have been inserted.
    pub async fn insert_each(&self, objects: &[T]) -> Result<u64, Error> {
        let upserts = objects.iter().map(|object| {
            let (gone, put) = self.addition(object)?;
            // An upsert fails if its id is taken and the filter does not match, so a repetition inserts only the
            // missing documents.
            Ok(doc! { "q": gone, "u": put, "upsert": true, "hint": "_id_" })
        });
        let upserts = upserts.collect::<Result<Vec<_>, Error>>()?;
        if upserts.is_empty() {
            return Ok(0);
        }
        let reply = majority::update(self.collection(), upserts).await?;
        let count = added(&reply)?;
        let clashes: Vec<_> = clashes(&reply).filter_map(|place| objects.get(place)).map(Owned::id).collect();
        if !clashes.is_empty() {
            let held = self.holders(&clashes).await?;
            if clashes.iter().any(|id| !held.contains_key(id)) {
                return Err(Error::unavailable("another document has got a unique value of an inserted one"));
            }
        }
        Ok(count)
    }
}

/// The places of the documents that were refused because of a unique value other than their id.
fn clashes(reply: &Document) -> impl Iterator<Item = usize> {
    let errors = reply.get_array("writeErrors").map(Vec::as_slice).unwrap_or_default();
    errors.iter().filter_map(Bson::as_document).filter_map(|error| {
        let is_of_id = error.get_document("keyPattern").is_ok_and(|keys| keys.contains_key("_id"));
        let place = error.get_i32("index").ok().filter(|_| !is_of_id)?;
        usize::try_from(place).ok()
    })
}

fn added(reply: &Document) -> Result<u64, Error> {
    // The command is unordered: a taken id is a write error in the reply, and the other documents are still inserted.
    let is_taken = |error: &Bson| {
        error
            .as_document()
            .is_some_and(|error| error.get_i32("code").is_ok_and(|code| code == mongo::codes::DUPLICATE_KEY))
    };
    let all_taken = reply.get_array("writeErrors").is_ok_and(|errors| errors.iter().all(is_taken));
    let failed = reply.contains_key("writeErrors") && !all_taken;
    match (failed, reply.get("writeConcernError"), reply.get_i32("n")) {
        (false, None, Ok(count)) => Ok(u64::from(count.unsigned_abs())),
        _ => Err(Error::unavailable(format!("a batch failed: {reply}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_unique_value_is_told_from_a_taken_id() {
        let error =
            |index: i32, field: &str| doc! { "index": index, "code": 11_000, "keyPattern": { field: 1 } };
        let reply = doc! { "n": 0, "writeErrors": [error(0, "_id"), error(3, "calendar.uid")] };
        assert_eq!(clashes(&reply).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn an_id_that_is_taken_is_no_failure_and_anything_else_is() {
        let error = |code: i32| doc! { "index": 0, "code": code };
        assert_eq!(added(&doc! { "n": 3 }).unwrap(), 3);
        assert_eq!(added(&doc! { "n": 2, "writeErrors": [error(11_000)] }).unwrap(), 2);
        assert!(added(&doc! { "n": 2, "writeErrors": [error(11_000), error(50)] }).is_err());
        assert!(added(&doc! { "n": 3, "writeConcernError": { "code": 64 } }).is_err());
        assert!(added(&doc! {}).is_err());
    }
}
