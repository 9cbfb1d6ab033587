//! Creating, deleting and downloading collections.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::Call;
use crate::dav::objects::Member;
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::requests::PropertyChanges;
use crate::dav::wire::{ANSWER_MAX, written};
use crate::icalendar::Joined;
use crate::todos::model::Todo;

impl Call<'_> {
    pub(super) async fn make_collection(&self, method: &str, list: &str) -> Result<Response, Refusal> {
        let changes = PropertyChanges::of_new_collection(&self.body)?;
        // A plain MKCOL asks for a folder, which the home cannot have (RFC 4791 §4.2).
        if method == "MKCOL" && !changes.make_calendar() {
            return Err(Condition::NotHere.into());
        }
        self.workspace.make_collection(list, &changes).await?;
        Ok((written(true), [(CACHE_CONTROL, "no-cache")]).into_response())
    }

    pub(super) async fn delete_collection(&self, list: &str) -> Result<Response, Refusal> {
        let collection = self.workspace.collection(list).await?;
        self.workspace.delete_collection(&collection).await?;
        Ok(written(false).into_response())
    }

    pub(super) async fn get_collection(&self, list: &str) -> Result<Response, Refusal> {
        let collection = self.workspace.collection(list).await?;
        let uids = self.workspace.todos().all_uids().await?;
        let mut joined = Joined::default();
        let mut whole = joined.begin(collection.list.as_ref().map(|list| list.name.as_str()));
        let take = |todo: Todo| {
            whole.push_str(&joined.part(&Member::among(todo, &uids).text()));
            Ok(whole.len() <= ANSWER_MAX)
        };
        self.workspace.each_member(collection.id(), true, take).await?;
        if whole.len() > ANSWER_MAX {
            return Err(Condition::TooManyMatches.into());
        }
        whole.push_str(Joined::END);
        Ok(([(CONTENT_TYPE, "text/calendar; charset=utf-8")], whole).into_response())
    }
}
