//! The collection `lists`: its index and its queries.

use bson::oid::ObjectId;
use bson::{Document, doc};
use mongodb::options::IndexOptions;

use super::model::List;
use crate::error::Error;
use crate::mongo::{self, PrepareError};
use crate::owned::collection::{OwnedBy, OwnedCollection};
use crate::owned::{Selection, State};

pub type Lists = OwnedCollection<List>;

pub type UserLists<'a> = OwnedBy<'a, List>;

const BY_POSITION: &str = "by_position";
const BY_NAME: &str = "by_name";

pub async fn ensure_indexes(lists: &Lists) -> Result<(), PrepareError> {
    let keys = doc! { "owner_id": 1, "state": 1, "position": 1, "_id": 1 };
    let by_position = IndexOptions::builder().name(BY_POSITION.to_owned()).build();
    let has_name = doc! { "calendar.name": { "$gte": "" } };
    let by_name = IndexOptions::builder().name(BY_NAME.to_owned()).unique(true);
    let by_name = by_name.partial_filter_expression(has_name).build();
    let named = doc! { "owner_id": 1, "calendar.name": 1 };
    lists.ensure_indexes([mongo::index(keys, by_position), mongo::index(named, by_name)]).await
}

impl UserLists<'_> {
    /// Counts up to `limit`.
    pub async fn count_in(&self, state: State, limit: u64) -> Result<u64, Error> {
        self.count(doc! { "state": state.word() }, BY_POSITION, limit).await
    }

    /// At most `limit` lists after `last`, and no more than those whose texts first have more than `bytes` bytes.
    pub async fn page(
        &self,
        states: &[State],
        last: Option<&(String, ObjectId)>,
        limit: i64,
        bytes: usize,
    ) -> Result<Vec<List>, Error> {
        let states: Vec<&str> = states.iter().map(|state| state.word()).collect();
        let mut filter = doc! { "state": { "$in": states } };
        if let Some((position, id)) = last {
            let after = [
                doc! { "position": { "$gt": position } },
                doc! { "position": position, "_id": { "$gt": id } },
            ];
            filter.insert("$or", after.to_vec());
        }
        let sort = doc! { "position": 1, "_id": 1 };
        let (mut lists, mut size) = (Vec::new(), 0);
        let take = |list: List| {
            if size > bytes {
                return Ok(false);
            }
            size += list.name.len() + list.description.len();
            lists.push(list);
            Ok(true)
        };
        self.read_page([Selection { filter, sort, index: BY_POSITION, limit }], limit, take).await?;
        Ok(lists)
    }
}

impl UserLists<'_> {
    /// The list to which a calendar client has given this name, live or in the trash.
    pub async fn find_by_name(&self, name: &str) -> Result<Option<List>, Error> {
        let kept = doc! { "$in": [State::Live.word(), State::Trash.word()] };
        let filter = doc! { "calendar.name": name, "state": kept };
        let found = self.select(Selection { filter, sort: doc! {}, index: BY_NAME, limit: 1 }).await?;
        Ok(found.into_iter().next())
    }

    /// All live lists in their order.
    pub async fn live(&self) -> Result<Vec<List>, Error> {
        let (filter, index) = siblings();
        self.select(Selection { filter, sort: doc! { "position": 1, "_id": 1 }, index, limit: 0 }).await
    }

    /// Takes the name of a list in the trash away, because another list gets it.
    pub async fn free_name(&self, id: ObjectId) -> Result<(), Error> {
        let filter = doc! { "state": State::Trash.word() };
        self.note(id, filter, doc! { "$unset": { "calendar.name": "" } }).await
    }
}

pub fn siblings() -> (Document, &'static str) {
    (doc! { "state": State::Live.word() }, BY_POSITION)
}
