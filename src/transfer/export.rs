//! Reads everything that an export holds, batch by batch.

use std::collections::HashSet;
use std::sync::Arc;

use bson::oid::ObjectId;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::render::Part;
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::State;
use crate::todos::operations::BATCH_BYTES;
use crate::todos::query::Deleted;
use crate::workspace::{Workspace, Workspaces};

const LISTS_AT_A_TIME: i64 = 100;

/// Lists in their order and then todos by age, both with the trash. Todos keep their place in this order, so changes at the
/// same time neither hide nor repeat any.
pub fn parts(
    lists: Workspace,
    todos: Workspace,
) -> impl Stream<Item = Result<Vec<Part>, Error>> + Send + use<> {
    let lists = pages_of_lists(lists)
        .map_ok(|lists| lists.into_iter().map(|list| Part::List(Box::new(list))).collect());
    let between = stream::once(async { Ok(vec![Part::Todos]) });
    let todos = todos.todos_oldest_first(Deleted::Any);
    let todos = todos.map_ok(|todos| todos.into_iter().map(|todo| Part::Todo(Box::new(todo))).collect());
    lists.chain(between).chain(todos)
}

fn pages_of_lists(workspace: Workspace) -> impl Stream<Item = Result<Vec<List>, Error>> + Send + use<> {
    let first: Option<(String, ObjectId)> = None;
    stream::try_unfold((workspace, first, HashSet::new()), async |(workspace, last, mut seen)| {
        let states = [State::Live, State::Trash];
        let mut lists = workspace.lists().page(&states, last.as_ref(), LISTS_AT_A_TIME, BATCH_BYTES).await?;
        let next = lists.last().map(|list| (list.position.clone(), list.id));
        // A list that is moved at the same time can come again.
        lists.retain(|list| seen.insert(list.id));
        Ok(next.map(|next| (lists, (workspace, Some(next), seen))))
    })
}

/// Two views of the user's documents, because each stream needs one.
pub fn workspaces(workspaces: &Arc<Workspaces>, owner_id: ObjectId) -> (Workspace, Workspace) {
    (workspaces.of(owner_id), workspaces.of(owner_id))
}
