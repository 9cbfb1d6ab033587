//! The MongoDB change stream over the synced objects of all users.

use std::time::Duration;

use bson::oid::ObjectId;
use bson::{Document, RawDocumentBuf, Timestamp, doc};
use mongodb::Collection;
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::{ChangeStreamEvent, OperationType, ResumeToken};
use mongodb::error::Error as DriverError;
use mongodb::options::FullDocumentType;

use super::kind::{ChangedObject, Kind};
use super::kinds::KINDS;
use super::lineage::Lineage;
use crate::error::Error;
use crate::mongo::metrics::record_wait;
use crate::mongo::{self, Db, codes};

// How long MongoDB waits for a change before it returns an empty batch.
const MAX_AWAIT_TIME: Duration = Duration::from_secs(1);
// Changes in one batch. A batch is in memory as a whole, and a change brings its whole document.
const BATCH: u32 = 100;

pub struct Feed {
    // A way to the database, because `Db` gives out only collections.
    any: Collection<RawDocumentBuf>,
    pub(super) lineage: Lineage,
}

pub struct Stream(ChangeStream<ChangeStreamEvent<RawDocumentBuf>>);

#[derive(Clone)]
pub struct Position(ResumeToken);

#[derive(Debug)]
pub struct ChangeEvent {
    pub owner_id: ObjectId,
    /// The logical time of the write. The change stream is in this order, so a client that has received this event has
    /// received every earlier write.
    pub at: Timestamp,
    pub object: ChangedObject,
}

#[derive(Debug)]
pub enum Interruption {
    /// The stream can be opened again at its last position.
    Passing(Error),
    Lost(Error),
}

impl From<DriverError> for Interruption {
    fn from(error: DriverError) -> Self {
        match mongo::error_code(&error) {
            // After these, MongoDB cannot resume a change stream.
            Some(
                codes::INVALID_RESUME_TOKEN
                | codes::CHANGE_STREAM_FATAL_ERROR
                | codes::CHANGE_STREAM_HISTORY_LOST,
            ) => Self::Lost(Error::unavailable(error)),
            _ => Self::Passing(Error::unavailable(error)),
        }
    }
}

impl Feed {
    pub fn new(db: &Db) -> Self {
        Self { any: db.collection(KINDS[0].collection), lineage: Lineage::new(db) }
    }

    /// `None` opens the stream at the present.
    pub async fn open(&self, position: Option<&Position>) -> Result<Stream, Interruption> {
        let database = self.any.client().database(&self.any.namespace().db);
        // An update without a new stamp (`changed`) changes only fields that clients do not see.
        let stamped = doc! { "updateDescription.updatedFields.changed": { "$exists": true } };
        let collections: Vec<_> = KINDS.iter().map(|kind| kind.collection).collect();
        let visible = doc! { "$match": {
            "ns.coll": { "$in": collections },
            "$or": [{ "operationType": { "$in": ["insert", "replace"] } }, stamped],
        } };
        let left_out =
            KINDS.iter().flat_map(|kind| kind.left_out).map(|field| format!("fullDocument.{field}"));
        let visible = [visible, doc! { "$unset": left_out.collect::<Vec<_>>() }, only_version_of_update()];
        let watch = database.watch().pipeline(visible).full_document(FullDocumentType::UpdateLookup);
        let watch = watch.max_await_time(MAX_AWAIT_TIME).batch_size(BATCH);
        let stream = watch.resume_after(position.map(|position| position.0.clone())).await?;
        Ok(Stream(stream.with_type()))
    }
}

/// The other updated fields are in the document, and can contain long texts that were left out of it.
fn only_version_of_update() -> Document {
    let version = doc! { "version": "$updateDescription.updatedFields.version" };
    let update = doc! { "updatedFields": version, "removedFields": [], "truncatedArrays": [] };
    let is_update = doc! { "$eq": ["$operationType", "update"] };
    doc! { "$set": { "updateDescription": { "$cond": [is_update, update, "$$REMOVE"] } } }
}

impl Stream {
    /// Returns `None` if no change came within about a second.
    pub async fn next(&mut self) -> Result<Option<ChangeEvent>, Interruption> {
        // After a temporary failure, the driver itself resumes the stream once.
        let Some(event) = record_wait(self.0.next_if_any()).await? else {
            let ended = || Interruption::Lost(Error::unavailable("the change stream ended"));
            return if self.0.is_alive() { Ok(None) } else { Err(ended()) };
        };
        Ok(change_event(event).unwrap_or_else(|error| {
            tracing::warn!(%error, "skipped an event of the change stream that cannot be decoded");
            None
        }))
    }

    pub fn position(&self) -> Option<Position> {
        self.0.resume_token().map(Position)
    }
}

fn change_event(event: ChangeStreamEvent<RawDocumentBuf>) -> Result<Option<ChangeEvent>, Error> {
    let Some(document) = event.full_document else { return Ok(None) };
    // MongoDB looks up the document of an update when the event is read, so the document can already contain later
    // changes. The event is then left out, because the later change has its own event. Versions therefore never go
    // back, even if the stream is resumed at an earlier position.
    if event.operation_type == OperationType::Update {
        let written = event.update_description.map(|update| update.updated_fields.get_i64("version").ok());
        if written.flatten() != document.get_i64("version").ok() {
            return Ok(None);
        }
    }
    let (Some(at), Some(namespace)) = (event.cluster_time, event.ns) else { return Ok(None) };
    let kind = namespace.coll.as_deref().and_then(Kind::by_collection);
    let Some(kind) = kind else { return Ok(None) };
    let owner_id = document.get_object_id("owner_id").map_err(Error::internal)?;
    Ok(Some(ChangeEvent { owner_id, at, object: kind.decode(&document)? }))
}
