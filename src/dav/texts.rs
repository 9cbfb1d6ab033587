//! The texts of todos for a response. They are made on a thread for blocking work and a few at a time, because an expanded series
//! can take a second of CPU time and a mebibyte.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::IntoIter;

use bson::oid::ObjectId;
use tokio::task::spawn_blocking;

use super::objects::{Member, Uids};
use crate::clock::time_zone::Zone;
use crate::error::Error;
use crate::icalendar::excerpt::Excerpt;
use crate::icalendar::filter::ComponentFilter;
use crate::owned::State;
use crate::todos::model::Todo;
use crate::workspace::Workspace;

// With the longest texts, they have 4 MB.
const TODOS_AT_A_TIME: usize = 32;
// Of the texts that wait to be written. One more text is made past it.
const READY_BYTES: usize = 256 * 1024;

/// What a response shows of a todo.
pub(crate) struct How {
    /// Todos whose texts do not match are left out.
    pub(crate) filter: Option<ComponentFilter>,
    pub(crate) excerpt: Excerpt,
    /// Otherwise, only the filter sees the texts.
    pub(crate) has_data: bool,
    /// Of the user.
    pub(crate) zone: Zone,
}

pub(crate) type Shown = (Todo, Option<String>);

impl How {
    fn show(&self, member: Member) -> Option<Shown> {
        let text = member.text();
        if self.filter.as_ref().is_some_and(|filter| !filter.matches(&text, self.zone)) {
            return None;
        }
        let text = self.has_data.then(|| self.excerpt.of(text, self.zone));
        Some((member.todo, text))
    }
}

/// Members of a collection, with their texts.
pub(crate) struct Texts {
    how: Arc<How>,
    rest: IntoIter<Member>,
    ready: VecDeque<Shown>,
}

impl Texts {
    pub(crate) fn of(members: Vec<Member>, how: &Arc<How>) -> Self {
        Self { how: how.clone(), rest: members.into_iter(), ready: VecDeque::new() }
    }

    /// In the order of the members, without those that do not match.
    pub(crate) async fn next(&mut self) -> Result<Option<Shown>, Error> {
        while self.ready.is_empty() && !self.rest.as_slice().is_empty() {
            let (how, rest) = (self.how.clone(), std::mem::take(&mut self.rest));
            let made = spawn_blocking(move || make(&how, rest)).await;
            (self.ready, self.rest) = made.map_err(Error::internal)?;
        }
        Ok(self.ready.pop_front())
    }
}

fn make(how: &How, mut rest: IntoIter<Member>) -> (VecDeque<Shown>, IntoIter<Member>) {
    let (mut ready, mut bytes) = (VecDeque::new(), 0);
    while bytes < READY_BYTES {
        let Some(member) = rest.next() else { break };
        if let Some(shown) = how.show(member) {
            bytes += shown.1.as_ref().map_or(0, String::len);
            ready.push_back(shown);
        }
    }
    (ready, rest)
}

impl Workspace {
    /// Gives the todos of a collection with their texts to `take`, until it refuses one.
    pub(crate) async fn each_text(
        &self,
        list_id: Option<ObjectId>,
        how: How,
        mut take: impl FnMut(&Todo, Option<&str>) -> bool + Send,
    ) -> Result<(), Error> {
        let (uids, how): (Uids, _) = (self.todos().all_uids().await?, Arc::new(how));
        for ids in self.member_ids(list_id).await?.chunks(TODOS_AT_A_TIME) {
            let mut todos = self.todos().with_texts(ids).await?;
            todos.retain(|todo| todo.state == State::Live && todo.list_id == list_id);
            let members = todos.into_iter().map(|todo| Member::among(todo, &uids)).collect();
            let mut texts = Texts::of(members, &how);
            while let Some((todo, text)) = texts.next().await? {
                if !take(&todo, text.as_deref()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
