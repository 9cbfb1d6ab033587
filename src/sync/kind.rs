//! A kind of synced object as a value, so that the rest of sync iterates over kinds and names none of them.

use bson::oid::ObjectId;
use bson::{RawDocument, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::edit::{self, Edit, Op};
use super::synced_kind::SyncedKind;
use crate::error::Error;
use crate::http::fields::Fields;
use crate::openapi::schema::named;
use crate::owned::change_stamp::{Change, StreamPosition};
use crate::workspace::Workspace;

/// A row of [`super::kinds::KINDS`]: a [`SyncedKind`] without its type.
pub struct Kind {
    pub name: &'static str,
    pub field: &'static str,
    pub collection: &'static str,
    /// Fields that the kind leaves out: see [`crate::owned::Owned::LEFT_OUT`].
    pub left_out: &'static [&'static str],
    decode: fn(&RawDocument) -> Result<ObjectState, Error>,
    changed: for<'a> fn(&'a Workspace, Range) -> FoundFuture<'a>,
    read_edit: fn(&mut Fields, Op) -> Option<Box<dyn Edit>>,
    body_schema: fn() -> Value,
}

#[derive(Clone, Copy)]
pub struct Range {
    pub from: StreamPosition,
    /// Removals before this stamp are left out.
    pub removed_since: Option<Timestamp>,
    pub limit: i64,
    /// The reading ends one object after the objects have so many bytes of JSON.
    pub bytes: usize,
}

#[derive(Debug, Clone)]
pub struct ChangedObject {
    pub kind: &'static Kind,
    pub state: ObjectState,
}

#[derive(Debug, Clone)]
pub struct ObjectState {
    pub id: ObjectId,
    pub version: i64,
    /// The object as its routes return it, live or in the trash; `None` if it was removed for good.
    pub body: Option<Box<RawValue>>,
}

// The JSON of a removal, with the comma after it.
const REMOVAL_BYTES: usize = r#"{"type":"0123456789","id":"0123456789abcdef01234567"},"#.len();

impl ObjectState {
    fn size(&self) -> usize {
        self.body.as_ref().map_or(REMOVAL_BYTES, |body| body.get().len() + 1)
    }
}

type Found = (StreamPosition, ObjectState);
type FoundFuture<'a> = BoxFuture<'a, Result<Vec<Found>, Error>>;

impl Kind {
    pub const fn of<K: SyncedKind>() -> Self {
        Self {
            name: K::NAME,
            field: K::FIELD,
            collection: K::COLLECTION,
            left_out: K::LEFT_OUT,
            decode: |stored| state(Change::read(stored, K::read)?),
            changed: |workspace, range| changed::<K>(workspace, range).boxed(),
            read_edit: edit::read::<K>,
            body_schema: || named(&K::Body::name()),
        }
    }

    pub fn decode(&'static self, stored: &RawDocument) -> Result<ChangedObject, Error> {
        Ok(ChangedObject { kind: self, state: (self.decode)(stored)? })
    }

    /// In the order of their stamps, each with the position after it.
    pub async fn changed(
        &'static self,
        workspace: &Workspace,
        range: Range,
    ) -> Result<Vec<(StreamPosition, ChangedObject)>, Error> {
        let found = (self.changed)(workspace, range).await?;
        let changed = |(position, state)| (position, ChangedObject { kind: self, state });
        Ok(found.into_iter().map(changed).collect())
    }

    /// Returns `None` only after a violation was noted.
    pub fn read_edit(&self, input: &mut Fields, op: Op) -> Option<Box<dyn Edit>> {
        (self.read_edit)(input, op)
    }

    pub fn body_schema(&self) -> Value {
        (self.body_schema)()
    }
}

impl ChangedObject {
    pub fn is_removed(&self) -> bool {
        self.state.body.is_none()
    }

    /// Its bytes in a page.
    pub fn size(&self) -> usize {
        self.state.size()
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

async fn changed<K: SyncedKind>(workspace: &Workspace, range: Range) -> Result<Vec<Found>, Error> {
    let Range { from, removed_since, limit, bytes } = range;
    let (mut found, mut size) = (Vec::new(), 0);
    let take = |position, change| {
        let state = state(change)?;
        // The object after the last one that fits shows that another page follows.
        let goes_on = size <= bytes;
        size += state.size();
        found.push((position, state));
        Ok(goes_on)
    };
    K::documents(workspace).changed(from, removed_since, limit, take).await?;
    Ok(found)
}

fn state<K: SyncedKind>(change: Change<K>) -> Result<ObjectState, Error> {
    Ok(match change {
        Change::Kept(object) => {
            let (id, version) = (object.id(), object.version());
            let body = to_raw_value(&K::Body::from(*object)).map_err(Error::internal)?;
            ObjectState { id, version, body: Some(body) }
        }
        Change::Gone { id, version, was: _ } => ObjectState { id, version, body: None },
    })
}
