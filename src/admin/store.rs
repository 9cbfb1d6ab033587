//! Pages of the collection `users`, for admins.
//!
//! **Invariant:** a search compares texts and is no pattern, so no character in it has a special meaning. It reads every
//! user, in the order of an index, until the page is full.

use bson::{Bson, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;

use super::model::{AccountState, UserPosition, UserQuery, UserSort};
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db};
use crate::users::model::{User, username_key};

#[derive(Clone)]
pub struct UserPages(Collection<User>);

impl UserPages {
    pub fn new(db: &Db) -> Self {
        Self(db.collection("users"))
    }

    /// Without users who are being deleted.
    pub async fn page(
        &self,
        query: &UserQuery,
        last: Option<&UserPosition>,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        let mut filter = vec![doc! { "deleted_at": null }];
        filter.extend(query.state.map(|state| match state {
            AccountState::Active => doc! { "disabled_at": null },
            AccountState::Disabled => doc! { "disabled_at": { "$ne": null } },
        }));
        if let Some(role) = query.role {
            filter.push(doc! { "roles": bson::serialize_to_bson(&role).map_err(Error::internal)? });
        }
        filter.extend(query.search.as_deref().map(containing));
        filter.extend(last.map(|last| following(query, last)));
        let direction = if query.reverse { -1 } else { 1 };
        let sort = match query.sort {
            UserSort::Username => doc! { "username_key": direction },
            UserSort::CreatedAt => doc! { "created_at": direction, "_id": direction },
        };
        let found = self.0.find(doc! { "$and": filter }).sort(sort).limit(limit);
        Ok(found.max_time(mongo::MAX_TIME).timed().await?.try_collect().await?)
    }
}

fn following(query: &UserQuery, last: &UserPosition) -> Document {
    let after = if query.reverse { "$lt" } else { "$gt" };
    let beyond = |value: Bson| doc! { after: value };
    match query.sort {
        UserSort::Username => doc! { "username_key": beyond((&last.username_key).into()) },
        UserSort::CreatedAt => doc! { "$or": [
            { "created_at": beyond(last.created_at.into()) },
            { "created_at": last.created_at, "_id": beyond(last.id.into()) },
        ] },
    }
}

fn containing(text: &str) -> Document {
    let contains =
        |field: Document, part: String| doc! { "$gte": [{ "$indexOfCP": [field, { "$literal": part }] }, 0] };
    // Neither the stored address nor `$toLower` folds more than ASCII.
    let in_email = contains(doc! { "$toLower": "$email" }, text.to_ascii_lowercase());
    let in_name = contains(doc! { "$toString": "$username_key" }, username_key(text));
    doc! { "$expr": { "$or": [in_name, in_email] } }
}
