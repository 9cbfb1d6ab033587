//! The sort orders of todos, and the keys by which pages follow one another.

use bson::oid::ObjectId;
use bson::{Bson, Document, RawDocument, doc};

use super::index::Index;
use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Position,
    /// Todos without a due date come last, in reverse order too. Those with the same due date are in their order.
    Due,
    Priority,
    /// Open todos come last, in reverse order too, in their order.
    CompletedAt,
    /// By base letters, and numbers by value. Todos with equal names are in their order.
    Name,
    CreatedAt,
    UpdatedAt,
}

impl Sort {
    pub const ALL: [(&'static str, Self); 7] = [
        ("position", Self::Position),
        ("due", Self::Due),
        ("priority", Self::Priority),
        ("completed_at", Self::CompletedAt),
        ("name", Self::Name),
        ("created_at", Self::CreatedAt),
        ("updated_at", Self::UpdatedAt),
    ];

    /// The stored fields to sort by, and the index in this order. The last field makes the order total.
    pub(super) fn order(self) -> (&'static [&'static str], Index) {
        match self {
            Self::Position => (&["position", "_id"], Index::ByPosition),
            Self::Due => (&["due_local", "position", "_id"], Index::ByDue),
            Self::Priority => (&["priority", "position", "_id"], Index::ByPriority),
            Self::CompletedAt => (&["completed_at", "position", "_id"], Index::ByCompleted),
            Self::Name => (&["sort_name", "position", "_id"], Index::ByName),
            Self::CreatedAt => (&["created_at", "_id"], Index::ByCreatedAt),
            Self::UpdatedAt => (&["updated_at", "_id"], Index::ByUpdatedAt),
        }
    }

    pub(super) fn fields(self) -> &'static [&'static str] {
        self.order().0
    }

    /// The condition of todos that have a value of the first sort field, if the index of the order contains only these. The
    /// others are in the order of their positions.
    pub(super) fn present(self) -> Option<Document> {
        self.order().1.condition()
    }

    /// The condition of all other todos, which the index of their positions can answer.
    pub(super) fn absent(self) -> Option<Document> {
        let present = self.present()?;
        // A todo has a time of completion if and only if it is completed.
        let is_by_completion = self == Self::CompletedAt;
        Some(if is_by_completion {
            doc! { "completed": { "$ne": true } }
        } else {
            doc! { "$nor": [present] }
        })
    }

    /// Whether todos without a value of the first sort field come last in reverse order too.
    pub(super) fn keeps_absent_last(self) -> bool {
        matches!(self, Self::Due | Self::CompletedAt)
    }

    /// Reads the sort key from a cursor. `None` for the key of another order, as of another version of this service.
    pub fn read_key(self, bytes: &[u8]) -> Option<SortKey> {
        let mut document: Document = bson::deserialize_from_slice(bytes).ok()?;
        match document.remove("at") {
            Some(Bson::Array(values)) if values.len() == self.fields().len() => Some(SortKey(values)),
            _ => None,
        }
    }

    /// The sort key of a stored todo, which needs only the fields of `Sort::projection`.
    // As stored, because a todo that another version of this service wrote has its place in the index by that key.
    pub fn key(self, stored: &RawDocument) -> Result<SortKey, Error> {
        let value = |field: &&str| match stored.get(*field).map_err(Error::internal)? {
            Some(value) => Bson::try_from(value).map_err(Error::internal),
            None => Ok(Bson::Null),
        };
        self.fields().iter().map(value).collect::<Result<_, _>>().map(SortKey)
    }

    pub(super) fn projection(self) -> Document {
        self.fields().iter().map(|field| ((*field).to_owned(), Bson::Int32(1))).collect()
    }
}

/// The sort fields of the last todo on a page. The next page starts after this key.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey(pub(super) Vec<Bson>);

impl SortKey {
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        bson::serialize_to_vec(&doc! { "at": self.0.clone() }).map_err(Error::internal)
    }

    /// Whether the todo has a value of the first sort field, if not every todo has one.
    pub(super) fn has_value(&self) -> bool {
        !matches!(self.0.first(), Some(Bson::Null | Bson::Int32(0)) | None)
    }

    /// The position and the id, in the order of positions.
    pub(super) fn place(&self) -> Option<(String, ObjectId)> {
        match self.0.as_slice() {
            [Bson::String(position), Bson::ObjectId(id)] => Some((position.clone(), *id)),
            _ => None,
        }
    }

    pub(super) fn of_place((position, id): (String, ObjectId)) -> Self {
        Self(vec![position.into(), id.into()])
    }

    pub(super) fn after_first(&self) -> Self {
        Self(self.0.iter().skip(1).cloned().collect())
    }
}
