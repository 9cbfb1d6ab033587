//! The collection `todos`. Must not read or write a todo without its owner in the filter.
//!
//! Repeating: a creation whose outcome is unknown may be repeated and then makes a second todo; replacing and removing
//! come to the same when repeated.

use bson::oid::ObjectId;
use bson::{DateTime, doc};
use futures_util::{Stream, TryStreamExt};
use mongodb::Collection;
use mongodb::options::{IndexOptions, ReturnDocument};

use super::model::{NewTodo, Todo};
use crate::clock::Clock;
use crate::db::{self, Db, Setup};
use crate::error::{Error, Resource};

/// The collection `todos`.
#[derive(Clone)]
pub struct Todos {
    todos: Collection<Todo>,
    clock: Clock,
}

impl Todos {
    /// The todos of `db`, dated by `clock`.
    #[must_use]
    pub fn new(db: &Db, clock: Clock) -> Self {
        Self { todos: db.collection("todos"), clock }
    }

    /// Creates the indexes that are missing.
    ///
    /// # Errors
    /// See [`db::ensure_indexes`].
    pub async fn ensure_indexes(&self) -> Result<(), Setup> {
        let by_owner = db::index(doc! { "owner_id": 1, "created_at": 1, "_id": 1 }, IndexOptions::default());
        db::ensure_indexes(&self.todos, [by_owner]).await
    }

    /// The todos of one user: the only door to any.
    #[must_use]
    pub fn of(&self, owner_id: ObjectId) -> OwnTodos<'_> {
        OwnTodos { todos: &self.todos, owner_id, now: self.clock.now() }
    }
}

/// The todos of one user.
pub struct OwnTodos<'a> {
    todos: &'a Collection<Todo>,
    owner_id: ObjectId,
    now: DateTime,
}

impl OwnTodos<'_> {
    /// Adds a todo.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn create(&self, new: NewTodo) -> Result<Todo, Error> {
        let todo = new.into_todo(self.owner_id, self.now);
        self.todos.insert_one(&todo).await?;
        Ok(todo)
    }

    /// One todo.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id, or it is someone else's; [`Error::Unavailable`].
    pub async fn get(&self, id: ObjectId) -> Result<Todo, Error> {
        let todo = self.todos.find_one(self.own(id)).max_time(db::MAX_TIME).await?;
        todo.ok_or(Error::NotFound(Resource::Todo))
    }

    /// Gives a todo a new name and description, and leaves everything else as it is.
    ///
    /// # Errors
    /// As [`OwnTodos::get`].
    pub async fn replace(&self, id: ObjectId, new: NewTodo) -> Result<Todo, Error> {
        let change = doc! {
            "$set": { "name": new.name, "description": new.description, "updated_at": self.now },
            "$inc": { "version": 1 },
        };
        let replaced =
            self.todos.find_one_and_update(self.own(id), change).return_document(ReturnDocument::After);
        replaced.max_time(db::MAX_TIME).await?.ok_or(Error::NotFound(Resource::Todo))
    }

    /// Removes a todo for good.
    ///
    /// # Errors
    /// As [`OwnTodos::get`].
    pub async fn remove(&self, id: ObjectId) -> Result<(), Error> {
        match self.todos.delete_one(self.own(id)).await?.deleted_count {
            0 => Err(Error::NotFound(Resource::Todo)),
            _ => Ok(()),
        }
    }

    /// Every todo, oldest first, read as it is asked for. Each batch of the database is one round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], before the first todo or after any.
    pub async fn oldest_first(
        &self,
    ) -> Result<impl Stream<Item = Result<Todo, Error>> + Send + use<>, Error> {
        let cursor =
            self.todos.find(doc! { "owner_id": self.owner_id }).sort(doc! { "created_at": 1, "_id": 1 });
        Ok(cursor.max_time(db::MAX_TIME).await?.map_err(Error::from))
    }

    /// Removes every todo for good.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove_all(&self) -> Result<(), Error> {
        self.todos.delete_many(doc! { "owner_id": self.owner_id }).await?;
        Ok(())
    }

    fn own(&self, id: ObjectId) -> bson::Document {
        doc! { "_id": id, "owner_id": self.owner_id }
    }
}
