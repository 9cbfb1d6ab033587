//! What a TZID means: a zone of the IANA database, or what its VTIMEZONE describes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bson::DateTime;

use super::component::Component;
use super::line::Content;
use super::observance::Described;
use super::times::{Form, parse};
use super::windows_zones::iana_name;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;

/// The zones that the components of a calendar describe.
pub(super) struct Zones<'a> {
    calendar: &'a Component,
    /// A text can name a zone in each of thousands of values.
    resolved: RefCell<BTreeMap<String, Resolved>>,
}

#[derive(Clone)]
pub(super) enum Resolved {
    Named(Zone),
    Described(Rc<Described>),
    Unknown,
}

impl<'a> Zones<'a> {
    pub(super) fn of(calendar: &'a Component) -> Self {
        Self { calendar, resolved: RefCell::default() }
    }

    pub(super) fn resolve(&self, tzid: &str) -> Resolved {
        if let Some(known) = self.resolved.borrow().get(tzid) {
            return known.clone();
        }
        let resolved = self.look_up(tzid);
        self.resolved.borrow_mut().insert(tzid.to_owned(), resolved.clone());
        resolved
    }

    fn look_up(&self, tzid: &str) -> Resolved {
        if let Some(zone) = named(tzid) {
            return Resolved::Named(zone);
        }
        let mut described = self.calendar.children("VTIMEZONE");
        let Some(described) = described.find(|zone| zone.value("TZID") == Some(tzid.trim())) else {
            return Resolved::Unknown;
        };
        // libical and Mozilla name the IANA zone here.
        match described.value("X-LIC-LOCATION").and_then(named) {
            Some(zone) => Resolved::Named(zone),
            None => {
                Described::of(described).map_or(Resolved::Unknown, |zone| Resolved::Described(Rc::new(zone)))
            }
        }
    }

    /// Reads a DATE or DATE-TIME. A time in a zone that only its VTIMEZONE describes becomes a time in UTC, and a time in a
    /// zone that nothing describes is a local time.
    pub(super) fn time(&self, content: &Content) -> Option<Due> {
        self.time_in(content.value.trim(), content.param("TZID"))
    }

    pub(super) fn time_in(&self, value: &str, tzid: Option<&str>) -> Option<Due> {
        let (local, form) = parse(value)?;
        let due = match (form, tzid) {
            (Form::Date, _) => Due::Date(local.date()),
            (Form::Utc, _) => Due::At { local, time_zone: Some(Zone::UTC) },
            (Form::Local, None) => Due::At { local, time_zone: None },
            (Form::Local, Some(name)) => match self.resolve(name) {
                Resolved::Named(zone) => Due::At { local, time_zone: Some(zone) },
                Resolved::Described(zone) => {
                    let utc = local.checked_sub_signed(zone.offset_at(local))?;
                    Due::At { local: utc, time_zone: Some(Zone::UTC) }
                }
                Resolved::Unknown => Due::At { local, time_zone: None },
            },
        };
        due.is_in_range().then_some(due)
    }

    /// An instant. A local time is in the zone of the user.
    pub(super) fn instant(&self, content: &Content, user: Zone) -> Option<DateTime> {
        let at = self.time(content)?;
        Some(at.instant().unwrap_or_else(|| user.instant_of(at.local())))
    }

    /// The name under which the calendar describes `zone`.
    pub(super) fn name_of(&self, zone: Zone) -> Option<&'a str> {
        let mut names = self.calendar.children("VTIMEZONE").filter_map(|described| described.value("TZID"));
        names.find(|name| matches!(self.resolve(name), Resolved::Named(found) if found == zone))
    }
}

/// `Europe/Berlin`, in any case, as a name of Windows, or after a prefix such as `/freeassociation.sourceforge.net/`.
fn named(tzid: &str) -> Option<Zone> {
    let tzid = tzid.trim();
    let known = |name: &str| Zone::named(name).or_else(|| Zone::in_any_case(name));
    if let Some(zone) = known(tzid).or_else(|| iana_name(tzid).and_then(known)) {
        return Some(zone);
    }
    let prefixed = tzid.strip_prefix('/')?;
    prefixed.match_indices('/').find_map(|(at, _)| known(&prefixed[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_many_names() {
        for (tzid, zone) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
            (
                "/softwarestudio.org/Olson_20011030_5/America/Argentina/Buenos_Aires",
                "America/Argentina/Buenos_Aires",
            ),
            ("/mozilla.org/20050126_1/America/New_York", "America/New_York"),
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("Pacific Standard Time", "America/Los_Angeles"),
            ("UTC", "UTC"),
        ] {
            assert_eq!(named(tzid).map(Zone::name), Some(zone), "{tzid}");
        }
        for tzid in ["", "/", "//", "/a/", "Customized Time Zone", "Mars/Base"] {
            assert_eq!(named(tzid), None, "{tzid}");
        }
    }
}
