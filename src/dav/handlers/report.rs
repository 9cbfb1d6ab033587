//! The reports: sync-collection (RFC 6578), calendar-query and calendar-multiget (RFC 4791 §7.8 and §7.9).

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;

use super::Call;
use crate::clock::time_zone::Zone;
use crate::dav::address::Address;
use crate::dav::changes::ListChanges;
use crate::dav::filter;
use crate::dav::list_token::ListToken;
use crate::dav::objects::{Member, Uids};
use crate::dav::properties::Resource;
use crate::dav::refusal::{Condition, Refusal};
use crate::dav::requests::{Wanted, read};
use crate::dav::wire::{Multistatus, Status};
use crate::dav::xml::{CALDAV, DAV, Element};
use crate::error::Error;
use crate::icalendar;
use crate::icalendar::filter::TimeRange;
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
        let shown = self.shown(wanted).await?;
        let shown = has_data.then_some(&shown);
        for members in present.chunks(BATCH) {
            self.write_members(report, members, shown, &mut out).await?;
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
        shown: Option<&(impl Fn(String) -> String + Sync)>,
        out: &mut Multistatus<'_>,
    ) -> Result<(), Refusal> {
        let Some(shown) = shown else {
            for todo in todos {
                out.resource(&self.href_in(report, &todo.resource_name()), &Resource::Todo(todo, None));
            }
            return Ok(());
        };
        let is_here = |todo: &Todo| todo.list_id == report.list_id && todo.state == State::Live;
        let mut ids: Vec<_> = todos.iter().map(|todo| todo.id).collect();
        for member in self.workspace.members(&ids).await? {
            let todo = &member.todo;
            if is_here(todo) {
                let href = self.href_in(report, &todo.resource_name());
                out.resource(&href, &Resource::Todo(todo, Some(&shown(member.text()))));
                ids.retain(|id| *id != todo.id);
            }
        }
        // The next sync reports that these have left, but only if a majority has the change.
        for id in ids {
            if self.workspace.todos().find_durable(id).await?.is_some_and(|todo| is_here(&todo)) {
                return Err(Error::unavailable("a todo has changed while it was read").into());
            }
        }
        Ok(())
    }

    /// How the client wants to see texts.
    async fn shown(&self, wanted: &Wanted) -> Result<impl Fn(String) -> String + use<>, Refusal> {
        let excerpt = wanted.excerpt()?;
        let zone = if excerpt.is_whole() { Zone::UTC } else { self.workspace.zone().await? };
        Ok(move |text: String| excerpt.of(text, zone))
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
        let shown = self.shown(wanted).await?;
        for hrefs in hrefs.chunks(BATCH) {
            if out.is_full() {
                for href in hrefs {
                    out.status(href, Status::InsufficientStorage);
                }
                continue;
            }
            let names: Vec<_> = hrefs.iter().map(name).collect();
            let found = self.workspace.members_named(report.list_id, names.iter().flatten()).await?;
            for (href, name) in hrefs.iter().zip(&names) {
                match name.as_ref().and_then(|name| found.get(name)) {
                    None => out.status(href, Status::NotFound),
                    Some(member) => {
                        let text = wants_text(wanted).then(|| shown(member.text()));
                        out.resource(href, &Resource::Todo(&member.todo, text.as_deref()));
                    }
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
        let filter = filter::read(report.root)?;
        let (has_data, zone) = (wants_text(wanted), self.workspace.zone().await?);
        let shown = self.shown(wanted).await?;
        let needs_text = has_data || !filter.is_for_all_todos();
        let uids = if needs_text { self.workspace.todos().all_uids().await? } else { Uids::new() };
        let take = |todo: Todo| {
            let member = Member::among(todo, &uids);
            let text = needs_text.then(|| member.text());
            if text.as_ref().is_none_or(|text| filter.matches(text, zone)) {
                let text = text.filter(|_| has_data).map(&shown);
                let text = text.as_deref();
                out.resource(
                    &self.href_in(report, &member.todo.resource_name()),
                    &Resource::Todo(&member.todo, text),
                );
            }
            Ok(!out.is_full())
        };
        self.workspace.each_member(report.list_id, needs_text, take).await?;
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
