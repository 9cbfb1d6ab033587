//! Whether the limits on the number of todos leave room for todos that come into a state together.

use bson::Document;

use super::model::Todo;
use super::side_effects::following;
use super::store::old_record;
use crate::error::Error;
use crate::lists::model::List;
use crate::owned::State;
use crate::workspace::Workspace;

impl Workspace {
    /// The number of subtasks on all levels that match.
    async fn count_subtasks(&self, todo: &Todo, filter: Document) -> Result<u64, Error> {
        if !todo.is_parent {
            return Ok(0);
        }
        let mut parents = self.subtask_levels(todo.id).await?;
        // The lowest level has no subtasks.
        parents.pop();
        parents.push(vec![todo.id]);
        self.todos().count_subtasks(&parents.concat(), filter).await
    }

    /// Checks the limit of the `state` into which the todos of a list will follow it.
    pub(crate) async fn assert_room_for_followers(&self, list: &List, state: State) -> Result<(), Error> {
        let mut moved = list.clone();
        moved.state = state;
        // Among the documents that wait, some do not follow.
        let most = self.todos().in_list(list.id, following(&moved)).await?.len();
        let counting = async || self.todos().count_in_list(list.id, self.counted(following(&moved))).await;
        self.assert_room(state, u64::try_from(most).unwrap_or(u64::MAX), counting).await
    }

    /// Checks the limit of the `state` into which a todo goes together with its subtasks that match.
    pub(super) async fn assert_room_with_subtasks(
        &self,
        state: State,
        todo: &Todo,
        filter: Document,
    ) -> Result<(), Error> {
        let most = 1 + self.count_subtasks(todo, filter.clone()).await?;
        let counting = async || Ok(1 + self.count_subtasks(todo, self.counted(filter)).await?);
        self.assert_room(state, most, counting).await
    }

    /// `counting` counts exactly and costs more, so it runs only if there is no room for `most`.
    async fn assert_room(
        &self,
        state: State,
        most: u64,
        counting: impl AsyncFnOnce() -> Result<u64, Error>,
    ) -> Result<(), Error> {
        let room = async |count| match state {
            State::Live => self.assert_room_for_todos(count).await,
            State::Trash | State::Gone => self.assert_room_in_trash(count).await,
        };
        match room(most).await {
            Err(Error::LimitReached(_) | Error::TrashFull(_)) => room(counting().await?).await,
            checked => checked,
        }
    }

    /// Without the todos that do not count towards a limit.
    fn counted(&self, mut filter: Document) -> Document {
        filter.insert("$nor", vec![old_record(self.now)]);
        filter
    }
}
