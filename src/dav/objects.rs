//! Finding the todo that a CalDAV resource is, and removing and moving it.

use std::collections::HashMap;

use bson::oid::ObjectId;

use super::address::Address;
use super::collections::Collection;
use super::refusal::{Condition, Refusal};
use crate::error::Error;
pub(crate) use crate::icalendar::{Member, Uids};
use crate::mongo::object_id;
use crate::owned::{Precondition, State};
use crate::todos::calendar::CalendarNames;
use crate::todos::input::TodoInput;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// A resource: a list, where `None` is the inbox, and a name in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) list_id: Option<ObjectId>,
    pub(crate) name: &'a str,
}

impl Workspace {
    /// The live todo that is this resource.
    pub(crate) async fn resource(&self, place: Place<'_>) -> Result<Option<Todo>, Error> {
        let Place { list_id, name } = place;
        let is_it = |todo: &Todo| {
            todo.state == State::Live && todo.list_id == list_id && todo.resource_name() == name
        };
        let found = self.todos().find_by_resource(list_id, name).await?.filter(is_it);
        match id_in(name).filter(|_| found.is_none()) {
            Some(id) => Ok(self.todos().find(id).await?.filter(is_it)),
            None => Ok(found),
        }
    }

    pub(crate) async fn member(&self, place: Place<'_>) -> Result<Member, Refusal> {
        let todo = self.resource(place).await?.ok_or_else(Refusal::not_found)?;
        Ok(self.with_parent(todo).await?)
    }

    pub(super) async fn with_parent(&self, todo: Todo) -> Result<Member, Error> {
        let uids = self.related_uids(std::slice::from_ref(&todo)).await?;
        Ok(Member::among(todo, &uids))
    }

    async fn related_uids(&self, todos: &[Todo]) -> Result<Uids, Error> {
        let related: Vec<_> =
            todos.iter().flat_map(|todo| [todo.parent_id, todo.occurrence_of]).flatten().collect();
        if related.is_empty() {
            return Ok(Uids::new());
        }
        self.todos().uids_of(&related).await
    }

    /// These todos with their texts, live or in the trash.
    pub(crate) async fn members(&self, ids: &[ObjectId]) -> Result<Vec<Member>, Error> {
        let todos = self.todos().with_texts(ids).await?;
        let uids = self.related_uids(&todos).await?;
        Ok(todos.into_iter().map(|todo| Member::among(todo, &uids)).collect())
    }

    /// The resources of a list that have these names.
    pub(crate) async fn members_named(
        &self,
        list_id: Option<ObjectId>,
        names: impl Iterator<Item = &String>,
    ) -> Result<HashMap<String, Member>, Error> {
        let names: Vec<&str> = names.map(String::as_str).collect();
        let ids: Vec<_> = names.iter().filter_map(|name| id_in(name)).collect();
        let mut todos = self.todos().of_resources(list_id, &names).await?;
        if !ids.is_empty() {
            todos.extend(self.todos().with_texts(&ids).await?);
        }
        todos.retain(|todo| todo.state == State::Live && todo.list_id == list_id);
        let uids = self.related_uids(&todos).await?;
        let members = todos.into_iter().map(|todo| (todo.resource_name(), Member::among(todo, &uids)));
        Ok(members.collect())
    }

    /// The todo that the object names as its parent, if it is in the list, and otherwise the UID to wait for.
    pub(super) async fn parent_in(
        &self,
        list_id: Option<ObjectId>,
        parent_uid: Option<&str>,
        child: ObjectId,
    ) -> Result<(Option<ObjectId>, Option<String>), Error> {
        let Some(uid) = parent_uid else { return Ok((None, None)) };
        let is_possible =
            |parent: &Todo| parent.state == State::Live && parent.list_id == list_id && parent.id != child;
        let parent = self.with_uid(uid).await?.filter(is_possible);
        Ok(match parent {
            Some(parent) => (Some(parent.id), None),
            None => (None, Some(uid.to_owned())),
        })
    }

    /// Frees the name of a place from a todo that is in the trash or in another list now.
    pub(super) async fn free_place(&self, Place { list_id, name }: Place<'_>) -> Result<(), Error> {
        let found = self.todos().find_by_resource(list_id, name).await?;
        match found.filter(|todo| todo.state != State::Live || todo.list_id != list_id) {
            Some(todo) => self.todos().free_name(todo.id, name).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn delete_resource(
        &self,
        place: Place<'_>,
        precondition: &Precondition,
    ) -> Result<(), Refusal> {
        let todo = self.resource(place).await?.ok_or_else(Refusal::not_found)?;
        self.trash_todo(todo.id, precondition).await?;
        Ok(())
    }

    /// Moves a resource to another place. Returns whether the place was free.
    pub(crate) async fn move_resource(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        overwrite: bool,
        precondition: &Precondition,
    ) -> Result<bool, Refusal> {
        let todo = self.resource(from).await?.ok_or_else(Refusal::not_found)?;
        let replaced = self.resource(to).await?.filter(|other| other.id != todo.id);
        if replaced.is_some() && !overwrite {
            return Err(Condition::PreconditionFailed.into());
        }
        precondition.check(todo.clone())?;
        if let Some(replaced) = &replaced {
            self.trash_todo(replaced.id, &Precondition::Versions(vec![replaced.version])).await?;
        }
        self.free_place(to).await?;
        let is_elsewhere = to.list_id != todo.list_id;
        let input = TodoInput {
            list_id: Some(to.list_id),
            parent_id: is_elsewhere.then_some(None),
            ..TodoInput::default()
        };
        let finish = |before: &Todo, after: &mut Todo| {
            let names = before.calendar.clone().unwrap_or_default();
            after.calendar =
                Some(CalendarNames { list: to.list_id, name: Some(to.name.to_owned()), ..names });
            Vec::new()
        };
        self.change_todo_with(todo.id, input, precondition, finish).await?;
        Ok(replaced.is_none())
    }

    pub(super) async fn uid_taken(&self, todo: &Todo) -> Result<Refusal, Error> {
        let list = match todo.list_id {
            Some(id) => self.lists().find(id).await?,
            None => None,
        };
        let address = Address::Todo(self.owner_id, Collection { list }.segment(), todo.resource_name());
        Ok(Condition::UidTaken(address.path()).into())
    }
}

/// The id of which a name is made.
pub(super) fn id_in(name: &str) -> Option<ObjectId> {
    object_id::parse(name.strip_suffix(".ics")?)
}
