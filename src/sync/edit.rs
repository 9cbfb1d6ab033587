//! What one command does to one object.

use bson::oid::ObjectId;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::synced_kind::{SyncedKind, Turn};
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::owned::Precondition;
use crate::workspace::Workspace;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Put,
    Patch,
    Delete,
    Restore,
    Move,
    Skip,
    Undo,
}

impl Op {
    pub const ALL: [Self; 7] =
        [Self::Put, Self::Patch, Self::Delete, Self::Restore, Self::Move, Self::Skip, Self::Undo];

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Restore => "restore",
            Self::Move => "move",
            Self::Skip => "skip",
            Self::Undo => "undo",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Applied {
    /// The status of the response that the corresponding route would send.
    pub status: u16,
    /// The object's version after the command; `None` if the object was removed for good.
    pub version: Option<i64>,
}

/// Hides the kind of object, which is known only at run time.
pub trait Edit: Send {
    fn apply<'a>(
        self: Box<Self>,
        workspace: &'a Workspace,
        id: ObjectId,
        precondition: &'a Precondition,
    ) -> BoxFuture<'a, Result<Applied, Error>>;
}

enum EditOf<K: SyncedKind> {
    Put(K::Whole),
    Patch(K::Patch),
    Move(K::Move),
    Delete(DeleteBody),
    Restore,
    Turn(Turn),
}

#[derive(Default)]
struct DeleteBody {
    permanent: bool,
}

impl FromFields for DeleteBody {
    fn take(input: &mut Fields) -> Option<Self> {
        Some(Self { permanent: input.flag("permanent").flatten().unwrap_or_default() })
    }
}

/// Returns `None` only after a violation was noted.
pub fn read<K: SyncedKind>(input: &mut Fields, op: Op) -> Option<Box<dyn Edit>> {
    const BODY: &str = "body";
    let edit: EditOf<K> = match op {
        Op::Put => EditOf::Put(input.required_object(BODY)?),
        Op::Patch => EditOf::Patch(input.required_object(BODY)?),
        Op::Move => EditOf::Move(input.object_or_default(BODY)?),
        Op::Delete => EditOf::Delete(input.object_or_default(BODY)?),
        Op::Restore => input.object_or_default(BODY).map(|()| EditOf::Restore)?,
        Op::Skip | Op::Undo if !K::RECURS => {
            let detail = format!("A {} does not recur.", K::NAME);
            return input.reject(Violation::of("op", "unknown_value", detail));
        }
        Op::Skip => input.object_or_default(BODY).map(|()| EditOf::Turn(Turn::Skip))?,
        Op::Undo => input.object_or_default(BODY).map(|()| EditOf::Turn(Turn::Undo))?,
    };
    Some(Box::new(edit))
}

impl<K: SyncedKind> Edit for EditOf<K> {
    fn apply<'a>(
        self: Box<Self>,
        workspace: &'a Workspace,
        id: ObjectId,
        precondition: &'a Precondition,
    ) -> BoxFuture<'a, Result<Applied, Error>> {
        self.run(workspace, id, precondition).boxed()
    }
}

impl<K: SyncedKind> EditOf<K> {
    async fn run(
        self,
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Applied, Error> {
        let (status, object) = match self {
            Self::Put(whole) => {
                let (object, is_new) = K::put(workspace, id, whole, precondition).await?;
                (if is_new { 201 } else { 200 }, object)
            }
            Self::Patch(patch) => (200, K::patch(workspace, id, patch, precondition).await?),
            Self::Move(to) => (200, K::relocate(workspace, id, to, precondition).await?),
            Self::Restore => (200, K::restore(workspace, id, precondition).await?),
            Self::Turn(turn) => (200, K::turn(workspace, id, turn, precondition).await?),
            Self::Delete(DeleteBody { permanent: false }) => {
                (204, K::trash(workspace, id, precondition).await?)
            }
            Self::Delete(DeleteBody { permanent: true }) => {
                K::remove(workspace, id, precondition).await?;
                return Ok(Applied { status: 204, version: None });
            }
        };
        Ok(Applied { status, version: Some(object.version()) })
    }
}
