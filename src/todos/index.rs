//! The indexes of the collection `todos`. Every index starts with `owner_id`; then come the fields that a filter
//! compares for equality, then the sort order. The fields after `_id` let MongoDB apply the other filters inside the
//! index, so that it never fetches documents that do not match.
//!
//! **Invariant:** a query names its index. Otherwise MongoDB would compare all indexes that begin with the owner.

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
    ByPosition = "by_position": "state" "position" "_id" "completed" "parent_id" "due_local";
    ByList = "by_list": "state" "list_id" "position" "_id" "completed" "parent_id";
    ByParent = "by_parent": "parent_id" "state" "position" "_id";
    ByTag = "by_tag": "state" "tags" "position" "_id" "completed";
    // A prefix matches a range of words, after which no index can provide a sort order.
    ByWord = "by_word": "words" "state";
    ByPriority = "by_priority": "state" "priority" "position" "_id" "completed";
    ByDue = "by_due": "state" "due_local" "_id" "completed";
    ByName = "by_name": "state" "name_key" "_id";
    ByCreatedAt = "by_created_at": "state" "created_at" "_id";
    ByUpdatedAt = "by_updated_at": "state" "updated_at" "_id";
}
