//! Todos that came before their parent: they wait for the UID that their client has named.

use bson::oid::ObjectId;

use super::input::TodoInput;
use super::model::Todo;
use crate::error::Error;
use crate::mongo::object_id;
use crate::owned::{Conflict, Precondition};
use crate::workspace::Workspace;

impl Workspace {
    /// The todo with this UID, live or in the trash.
    pub async fn with_uid(&self, uid: &str) -> Result<Option<Todo>, Error> {
        let found = self.todos().find_by_uid(uid).await?;
        match object_id::parse(uid).filter(|_| found.is_none()) {
            Some(id) => Ok(self.todos().find(id).await?.filter(|todo| todo.uid() == uid)),
            None => Ok(found),
        }
    }

    /// Attaches the todos that wait for this UID.
    pub async fn adopt(&self, parent: &Todo, uid: &str) -> Result<(), Error> {
        for child in self.todos().wanting_parent(&[uid.to_owned()]).await? {
            self.attach(&child, parent).await?;
        }
        Ok(())
    }

    /// Attaches a todo to the one for which it waits, if it is there by now.
    pub async fn attach_to_wanted(&self, child: &Todo) -> Result<(), Error> {
        let Some(uid) = child.calendar.as_ref().and_then(|names| names.parent.as_deref()) else {
            return Ok(());
        };
        match self.with_uid(uid).await? {
            Some(parent) => self.attach(child, &parent).await,
            None => Ok(()),
        }
    }

    async fn attach(&self, child: &Todo, parent: &Todo) -> Result<(), Error> {
        if child.list_id != parent.list_id || child.id == parent.id {
            return Ok(());
        }
        let parent_id: Option<ObjectId> = Some(parent.id);
        let input = TodoInput { parent_id: Some(parent_id), ..TodoInput::default() };
        let finish = |_: &Todo, after: &mut Todo| {
            if let Some(names) = &mut after.calendar {
                names.parent = None;
            }
            Vec::new()
        };
        match self.change_todo_with(child.id, input, &Precondition::Any, finish).await {
            // One that would be nested too deep or in a circle stays on the top level.
            Ok(_)
            | Err(
                Conflict::Stale(_) | Conflict::Error(Error::Invalid(_) | Error::InTrash | Error::NotFound(_)),
            ) => Ok(()),
            Err(Conflict::Error(error)) => Err(error),
        }
    }
}
