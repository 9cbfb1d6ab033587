//! The parts of an object that a client asks for (RFC 4791 §9.6).

use std::collections::BTreeMap;
use std::ops::Range;

use super::component::Component;
use super::expand::expanded;
use super::filter::TimeRange;
use super::instances::instant_of;
use super::line::{folded, without_value};
use super::zones::Zones;
use crate::clock::time_zone::Zone;

/// By default, the whole object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Each occurrence in the range in place of the series.
    pub expansion: Option<TimeRange>,
    /// The series with those of its own occurrences that are in the range.
    pub overrides: Option<TimeRange>,
    pub calendar: Option<Parts>,
}

/// The wanted parts of a component, by their names in upper case. `None` stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub properties: Option<BTreeMap<String, Shows>>,
    pub components: Option<BTreeMap<String, Parts>>,
}

/// How much of a property is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    All,
    NameAndParameters,
}

impl Excerpt {
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// `zone` is for local times.
    pub fn of(&self, text: String, zone: Zone) -> String {
        let text = match (self.expansion, self.overrides) {
            (Some(range), _) => expanded(&text, range, zone),
            (None, Some(range)) => without_overrides_outside(range, text, zone),
            (None, None) => text,
        };
        let Some(parts) = &self.calendar else { return text };
        let Ok(calendar) = Component::read(&text) else { return text };
        let mut out = String::new();
        parts.write(&text, &calendar, &mut out);
        out
    }
}

impl Parts {
    // Components are at most `DEPTH_MAX` deep.
    fn write(&self, text: &str, component: &Component, out: &mut String) {
        out.push_str(&folded(&format!("BEGIN:{}", component.name), "\r\n"));
        for property in &component.properties {
            let line = &text[property.at.clone()];
            let shows = match &self.properties {
                None => Some(&Shows::All),
                Some(wanted) => wanted.get(&property.content.name),
            };
            match shows {
                Some(Shows::All) => out.push_str(line),
                Some(Shows::NameAndParameters) => out.push_str(&without_value(line)),
                None => {}
            }
        }
        for child in &component.children {
            match self.components.as_ref().map(|wanted| wanted.get(&child.name)) {
                None => out.push_str(&text[child.at.clone()]),
                Some(Some(parts)) => parts.write(text, child, out),
                Some(None) => {}
            }
        }
        out.push_str(&folded(&format!("END:{}", component.name), "\r\n"));
    }
}

/// An override stays if the occurrence was or is in the range (RFC 4791 §9.6.6).
fn without_overrides_outside(range: TimeRange, mut text: String, zone: Zone) -> String {
    let Ok(calendar) = Component::read(&text) else { return text };
    let zones = Zones::of(&calendar);
    let overlaps = |from: i64, to: i64| to >= range.start && from < range.end;
    let is_outside = |todo: &&Component| {
        let at = |name: &str| {
            let time = zones.time(&todo.first(name)?.content)?;
            Some(instant_of(&time, zone).timestamp_millis())
        };
        let Some(id) = todo.first("RECURRENCE-ID") else { return false };
        // With a range, it changes all later occurrences too.
        let (was, changes_later) = (at("RECURRENCE-ID"), id.content.param("RANGE").is_some());
        let (start, due) = (at("DTSTART"), at("DUE"));
        let is = start.or(due).zip(due.or(start));
        let stays = was.is_none_or(|was| overlaps(was, was) || (changes_later && was < range.end));
        !stays && !is.is_some_and(|(start, due)| overlaps(start, due))
    };
    let outside: Vec<Range<usize>> =
        calendar.children("VTODO").filter(is_outside).map(|todo| todo.at.clone()).collect();
    // An object without a component would be none.
    if outside.len() == calendar.children("VTODO").count() {
        return text;
    }
    for at in outside.into_iter().rev() {
        text.replace_range(at, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTIMEZONE\r\nTZID:Z\r\nEND:VTIMEZONE\r\n\
        BEGIN:VTODO\r\nUID:1\r\nSUMMARY;LANGUAGE=\"a:b\":wa\r\n ter\r\nDTSTART:20261020T090000Z\r\nRRULE:FREQ=WEEKLY\r\n\
        BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:1\r\n\
        RECURRENCE-ID:20261103T090000Z\r\nDTSTART:20261105T090000Z\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

    fn some(properties: &[(&str, Shows)], components: &[(&str, Parts)]) -> Parts {
        let owned = |name: &&str| (*name).to_owned();
        let properties = properties.iter().map(|(name, shows)| (owned(name), *shows)).collect();
        let components = components.iter().map(|(name, parts)| (owned(name), parts.clone())).collect();
        Parts { properties: Some(properties), components: Some(components) }
    }

    fn excerpt(calendar: Parts) -> String {
        let excerpt = Excerpt { calendar: Some(calendar), ..Excerpt::default() };
        excerpt.of(TEXT.to_owned(), Zone::UTC)
    }

    #[test]
    fn only_the_wanted_components_and_properties_are_shown() {
        let todo = some(&[("SUMMARY", Shows::All), ("UID", Shows::NameAndParameters)], &[]);
        let expected = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:\r\nSUMMARY;LANGUAGE=\"a:b\":wa\r\n ter\r\n\
            END:VTODO\r\nBEGIN:VTODO\r\nUID:\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
        assert_eq!(excerpt(some(&[("VERSION", Shows::All)], &[("VTODO", todo)])), expected);
        let summary = some(&[("SUMMARY", Shows::NameAndParameters)], &[]);
        assert!(excerpt(some(&[], &[("VTODO", summary)])).contains("\r\nSUMMARY;LANGUAGE=\"a:b\":\r\nEND"));
    }

    #[test]
    fn without_names_everything_is_shown() {
        assert_eq!(excerpt(Parts::default()), TEXT);
        let whole = excerpt(some(&[], &[("VTODO", Parts::default()), ("VTIMEZONE", Parts::default())]));
        assert_eq!(whole, TEXT.replace("VERSION:2.0\r\nPRODID:x\r\n", ""));
        let broken = Excerpt { calendar: Some(Parts::default()), ..Excerpt::default() };
        assert_eq!(broken.of("BEGIN:VCALENDAR".to_owned(), Zone::UTC), "BEGIN:VCALENDAR");
    }

    #[test]
    fn overrides_stay_if_their_occurrence_was_or_is_in_the_range() {
        let overrides = |text: &str, start, end| {
            let overrides = TimeRange::read(Some(start), Some(end));
            let excerpt = Excerpt { overrides, ..Excerpt::default() };
            excerpt.of(text.to_owned(), Zone::UTC).matches("BEGIN:VTODO").count() - 1
        };
        assert_eq!(overrides(TEXT, "20261103T000000Z", "20261104T000000Z"), 1, "was");
        assert_eq!(overrides(TEXT, "20261105T000000Z", "20261106T000000Z"), 1, "is");
        assert_eq!(overrides(TEXT, "20261104T000000Z", "20261105T000000Z"), 0);
        assert_eq!(overrides(TEXT, "20261020T000000Z", "20261103T000000Z"), 0);
        let later = TEXT.replace("RECURRENCE-ID:", "RECURRENCE-ID;RANGE=THISANDFUTURE:");
        assert_eq!(overrides(&later, "20261204T000000Z", "20261205T000000Z"), 1);
        assert_eq!(overrides(&later, "20261020T000000Z", "20261103T000000Z"), 0);
        let alone = TEXT.replace("RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20261027T090000Z");
        assert_eq!(overrides(&alone, "20270101T000000Z", "20270102T000000Z"), 1);
    }
}
