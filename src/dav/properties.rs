//! The live properties of the CalDAV resources, and the dead properties that clients have given lists.

use bson::oid::ObjectId;

use super::address::Address;
use super::collections::{Collection, color};
use super::markup::Markup;
use super::validators::{etag, http_date};
use super::xml::{APPLE, CALDAV, CALENDAR_SERVER, DAV, Name};
use crate::clock::rfc3339;
use crate::icalendar::TEXT_MAX;
use crate::todos::model::Todo;

/// Who sees the resources, and where.
pub(crate) struct View<'a> {
    pub(crate) user: ObjectId,
    pub(crate) username: &'a str,
    /// The path that a proxy has removed from requests.
    pub(crate) prefix: &'a str,
}

pub(crate) enum Resource<'a> {
    Folder,
    Principal,
    Home,
    Collection(&'a CollectionView),
    /// A todo, and its text if the client asks for it.
    Todo(&'a Todo, Option<&'a str>),
}

/// A list with what is computed only if the client asks for it.
pub(crate) struct CollectionView {
    pub(crate) collection: Collection,
    pub(crate) content_tag: Option<u64>,
    pub(crate) sync_token: Option<String>,
}

pub(crate) const INBOX_NAME: &str = "Inbox";

pub(crate) const TODO_TYPE: &str = "text/calendar; charset=utf-8; component=VTODO";

const REPORTS: [(&str, &str); 3] =
    [(DAV, "sync-collection"), (CALDAV, "calendar-query"), (CALDAV, "calendar-multiget")];

const PRIVILEGES: [&str; 8] = [
    "all",
    "read",
    "write",
    "write-content",
    "write-properties",
    "bind",
    "unbind",
    "read-current-user-privilege-set",
];

// In the order of their responses to `allprop`. The last group is costly and left out there.
const COMMON: [(&str, &str); 6] = [
    (DAV, "resourcetype"),
    (DAV, "owner"),
    (DAV, "current-user-principal"),
    (DAV, "principal-URL"),
    (DAV, "principal-collection-set"),
    (DAV, "current-user-privilege-set"),
];
const OF_PRINCIPAL: [(&str, &str); 5] = [
    (DAV, "displayname"),
    (DAV, "supported-report-set"),
    (CALDAV, "calendar-home-set"),
    (CALDAV, "calendar-user-address-set"),
    (CALDAV, "calendar-user-type"),
];
const OF_HOME: [(&str, &str); 2] = [(DAV, "displayname"), (DAV, "supported-report-set")];
const OF_COLLECTION: [(&str, &str); 12] = [
    (DAV, "displayname"),
    (DAV, "supported-report-set"),
    (DAV, "getcontenttype"),
    (CALDAV, "calendar-description"),
    (CALDAV, "supported-calendar-component-set"),
    (CALDAV, "supported-calendar-data"),
    (CALDAV, "supported-collation-set"),
    (CALDAV, "max-resource-size"),
    (CALDAV, "calendar-home-set"),
    (APPLE, "calendar-color"),
    (CALENDAR_SERVER, "getctag"),
    (DAV, "sync-token"),
];
const OF_TODO: [(&str, &str); 5] = [
    (DAV, "getetag"),
    (DAV, "getcontenttype"),
    (DAV, "getlastmodified"),
    (DAV, "creationdate"),
    (DAV, "supported-report-set"),
];

impl View<'_> {
    pub(crate) fn href(&self, address: &Address) -> String {
        format!("{}{}", self.prefix, address.path())
    }
}

impl Resource<'_> {
    /// The names of all properties, without those that only a report has.
    pub(crate) fn names(&self) -> Vec<Name> {
        let own: &[(&str, &str)] = match self {
            Self::Folder => &[],
            Self::Principal => &OF_PRINCIPAL,
            Self::Home => &OF_HOME,
            Self::Collection(_) => &OF_COLLECTION,
            Self::Todo(..) => &OF_TODO,
        };
        let mut names: Vec<_> =
            COMMON.iter().chain(own).map(|(space, local)| Name::new(space, local)).collect();
        for property in self.dead() {
            let name = Name::new(&property.space, &property.local);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn dead(&self) -> &[crate::lists::model::DeadProperty] {
        let list = match self {
            Self::Collection(view) => view.collection.list.as_ref(),
            _ => None,
        };
        list.and_then(|list| list.calendar.as_ref()).map_or(&[], |calendar| &calendar.properties)
    }

    /// Writes a property. Returns false if the resource does not have it.
    pub(crate) fn write(&self, view: &View<'_>, name: &Name, out: &mut Markup) -> bool {
        let start = out.0.len();
        let mut has = false;
        out.element(&name.space, &name.local, |out| has = self.write_value(view, name, out));
        if !has {
            out.0.truncate(start);
        }
        has
    }

    fn write_value(&self, view: &View<'_>, name: &Name, out: &mut Markup) -> bool {
        let (space, local) = (name.space.as_str(), name.local.as_str());
        if self.write_common(view, space, local, out) {
            return true;
        }
        let has = match self {
            Self::Folder => false,
            Self::Principal => write_of_principal(view, space, local, out),
            Self::Home => match (space, local) {
                (DAV, "displayname") => text(out, view.username),
                (CALDAV, "calendar-home-set") => href(out, &view.href(&Address::Home(view.user))),
                _ => false,
            },
            Self::Collection(collection) => collection.write(view, space, local, out),
            Self::Todo(todo, data) => write_of_todo(todo, *data, space, local, out),
        };
        has || self.write_dead(name, out)
    }

    fn write_dead(&self, name: &Name, out: &mut Markup) -> bool {
        let mut dead = self.dead().iter();
        let found = dead.find(|dead| dead.space == name.space && dead.local == name.local);
        found.is_some_and(|dead| {
            // It was written by `Markup`.
            out.0.push_str(&dead.xml);
            true
        })
    }

    fn write_common(&self, view: &View<'_>, space: &str, local: &str, out: &mut Markup) -> bool {
        let principal = || view.href(&Address::Principal(view.user));
        match (space, local) {
            (DAV, "resourcetype") => {
                if !matches!(self, Self::Todo(..)) {
                    out.empty(DAV, "collection");
                }
                match self {
                    Self::Principal => out.empty(DAV, "principal"),
                    Self::Collection(_) => out.empty(CALDAV, "calendar"),
                    _ => {}
                }
                true
            }
            // On a list too, because iOS gives up without it.
            (DAV, "owner" | "current-user-principal" | "principal-URL") => href(out, &principal()),
            (DAV, "principal-collection-set") => href(out, &view.href(&Address::Folder("/dav/principals/"))),
            (DAV, "current-user-privilege-set") => {
                for privilege in PRIVILEGES {
                    out.element(DAV, "privilege", |out| out.empty(DAV, privilege));
                }
                true
            }
            (DAV, "supported-report-set") => {
                if matches!(self, Self::Collection(_)) {
                    for (space, local) in REPORTS {
                        out.element(DAV, "supported-report", |out| {
                            out.element(DAV, "report", |out| out.empty(space, local));
                        });
                    }
                }
                true
            }
            _ => false,
        }
    }
}

fn write_of_principal(view: &View<'_>, space: &str, local: &str, out: &mut Markup) -> bool {
    match (space, local) {
        (DAV, "displayname") => text(out, view.username),
        // One alone, because Apple's clients take no more.
        (CALDAV, "calendar-home-set") => href(out, &view.href(&Address::Home(view.user))),
        (CALDAV, "calendar-user-address-set") => {
            // Clients find their user among the attendees of an object by this address.
            if view.username.contains('@') {
                out.href(&format!("mailto:{}", view.username));
            }
            href(out, &view.href(&Address::Principal(view.user)))
        }
        (CALDAV, "calendar-user-type") => text(out, "INDIVIDUAL"),
        _ => false,
    }
}

impl CollectionView {
    fn write(&self, view: &View<'_>, space: &str, local: &str, out: &mut Markup) -> bool {
        let list = self.collection.list.as_ref();
        match (space, local) {
            (DAV, "displayname") => text(out, list.map_or(INBOX_NAME, |list| &list.name)),
            (DAV, "getcontenttype") => text(out, TODO_TYPE),
            (CALDAV, "calendar-description") => {
                list.is_some_and(|list| !list.description.is_empty() && text(out, &list.description))
            }
            (CALDAV, "supported-calendar-component-set") => empty(out, "comp", &[("name", "VTODO")]),
            (CALDAV, "supported-calendar-data") => {
                empty(out, "calendar-data", &[("content-type", "text/calendar"), ("version", "2.0")])
            }
            (CALDAV, "supported-collation-set") => super::filter::COLLATIONS.iter().all(|collation| {
                out.text_element(CALDAV, "supported-collation", collation);
                true
            }),
            (CALDAV, "max-resource-size") => text(out, &TEXT_MAX.to_string()),
            (CALDAV, "calendar-home-set") => href(out, &view.href(&Address::Home(view.user))),
            (APPLE, "calendar-color") => self.write_color(out),
            (CALENDAR_SERVER, "getctag") => {
                text(out, &format!("\"{:016x}\"", self.content_tag.unwrap_or_default()))
            }
            (DAV, "sync-token") => self.sync_token.as_ref().is_some_and(|token| text(out, token)),
            _ => false,
        }
    }

    /// As the client has written it, unless the color was changed elsewhere since.
    fn write_color(&self, out: &mut Markup) -> bool {
        let Some(list) = &self.collection.list else { return false };
        let Some(now) = &list.color else { return false };
        let mut sent = list.calendar.iter().flat_map(|calendar| &calendar.properties);
        let sent = sent.find(|dead| dead.space == APPLE && dead.local == "calendar-color");
        match sent.filter(|dead| color(dead.xml.trim()).as_ref() == Some(now)) {
            Some(dead) => text(out, dead.xml.trim()),
            None => text(out, now),
        }
    }
}

fn write_of_todo(todo: &Todo, data: Option<&str>, space: &str, local: &str, out: &mut Markup) -> bool {
    match (space, local) {
        (DAV, "getetag") => text(out, &etag(todo.version)),
        (DAV, "getcontenttype") => text(out, TODO_TYPE),
        (DAV, "getcontentlength") => data.is_some_and(|data| text(out, &data.len().to_string())),
        (DAV, "getlastmodified") => text(out, &http_date(todo.updated_at)),
        (DAV, "creationdate") => text(out, &rfc3339(todo.created_at).to_string()),
        (CALDAV, "calendar-data") => data.is_some_and(|data| text(out, data)),
        _ => false,
    }
}

fn text(out: &mut Markup, text: &str) -> bool {
    out.text(text);
    true
}

fn href(out: &mut Markup, href: &str) -> bool {
    out.href(href);
    true
}

fn empty(out: &mut Markup, local: &str, attributes: &[(&str, &str)]) -> bool {
    out.empty_with(CALDAV, local, attributes);
    true
}
