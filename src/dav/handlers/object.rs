//! Reading, writing, deleting and moving the resources of todos.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use axum::response::{IntoResponse, Response};

use super::Call;
use crate::dav::address::Address;
use crate::dav::objects::Place;
use crate::dav::operations::Put;
use crate::dav::properties::TODO_TYPE;
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::validators::http_date;
use crate::dav::wire::written;
use crate::http::preconditions::unless_known;
use crate::icalendar::Object;

impl Call<'_> {
    pub(super) async fn get(&self, list: &str, name: &str) -> Result<Response, Refusal> {
        let list_id = self.workspace.collection(list).await?.id();
        let member = self.workspace.member(Place { list_id, name }).await?;
        let headers = [
            (CONTENT_TYPE, TODO_TYPE.to_owned()),
            (LAST_MODIFIED, http_date(member.todo.updated_at)),
            (CACHE_CONTROL, "private, no-cache".to_owned()),
        ];
        let response = (headers, member.text()).into_response();
        Ok(unless_known(&self.headers, &member.etag(), response))
    }

    pub(super) async fn put(&self, list: &str, name: &str) -> Result<Response, Refusal> {
        let list_id = self.parent(list).await?;
        let precondition = self.precondition()?;
        let object = Object::read(&self.body)?;
        let object = match object.uid() {
            Some(_) => object,
            // The name is the only thing that identifies it.
            None => object.with_uid(name.strip_suffix(".ics").unwrap_or(name))?,
        };
        let put = self.workspace.put_resource(Place { list_id, name }, &object, &precondition).await;
        let Put { member, is_new } = put.map_err(|refusal| refusal.below(self.view.prefix))?;
        let status = written(is_new);
        // Without a tag the client reads the object again, as it must if the service has changed it (RFC 4791 §5.3.4).
        let is_verbatim = member.text().as_bytes() == &self.body[..];
        Ok((status, is_verbatim.then(|| [(ETAG, member.etag())]), ()).into_response())
    }

    /// A missing collection is a conflict for what would be created in it (RFC 4918 §9.7.1).
    async fn parent(&self, list: &str) -> Result<Option<bson::oid::ObjectId>, Refusal> {
        match self.workspace.collection(list).await {
            Err(Refusal::Error(crate::error::Error::NotFound(_))) => Err(Condition::Parents.into()),
            found => Ok(found?.id()),
        }
    }

    pub(super) async fn delete(&self, list: &str, name: &str) -> Result<Response, Refusal> {
        let list_id = self.workspace.collection(list).await?.id();
        self.workspace.delete_resource(Place { list_id, name }, &self.precondition()?).await?;
        Ok(written(false).into_response())
    }

    pub(super) async fn move_to(&self, list: &str, name: &str) -> Result<Response, Refusal> {
        let list_id = self.workspace.collection(list).await?.id();
        let target = self.header("destination").and_then(|to| Address::of_href(to, self.view.prefix));
        let Some(Address::Todo(user, to_list, to_name)) = target else {
            return Err(Condition::NotHere.into());
        };
        if user != self.view.user {
            return Err(Refusal::not_found());
        }
        let to = Place { list_id: self.parent(&to_list).await?, name: &to_name };
        let overwrite = self.header("overwrite").is_none_or(|overwrite| overwrite.trim() != "F");
        let from = Place { list_id, name };
        let is_new = self.workspace.move_resource(from, to, overwrite, &self.precondition()?).await?;
        Ok(written(is_new).into_response())
    }
}
