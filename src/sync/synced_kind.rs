//! What a feature declares about its objects so that they can be synced.

use utoipa::ToSchema;

use bson::oid::ObjectId;
use serde::Serialize;

use crate::error::Error;
use crate::http::fields::FromFields;
use crate::owned::collection::OwnedBy;
use crate::owned::{Owned, Precondition};
use crate::workspace::Workspace;

/// A kind of object that clients keep a copy of. Its methods are the operations that its routes call.
pub trait SyncedKind: Owned + 'static {
    /// The `type` of a command and of a removal, such as `todo`.
    const NAME: &'static str;
    /// The field of a page that holds the objects of this kind, such as `todos`.
    const FIELD: &'static str;

    /// The object as its routes return it.
    type Body: From<Self> + Serialize + ToSchema;
    /// The `body` of `put`.
    type Whole: FromFields + Send + 'static;
    /// The `body` of `patch`.
    type Patch: FromFields + Send + 'static;
    /// The `body` of `move`; the default is used when the command has no body.
    type Move: FromFields + Default + Send + 'static;

    fn documents(workspace: &Workspace) -> OwnedBy<'_, Self>;

    /// Returns whether the object is new, too.
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

    /// Moves the object to the trash.
    fn trash(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Moves the object out of the trash.
    fn restore(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Removes the object for good.
    fn remove(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}
