//! The overview.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bson::DateTime;

use crate::admin::operations::Administration;
use crate::admin_pages::extract::PageAdmin;
use crate::admin_pages::render::html;
use crate::admin_pages::store::Numbers;
use crate::admin_pages::texts::Texts;
use crate::admin_pages::views::{OverviewPage, Section};
use crate::audit::store::{AuditQuery, Event};
use crate::auth::operations::Auth;
use crate::error::Error;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// `GET /admin`
pub(crate) async fn show(
    State(numbers): State<Numbers>,
    State(administration): State<Arc<Administration>>,
    State(auth): State<Arc<Auth>>,
    admin: PageAdmin,
) -> Result<Response, Error> {
    let now = administration.clock.now();
    let midnight = now.timestamp_millis() - now.timestamp_millis().rem_euclid(DAY_MILLIS);
    let counts = numbers.counts(now, DateTime::from_millis(midnight)).await?;
    let backup = AuditQuery { event: Some(Event::BackedUp), ..AuditQuery::default() };
    let last_backup = administration.audit(&backup, None, 1).await?.pop().map(|entry| entry.at);
    let (revocations, age) = auth.blacklist_state();
    Ok(html(&OverviewPage {
        page: admin.page(Texts::of(admin.visit.language).overview, Section::Overview),
        version: env!("CARGO_PKG_VERSION"),
        database_version: numbers.server_version().await?,
        today: now.to_chrono().date_naive().to_string(),
        counts,
        last_backup,
        revocations,
        revocations_age: age.map(|age| age.as_secs()),
    }))
}
