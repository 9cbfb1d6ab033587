//! The audit.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use bson::oid::ObjectId;

use crate::admin::operations::Administration;
use crate::admin_pages::extract::PageAdmin;
use crate::admin_pages::filters::{Filters, PAGE_ITEMS};
use crate::admin_pages::render::html;
use crate::admin_pages::texts::Texts;
use crate::admin_pages::views::{AuditPage, Section};
use crate::audit::store::{AuditEntry, AuditQuery};
use crate::error::Error;

/// `GET /admin/audit`
pub(crate) async fn list(
    State(administration): State<Arc<Administration>>,
    admin: PageAdmin,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let filters = Filters::read(query.as_deref());
    let mut entries = entries(&administration, &filters).await?;
    let has_more = entries.len() > usize::try_from(PAGE_ITEMS).unwrap_or_default();
    entries.truncate(usize::try_from(PAGE_ITEMS).unwrap_or_default());
    let last = entries.last().filter(|_| has_more);
    let last = last.map(|last| format!("{}-{}", last.at.timestamp_millis(), last.id));
    Ok(html(&AuditPage {
        page: admin.page(Texts::of(admin.visit.language).audit, Section::Audit),
        user: filters.get("user").to_owned(),
        event: filters.get("event").to_owned(),
        from: filters.get("from").to_owned(),
        to: filters.get("to").to_owned(),
        first: filters.last_entry().map(|_| filters.address("/admin/audit", &[("after", String::new())])),
        next: last.map(|last| filters.address("/admin/audit", &[("after", last)])),
        entries,
    }))
}

async fn entries(administration: &Administration, filters: &Filters) -> Result<Vec<AuditEntry>, Error> {
    let user_id = match filters.get("user") {
        "" => None,
        name => match user_id(administration, name).await? {
            Some(id) => Some(id),
            None => return Ok(Vec::new()),
        },
    };
    // Both ends are exclusive.
    let after = filters.day("from", 0).map(|from| from.saturating_add_millis(-1));
    let query = AuditQuery { user_id, event: filters.event(), after, before: filters.day("to", 1), by: None };
    administration.audit(&query, filters.last_entry(), PAGE_ITEMS + 1).await
}

/// By the id too, because the entries of a deleted user remain.
async fn user_id(administration: &Administration, name: &str) -> Result<Option<ObjectId>, Error> {
    match administration.id_of(name).await {
        Ok(id) => Ok(Some(id)),
        Err(Error::NotFound(_)) => Ok(name.parse().ok()),
        Err(error) => Err(error),
    }
}
