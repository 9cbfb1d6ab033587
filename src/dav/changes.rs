//! What has changed in a collection since a sync token (RFC 6578).
//!
//! The walk is that of [`crate::sync::changes`], narrowed to one list: it goes upwards through the change stamps of all
//! todos of the user, and begins [`crate::owned::change_stamp::OVERLAP_SECONDS`] below the horizon of the last walk, so that
//! no change is skipped. A token remembers which versions of the last minute it has reported, so that almost no change is
//! reported twice.

use std::collections::HashSet;

use bson::oid::ObjectId;
use bson::{DateTime, Document, Timestamp};
use serde::{Deserialize, Serialize};

use super::{content_tag, records};
use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::owned::State;
use crate::owned::change_stamp::{Change, StreamPosition, below, to_number, to_stamp};
use crate::sync::token::WALK_START;
use crate::todos::calendar::{CalendarNames, Left, default_name};
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// Versions that a token remembers. Changes beyond them are reported twice if they are followed by another sync within a
/// minute.
pub const REPORTED_MAX: usize = 64;

// As long as tombstones are kept.
const TTL_MILLIS: i64 = 90 * 24 * 60 * 60 * 1_000;

/// The start of a sync token, which must be a URI (RFC 6578 §6.2).
pub(crate) const TOKEN_START: &str = "urn:todo-api:sync:";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListToken {
    began: DateTime,
    horizon: Timestamp,
    /// Where an unfinished walk goes on, and whether it is the first of its client.
    walk: Option<(StreamPosition, bool)>,
    /// The versions at or above the start of the next walk that have been reported.
    reported: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct ListChanges {
    pub(crate) present: Vec<Todo>,
    /// The names of resources that are no longer there.
    pub(crate) removed: Vec<String>,
    pub(crate) token: ListToken,
    pub(crate) has_more: bool,
}

impl ListToken {
    pub(crate) fn seal(
        &self,
        sealer: &Sealer,
        user: ObjectId,
        list_id: Option<ObjectId>,
        lineage: Option<RandomId>,
    ) -> Result<String, Error> {
        let walk = self.walk.map(|(StreamPosition { stamp, behind }, full)| {
            (to_number(stamp), behind.map(ObjectId::to_hex), full)
        });
        let plain = Plain(
            self.began.timestamp_millis(),
            to_number(self.horizon),
            walk,
            self.reported.clone(),
            lineage,
        );
        let plain = serde_json::to_vec(&plain).map_err(Error::internal)?;
        Ok(format!("{TOKEN_START}{}", sealer.seal(&context(user, list_id), &plain)?))
    }

    /// `None` if the token is of another list or user, too old, or of a database before a restore.
    pub(crate) fn open(
        sealer: &Sealer,
        user: ObjectId,
        list_id: Option<ObjectId>,
        lineage: Option<RandomId>,
        text: &str,
        now: DateTime,
    ) -> Option<Self> {
        let plain = sealer.open(&context(user, list_id), text.strip_prefix(TOKEN_START)?)?;
        let Plain(began, horizon, walk, reported, made_in) = serde_json::from_slice(&plain).ok()?;
        if made_in != lineage || now.timestamp_millis() - began > TTL_MILLIS {
            return None;
        }
        let walk = walk.map(|(stamp, behind, full)| {
            let behind = behind.and_then(|id| ObjectId::parse_str(id).ok());
            (StreamPosition { stamp: to_stamp(stamp), behind }, full)
        });
        Some(Self { began: DateTime::from_millis(began), horizon: to_stamp(horizon), walk, reported })
    }
}

// `[began, horizon, null or [stamp, id, full], [reported…], lineage]`
#[derive(Serialize, Deserialize)]
struct Plain(i64, u64, Option<(u64, Option<String>, bool)>, Vec<u64>, Option<RandomId>);

fn context(user: ObjectId, list_id: Option<ObjectId>) -> Vec<u8> {
    let list = list_id.map_or([0; 12], |list| list.bytes());
    [b"dav\0".as_slice(), &user.bytes(), &list].concat()
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
        keep_last(&mut token.reported);
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
        let (mut present, mut removed, mut position, mut has_more) = (Vec::new(), left, from, false);
        let limit = limit.max(removed.len() + 1);
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
            if is_reported && present.len() + removed.len() >= limit {
                has_more = true;
                return Ok(false);
            }
            position = at;
            if seen.present.is_some() {
                held.add(id);
            }
            present.extend(seen.present);
            removed.extend(seen.removed);
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
        keep_last(&mut token.reported);
        Ok(ListChanges { present, removed, token, has_more })
    }
}

fn keep_last(reported: &mut Vec<u64>) {
    reported.drain(..reported.len().saturating_sub(REPORTED_MAX));
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
    let is_here = |todo: &Todo| {
        todo.state == State::Live && todo.list_id == list_id && !records::has_left(todo, shown_since)
    };
    match change {
        Change::Kept(todo) if is_here(&todo) => {
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
