//! Changes in the collection `users` that can take an admin away: of roles, disabling, deletion.
//!
//! **Invariant:** one admin who can log in remains. Two admins could demote each other at the same moment: each request
//! finds the other admin and none is left. So a change of an admin runs in a transaction that first writes the one
//! document of the collection `guards`. Of two such transactions at the same time MongoDB aborts one with a write
//! conflict, and its next attempt sees what the other has committed. Changes of other users do not need the guard,
//! because the condition that the user is no admin is part of the filter of the single write.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use mongodb::error::{Error as DriverError, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{Acknowledgment, ReadConcern, ReturnDocument, WriteConcern};
use mongodb::{ClientSession, Collection};
use tokio::time::Instant;

use super::{AccessPatch, LastAdmin};
use crate::crypto::random_id::random_bytes;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, PrepareError};
use crate::users::model::User;
use crate::users::store::Users;

const GUARDS: &str = "guards";
const GUARD: &str = "last_admin";
// One attempt takes about 20 ms, so this is enough for more admins than a service has.
const PATIENCE: Duration = Duration::from_secs(4);
const COMMITS_MAX: usize = 3;

enum Outcome {
    Changed(Box<User>),
    /// The filter matches no admin who can log in.
    NoMatch,
    /// The user is the last admin. Nothing was changed.
    Refused,
}

impl Users {
    /// Creates the guard, because a transaction should not create a collection.
    pub(in crate::users) async fn ensure_guard(&self) -> Result<(), PrepareError> {
        let new = doc! { "$setOnInsert": { "changes": 0_i64 } };
        self.guards().update_one(doc! { "_id": GUARD }, new).upsert(true).timed().await?;
        Ok(())
    }

    /// Raises epoch and version if anything changes. `None` if the user does not exist or has none of the `versions`.
    pub async fn set_access(
        &self,
        id: ObjectId,
        patch: &AccessPatch,
        versions: Option<&[i64]>,
        last_admin: LastAdmin,
        now: DateTime,
    ) -> Result<Option<User>, Error> {
        let roles = match &patch.roles {
            Some(roles) => {
                doc! { "$literal": bson::serialize_to_bson(roles).map_err(Error::internal)? }.into()
            }
            None => bson::Bson::from("$roles"),
        };
        let stored = doc! { "$ifNull": ["$disabled_at", null] };
        let disabled_at = match patch.disabled {
            // A repetition keeps the time of the first attempt.
            Some(true) => doc! { "$ifNull": ["$disabled_at", now] }.into(),
            Some(false) => bson::Bson::Null,
            None => stored.clone().into(),
        };
        let is_same = doc! { "$and": [
            { "$eq": ["$roles", roles.clone()] }, { "$eq": [stored, disabled_at.clone()] },
        ] };
        let more = doc! { "$cond": [is_same, 0_i64, 1_i64] };
        // Roles are nothing to personal access tokens.
        let ended = if patch.disabled == Some(true) { more.clone().into() } else { bson::Bson::from(0_i64) };
        let change = vec![doc! { "$set": {
            "roles": roles,
            "disabled_at": disabled_at,
            "epoch": { "$add": ["$epoch", more.clone()] },
            "token_epoch": { "$add": [token_epoch(), ended] },
            "version": { "$add": ["$version", more] },
        } }];
        let mut filter = user(id, versions);
        filter.insert("deleted_at", bson::Bson::Null);
        if last_admin == LastAdmin::Stays && patch.removes_an_admin() {
            return self.change_unless_last_admin(id, filter, change).await;
        }
        self.find_and_update(filter, change).await
    }

    /// The first step of a deletion. Also returns the user if the deletion has already begun.
    pub async fn begin_deletion(
        &self,
        id: ObjectId,
        versions: Option<&[i64]>,
        now: DateTime,
    ) -> Result<Option<User>, Error> {
        // A repetition keeps the time of the first attempt.
        let change = vec![doc! { "$set": {
            "deleted_at": { "$ifNull": ["$deleted_at", now] },
            "epoch": { "$add": ["$epoch", 1_i64] },
            "token_epoch": { "$add": [token_epoch(), 1_i64] },
            "version": { "$add": ["$version", 1_i64] },
        } }];
        self.change_unless_last_admin(id, user(id, versions), change).await
    }

    async fn change_unless_last_admin(
        &self,
        id: ObjectId,
        filter: Document,
        change: Vec<Document>,
    ) -> Result<Option<User>, Error> {
        let begun = Instant::now();
        let harmless = doc! { "$and": [&filter, { "$nor": [admins()] }] };
        let harmful = doc! { "$and": [&filter, admins()] };
        loop {
            if let Some(user) = self.find_and_update(harmless.clone(), change.clone()).await? {
                return Ok(Some(user));
            }
            match self.change_admin(id, harmful.clone(), change.clone()).await {
                Ok(Outcome::Changed(user)) => return Ok(Some(*user)),
                Ok(Outcome::Refused) => return Err(Error::LastAdmin),
                // Otherwise the user was made an admin, or stopped to be one, between the two attempts.
                Ok(Outcome::NoMatch) if !self.exists(filter.clone()).await? => return Ok(None),
                Ok(Outcome::NoMatch) => {}
                Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {}
                Err(error) => return Err(error.into()),
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::unavailable("too many changes of admins at the same time"));
            }
            let [jitter] = random_bytes();
            tokio::time::sleep(Duration::from_millis(5 + u64::from(jitter % 32))).await;
        }
    }

    async fn exists(&self, filter: Document) -> Result<bool, Error> {
        Ok(self.0.find_one(filter).max_time(mongo::MAX_TIME).timed().await?.is_some())
    }

    async fn change_admin(
        &self,
        id: ObjectId,
        admin: Document,
        change: Vec<Document>,
    ) -> Result<Outcome, DriverError> {
        let mut session = self.0.client().start_session().await?;
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let transaction = session.start_transaction().read_concern(ReadConcern::snapshot());
        transaction.write_concern(durable).await?;
        match self.change_admin_in(&mut session, id, admin, change).await {
            Ok(Outcome::Changed(user)) => {
                commit(&mut session).await?;
                Ok(Outcome::Changed(user))
            }
            other => {
                // A failure to abort changes nothing: the server aborts the transaction later.
                let _ = session.abort_transaction().await;
                other
            }
        }
    }

    async fn change_admin_in(
        &self,
        session: &mut ClientSession,
        id: ObjectId,
        admin: Document,
        change: Vec<Document>,
    ) -> Result<Outcome, DriverError> {
        // First, so that of two transactions only one gets any further.
        let raise = doc! { "$inc": { "changes": 1_i64 } };
        self.guards()
            .update_one(doc! { "_id": GUARD }, raise)
            .upsert(true)
            .session(&mut *session)
            .timed()
            .await?;
        let changed = self.0.find_one_and_update(admin, change).return_document(ReturnDocument::After);
        let Some(user) = changed.max_time(mongo::MAX_TIME).session(&mut *session).timed().await? else {
            return Ok(Outcome::NoMatch);
        };
        let others = doc! { "$and": [admins(), { "_id": { "$ne": id } }] };
        let other = self.0.find_one(others).max_time(mongo::MAX_TIME).session(&mut *session).timed().await?;
        Ok(if other.is_some() { Outcome::Changed(user.into()) } else { Outcome::Refused })
    }

    fn guards(&self) -> Collection<Document> {
        self.0.client().database(&self.0.namespace().db).collection(GUARDS)
    }
}

async fn commit(session: &mut ClientSession) -> Result<(), DriverError> {
    let mut committed = session.commit_transaction().await;
    for _ in 1..COMMITS_MAX {
        match &committed {
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                committed = session.commit_transaction().await;
            }
            _ => break,
        }
    }
    committed
}

fn user(id: ObjectId, versions: Option<&[i64]>) -> Document {
    let mut user = doc! { "_id": id };
    if let Some(versions) = versions {
        user.insert("version", doc! { "$in": versions });
    }
    user
}

/// Users of earlier versions have none.
fn token_epoch() -> Document {
    doc! { "$ifNull": ["$token_epoch", 0_i64] }
}

/// The admins who can log in.
fn admins() -> Document {
    doc! { "roles": "admin", "disabled_at": null, "deleted_at": null }
}
