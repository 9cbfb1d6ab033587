//! Reads everything that an export holds, batch by batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bson::oid::ObjectId;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::render::Part;
use crate::error::Error;
use crate::http::answer_bytes::STREAM_BYTES;
use crate::icalendar::TEXT_MAX;
use crate::lists::model::List;
use crate::owned::State;
use crate::todos::model::Todo;
use crate::todos::operations::BATCH_BYTES;
use crate::todos::query::Deleted;
use crate::workspace::Workspace;

const LISTS_AT_A_TIME: i64 = 100;

const TEXTS_AT_A_TIME: usize = 32;

/// What an export holds while its client reads slowly, in bytes.
pub const HELD_MAX: usize = TEXTS_AT_A_TIME * TEXT_MAX + STREAM_BYTES;

/// The views of a user's documents that an export needs: each stream has its own.
pub struct Views {
    pub lists: Workspace,
    pub todos: Workspace,
    /// For what calendar clients have sent, if the export has it.
    pub texts: Option<Workspace>,
}

/// Lists in their order and then todos by age, both with the trash. Todos keep their place in this order, so changes at the
/// same time neither hide nor repeat any.
pub fn parts(views: Views) -> impl Stream<Item = Result<Vec<Part>, Error>> + Send + use<> {
    let Views { lists, todos, texts } = views;
    let lists = pages_of_lists(lists)
        .map_ok(|lists| lists.into_iter().map(|list| Part::List(Box::new(list))).collect());
    let between = stream::once(async { Ok(vec![Part::Todos]) });
    let todos = todos.todos_oldest_first(Deleted::Any);
    let part = |todo| Part::Todo(Box::new(todo));
    let todos = match texts {
        None => todos.map_ok(move |todos| todos.into_iter().map(part).collect()).left_stream(),
        Some(texts) => {
            with_texts(texts, todos).map_ok(move |todos| todos.into_iter().map(part).collect()).right_stream()
        }
    };
    lists.chain(between).chain(todos)
}

/// The same todos with the texts of calendar clients, in smaller batches.
fn with_texts(
    workspace: Workspace,
    batches: impl Stream<Item = Result<Vec<Todo>, Error>> + Send,
) -> impl Stream<Item = Result<Vec<Todo>, Error>> + Send {
    let small = batches.map_ok(|todos| {
        let mut todos = todos.into_iter();
        stream::iter(std::iter::from_fn(move || {
            let some: Vec<_> = todos.by_ref().take(TEXTS_AT_A_TIME).collect();
            (!some.is_empty()).then_some(Ok(some))
        }))
    });
    let workspace = Arc::new(workspace);
    small.try_flatten().and_then(move |mut todos| {
        let workspace = workspace.clone();
        async move {
            // A record has a text without a UID.
            let can_have = |todo: &&Todo| todo.calendar.is_some() || todo.occurrence_of.is_some();
            let ids: Vec<_> = todos.iter().filter(can_have).map(|todo| todo.id).collect();
            if !ids.is_empty() {
                let whole = workspace.todos().with_texts(&ids).await?;
                let mut whole: HashMap<_, _> = whole.into_iter().map(|todo| (todo.id, todo)).collect();
                for todo in &mut todos {
                    // The text belongs to the version that was read with it.
                    if let Some(whole) = whole.remove(&todo.id) {
                        *todo = whole;
                    }
                }
            }
            Ok(todos)
        }
    })
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
