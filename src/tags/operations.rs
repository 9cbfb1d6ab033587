//! Tags exist as long as a todo has them, so that there is no collection of tags.
//!
//! Every operation changes only todos that it has not changed yet. Repeating a rename or a removal that was interrupted
//! therefore completes it. If it concerns many todos, one of them notes it as a pending side effect.

use std::sync::Arc;

use bson::oid::ObjectId;
use bson::{Document, doc};

use super::counts::Tag;
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
        let change = async |before: Todo| {
            if before.tags.iter().any(|known| known == tag) == is_linked {
                return Ok(Step::Unchanged);
            }
            let mut after = before.clone();
            if is_linked {
                after.tags.push(tag.to_owned());
            } else {
                after.tags.retain(|known| known != tag);
            }
            if after.tags.len() > text::TAGS_MAX {
                return Err(Error::Invalid(vec![text::too_many_tags()]));
            }
            Ok(Step::Replace(after, Vec::new()))
        };
        Ok(update(self, id, Accept::Live, precondition, change).await?.after)
    }

    /// Replaces a tag by another in all todos. A todo that has both keeps one.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<Tag, Error> {
        self.replace_tag(from, Some(to)).await?;
        self.tag(to).await
    }

    pub async fn remove_tag(&self, tag: &str) -> Result<(), Error> {
        self.replace_tag(tag, None).await
    }

    async fn replace_tag(&self, from: &str, to: Option<&str>) -> Result<(), Error> {
        if !self.todos().has_tag(from).await? {
            return Err(Error::NotFound(Resource::Tag));
        }
        if to == Some(from) {
            return Ok(());
        }
        let tagged = self.todos().tagged(from).await?;
        if tagged.len() <= BATCH_MAX {
            // A repetition completes what a crash interrupts.
            return self.retag_each(tagged, from, to, &Note::none()).await;
        }
        // One of many todos notes what is to be done with the others.
        let note = async |before: Todo| {
            let mut after = before.clone();
            after.tags = retagged(before.tags, from, to);
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
        let tagged = self.todos().tagged(from).await?;
        self.retag_each(tagged, from, to, note).await
    }

    async fn retag_each(
        &self,
        ids: Vec<ObjectId>,
        from: &str,
        to: Option<&str>,
        note: &Arc<Note>,
    ) -> Result<(), Error> {
        // Without `$literal`, a tag such as `$name` would be an expression.
        let old = doc! { "$literal": from };
        let tags = replaced(&old, to);
        // A tombstone has no tags.
        let only = doc! { "$and": [{ "$isArray": "$tags" }, { "$in": [old, "$tags"] }] };
        let change = BulkChange { only, set: doc! { "tags": tags }, is_for_all: false };
        self.todos().change_each(ids, change, self.now, note).await
    }
}

fn retagged(tags: Vec<String>, from: &str, to: Option<&str>) -> Vec<String> {
    let mut retagged: Vec<String> = Vec::new();
    for tag in tags {
        let tag = if tag == from { to.map(str::to_owned) } else { Some(tag) };
        retagged.extend(tag.filter(|tag| !retagged.contains(tag)));
    }
    retagged
}

/// The expression for the tags of a todo after `old` was replaced or removed.
fn replaced(old: &Document, to: Option<&str>) -> Document {
    let Some(to) = to else {
        return doc! { "$filter": { "input": "$tags", "cond": { "$ne": ["$$this", old.clone()] } } };
    };
    let is_old = doc! { "$eq": ["$$this", old.clone()] };
    let renamed = doc! { "$cond": [is_old, { "$literal": to }, "$$this"] };
    let joined = doc! { "$concatArrays": ["$$value", [renamed.clone()]] };
    let once = doc! { "$cond": [{ "$in": [renamed, "$$value"] }, "$$value", joined] };
    doc! { "$reduce": { "input": "$tags", "initialValue": [], "in": once } }
}
