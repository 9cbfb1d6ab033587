//! The reports: sync-collection (RFC 6578), calendar-query and calendar-multiget (RFC 4791 §7.8 and §7.9).

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;

use super::Call;
use crate::clock::time_zone::Zone;
use crate::dav::address::Address;
use crate::dav::changes::ListChanges;
use crate::dav::filter;
use crate::dav::list_token::ListToken;
use crate::dav::properties::Resource;
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::requests::{Wanted, read};
use crate::dav::texts::{How, Texts};
use crate::dav::wire::{Multistatus, Status};
use crate::dav::xml::{CALDAV, DAV, Element};
use crate::error::Error;
use crate::icalendar;
use crate::icalendar::filter::{ComponentFilter, TimeRange};
use crate::owned::State;
use crate::todos::model::Todo;

/// Resources that are read from the database at a time.
const BATCH: usize = 50;

/// A report on one list.
struct Report<'a> {
    list: &'a str,
    list_id: Option<ObjectId>,
    root: &'a Element,
}

impl Call<'_> {
    pub(super) async fn report(&self, list: &str) -> Result<Response, Refusal> {
        let list_id = self.workspace.collection(list).await?.id();
        let root = read(&self.body)?;
        let report = Report { list, list_id, root: &root };
        let wanted = Wanted::of(&root);
        let out = Multistatus::new(&self.view, &wanted, self.is_brief());
        match (root.name.space.as_str(), root.name.local.as_str()) {
            (DAV, "sync-collection") => self.sync_collection(&report, &wanted, out).await,
            (CALDAV, "calendar-multiget") => self.multiget(&report, &wanted, out).await,
            (CALDAV, "calendar-query") => self.query(&report, &wanted, out).await,
            (CALDAV, "free-busy-query") => free_busy(&root),
            _ => Err(Condition::SupportedReport.into()),
        }
    }

    fn href_in(&self, report: &Report<'_>, name: &str) -> String {
        self.view.href(&Address::Todo(self.view.user, report.list.to_owned(), name.to_owned()))
    }

    fn href_of_list(&self, report: &Report<'_>) -> String {
        self.view.href(&Address::List(self.view.user, report.list.to_owned()))
    }

    async fn sync_collection(
        &self,
        report: &Report<'_>,
        wanted: &Wanted,
        mut out: Multistatus<'_>,
    ) -> Result<Response, Refusal> {
        let (user, list_id, lineage) = (self.view.user, report.list_id, self.lineage);
        let since = report.root.child(DAV, "sync-token").map(Element::text).filter(|token| !token.is_empty());
        let open = |text: String| {
            let token = ListToken::open(self.sealer, user, list_id, lineage, &text, self.workspace.now());
            token.ok_or(Condition::ValidSyncToken)
        };
        let since = since.map(open).transpose()?;
        let has_data = wants_text(wanted);
        let limit = limit(report.root).unwrap_or(usize::MAX).min(if has_data { BATCH } else { usize::MAX });
        let changes = self.workspace.list_changes(list_id, since, limit).await?;
        let ListChanges { present, removed, token, has_more } = changes;
        let how = Arc::new(self.how(wanted, None).await?);
        for members in present.chunks(BATCH) {
            self.write_members(report, members, &how, &mut out).await?;
        }
        for name in removed {
            out.status(&self.href_in(report, &name), Status::NotFound);
        }
        if has_more {
            out.truncated(&self.href_of_list(report));
        }
        let token = token.seal(self.sealer, user, list_id, lineage)?;
        Ok(out.finish(Some(&token)))
    }

    async fn write_members(
        &self,
        report: &Report<'_>,
        todos: &[Todo],
        how: &Arc<How>,
        out: &mut Multistatus<'_>,
    ) -> Result<(), Refusal> {
        if !how.has_data {
            for todo in todos {
                out.resource(&self.href_in(report, &todo.resource_name()), &Resource::Todo(todo, None));
            }
            return Ok(());
        }
        let is_here = |todo: &Todo| todo.list_id == report.list_id && todo.state == State::Live;
        let mut ids: Vec<_> = todos.iter().map(|todo| todo.id).collect();
        let mut members = self.workspace.members(&ids).await?;
        members.retain(|member| is_here(&member.todo));
        let mut texts = Texts::of(members, how);
        while let Some((todo, text)) = texts.next().await? {
            let href = self.href_in(report, &todo.resource_name());
            out.resource(&href, &Resource::Todo(&todo, text.as_deref()));
            ids.retain(|id| *id != todo.id);
        }
        // The next sync reports that these have left, but only if a majority has the change.
        for id in ids {
            if self.workspace.todos().find_durable(id).await?.is_some_and(|todo| is_here(&todo)) {
                return Err(Error::unavailable("a todo has changed while it was read").into());
            }
        }
        Ok(())
    }

    /// How the client wants to see todos.
    async fn how(&self, wanted: &Wanted, filter: Option<ComponentFilter>) -> Result<How, Refusal> {
        let (excerpt, has_data) = (wanted.excerpt()?, wants_text(wanted));
        let needs_zone = !excerpt.is_whole() || filter.is_some();
        let zone = if needs_zone { self.workspace.zone().await? } else { Zone::UTC };
        Ok(How { filter, excerpt, has_data, zone })
    }

    async fn multiget(
        &self,
        report: &Report<'_>,
        wanted: &Wanted,
        mut out: Multistatus<'_>,
    ) -> Result<Response, Refusal> {
        let hrefs: Vec<String> =
            report.root.children().filter(|child| child.is(DAV, "href")).map(Element::text).collect();
        let name = |href: &String| match Address::of_href(href, self.view.prefix) {
            Some(Address::Todo(user, list, name)) if user == self.view.user && list == report.list => {
                Some(name)
            }
            _ => None,
        };
        let how = Arc::new(self.how(wanted, None).await?);
        for hrefs in hrefs.chunks(BATCH) {
            if out.is_full() {
                for href in hrefs {
                    out.status(href, Status::InsufficientStorage);
                }
                continue;
            }
            let names: Vec<_> = hrefs.iter().map(name).collect();
            let found = self.workspace.members_named(report.list_id, names.iter().flatten()).await?;
            let is_found: Vec<_> =
                names.iter().map(|name| name.as_ref().and_then(|name| found.get(name))).collect();
            let mut texts = Texts::of(is_found.iter().copied().flatten().cloned().collect(), &how);
            for (href, is_found) in hrefs.iter().zip(is_found) {
                match if is_found.is_some() { texts.next().await? } else { None } {
                    None => out.status(href, Status::NotFound),
                    Some((todo, text)) => out.resource(href, &Resource::Todo(&todo, text.as_deref())),
                }
            }
        }
        Ok(out.finish(None))
    }

    async fn query(
        &self,
        report: &Report<'_>,
        wanted: &Wanted,
        mut out: Multistatus<'_>,
    ) -> Result<Response, Refusal> {
        let filter = Some(filter::read(report.root)?).filter(|filter| !filter.is_for_all_todos());
        let how = self.how(wanted, filter).await?;
        let mut take = |todo: &Todo, text: Option<&str>| {
            let href = self.href_in(report, &todo.resource_name());
            out.resource(&href, &Resource::Todo(todo, text));
            !out.is_full()
        };
        if how.has_data || how.filter.is_some() {
            self.workspace.each_text(report.list_id, how, take).await?;
        } else {
            self.workspace.each_member(report.list_id, |todo| Ok(take(&todo, None))).await?;
        }
        if out.is_full() {
            out.truncated(&self.href_of_list(report));
        }
        Ok(out.finish(None))
    }
}

/// Todos take no time, so everybody is free (RFC 4791 §7.10).
fn free_busy(root: &Element) -> Result<Response, Refusal> {
    let range = root.child(CALDAV, "time-range");
    let bound = |name: &str| range.and_then(|range| range.attribute(name)).unwrap_or_default();
    let (start, end) = (bound("start"), bound("end"));
    if TimeRange::read(Some(start), Some(end)).is_none() {
        return Err(Condition::ValidFilter("A time-range must have start and end in UTC.".to_owned()).into());
    }
    let text = icalendar::expand::free(start, end);
    Ok(([(CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

fn wants_text(wanted: &Wanted) -> bool {
    wanted.includes(CALDAV, "calendar-data") || wanted.includes(DAV, "getcontentlength")
}

/// The number of results that the client wants at most (RFC 5323 §5.17).
fn limit(root: &Element) -> Option<usize> {
    root.child(DAV, "limit")?.child(DAV, "nresults")?.text().parse().ok().filter(|limit| *limit > 0)
}
