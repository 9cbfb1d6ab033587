//! The change stream over the todos and lists of everyone. Must not decide who gets to see what.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::Collection;
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, OperationType, ResumeToken};
use mongodb::error::Error as DriverError;
use mongodb::options::FullDocumentType;

use super::lineage::Lineage;
use super::model::{ChangeEvent, Changes};
use crate::error::Error;
use crate::lists::model::List;
use crate::mongo::{self, Db, codes};
use crate::owned::Owned;
use crate::owned::change_stamp::Change;
use crate::todos::model::Todo;

/// How long a look for news waits for some.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where the stream can be opened.
pub struct Feed {
    todos: Collection<Document>,
    /// What tokens have to be of.
    pub(super) lineage: Lineage,
}

/// The open stream.
pub struct Stream(ChangeStream<ChangeStreamEvent<Document>>);

/// From where the stream goes on without a gap.
#[derive(Clone)]
pub struct Position(ResumeToken);

/// Why nothing can be read.
#[derive(Debug)]
pub enum Interruption {
    /// For a reason that passes: it may be opened again where it was.
    Passing(Error),
    /// For good: what follows cannot be had any more.
    Lost(Error),
}

impl From<DriverError> for Interruption {
    fn from(error: DriverError) -> Self {
        match mongo::error_code(&error) {
            Some(
                codes::CHANGE_STREAM_FATAL_ERROR
                | codes::INVALID_RESUME_TOKEN
                | codes::CHANGE_STREAM_HISTORY_LOST,
            ) => Self::Lost(Error::unavailable(error)),
            _ => Self::Passing(Error::unavailable(error)),
        }
    }
}

impl Feed {
    /// The stream of `db`.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self { todos: db.collection(Todo::COLLECTION), lineage: Lineage::new(db) }
    }

    /// Opens the stream at `position`, or at this moment.
    ///
    /// # Errors
    /// [`Interruption`].
    pub async fn open(&self, position: Option<&Position>) -> Result<Stream, Interruption> {
        let database = self.todos.client().database(&self.todos.namespace().db);
        // A change that has no stamp is none that anyone sees.
        let stamped = doc! { "updateDescription.updatedFields.changed": { "$exists": true } };
        let seen = doc! { "$match": {
            "ns.coll": { "$in": [Todo::COLLECTION, List::COLLECTION] },
            "$or": [{ "operationType": { "$in": ["insert", "replace"] } }, stamped],
        } };
        let watch = database.watch().pipeline([seen]).full_document(FullDocumentType::UpdateLookup);
        let watch = watch.max_await_time(PATIENCE);
        Ok(Stream(watch.resume_after(position.map(|position| position.0.clone())).await?))
    }
}

impl Stream {
    /// The next change, or `None` when there is none for a while. After a failure of the database that passes, the
    /// stream goes on by itself, if it can.
    ///
    /// # Errors
    /// [`Interruption`].
    pub async fn next(&mut self) -> Result<Option<ChangeEvent>, Interruption> {
        let Some(event) = self.0.next_if_any().await? else {
            let gone = || Interruption::Lost(Error::unavailable("the change stream has come to its end"));
            return if self.0.is_alive() { Ok(None) } else { Err(gone()) };
        };
        Ok(happening(event).unwrap_or_else(|error| {
            tracing::warn!(%error, "a change cannot be understood");
            None
        }))
    }

    /// Where it stands now.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.0.resume_token().map(Position)
    }
}

/// What an event tells. An update comes with its document as it is by now. If that has been changed again, the later
/// change tells of it: so versions never go back, also when the stream goes on in another place.
fn happening(event: ChangeStreamEvent<Document>) -> Result<Option<ChangeEvent>, Error> {
    let Some(document) = event.full_document else { return Ok(None) };
    if event.operation_type == OperationType::Update {
        let version = event.update_description.map(|update| update.updated_fields.get_i64("version").ok());
        if version.flatten() != document.get_i64("version").ok() {
            return Ok(None);
        }
    }
    let (Some(at), Some(namespace)) = (event.cluster_time, event.ns) else { return Ok(None) };
    let owner_id = document.get_object_id("owner_id").map_err(Error::internal)?;
    let id = document.get_object_id("_id").map_err(Error::internal)?;
    let version = document.get_i64("version").map_err(Error::internal)?;
    let mut changes = Changes::default();
    if namespace.coll.as_deref() == Some(List::COLLECTION) {
        changes.add(Change::<List>::read(document)?);
    } else {
        changes.add(Change::<Todo>::read(document)?);
    }
    Ok(Some(ChangeEvent { owner_id, at, id, version, changes }))
}
