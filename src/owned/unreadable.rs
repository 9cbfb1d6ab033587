//! Stored documents that cannot be decoded, for example because an operator has changed them by hand.
//!
//! **Invariant:** such a document is set aside. Its id alone fails; lists, sync and the upkeep go on without it.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use bson::oid::ObjectId;
use bson::{RawBsonRef, RawDocument};
use metrics::counter;

use super::Owned;
use crate::error::Error;

pub const UNREADABLE: &str = "todo_api_unreadable_documents_total";

// Far more than an operator will repair one by one. Beyond them, documents are set aside without a log line.
const REPORTED_MAX: usize = 10_000;

// For the whole process, like the metric.
static REPORTED: LazyLock<Mutex<HashSet<(&'static str, ObjectId)>>> = LazyLock::new(Mutex::default);

/// Counts and logs the document, once for as long as the process runs.
pub fn set_aside<T: Owned>(stored: &RawDocument, error: &Error) {
    let id = |name| stored.get(name).ok().flatten().and_then(RawBsonRef::as_object_id).unwrap_or_default();
    let document = id("_id");
    let mut reported = REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    if reported.len() < REPORTED_MAX && reported.insert((T::COLLECTION, document)) {
        counter!(UNREADABLE, "collection" => T::COLLECTION).increment(1);
        let user = id("owner_id");
        tracing::error!(collection = T::COLLECTION, %document, %user, %error, "set aside an unreadable document");
    }
}
