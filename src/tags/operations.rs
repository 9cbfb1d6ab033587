//! Tags: words on todos, which exist as long as a todo has them. Must not lose a todo's other tags.
//!
//! Repeating: linking, unlinking, renaming and removing apply only where they have not been applied; a renaming or
//! removal that was cut off goes on where it was when it is repeated.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use crate::error::{Error, Resource};
use crate::owned::update::{Accept, Step, update};
use crate::owned::{Conflict, Precondition, State, text};
use crate::todos::index::Index;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

/// A tag with how often it is used, the trash not counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// On how many open todos.
    pub open: i64,
    /// On how many todos.
    pub total: i64,
}

impl Workspace<'_> {
    /// Gives a todo a tag or takes it away; nothing happens when that is so already.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one tag too many; else as [`Workspace::change`].
    pub async fn tag(
        &self,
        id: ObjectId,
        tag: &str,
        is_on: bool,
        condition: &Precondition,
    ) -> Result<Todo, Conflict<Todo>> {
        let retag = async |before: Todo| {
            if before.tags.iter().any(|known| known == tag) == is_on {
                return Ok(Step::Unchanged);
            }
            let mut after = before.clone();
            if is_on {
                after.tags.push(tag.to_owned());
            } else {
                after.tags.retain(|known| known != tag);
            }
            if after.tags.len() > text::TAGS_MAX {
                return Err(Error::Invalid(vec![text::too_many_tags()]));
            }
            Ok(Step::Replace(after, Vec::new()))
        };
        Ok(update(self, id, Accept::Live, condition, retag).await?.after)
    }

    /// The tags behind `last` in the order of their names, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn tags(&self, last: Option<&str>, limit: i64) -> Result<Vec<Tag>, Error> {
        self.counted(doc! { "tags": { "$gt": last.unwrap_or_default() } }, limit).await
    }

    /// Gives every todo that has the tag `from` the tag `to` instead; a todo that had both has it once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when no todo has it; [`Error::Unavailable`]: some may have been changed.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<Tag, Error> {
        let (old, new) = (doc! { "$literal": from }, doc! { "$literal": to });
        let renamed = doc! { "$cond": [{ "$eq": ["$$this", old] }, new, "$$this"] };
        let joined = doc! { "$concatArrays": ["$$value", [renamed.clone()]] };
        let once = doc! { "$cond": [{ "$in": [renamed, "$$value"] }, "$$value", joined] };
        let tags = doc! { "$reduce": { "input": "$tags", "initialValue": [], "in": once } };
        if from == to || self.retag(from, tags).await? > 0 {
            let counted = self.counted(doc! { "tags": to }, 1).await?;
            let in_trash = Tag { name: to.to_owned(), open: 0, total: 0 };
            return Ok(counted.into_iter().next().unwrap_or(in_trash));
        }
        Err(Error::NotFound(Resource::Tag))
    }

    /// Takes a tag away from every todo.
    ///
    /// # Errors
    /// As [`Workspace::rename_tag`].
    pub async fn remove_tag(&self, tag: &str) -> Result<(), Error> {
        let others =
            doc! { "$filter": { "input": "$tags", "cond": { "$ne": ["$$this", { "$literal": tag }] } } };
        match self.retag(tag, others).await? {
            0 => Err(Error::NotFound(Resource::Tag)),
            _ => Ok(()),
        }
    }

    async fn retag(&self, tag: &str, tags: Document) -> Result<u64, Error> {
        let tagged = doc! { "state": { "$in": [State::Live.word(), State::Trash.word()] }, "tags": tag };
        self.todos.update_each(tagged, doc! { "tags": tags }, self.now).await
    }

    /// The tags that `which` names, with their counts.
    async fn counted(&self, which: Document, limit: i64) -> Result<Vec<Tag>, Error> {
        let mut live = doc! { "state": State::Live.word() };
        live.extend(which.clone());
        let stages = vec![
            doc! { "$unwind": "$tags" },
            doc! { "$match": which },
            doc! { "$group": {
                "_id": "$tags",
                "open": { "$sum": { "$cond": ["$completed", 0_i64, 1_i64] } },
                "total": { "$sum": 1_i64 },
            } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": limit },
        ];
        let found = self.todos.aggregate(live, stages, Index::ByTag.name()).await?;
        found.into_iter().map(|counted| tag(&counted)).collect()
    }
}

fn tag(counted: &Document) -> Result<Tag, Error> {
    let number = |name| counted.get(name).and_then(Bson::as_i64).unwrap_or_default();
    let name = counted.get_str("_id").map_err(Error::internal)?.to_owned();
    Ok(Tag { name, open: number("open"), total: number("total") })
}
