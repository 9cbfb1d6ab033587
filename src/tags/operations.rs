//! Tags exist as long as a todo has them, so that there is no collection of tags.
//!
//! Tags that differ only in case are one tag: see [`model::key`]. A request that adds a tag takes over the spelling that other
//! todos of the user have. Two requests at the same time can store two spellings, which remain one tag.
//!
//! Every operation changes only todos that it has not changed yet. Repeating a rename or a removal that was interrupted
//! therefore completes it. If it concerns many todos, one of them notes it as a pending side effect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use super::counts::Tag;
use super::model;
use crate::error::{Error, Resource};
use crate::owned::bulk::BulkChange;
use crate::owned::cascades::BATCH_MAX;
use crate::owned::note::Note;
use crate::owned::update::{Accept, Step, update};
use crate::owned::{Conflict, Precondition, text};
use crate::todos::model::{SideEffect, Todo};
use crate::workspace::Workspace;

impl Workspace {
    pub async fn set_tag(
        &self,
        id: ObjectId,
        tag: &str,
        is_linked: bool,
        precondition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let key = model::key(tag);
        let change = async |before: Todo| {
            if before.tags.iter().any(|known| model::key(known) == key) == is_linked {
                return Ok(Step::Unchanged);
            }
            let mut after = before.clone();
            if is_linked {
                after.tags.extend(self.in_known_spelling(&before.tags, vec![tag.to_owned()]).await?);
            } else {
                after.tags.retain(|known| model::key(known) != key);
            }
            if after.tags.len() > text::TAGS_MAX {
                return Err(Error::Invalid(vec![text::too_many_tags()]));
            }
            Ok(Step::Replace(after, Vec::new()))
        };
        Ok(update(self, id, Accept::Live, precondition, change).await?.after)
    }

    /// Gives tags the spelling of `known` tags, or that of tags of the user's other todos.
    pub async fn in_known_spelling(&self, known: &[String], tags: Vec<String>) -> Result<Vec<String>, Error> {
        // Most changes of a todo leave its tags as they are.
        if tags.iter().all(|tag| known.contains(tag)) {
            return Ok(model::merged(tags, |_, tag| tag));
        }
        let mut spellings: BTreeMap<_, _> = known.iter().map(|tag| (model::key(tag), tag.clone())).collect();
        let keyed: Vec<_> = tags.into_iter().map(|tag| (model::key(&tag), tag)).collect();
        let missing = keyed.iter().map(|(key, _)| key).filter(|key| !spellings.contains_key(*key));
        let missing = missing.cloned().collect();
        spellings.extend(self.find_spellings(missing).await?);
        // The first of several tags with the same key takes the spelling, or gives its own.
        let mut merged = Vec::new();
        for (key, tag) in keyed {
            let spelling = spellings.entry(key).or_insert(tag);
            if !merged.contains(spelling) {
                merged.push(spelling.clone());
            }
        }
        Ok(merged)
    }

    /// The spellings, by key, of those tags that any todo of the user has.
    async fn find_spellings(&self, mut missing: BTreeSet<String>) -> Result<BTreeMap<String, String>, Error> {
        let (todos, known, mut spellings) = (self.todos(), self.known_spellings(), BTreeMap::new());
        let (owner_id, now, changes) = (self.owner_id, self.now, todos.rewrites());
        // While changes wait, queries see todos as they will be.
        if !todos.has_waiting() {
            missing.retain(|key| {
                let found = known.get(owner_id, key, changes, now);
                found.map(|spelling| spellings.insert(key.clone(), spelling)).is_none()
            });
        }
        while !missing.is_empty() {
            let Some(tags) = todos.tags_of_one_with(&missing).await? else { break };
            let found = tags.into_iter().map(|tag| (model::key(&tag), tag));
            let found: Vec<_> = found.filter(|(key, _)| missing.remove(key)).collect();
            // An instance of an earlier version has changed the tags and left the keys.
            if found.is_empty() {
                break;
            }
            for (key, spelling) in &found {
                known.insert(owner_id, key.clone(), spelling.clone(), changes, now);
            }
            spellings.extend(found);
        }
        Ok(spellings)
    }

    /// Replaces a tag by another in all todos. A todo that has both keeps one.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<Tag, Error> {
        let (key, mut to) = (model::key(to), to.to_owned());
        if key != model::key(from) {
            to = self.in_known_spelling(&[], vec![to.clone()]).await?.pop().unwrap_or(to);
        }
        self.replace_tag(from, Some(&to)).await?;
        self.count_tag(key, to).await
    }

    pub async fn remove_tag(&self, tag: &str) -> Result<(), Error> {
        self.replace_tag(tag, None).await
    }

    async fn replace_tag(&self, from: &str, to: Option<&str>) -> Result<(), Error> {
        let retagging = self.retagging(from, to).await?.ok_or(Error::NotFound(Resource::Tag))?;
        if retagging.from.is_empty() {
            return Ok(());
        }
        let tagged = self.todos().tagged(&retagging.from_key).await?;
        if tagged.len() <= BATCH_MAX {
            // A repetition completes what a crash interrupts.
            return self.todos().change_each(tagged, retagging.change(), self.now, &Note::none()).await;
        }
        // One of many todos notes what is to be done with the others.
        let note = async |before: Todo| {
            let mut after = before.clone();
            after.tags = retagging.of(before.tags);
            let (from, to) = (from.to_owned(), to.map(str::to_owned));
            Ok(Step::Replace(after, vec![SideEffect::Retag { from, to }]))
        };
        for id in tagged {
            match update(self, id, Accept::Kept, &Precondition::Any, note).await {
                // Removed by another request.
                Err(Conflict::Error(Error::NotFound(_))) => {}
                noted => return Ok(noted.map(drop)?),
            }
        }
        Err(Error::NotFound(Resource::Tag))
    }

    /// Todos in the trash too, because they can be restored.
    pub(crate) async fn retag(&self, from: &str, to: Option<&str>, note: &Arc<Note>) -> Result<(), Error> {
        let Some(retagging) = self.retagging(from, to).await? else { return Ok(()) };
        let tagged = self.todos().tagged(&retagging.from_key).await?;
        self.todos().change_each(tagged, retagging.change(), self.now, note).await
    }

    /// `None` if no todo has the tag `from`.
    async fn retagging(&self, from: &str, to: Option<&str>) -> Result<Option<Retagging>, Error> {
        let from_key = model::key(from);
        let to = to.map(|to| (to.to_owned(), model::key(to)));
        let (mut from, mut replaced) = (self.spellings(&from_key).await?, Vec::new());
        if from.is_empty() {
            return Ok(None);
        }
        if let Some((to, to_key)) = &to {
            from.retain(|spelling| spelling != to);
            replaced = if *to_key == from_key { Vec::new() } else { self.spellings(to_key).await? };
            replaced.retain(|spelling| spelling != to);
        }
        replaced.extend(from.iter().cloned());
        Ok(Some(Retagging { from_key, from, to, replaced }))
    }

    /// The spellings of the tag with this key. They are several only after requests at the same time.
    async fn spellings(&self, key: &str) -> Result<Vec<String>, Error> {
        let is_spelling = |tag: &String| model::key(tag) == key;
        let Some(one) = self.todos().tags_of_one_with(&BTreeSet::from([key.to_owned()])).await? else {
            return Ok(Vec::new());
        };
        let mut spellings: Vec<_> = one.into_iter().filter(is_spelling).collect();
        let others = self.todos().tags_of_others_with(key, &spellings).await?;
        spellings.extend(others.into_iter().filter(is_spelling));
        Ok(spellings)
    }
}

/// How the tags of a todo change when a tag is renamed or removed.
struct Retagging {
    from_key: String,
    /// The spellings of the tag, except for the new one.
    from: Vec<String>,
    /// The new tag with its key. `None` removes the tag.
    to: Option<(String, String)>,
    /// The spellings that a todo with one of `from` loses: these, and other spellings of the new tag.
    replaced: Vec<String>,
}

impl Retagging {
    fn of(&self, tags: Vec<String>) -> Vec<String> {
        let Some((to, _)) = &self.to else {
            return tags.into_iter().filter(|tag| !self.replaced.contains(tag)).collect();
        };
        let mut retagged: Vec<String> = Vec::new();
        for tag in tags {
            let tag = if self.replaced.contains(&tag) { to.clone() } else { tag };
            retagged.extend((!retagged.contains(&tag)).then_some(tag));
        }
        retagged
    }

    fn change(&self) -> BulkChange {
        // Without `$literal`, a tag such as `$name` would be an expression.
        let from = doc! { "$setIntersection": ["$tags", { "$literal": self.from.clone() }] };
        // A tombstone has no tags.
        let only = doc! { "$and": [{ "$isArray": "$tags" }, { "$ne": [from, []] }] };
        let (to, to_key) = self.to.clone().unzip();
        // An instance of an earlier version may have stored no keys.
        let keys = doc! { "$ifNull": ["$tag_keys", []] };
        let set = doc! {
            "tags": replaced("$tags", &self.replaced, to),
            "tag_keys": replaced(keys, std::slice::from_ref(&self.from_key), to_key),
        };
        BulkChange { only, set, is_for_all: false }
    }
}

/// The expression for an array of texts in which `to` replaces the texts `from`, or which loses them.
fn replaced(array: impl Into<Bson>, from: &[String], to: Option<String>) -> Document {
    let (array, is_replaced) = (array.into(), doc! { "$in": ["$$this", { "$literal": from.to_vec() }] });
    let Some(to) = to else {
        return doc! { "$filter": { "input": array, "cond": { "$not": [is_replaced] } } };
    };
    let renamed = doc! { "$cond": [is_replaced, { "$literal": to }, "$$this"] };
    let joined = doc! { "$concatArrays": ["$$value", [renamed.clone()]] };
    let once = doc! { "$cond": [{ "$in": [renamed, "$$value"] }, "$$value", joined] };
    doc! { "$reduce": { "input": array, "initialValue": [], "in": once } }
}
