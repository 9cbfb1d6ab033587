//! Creating, deleting and downloading collections.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::Call;
use crate::clock::time_zone::Zone;
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::requests::PropertyChanges;
use crate::dav::texts::How;
use crate::dav::wire::{ANSWER_MAX, written};
use crate::icalendar::Joined;
use crate::icalendar::excerpt::Excerpt;
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
        let mut joined = Joined::default();
        let mut whole = joined.begin(collection.list.as_ref().map(|list| list.name.as_str()));
        let take = |_: &Todo, text: Option<&str>| {
            whole.push_str(&text.map(|text| joined.part(text)).unwrap_or_default());
            whole.len() <= ANSWER_MAX
        };
        let how = How { filter: None, excerpt: Excerpt::default(), has_data: true, zone: Zone::UTC };
        self.workspace.each_text(collection.id(), how, take).await?;
        if whole.len() > ANSWER_MAX {
            return Err(Condition::TooManyMatches.into());
        }
        whole.push_str(Joined::END);
        Ok(([(CONTENT_TYPE, "text/calendar; charset=utf-8")], whole).into_response())
    }
}
