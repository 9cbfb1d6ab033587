//! The tags of collections (`getctag`), by which a client sees whether the content of a list has changed.
//!
//! A tag is made of all todos of a list, and clients ask for the tags of all lists again and again. So this process
//! remembers the tags of a user with the state of the user's todos. Then a request for unchanged tags reads this state and
//! not the todos.
//!
//! **Invariant:** tags are remembered with a state that was the same before and after the todos were read, as in
//! [`crate::http::polling`].

use std::collections::HashMap;
use std::sync::Arc;

use bson::DateTime;
use bson::oid::ObjectId;

use super::{content_tag, records};
use crate::error::Error;
use crate::owned::bounded_map::{BoundedMap, Expires};
use crate::todos::calendar_queries::Version;
use crate::workspace::Workspace;

// With the most lists that a user can have, about 15 kB for each.
pub const USERS_MAX: usize = 4_000;
const REMEMBERED_MILLIS: i64 = 60 * 60 * 1_000;

/// For each list the hash of its content. Lists without todos are missing.
pub(crate) type ContentTags = Arc<HashMap<Option<ObjectId>, u64>>;

pub struct RememberedTags(BoundedMap<ObjectId, TagsOfUser>);

#[derive(Clone)]
struct TagsOfUser {
    tags: ContentTags,
    state: TagState,
    until: i64,
}

/// What decides the tags of a user: the newest change stamp of the todos, and which records have left the collections.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TagState {
    newest: u64,
    shown_since: DateTime,
}

impl Expires for TagsOfUser {
    fn expires_at(&self) -> i64 {
        self.until
    }
}

impl Default for RememberedTags {
    fn default() -> Self {
        Self(BoundedMap::new(USERS_MAX))
    }
}

impl RememberedTags {
    fn get(&self, user: ObjectId, state: TagState, now: DateTime) -> Option<ContentTags> {
        let known = self.0.get_unexpired(&user, now.timestamp_millis())?;
        (known.state == state).then_some(known.tags)
    }

    fn remember(&self, user: ObjectId, state: TagState, tags: ContentTags, now: DateTime) {
        let now = now.timestamp_millis();
        self.0.insert(user, TagsOfUser { tags, state, until: now + REMEMBERED_MILLIS }, now);
    }
}

impl Workspace {
    pub(crate) async fn content_tags(&self, remembered: &RememberedTags) -> Result<ContentTags, Error> {
        let shown_since = records::shown_since(self.now);
        let state = || async {
            let newest = self.todos().newest_settled().await?;
            Ok::<_, Error>(newest.map(|newest| TagState { newest, shown_since }))
        };
        let before = state().await?;
        if let Some(tags) = before.and_then(|state| remembered.get(self.owner_id, state, self.now)) {
            return Ok(tags);
        }
        let tags = Arc::new(self.read_content_tags(shown_since).await?);
        if let Some(before) = before
            && state().await? == Some(before)
        {
            remembered.remember(self.owner_id, before, tags.clone(), self.now);
        }
        Ok(tags)
    }

    async fn read_content_tags(
        &self,
        shown_since: DateTime,
    ) -> Result<HashMap<Option<ObjectId>, u64>, Error> {
        let mut tags: HashMap<Option<ObjectId>, u64> = HashMap::new();
        let take = |todo: Version| {
            if records::version_has_left(&todo, shown_since) {
                return;
            }
            // The sum is the same in every order. A maximum of change stamps would not do, because a write can become
            // visible after another one that has a higher stamp.
            let tag = tags.entry(todo.list_id).or_default();
            *tag = tag.wrapping_add(content_tag::of(todo.id, todo.version));
        };
        self.todos().each_version(take).await?;
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_same_while_the_todos_and_the_day_are_and_for_an_hour() {
        let (user, at) = (|byte| ObjectId::from_bytes([byte; 12]), DateTime::from_millis);
        let state = |newest, day| TagState { newest, shown_since: at(day) };
        let (remembered, tags) = (RememberedTags::default(), Arc::new(HashMap::from([(None, 7)])));
        remembered.remember(user(1), state(3, 0), tags.clone(), at(0));
        let get = |number, state, millis| remembered.get(user(number), state, at(millis));
        assert_eq!(get(1, state(3, 0), REMEMBERED_MILLIS - 1), Some(tags));
        assert_eq!(get(1, state(3, 0), REMEMBERED_MILLIS), None);
        assert_eq!(get(1, state(4, 0), 1), None);
        assert_eq!(get(1, state(3, 1), 1), None);
        assert_eq!(get(2, state(3, 0), 1), None);
    }
}
