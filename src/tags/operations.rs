//! Tags exist as long as a todo has them, so that there is no collection of tags.
//!
//! Every operation changes only todos that it has not changed yet. Repeating a rename or a removal that was interrupted
//! therefore completes it.

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};

use crate::error::{Error, Resource};
use crate::owned::update::{Accept, Step, update};
use crate::owned::{Conflict, Precondition, State, text};
use crate::todos::index::Index;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    pub open: i64,
    /// Open and completed todos.
    pub total: i64,
}

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

    pub async fn tag_page(&self, last: Option<&str>, limit: i64) -> Result<Vec<Tag>, Error> {
        self.counted(doc! { "tags": { "$gt": last.unwrap_or_default() } }, limit).await
    }

    /// Replaces a tag by another in all todos. A todo that has both keeps one.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<Tag, Error> {
        // Without `$literal`, a tag such as `$name` would be an expression.
        let (old, new) = (doc! { "$literal": from }, doc! { "$literal": to });
        let renamed = doc! { "$cond": [{ "$eq": ["$$this", old] }, new, "$$this"] };
        let joined = doc! { "$concatArrays": ["$$value", [renamed.clone()]] };
        let once = doc! { "$cond": [{ "$in": [renamed, "$$value"] }, "$$value", joined] };
        let tags = doc! { "$reduce": { "input": "$tags", "initialValue": [], "in": once } };
        if from == to || self.retag(from, tags).await? > 0 {
            let counted = self.counted(doc! { "tags": to }, 1).await?;
            // The count does not include the trash.
            let in_trash = Tag { name: to.to_owned(), open: 0, total: 0 };
            return Ok(counted.into_iter().next().unwrap_or(in_trash));
        }
        Err(Error::NotFound(Resource::Tag))
    }

    pub async fn remove_tag(&self, tag: &str) -> Result<(), Error> {
        let others =
            doc! { "$filter": { "input": "$tags", "cond": { "$ne": ["$$this", { "$literal": tag }] } } };
        match self.retag(tag, others).await? {
            0 => Err(Error::NotFound(Resource::Tag)),
            _ => Ok(()),
        }
    }

    async fn retag(&self, tag: &str, tags: Document) -> Result<u64, Error> {
        // Todos in the trash too, because they can be restored.
        let tagged = doc! { "state": { "$in": [State::Live.word(), State::Trash.word()] }, "tags": tag };
        self.todos().update_each(tagged, doc! { "tags": tags }, self.now).await
    }

    async fn counted(&self, filter: Document, limit: i64) -> Result<Vec<Tag>, Error> {
        let mut live = doc! { "state": State::Live.word() };
        live.extend(filter.clone());
        let stages = vec![
            doc! { "$unwind": "$tags" },
            // Again, because the first match is by todo, and a todo brings its other tags.
            doc! { "$match": filter },
            doc! { "$group": {
                "_id": "$tags",
                "open": { "$sum": { "$cond": ["$completed", 0_i64, 1_i64] } },
                "total": { "$sum": 1_i64 },
            } },
            doc! { "$sort": { "_id": 1 } },
            doc! { "$limit": limit },
        ];
        let found = self.todos().aggregate(live, stages, Index::ByTag.name()).await?;
        found.into_iter().map(|counted| tag(&counted)).collect()
    }
}

fn tag(counted: &Document) -> Result<Tag, Error> {
    let number = |name| counted.get(name).and_then(Bson::as_i64).unwrap_or_default();
    let name = counted.get_str("_id").map_err(Error::internal)?.to_owned();
    Ok(Tag { name, open: number("open"), total: number("total") })
}
