//! The indexes of the collection `todos`. Every index starts with `owner_id`; then come the fields that a filter
//! compares for equality, then the sort order. The fields after `_id` let MongoDB apply the other filters inside the
//! index, so that it never fetches documents that do not match.
//!
//! MongoDB does not change an index. A changed index gets another name and its old name goes to [`RETIRED`]: during a
//! release, old instances still name it in their queries.
//!
//! An index for each sort order is worth its keys. Together, those of priority, name, creation and last change cost MongoDB
//! 10 µs of the 500 µs of a new todo, and 12 µs of an update. Without its index, a page in one of these orders costs 0.2 ms
//! more for a user with 100 todos, 1.5 ms more with 1,000 and 14 ms more with 10,000, because MongoDB fetches all of them.
//!
//! **Invariant:** a query names its index. Otherwise MongoDB would compare all indexes that begin with the owner. A query
//! that names a partial index has a filter that implies the condition of the index. Otherwise it would miss documents.

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};

macro_rules! indexes {
    ($($index:ident = $name:literal: $($field:literal)+;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Index {
            $($index,)+
        }

        impl Index {
            /// The name of the index that every collection has.
            pub const BY_ID: &str = "_id_";

            pub const ALL: &[Self] = &[$(Self::$index),+];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$index => $name,)+
                }
            }

            /// The fields after `owner_id`, all ascending.
            pub fn fields(self) -> &'static [&'static str] {
                match self {
                    $(Self::$index => &[$($field),+],)+
                }
            }
        }
    };
}

indexes! {
    ByPosition = "by_position_2": "state" "position" "_id" "completed" "parent_id" "due_local" "priority";
    ByList = "by_list": "state" "list_id" "position" "_id" "completed" "parent_id";
    ByParent = "by_parent_2": "parent_id" "state" "position" "_id";
    ByTag = "by_tag_3": "state" "tag_keys" "position" "_id" "completed";
    // A prefix matches a range of words, after which no index can provide a sort order. The position lets a search sort
    // the todos of a word before it fetches one. Without the state, so that the trash takes and returns a todo without a
    // write for each of its words.
    ByWord = "by_word_3": "words" "position" "_id";
    ByPriority = "by_priority_2": "state" "priority" "position" "_id" "completed";
    ByDue = "by_due_2": "state" "due_local" "position" "_id" "completed";
    // With `occurrence_of`, old records are counted in this index.
    ByCompleted = "by_completed": "state" "completed_at" "position" "_id" "occurrence_of";
    ByName = "by_name_2": "state" "sort_name" "position" "_id";
    ByCreatedAt = "by_created_at": "state" "created_at" "_id";
    ByUpdatedAt = "by_updated_at": "state" "updated_at" "_id";
}

/// Names of earlier indexes that no query of this version uses.
pub const RETIRED: [&str; 9] = [
    "by_position",
    "by_parent",
    "by_tag",
    "by_tag_2",
    "by_word",
    "by_word_2",
    "by_priority",
    "by_due",
    "by_name",
];

impl Index {
    /// The documents that a partial index contains. A new todo is open and usually has neither parent, tag, priority nor due
    /// date, and then needs no entry.
    pub fn condition(self) -> Option<Document> {
        // A comparison matches only values of the same BSON type, so these exclude null.
        match self {
            Self::ByParent => Some(doc! { "parent_id": { "$gte": ObjectId::from_bytes([0; 12]) } }),
            Self::ByTag => Some(doc! { "tag_keys": { "$gte": "" } }),
            Self::ByPriority => Some(doc! { "priority": { "$gt": 0 } }),
            Self::ByDue => Some(doc! { "due_local": { "$gt": "" } }),
            Self::ByCompleted => Some(doc! { "completed_at": { "$gt": DateTime::MIN } }),
            _ => None,
        }
    }
}
