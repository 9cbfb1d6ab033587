//! Which todos a list shows, in which order, and by which index they are found. Must not read a request or a database.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};
use chrono_tz::Tz;

use super::due::Due;
use super::due::bound::Moment;
use super::index::Index;
use super::model::{Priority, Todo};
use super::search_terms;
use crate::error::Error;
use crate::owned::{Selection, State};

/// What a list shows. Filters combine: a todo has to pass each.
#[derive(Debug, Clone, Default)]
pub struct TodoQuery {
    /// In this list; `Some(None)` is the inbox.
    pub list_id: Option<Option<ObjectId>>,
    /// Under this todo; `Some(None)` is the top level.
    pub parent_id: Option<Option<ObjectId>>,
    /// Done, or open.
    pub completed: Option<bool>,
    /// With each of these tags.
    pub tags: Vec<String>,
    /// Of this priority.
    pub priority: Option<Priority>,
    /// Due before this.
    pub due_before: Option<Moment>,
    /// Due after this: a date is over when its day is.
    pub due_after: Option<Moment>,
    /// Changed after this.
    pub updated_after: Option<DateTime>,
    /// Each of these begins a word of the name or the description; `Some` of none finds nothing.
    pub prefixes: Option<Vec<String>>,
    /// Live ones, those in the trash, or both.
    pub deleted: Deleted,
    /// In which order.
    pub sort: Sort,
    /// In the reverse of that order.
    pub reverse: bool,
}

/// Whether the trash is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deleted {
    /// No.
    #[default]
    No,
    /// Nothing else.
    Only,
    /// Beside the rest.
    Any,
}

/// Orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The user's own.
    #[default]
    Position,
    /// What is due first comes first; what is never due comes last, in the reverse too.
    Due,
    /// The least first.
    Priority,
    /// Case and accents do not count.
    Name,
    /// The oldest first.
    CreatedAt,
    /// The longest untouched first.
    UpdatedAt,
}

impl Sort {
    /// All orders by the names that clients use.
    pub const ALL: [(&'static str, Self); 6] = [
        ("position", Self::Position),
        ("due", Self::Due),
        ("priority", Self::Priority),
        ("name", Self::Name),
        ("created_at", Self::CreatedAt),
        ("updated_at", Self::UpdatedAt),
    ];

    /// The stored fields to sort by, and the index in this order. The last field makes the order total.
    fn order(self) -> (&'static [&'static str], Index) {
        match self {
            Self::Position => (&["position", "_id"], Index::ByPosition),
            Self::Due => (&["due_local", "_id"], Index::ByDue),
            Self::Priority => (&["priority", "position", "_id"], Index::ByPriority),
            Self::Name => (&["name_key", "_id"], Index::ByName),
            Self::CreatedAt => (&["created_at", "_id"], Index::ByCreatedAt),
            Self::UpdatedAt => (&["updated_at", "_id"], Index::ByUpdatedAt),
        }
    }

    fn fields(self) -> &'static [&'static str] {
        self.order().0
    }
}

/// Where a page ended: the sorted fields of its last todo.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey(Vec<Bson>);

impl SortKey {
    /// What a cursor holds.
    ///
    /// # Errors
    /// [`Error::Internal`], which needs values that cannot be written.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        bson::serialize_to_vec(&doc! { "at": self.0.clone() }).map_err(Error::internal)
    }

    /// What a cursor held.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut document: Document = bson::deserialize_from_slice(bytes).ok()?;
        match document.remove("at") {
            Some(Bson::Array(values)) => Some(Self(values)),
            _ => None,
        }
    }
}

impl TodoQuery {
    /// What this is in the database, for a user in `zone`, behind where the last page ended. By due date there are two
    /// selections to be read one after the other: what is due, and what is not. How many is the caller's to say.
    #[must_use]
    pub fn selections(&self, zone: Tz, last: Option<&SortKey>) -> Vec<Selection> {
        let mut filter = self.filter(zone);
        if self.sort != Sort::Due {
            behind(&mut filter, self.sort.fields(), self.reverse, last);
            return vec![self.selection(filter, self.sort.fields(), self.reverse)];
        }
        let is_in_second = last.is_some_and(|last| matches!(last.0.first(), Some(Bson::Null) | None));
        let mut selections = Vec::new();
        if !is_in_second {
            let mut due = filter.clone();
            bound(&mut due, "due_local", "$gt", "".into());
            behind(&mut due, self.sort.fields(), self.reverse, last);
            selections.push(self.selection(due, self.sort.fields(), self.reverse));
        }
        if self.due_before.is_none() && self.due_after.is_none() {
            filter.insert("due_local", Bson::Null);
            let id =
                last.filter(|_| is_in_second).map(|last| SortKey(last.0.iter().skip(1).cloned().collect()));
            behind(&mut filter, &["_id"], false, id.as_ref());
            selections.push(self.selection(filter, self.sort.fields(), false));
        }
        selections
    }

    /// Where a page ends whose last todo is `todo`.
    #[must_use]
    pub fn last(&self, todo: &Todo) -> SortKey {
        let field = |field: &&str| match *field {
            "position" => Bson::from(todo.position.as_str()),
            "due_local" => todo.due.as_ref().map(Due::local_key).into(),
            "priority" => i32::from(todo.priority).into(),
            "name_key" => search_terms::sort_key(&todo.name).into(),
            "created_at" => todo.created_at.into(),
            "updated_at" => todo.updated_at.into(),
            _ => todo.id.into(),
        };
        SortKey(self.sort.fields().iter().map(field).collect())
    }

    fn selection(&self, filter: Document, fields: &[&str], reverse: bool) -> Selection {
        let direction = if reverse { -1 } else { 1 };
        let sort = fields.iter().map(|field| ((*field).to_owned(), Bson::Int32(direction))).collect();
        Selection { filter, sort, index: self.index().name(), limit: 0 }
    }

    /// The index that reads the least: by a filter that picks few, else by the order.
    fn index(&self) -> Index {
        let is_by_position = self.sort == Sort::Position;
        match self {
            Self { prefixes: Some(_), .. } => Index::ByWord,
            Self { parent_id: Some(Some(_)), .. } => Index::ByParent,
            Self { tags, .. } if !tags.is_empty() => Index::ByTag,
            Self { list_id: Some(_), .. } => Index::ByList,
            Self { updated_after: Some(_), .. } if is_by_position => Index::ByUpdatedAt,
            Self { priority: Some(_), .. } if is_by_position => Index::ByPriority,
            _ => self.sort.order().1,
        }
    }

    fn filter(&self, zone: Tz) -> Document {
        let (live, trash) = (State::Live.word(), State::Trash.word());
        let mut filter = match self.deleted {
            Deleted::No => doc! { "state": live },
            Deleted::Only => doc! { "state": trash },
            Deleted::Any => doc! { "state": { "$in": [live, trash] } },
        };
        let mut equal = |field: &str, value: Option<Bson>| {
            if let Some(value) = value {
                filter.insert(field, value);
            }
        };
        equal("list_id", self.list_id.map(Bson::from));
        equal("parent_id", self.parent_id.map(Bson::from));
        equal("completed", self.completed.map(Bson::from));
        equal("priority", self.priority.map(|priority| i32::from(priority).into()));
        equal("tags", (!self.tags.is_empty()).then(|| doc! { "$all": self.tags.clone() }.into()));
        equal("updated_at", self.updated_after.map(|after| doc! { "$gt": after }.into()));
        let mut all: Vec<Document> = self.prefixes.iter().flatten().map(|prefix| beginning(prefix)).collect();
        if self.prefixes.as_ref().is_some_and(Vec::is_empty) {
            all.push(doc! { "words": { "$in": [] } });
        }
        all.extend(self.due_before.map(|moment| moment.before(zone)));
        all.extend(self.due_after.map(|moment| moment.after(zone)));
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        filter
    }
}

/// The filter for todos with a word that begins so.
fn beginning(prefix: &str) -> Document {
    match search_terms::prefix_range(prefix) {
        (from, Some(to)) => doc! { "words": { "$elemMatch": { "$gte": from, "$lt": to } } },
        (from, None) => doc! { "words": { "$gte": from } },
    }
}

fn bound(filter: &mut Document, field: &str, comparison: &str, value: Bson) {
    filter.insert(field, doc! { comparison: value });
}

/// Leaves only what comes behind `last` in the order of `fields`.
fn behind(filter: &mut Document, fields: &[&str], reverse: bool, last: Option<&SortKey>) {
    let Some(SortKey(values)) = last else { return };
    let further = if reverse { "$lt" } else { "$gt" };
    let mut same = Document::new();
    let mut ways = Vec::new();
    for (field, value) in fields.iter().zip(values) {
        let mut way = same.clone();
        way.insert(*field, doc! { further: value.clone() });
        ways.push(way);
        same.insert(*field, value.clone());
    }
    filter.insert("$or", ways);
}
