//! Writes what an import is to create: lists, then parents, then their subtasks.
//!
//! **Invariant:** every step can be repeated, because an id that exists is skipped. After an interruption, every stored
//! todo has its parent and its list, and repeating the import adds the rest.

use std::collections::HashSet;

use bson::DateTime;
use bson::oid::ObjectId;

use super::model::Import;
use super::preparation::Prepared;
use super::store::Imports;
use crate::error::Error;
use crate::http::admission::Admission;
use crate::http::client::ClientKey;
use crate::lists::model::List;
use crate::owned::State;
use crate::owned::batch::BATCH_MAX;
use crate::owned::note::Note;
use crate::owned::update::Context;
use crate::todos::model::{SideEffect, Todo};
use crate::workspace::Workspace;

// Each batch is written well within the time limit of a command, even if all its todos have long texts.
const BATCH_TODOS: usize = 250;
const BATCH_BYTES: usize = 512 * 1024;
const BATCH_LISTS: usize = 50;
const TRIES: usize = 4;

pub(super) struct Writer<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) admission: &'a Admission,
    pub(super) imports: &'a Imports,
    pub(super) import: &'a Import,
    pub(super) now: &'a (dyn Fn() -> DateTime + Sync),
}

#[derive(Clone, Copy)]
enum Batch<'a> {
    Lists(&'a [List]),
    Todos(&'a [Todo]),
}

impl Writer<'_> {
    /// Stores the progress after each batch.
    pub(super) async fn write(&self, prepared: &Prepared) -> Result<(), Error> {
        let mut written = 0;
        for lists in prepared.lists.chunks(BATCH_LISTS) {
            self.in_turn(Batch::Lists(lists)).await?;
            written += lists.len();
            self.note(written).await?;
        }
        for parent in &prepared.parents {
            self.workspace.todos().becomes_parent(*parent).await?;
        }
        let mut rest = prepared.todos.as_slice();
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(batch_size(rest));
            self.in_turn(Batch::Todos(batch)).await?;
            written += batch.len();
            self.note(written).await?;
            rest = after;
        }
        Box::pin(self.adopt(&prepared.uids)).await?;
        self.follow_into_trash(prepared).await
    }

    /// Waits for a slot, so that a large import does not slow down others, and repeats what may have failed.
    async fn in_turn(&self, batch: Batch<'_>) -> Result<(), Error> {
        let client = ClientKey::User(self.workspace.owner_id);
        for _ in 1..TRIES {
            let _slot = self.admission.slot_for(client).await?;
            match self.insert(batch).await {
                Err(Error::Unavailable(error)) => tracing::debug!(%error, "a batch of an import is repeated"),
                written => return written.map(drop),
            }
        }
        self.insert(batch).await.map(drop)
    }

    async fn insert(&self, batch: Batch<'_>) -> Result<u64, Error> {
        match batch {
            Batch::Lists(lists) => self.workspace.lists().insert_each(lists).await,
            Batch::Todos(todos) => self.workspace.todos().insert_each(todos).await,
        }
    }

    async fn note(&self, written: usize) -> Result<(), Error> {
        let written = i64::try_from(written).unwrap_or(i64::MAX);
        self.imports.set_written(self.import, written, (self.now)()).await
    }

    /// Todos of the account that came before their parents become subtasks.
    async fn adopt(&self, uids: &[String]) -> Result<(), Error> {
        let client = ClientKey::User(self.workspace.owner_id);
        for uids in uids.chunks(BATCH_MAX) {
            for child in self.workspace.todos().wanting_parent(uids).await? {
                let _slot = self.admission.slot_for(client).await?;
                self.workspace.attach_to_wanted(&child).await?;
            }
        }
        Ok(())
    }

    /// Lists and parents that went to the trash during the import take the new todos with them.
    async fn follow_into_trash(&self, prepared: &Prepared) -> Result<(), Error> {
        let workspace = self.workspace;
        let live = prepared.todos.iter().filter(|todo| todo.state == State::Live);
        let lists: HashSet<ObjectId> = live.filter_map(|todo| todo.list_id).collect();
        for list in lists {
            if let Some(list) = workspace.lists().find(list).await?.filter(|list| list.state != State::Live) {
                workspace.todos_follow(&list, &Note::none()).await?;
            }
        }
        for parent in &prepared.parents {
            if let Some(parent) =
                workspace.todos().find(*parent).await?.filter(|todo| todo.state != State::Live)
            {
                Context::<Todo>::apply(workspace, &parent, &[SideEffect::Trash], &Note::none()).await?;
            }
        }
        Ok(())
    }
}

/// How many todos to write at once. A todo and its parent are never written at the same time.
fn batch_size(todos: &[Todo]) -> usize {
    let (mut ids, mut bytes) = (HashSet::new(), 0);
    for todo in todos.iter().take(BATCH_TODOS) {
        bytes += todo.name.len() + todo.description.len();
        bytes += todo.ical.as_ref().map_or(0, |ical| ical.text.len());
        let is_full = bytes > BATCH_BYTES || todo.parent_id.is_some_and(|parent| ids.contains(&parent));
        if is_full && !ids.is_empty() {
            break;
        }
        ids.insert(todo.id);
    }
    ids.len().max(1)
}

#[cfg(test)]
mod tests {
    use bson::DateTime;

    use super::*;

    #[test]
    fn a_batch_ends_before_a_child_of_one_of_its_todos() {
        let id = |number: u8| ObjectId::from_bytes([number; 12]);
        let todo = |number: u8, parent: Option<u8>| {
            let todo = Todo::blank(id(number), id(0), String::new(), DateTime::from_millis(0));
            Todo { parent_id: parent.map(id), ..todo }
        };
        let todos = [todo(1, None), todo(2, Some(9)), todo(3, Some(1)), todo(4, None)];
        assert_eq!(batch_size(&todos), 2);
        assert_eq!(batch_size(&todos[2..]), 2);
        let large = Todo { description: "x".repeat(BATCH_BYTES), ..todo(5, None) };
        assert_eq!(batch_size(&[large.clone(), large]), 1);
    }
}
