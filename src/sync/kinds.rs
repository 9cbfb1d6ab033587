//! The kinds of synced objects. To add one, implement [`SyncedKind`] here and append it to [`KINDS`] and
//! [`PAGE_ORDER`]; the rest of sync iterates over these tables.

use bson::oid::ObjectId;

use super::kind::Kind;
use super::synced_kind::{SyncedKind, Turn};
use crate::error::Error;
use crate::lists::model::List;
use crate::lists::wire::{ListBody, ListPatch, WholeList};
use crate::owned::Precondition;
use crate::owned::collection::OwnedBy;
use crate::todos::hierarchy::{Beside, Move};
use crate::todos::model::Todo;
use crate::todos::wire::{TodoBody, TodoPatch, WholeTodo};
use crate::workspace::Workspace;

// Sync tokens hold one position per kind in this order, so append new kinds and never reorder. A page has its fields in
// the same order.
pub static KINDS: [Kind; 2] = [Kind::of::<Todo>(), Kind::of::<List>()];

// The order in which a page is filled, as indexes into `KINDS`: a kind comes after the kinds that it refers to, so that
// a client receives a list before the todos in it.
pub const PAGE_ORDER: [usize; KINDS.len()] = [1, 0];

impl Kind {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }

    pub fn by_collection(collection: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.collection == collection)
    }
}

impl SyncedKind for Todo {
    const NAME: &'static str = "todo";
    const FIELD: &'static str = "todos";
    const RECURS: bool = true;

    type Body = TodoBody;
    type Whole = WholeTodo;
    type Patch = TodoPatch;
    type Move = Move;

    fn documents(workspace: &Workspace) -> OwnedBy<'_, Self> {
        workspace.todos()
    }

    async fn put(
        workspace: &Workspace,
        id: ObjectId,
        WholeTodo(input): WholeTodo,
        precondition: &Precondition,
    ) -> Result<(Self, bool), Error> {
        Ok(workspace.put_todo(id, input, precondition).await?)
    }

    async fn patch(
        workspace: &Workspace,
        id: ObjectId,
        TodoPatch(input): TodoPatch,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.change_todo(id, input, precondition).await?)
    }

    async fn relocate(
        workspace: &Workspace,
        id: ObjectId,
        to: Move,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.move_todo(id, &to, precondition).await?)
    }

    async fn trash(workspace: &Workspace, id: ObjectId, precondition: &Precondition) -> Result<Self, Error> {
        Ok(workspace.trash_todo(id, precondition).await?)
    }

    async fn restore(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.restore_todo(id, precondition).await?)
    }

    async fn turn(
        workspace: &Workspace,
        id: ObjectId,
        turn: Turn,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(match turn {
            Turn::Skip => workspace.skip_todo(id, precondition).await?,
            Turn::Undo => workspace.undo_todo(id, precondition).await?,
        })
    }

    async fn remove(workspace: &Workspace, id: ObjectId, precondition: &Precondition) -> Result<(), Error> {
        Ok(workspace.remove_todo(id, precondition).await?)
    }
}

impl SyncedKind for List {
    const NAME: &'static str = "list";
    const FIELD: &'static str = "lists";

    // Without `open_count`, because clients count the todos that they hold.
    type Body = ListBody;
    type Whole = WholeList;
    type Patch = ListPatch;
    type Move = Option<Beside>;

    fn documents(workspace: &Workspace) -> OwnedBy<'_, Self> {
        workspace.lists()
    }

    async fn put(
        workspace: &Workspace,
        id: ObjectId,
        WholeList(input): WholeList,
        precondition: &Precondition,
    ) -> Result<(Self, bool), Error> {
        Ok(workspace.put_list(id, input, precondition).await?)
    }

    async fn patch(
        workspace: &Workspace,
        id: ObjectId,
        ListPatch(input): ListPatch,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.change_list(id, input, precondition).await?)
    }

    async fn relocate(
        workspace: &Workspace,
        id: ObjectId,
        beside: Option<Beside>,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.move_list(id, beside, precondition).await?)
    }

    async fn trash(workspace: &Workspace, id: ObjectId, precondition: &Precondition) -> Result<Self, Error> {
        Ok(workspace.trash_list(id, precondition).await?)
    }

    async fn restore(
        workspace: &Workspace,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<Self, Error> {
        Ok(workspace.restore_list(id, precondition).await?)
    }

    async fn remove(workspace: &Workspace, id: ObjectId, precondition: &Precondition) -> Result<(), Error> {
        Ok(workspace.remove_list(id, precondition).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_order_names_every_kind_once() {
        let mut order = PAGE_ORDER;
        order.sort_unstable();
        assert!(order.into_iter().eq(0..KINDS.len()));
    }
}
