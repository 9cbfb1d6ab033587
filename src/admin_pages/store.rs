//! The numbers of the overview. Each is one count over an index or the size of a collection.

use bson::{DateTime, Document, doc};
use mongodb::Collection;

use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db};

/// Counts end here, so that a page never reads a large collection to its end.
const COUNT_MAX: u64 = 100_000;

#[derive(Clone)]
pub struct Numbers(Db);

#[derive(Debug, Clone, Copy)]
pub struct Counts {
    pub users: u64,
    pub admins: u64,
    pub disabled: u64,
    pub sessions: u64,
    pub todos: u64,
    pub lists: u64,
    pub logins: u64,
    pub failed_logins: u64,
    pub registrations: u64,
    pub deletions: u64,
    pub changes: u64,
}

impl Numbers {
    pub fn new(db: &Db) -> Self {
        Self(db.clone())
    }

    /// `midnight` is when the day of the events began.
    pub async fn counts(&self, now: DateTime, midnight: DateTime) -> Result<Counts, Error> {
        let event = |event: &str| doc! { "event": event, "at": { "$gte": midnight } };
        let pending = || doc! { "unfinished.since": { "$type": "date" } };
        let alive = doc! { "ended_at": null, "idle_at": { "$gt": now } };
        Ok(Counts {
            users: self.size("users").await?,
            admins: self.count("users", doc! { "roles": "admin", "deleted_at": null }).await?,
            disabled: self.count("users", doc! { "disabled_at": { "$gt": DateTime::MIN } }).await?,
            sessions: self.count("sessions", alive).await?,
            todos: self.size("todos").await?,
            lists: self.size("lists").await?,
            logins: self.count("audit", event("login")).await?,
            failed_logins: self.count("audit", event("login_failed")).await?,
            registrations: self.count("audit", event("register")).await?,
            deletions: self.count("users", doc! { "deleted_at": { "$type": "date" } }).await?,
            changes: self.count("todos", pending()).await? + self.count("lists", pending()).await?,
        })
    }

    pub async fn server_version(&self) -> Result<String, Error> {
        self.0.server_version().await
    }

    async fn size(&self, collection: &str) -> Result<u64, Error> {
        let collection: Collection<Document> = self.0.collection(collection);
        Ok(collection.estimated_document_count().max_time(mongo::MAX_TIME).timed().await?)
    }

    async fn count(&self, collection: &str, filter: Document) -> Result<u64, Error> {
        let collection: Collection<Document> = self.0.collection(collection);
        Ok(collection.count_documents(filter).limit(COUNT_MAX).max_time(mongo::MAX_TIME).timed().await?)
    }
}
