//! The collection `users`. Must not know passwords, only their hashes.
//!
//! Repeating: a registration is repeated under the same id, or its outcome is found out by logging in; everything else
//! sets the same values again.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};

use super::model::{User, UserPatch, username_key};
use crate::auth::token::Role;
use crate::error::Error;
use crate::mongo::{self, Db, PrepareError};

pub const COLLECTION: &str = "users";

/// How many unfinished deletions are read at once.
const UNFINISHED_DELETIONS_MAX: i64 = 1_000;

/// The collection `users`.
#[derive(Clone)]
pub struct Users(Collection<User>);

impl Users {
    /// The users of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self(db.collection(COLLECTION))
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`mongo::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let unique = IndexOptions::builder().unique(true).build();
        let deleting = IndexOptions::builder()
            .partial_filter_expression(doc! { "deleted_at": { "$type": "date" } })
            .build();
        let indexes = [
            mongo::index(doc! { "username_key": 1 }, unique),
            mongo::index(doc! { "deleted_at": 1 }, deleting),
        ];
        mongo::ensure_indexes(&self.0, indexes).await
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`] when a unique index refuses the name or the id; [`Error::Unavailable`].
    pub async fn insert(&self, user: &User) -> Result<(), Error> {
        match self.0.insert_one(user).await {
            Err(error) if mongo::is_duplicate_key(&error) => Err(Error::UsernameTaken),
            inserted => Ok(inserted.map(|_| ())?),
        }
    }

    /// Adds users, up to a thousand; those who are there already, by their ids, stay as they are.
    ///
    /// # Errors
    /// [`Error::UsernameTaken`] when someone else has one of the names, or one of these users is being deleted: the
    /// others have been added; [`Error::Unavailable`].
    pub async fn insert_missing(&self, users: &[User]) -> Result<(), Error> {
        match self.0.insert_many(users).ordered(false).await {
            Err(error) if mongo::is_duplicate_key(&error) => {
                let ids: Vec<_> = users.iter().map(|user| user.id).collect();
                let there = doc! { "_id": { "$in": ids }, "deleted_at": null };
                let there = self.0.count_documents(there).max_time(mongo::MAX_TIME).await?;
                if usize::try_from(there) == Ok(users.len()) { Ok(()) } else { Err(Error::UsernameTaken) }
            }
            inserted => Ok(inserted.map(|_| ())?),
        }
    }

    /// Whether there is a user whose id is not one of `first` to `last`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn has_others_than(&self, first: ObjectId, last: ObjectId) -> Result<bool, Error> {
        let others = doc! { "$or": [{ "_id": { "$lt": first } }, { "_id": { "$gt": last } }] };
        Ok(self.0.find_one(others).max_time(mongo::MAX_TIME).await?.is_some())
    }

    /// The user of a name, however it is cased; not one that is being deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_by_name(&self, username: &str) -> Result<Option<User>, Error> {
        let named = doc! { "username_key": username_key(username), "deleted_at": null };
        Ok(self.0.find_one(named).max_time(mongo::MAX_TIME).await?)
    }

    /// The user of an id; not one that is being deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_by_id(&self, id: ObjectId) -> Result<Option<User>, Error> {
        Ok(self.0.find_one(doc! { "_id": id, "deleted_at": null }).max_time(mongo::MAX_TIME).await?)
    }

    /// Replaces a password's hash by another of the same password, unless it has changed meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn replace_hash(&self, user: &User, password_hash: &str) -> Result<(), Error> {
        let unchanged = doc! { "_id": user.id, "password_hash": &user.password_hash };
        self.0.update_one(unchanged, doc! { "$set": { "password_hash": password_hash } }).await?;
        Ok(())
    }

    /// Changes what a user may change about themselves, if the version is one of `versions` or that is `None`; the
    /// user as changed. `None` if there is no such user in such a version.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn patch(
        &self,
        id: ObjectId,
        patch: UserPatch,
        versions: Option<Vec<i64>>,
    ) -> Result<Option<User>, Error> {
        let mut set = Document::new();
        if let Some(email) = patch.email {
            set.insert("email", email);
        }
        if let Some(time_zone) = patch.time_zone {
            set.insert("time_zone", time_zone);
        }
        let mut filter = doc! { "_id": id, "deleted_at": null };
        if let Some(versions) = versions {
            filter.insert("version", doc! { "$in": versions });
        }
        if set.is_empty() {
            return Ok(self.0.find_one(filter).max_time(mongo::MAX_TIME).await?);
        }
        self.find_and_update(filter, doc! { "$set": set, "$inc": { "version": 1 } }).await
    }

    /// Sets another password, unless it has changed meanwhile, and raises the epoch in the same step; the user as
    /// changed. `None` if it had changed.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_password(&self, user: &User, password_hash: &str) -> Result<Option<User>, Error> {
        let unchanged = doc! { "_id": user.id, "password_hash": &user.password_hash, "deleted_at": null };
        let set = doc! { "$set": { "password_hash": password_hash }, "$inc": { "epoch": 1, "version": 1 } };
        self.find_and_update(unchanged, set).await
    }

    /// Raises the epoch, which ends every session of the user; the user as changed. `None` if there is no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn raise_epoch(&self, id: ObjectId) -> Result<Option<User>, Error> {
        self.find_and_update(doc! { "_id": id, "deleted_at": null }, doc! { "$inc": { "epoch": 1 } }).await
    }

    /// Adds a role or takes it away, and raises the epoch, so that no token has the earlier ones; as
    /// [`Users::raise_epoch`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_roles(&self, id: ObjectId, roles: &[Role]) -> Result<Option<User>, Error> {
        let roles = bson::serialize_to_bson(roles).map_err(Error::internal)?;
        let set = doc! { "$set": { "roles": roles }, "$inc": { "epoch": 1, "version": 1 } };
        self.find_and_update(doc! { "_id": id, "deleted_at": null }, set).await
    }

    /// Keeps a user from logging in, or lets them again, and raises the epoch; as [`Users::raise_epoch`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn set_disabled(&self, id: ObjectId, since: Option<DateTime>) -> Result<Option<User>, Error> {
        let set = doc! { "$set": { "disabled_at": since }, "$inc": { "epoch": 1, "version": 1 } };
        self.find_and_update(doc! { "_id": id, "deleted_at": null }, set).await
    }

    async fn find_and_update(&self, filter: Document, change: Document) -> Result<Option<User>, Error> {
        let changed = self.0.find_one_and_update(filter, change).return_document(ReturnDocument::After);
        Ok(changed.max_time(mongo::MAX_TIME).await?)
    }

    /// The first step of a deletion: no login from here on, and a raised epoch. `None` if there is no such user.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_deletion(&self, id: ObjectId, now: DateTime) -> Result<Option<User>, Error> {
        let change = vec![doc! { "$set": {
            "deleted_at": { "$ifNull": ["$deleted_at", now] },
            "epoch": { "$add": ["$epoch", 1_i64] },
            "version": { "$add": ["$version", 1_i64] },
        } }];
        let deleting = self.0.find_one_and_update(doc! { "_id": id }, change);
        Ok(deleting.return_document(ReturnDocument::After).max_time(mongo::MAX_TIME).await?)
    }

    /// The last step of a deletion.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn finish_deletion(&self, id: ObjectId) -> Result<(), Error> {
        self.0.delete_one(doc! { "_id": id, "deleted_at": { "$ne": null } }).await?;
        Ok(())
    }

    /// Users whose deletion began before `begun` and has not ended, at most [`UNFINISHED_DELETIONS_MAX`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unfinished_deletions(&self, begun: DateTime) -> Result<Vec<User>, Error> {
        let begun = self
            .0
            .find(doc! { "deleted_at": { "$type": "date", "$lt": begun } })
            .limit(UNFINISHED_DELETIONS_MAX);
        Ok(begun.max_time(mongo::MAX_TIME).await?.try_collect().await?)
    }
}
