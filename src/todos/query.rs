//! Queries for pages of todos: filters, sort orders, and the index that serves each query.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::due::Due;
use super::due::bound::DueBound;
use super::index::Index;
use super::model::{Priority, Todo};
use super::search_terms;
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::owned::{Selection, State};

#[derive(Debug, Clone, Default)]
pub struct TodoQuery {
    /// `Some(None)` is the inbox.
    pub list_id: Option<Option<ObjectId>>,
    /// `Some(None)` is the top level.
    pub parent_id: Option<Option<ObjectId>>,
    pub completed: Option<bool>,
    pub tags: Vec<String>,
    pub priority: Option<Priority>,
    pub due_before: Option<DueBound>,
    pub due_after: Option<DueBound>,
    /// Only open todos that are late.
    pub overdue: bool,
    pub updated_after: Option<DateTime>,
    /// Each prefix must begin a word of the name or the description. An empty list matches nothing.
    pub prefixes: Option<Vec<String>>,
    pub deleted: Deleted,
    pub sort: Sort,
    pub reverse: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deleted {
    #[default]
    No,
    Only,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Position,
    /// Todos without a due date come last, in reverse order too.
    Due,
    Priority,
    /// Ignores case and accents.
    Name,
    CreatedAt,
    UpdatedAt,
}

impl Sort {
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

/// The sort fields of the last todo on a page. The next page starts after this key.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey(Vec<Bson>);

impl SortKey {
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        bson::serialize_to_vec(&doc! { "at": self.0.clone() }).map_err(Error::internal)
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut document: Document = bson::deserialize_from_slice(bytes).ok()?;
        match document.remove("at") {
            Some(Bson::Array(values)) => Some(Self(values)),
            _ => None,
        }
    }
}

impl TodoQuery {
    /// The database queries for the page after `last`, for a user in `zone` at `now`. Sorted by due date, a page needs up to two
    /// queries, one after the other: todos with a due date, then todos without. The caller sets their limits.
    pub fn selections(&self, zone: Zone, now: DateTime, last: Option<&SortKey>) -> Vec<Selection> {
        let mut filter = self.filter(zone, now);
        if self.sort != Sort::Due {
            start_after(&mut filter, self.sort.fields(), self.reverse, last);
            return vec![self.selection(filter, self.sort.fields(), self.reverse)];
        }
        // A page that ended among the todos without a due date continues there.
        let is_in_second = last.is_some_and(|last| matches!(last.0.first(), Some(Bson::Null) | None));
        let mut selections = Vec::new();
        if !is_in_second {
            let mut due = filter.clone();
            // Excludes null, because a comparison matches only values of the same BSON type.
            due.insert("due_local", doc! { "$gt": "" });
            start_after(&mut due, self.sort.fields(), self.reverse, last);
            selections.push(self.selection(due, self.sort.fields(), self.reverse));
        }
        if !self.compares_due_dates() {
            filter.insert("due_local", Bson::Null);
            let id =
                last.filter(|_| is_in_second).map(|last| SortKey(last.0.iter().skip(1).cloned().collect()));
            start_after(&mut filter, &["_id"], false, id.as_ref());
            selections.push(self.selection(filter, self.sort.fields(), false));
        }
        selections
    }

    /// Whether a filter selects todos by their due dates. It then needs the zone of the user.
    pub fn compares_due_dates(&self) -> bool {
        self.overdue || self.due_before.is_some() || self.due_after.is_some()
    }

    pub fn sort_key(&self, todo: &Todo) -> SortKey {
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

    fn index(&self) -> Index {
        let is_by_position = self.sort == Sort::Position;
        // The index of a filter that few todos match, otherwise the index of the sort order, which needs no sorting.
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

    fn filter(&self, zone: Zone, now: DateTime) -> Document {
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
        // These filters compare the same fields several times, so they cannot be keys of one document.
        let mut all: Vec<Document> = self.prefixes.iter().flatten().map(|prefix| has_word(prefix)).collect();
        if self.prefixes.as_ref().is_some_and(Vec::is_empty) {
            all.push(doc! { "words": { "$in": [] } });
        }
        if self.overdue {
            all.push(doc! { "completed": false });
            all.push(DueBound::late(now, zone));
        }
        all.extend(self.due_before.map(|moment| moment.before(zone)));
        all.extend(self.due_after.map(|moment| moment.after(zone)));
        if !all.is_empty() {
            filter.insert("$and", all);
        }
        filter
    }
}

fn has_word(prefix: &str) -> Document {
    match search_terms::prefix_range(prefix) {
        // Without `$elemMatch`, two different words could satisfy the two bounds.
        (from, Some(to)) => doc! { "words": { "$elemMatch": { "$gte": from, "$lt": to } } },
        (from, None) => doc! { "words": { "$gte": from } },
    }
}

/// Restricts `filter` to todos after `last` in the order of `fields`.
fn start_after(filter: &mut Document, fields: &[&str], reverse: bool, last: Option<&SortKey>) {
    let Some(SortKey(values)) = last else { return };
    let comparison = if reverse { "$lt" } else { "$gt" };
    // MongoDB cannot compare tuples: the first field is greater, or it is equal and the second field is greater, and so
    // on.
    let mut equal = Document::new();
    let mut alternatives = Vec::new();
    for (field, value) in fields.iter().zip(values) {
        let mut alternative = equal.clone();
        alternative.insert(*field, doc! { comparison: value.clone() });
        alternatives.push(alternative);
        equal.insert(*field, value.clone());
    }
    filter.insert("$or", alternatives);
}
