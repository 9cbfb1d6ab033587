//! What a feature declares about its objects so that they can be synced.

use bson::oid::ObjectId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::fields::FromFields;
use crate::owned::collection::OwnedBy;
use crate::owned::{Owned, Precondition};
use crate::workspace::Workspace;

/// What clients can do with an object that recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Skip,
    Undo,
}

/// A kind of object that clients keep a copy of. Its methods are the operations that its routes call.
pub trait SyncedKind: Owned + 'static {
    /// The `type` of a command and of a removal, for example `todo`.
    const NAME: &'static str;
    /// The field of a page that holds the objects of this kind, for example `todos`.
    const FIELD: &'static str;

    /// Whether objects of this kind recur. If so, the kind implements [`Self::turn`].
    const RECURS: bool = false;

    type Body: From<Self> + Serialize + ToSchema;
    type Whole: FromFields + Send + 'static;
    type Patch: FromFields + Send + 'static;
    /// The default is used when the command has no body.
    type Move: FromFields + Default + Send + 'static;

    fn documents(workspace: &Workspace) -> OwnedBy<'_, Self>;

    /// Also returns whether the object is new.
    fn put(
        workspace: &Workspace,
        id: ObjectId,
        whole: Self::Whole,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<(Self, bool), Error>> + Send;

    fn patch(
        workspace: &Workspace,
        id: ObjectId,
        patch: Self::Patch,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    fn relocate(
        workspace: &Workspace,
        id: ObjectId,
        to: Self::Move,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    fn trash(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    fn restore(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    fn turn(
        _workspace: &Workspace,
        _id: ObjectId,
        _turn: Turn,
        _precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send {
        async { Err(Error::NothingToUndo) }
    }

    /// Removes the object for good.
    fn remove(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
