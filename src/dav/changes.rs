//! What has changed in a collection since a sync token (RFC 6578).
//!
//! The walk is that of [`crate::sync::changes`], narrowed to one list: it goes upwards through the change stamps of all
//! todos of the user, and begins [`crate::owned::change_stamp::OVERLAP_SECONDS`] below the horizon of the last walk, so that
//! no change is skipped. A token remembers which versions of the last minute it has reported, so that almost no change is
//! reported twice.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{DateTime, Document, Timestamp};

use super::list_token::ListToken;
use super::resources::{Resources, is_in};
use super::{content_tag, records};
use crate::error::Error;
use crate::owned::change_stamp::{Change, StreamPosition, below};
use crate::sync::token::WALK_START;
use crate::todos::calendar::{CalendarNames, Left, default_name};
use crate::todos::model::Todo;
use crate::workspace::Workspace;

#[derive(Debug)]
pub(crate) struct ListChanges {
    pub(crate) present: Vec<Todo>,
    /// The names of resources that are no longer there.
    pub(crate) removed: Vec<String>,
    pub(crate) token: ListToken,
    pub(crate) has_more: bool,
}

/// A change as one list sees it.
#[derive(Default)]
struct Seen {
    present: Option<Todo>,
    removed: Vec<String>,
}

impl Workspace {
    /// The token of a client that has read all of a list now.
    pub(crate) async fn list_token(&self) -> Result<ListToken, Error> {
        let horizon = self.horizon().await?;
        let mut token = ListToken { began: self.now, horizon, walk: None, reported: Vec::new() };
        let from = StreamPosition { stamp: below(horizon), behind: None };
        let take = |_, change: Change<Todo>| {
            token.reported.push(hash(&change));
            Ok(true)
        };
        self.todos().changed(from, None, 0, take).await?;
        token.keep_last();
        Ok(token)
    }

    /// The changes of a list since `since`, or all of it: at most `limit`.
    pub(crate) async fn list_changes(
        &self,
        list_id: Option<ObjectId>,
        since: Option<ListToken>,
        limit: usize,
    ) -> Result<ListChanges, Error> {
        let last = since.as_ref().filter(|token| token.walk.is_none()).map(|token| token.began);
        let mut token = match since {
            Some(token) if token.walk.is_some() => token,
            // The horizon must be taken before the first read: see [`crate::sync::changes`].
            Some(ListToken { horizon, reported, .. }) => {
                let start = StreamPosition { stamp: below(horizon), behind: None };
                let (began, horizon) = (self.now, self.horizon().await?);
                ListToken { began, horizon, walk: Some((start, false)), reported }
            }
            None => {
                let (began, horizon) = (self.now, self.horizon().await?);
                ListToken { began, horizon, walk: Some((WALK_START, true)), reported: Vec::new() }
            }
        };
        let Some((from, full)) = token.walk else { return Err(Error::internal("a walk has no position")) };
        let known = std::mem::take(&mut token.reported);
        let (next_start, mut reported) = (below(token.horizon), Vec::new());
        let shown_since = records::shown_since(token.began);
        // All at once, because they do not come in the order of the walk.
        let left = match last {
            Some(then) => self.records_left_since(list_id, then).await?,
            None => Vec::new(),
        };
        let (mut resources, mut position, mut has_more) = (Resources::default(), from, false);
        resources.leave(left);
        let limit = limit.max(resources.len() + 1);
        let mut held = match (full, from) {
            (false, _) => Held::Any,
            (true, WALK_START) => Held::OfThisPage(HashSet::new()),
            (true, _) => Held::ChangedSince(next_start),
        };
        let take = |at: StreamPosition, change: Change<Todo>| {
            let (id, hash) = (id_of(&change), hash(&change));
            let seen = if known.contains(&hash) {
                Seen::default()
            } else {
                seen_in(list_id, change, held.may_include(id, at.stamp), shown_since)
            };
            let is_reported = seen.present.is_some() || !seen.removed.is_empty();
            if is_reported && resources.len() >= limit {
                has_more = true;
                return Ok(false);
            }
            position = at;
            if seen.present.is_some() {
                held.add(id);
            }
            resources.leave(seen.removed.into_iter().map(|name| (name, id)));
            resources.come(seen.present);
            // All of the last minute, because what this list has not reported is not reported the next time either.
            if at.stamp >= next_start && !known.contains(&hash) {
                reported.push(hash);
            }
            Ok(true)
        };
        let removed_since = full.then(|| below(token.horizon));
        self.todos().changed(from, removed_since, 0, take).await?;
        token.walk = has_more.then_some((position, full));
        // What an earlier page or walk has reported can be read again too.
        token.reported = [known, reported].concat();
        token.keep_last();
        let (present, left) = resources.into_parts();
        let removed = self.free_names(list_id, left, shown_since).await?;
        Ok(ListChanges { present, removed, token, has_more })
    }
}

/// The todos that a client can have, and whose removal it must learn.
enum Held {
    Any,
    /// The client reads the first page of a list that it does not know.
    OfThisPage(HashSet<ObjectId>),
    /// The client reads another page. A todo of an earlier page comes again only if it has changed since.
    ChangedSince(Timestamp),
}

impl Held {
    fn may_include(&self, id: ObjectId, changed: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::OfThisPage(ids) => ids.contains(&id),
            Self::ChangedSince(began) => changed >= *began,
        }
    }

    fn add(&mut self, id: ObjectId) {
        if let Self::OfThisPage(ids) = self {
            ids.insert(id);
        }
    }
}

fn id_of(change: &Change<Todo>) -> ObjectId {
    match change {
        Change::Kept(todo) => todo.id,
        Change::Gone { id, .. } => *id,
    }
}

fn hash(change: &Change<Todo>) -> u64 {
    match change {
        Change::Kept(todo) => content_tag::of(todo.id, todo.version),
        Change::Gone { id, version, .. } => content_tag::of(*id, *version),
    }
}

fn seen_in(list_id: Option<ObjectId>, change: Change<Todo>, was_held: bool, shown_since: DateTime) -> Seen {
    match change {
        Change::Kept(todo) if is_in(list_id, &todo, shown_since) => {
            let name = todo.resource_name();
            let mut removed = if was_held { names_left(todo.id, list_id, &todo.left) } else { Vec::new() };
            removed.retain(|old| *old != name);
            Seen { present: Some(*todo), removed }
        }
        _ if !was_held => Seen::default(),
        Change::Kept(todo) => {
            let mut removed = names_left(todo.id, list_id, &todo.left);
            let name = todo.resource_name();
            if todo.list_id == list_id && !removed.contains(&name) {
                removed.push(name);
            }
            Seen { present: None, removed }
        }
        Change::Gone { id, was: Some(was), .. } => {
            Seen { present: None, removed: names_of_gone(id, list_id, &was) }
        }
        Change::Gone { was: None, .. } => Seen::default(),
    }
}

fn names_left(id: ObjectId, list_id: Option<ObjectId>, left: &[Left]) -> Vec<String> {
    let here = left.iter().filter(|left| left.list == list_id);
    here.map(|left| left.name.clone().unwrap_or_else(|| default_name(id))).collect()
}

/// The names that a removed todo had in a list.
fn names_of_gone(id: ObjectId, list_id: Option<ObjectId>, was: &Document) -> Vec<String> {
    let read = |name: &str| was.get(name).cloned();
    let left = read("left").and_then(|left| bson::deserialize_from_bson::<Vec<Left>>(left).ok());
    let mut names = names_left(id, list_id, &left.unwrap_or_default());
    if was.get_object_id("list_id").ok() == list_id {
        let calendar =
            read("calendar").and_then(|names| bson::deserialize_from_bson::<CalendarNames>(names).ok());
        let chosen = calendar.filter(|calendar| calendar.list == list_id).and_then(|calendar| calendar.name);
        names.push(chosen.unwrap_or_else(|| default_name(id)));
    }
    names.sort();
    names.dedup();
    names
}
