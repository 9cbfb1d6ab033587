//! Whether an object matches the filter of a query (RFC 4791 §9.7 to §9.9).

use chrono::TimeDelta;

use super::component::{Component, Property};
use super::instances::{OCCURRENCES_MAX, instant_of, occurrences};
use super::times;
use super::zones::Zones;
use crate::clock::time_zone::Zone;
use crate::owned::text::caseless;
use crate::todos::due::Due;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComponentFilter {
    /// In upper case.
    pub name: String,
    pub is_not_defined: bool,
    pub time_range: Option<TimeRange>,
    pub properties: Vec<PropertyFilter>,
    pub components: Vec<ComponentFilter>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PropertyFilter {
    /// In upper case.
    pub name: String,
    pub is_not_defined: bool,
    pub time_range: Option<TimeRange>,
    pub text: Option<TextMatch>,
    pub parameters: Vec<ParameterFilter>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParameterFilter {
    /// In upper case.
    pub name: String,
    pub is_not_defined: bool,
    pub text: Option<TextMatch>,
}

/// Finds a part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    pub part: String,
    pub collation: Collation,
    pub is_negated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    Ascii,
    Octet,
    Unicode,
}

/// In milliseconds since 1970, without `end`. An absent bound is the smallest or the largest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start: i64,
    pub end: i64,
}

/// The calendar around a component.
#[derive(Clone, Copy)]
struct Around<'a> {
    calendar: &'a Component,
    /// For local times.
    zone: Zone,
}

impl TimeRange {
    /// The bounds are times in UTC. `None` if one is something else.
    pub fn read(start: Option<&str>, end: Option<&str>) -> Option<Self> {
        let read = |text: &str| match times::parse(text.trim())? {
            (utc, times::Form::Utc) => Some(utc.and_utc().timestamp_millis()),
            _ => None,
        };
        let start = start.map_or(Some(i64::MIN), read)?;
        let end = end.map_or(Some(i64::MAX), read)?;
        (start < end).then_some(Self { start, end })
    }
}

impl TextMatch {
    fn matches(&self, text: &str) -> bool {
        let has_part = match self.collation {
            Collation::Octet => text.contains(&self.part),
            Collation::Ascii => text.to_ascii_lowercase().contains(&self.part.to_ascii_lowercase()),
            Collation::Unicode => caseless(text).contains(&caseless(&self.part)),
        };
        has_part != self.is_negated
    }
}

impl ComponentFilter {
    /// Whether every object of a list of todos matches.
    pub fn is_for_all_todos(&self) -> bool {
        let has_conditions = |filter: &Self| {
            filter.is_not_defined || filter.time_range.is_some() || !filter.properties.is_empty()
        };
        let is_bare =
            |filter: &Self| filter.name == "VTODO" && !has_conditions(filter) && filter.components.is_empty();
        self.name == "VCALENDAR" && !has_conditions(self) && self.components.iter().all(is_bare)
    }

    /// `zone` is for local times.
    pub fn matches(&self, text: &str, zone: Zone) -> bool {
        let Ok(calendar) = Component::read(text) else { return false };
        if calendar.name != self.name {
            return self.is_not_defined;
        }
        let around = Around { calendar: &calendar, zone };
        !self.is_not_defined && self.holds(&calendar, None, around)
    }

    fn holds(&self, component: &Component, parent: Option<&Component>, around: Around<'_>) -> bool {
        let in_range = |range: &TimeRange| around.overlaps(component, parent, *range);
        self.time_range.as_ref().is_none_or(in_range)
            && self.properties.iter().all(|filter| {
                let mut todos = inner(component);
                filter.matches(component, around) || todos.any(|todo| filter.matches(todo, around))
            })
            && self.components.iter().all(|filter| {
                let mut children = component.children(&filter.name);
                if filter.is_not_defined {
                    return children.next().is_none();
                }
                children.any(|child| filter.holds(child, Some(component), around))
            })
    }
}

impl PropertyFilter {
    fn matches(&self, component: &Component, around: Around<'_>) -> bool {
        let mut all = component.all(&self.name);
        if self.is_not_defined {
            return all.next().is_none();
        }
        all.any(|property| self.holds(property, around))
    }

    fn holds(&self, property: &Property, around: Around<'_>) -> bool {
        let in_range = |range: &TimeRange| {
            around.instant(property).is_some_and(|at| range.start <= at && at < range.end)
        };
        self.time_range.as_ref().is_none_or(in_range)
            && self.text.as_ref().is_none_or(|text| text.matches(&property.content.text()))
            && self.parameters.iter().all(|filter| {
                let value = property.content.param(&filter.name);
                if filter.is_not_defined {
                    return value.is_none();
                }
                value.is_some_and(|value| filter.text.as_ref().is_none_or(|text| text.matches(value)))
            })
    }
}

/// The todos of a calendar, to which some clients apply the conditions that they write for the calendar.
fn inner(component: &Component) -> impl Iterator<Item = &Component> {
    component.children("VTODO").filter(|_| component.name == "VCALENDAR")
}

/// When a todo begins and ends, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Times {
    start: Option<i64>,
    due: Option<i64>,
    /// Of DTSTART and DURATION.
    end: Option<i64>,
    completed: Option<i64>,
    created: Option<i64>,
}

impl Around<'_> {
    fn zones(&self) -> Zones<'_> {
        Zones::of(self.calendar)
    }

    fn due(&self, component: &Component, name: &str) -> Option<Due> {
        self.zones().time(&component.first(name)?.content)
    }

    fn millis(&self, due: &Due) -> i64 {
        instant_of(due, self.zone).timestamp_millis()
    }

    fn instant(&self, property: &Property) -> Option<i64> {
        self.zones().time(&property.content).map(|due| self.millis(&due))
    }

    fn overlaps(&self, component: &Component, parent: Option<&Component>, range: TimeRange) -> bool {
        match (component.name.as_str(), parent) {
            ("VTODO", _) => {
                let times = self.times(component);
                self.shifts(component, range).iter().any(|shift| times.after(*shift).overlap(range))
            }
            ("VALARM", Some(todo)) => {
                let triggers = self.triggers(component, todo);
                let is_in = |at: i64| range.start <= at && at < range.end;
                let shifts = self.shifts(todo, range);
                triggers.iter().any(|at| shifts.iter().any(|shift| is_in(at.saturating_add(*shift))))
            }
            ("VCALENDAR", None) => inner(component).any(|todo| self.overlaps(todo, Some(component), range)),
            // Only these have times in a list of todos.
            _ => false,
        }
    }

    fn times(&self, todo: &Component) -> Times {
        let at = |name: &str| self.due(todo, name).map(|due| self.millis(&due));
        let start = at("DTSTART");
        let duration =
            todo.value("DURATION").and_then(times::duration).map(|length| length.num_milliseconds());
        let end = start.zip(duration).map(|(start, duration)| start.saturating_add(duration));
        Times { start, due: at("DUE"), end, completed: at("COMPLETED"), created: at("CREATED") }
    }

    /// By how much each occurrence that begins before the end of the range is later than the first one.
    fn shifts(&self, todo: &Component, range: TimeRange) -> Vec<i64> {
        let mut shifts = vec![0];
        let first = self.due(todo, "DTSTART").or_else(|| self.due(todo, "DUE"));
        let (Some(first), Some(rule)) = (first, todo.value("RRULE")) else { return shifts };
        let from = self.millis(&first);
        let into_range = range.start.saturating_sub(from).saturating_add(1).max(0);
        let Some(all) = occurrences(first, rule, range.end, self.zone) else {
            // A rule that is not understood can have an occurrence at any later time.
            shifts.push(into_range);
            return shifts;
        };
        shifts.extend(all.iter().map(|at| self.millis(at).saturating_sub(from)));
        if all.len() > OCCURRENCES_MAX {
            shifts.push(into_range);
        }
        shifts
    }

    /// When an alarm rings for the first occurrence.
    fn triggers(&self, alarm: &Component, todo: &Component) -> Vec<i64> {
        let Some(trigger) = alarm.first("TRIGGER") else { return Vec::new() };
        let first = match times::duration(&trigger.content.value) {
            None => self.instant(trigger),
            Some(before) => {
                let Times { start, due, end, .. } = self.times(todo);
                let is_at_end =
                    trigger.content.param("RELATED").is_some_and(|part| part.eq_ignore_ascii_case("END"));
                let end = due.or(end);
                let base = if is_at_end { end.or(start) } else { start.or(end) };
                base.map(|base| base.saturating_add(before.num_milliseconds()))
            }
        };
        let Some(first) = first else { return Vec::new() };
        let repeat = alarm.value("REPEAT").and_then(|repeat| repeat.parse::<i64>().ok()).unwrap_or(0);
        let every = alarm.value("DURATION").and_then(times::duration).unwrap_or(TimeDelta::zero());
        let repeats = 0..=repeat.clamp(0, 100);
        repeats.map(|times| first.saturating_add(every.num_milliseconds().saturating_mul(times))).collect()
    }
}

impl Times {
    fn after(self, shift: i64) -> Self {
        let shifted = |at: Option<i64>| at.map(|at| at.saturating_add(shift));
        Self { start: shifted(self.start), due: shifted(self.due), end: shifted(self.end), ..self }
    }

    /// The table of RFC 4791 §9.9 for VTODO, row by row.
    fn overlap(self, TimeRange { start, end }: TimeRange) -> bool {
        match self {
            Self { start: Some(from), end: Some(to), due: None, .. } => {
                start <= to && (end > from || end >= to)
            }
            Self { start: Some(from), due: Some(due), .. } => {
                (start < due || start <= from) && (end > from || end >= due)
            }
            Self { start: Some(from), .. } => start <= from && end > from,
            Self { due: Some(due), .. } => start < due && end >= due,
            Self { completed: Some(done), created: Some(made), .. } => {
                (start <= made || start <= done) && (end >= made || end >= done)
            }
            Self { completed: Some(done), .. } => start <= done && end >= done,
            Self { created: Some(made), .. } => end > made,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(lines: &str) -> String {
        let lines = lines.replace('|', "\r\n");
        format!("BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:1\r\n{lines}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n")
    }

    fn todos(filter: ComponentFilter) -> ComponentFilter {
        let todo = ComponentFilter { name: "VTODO".to_owned(), ..filter };
        ComponentFilter { name: "VCALENDAR".to_owned(), components: vec![todo], ..ComponentFilter::default() }
    }

    fn in_range(lines: &str, start: &str, end: &str) -> bool {
        let bound = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let time_range = Some(TimeRange::read(bound(start), bound(end)).unwrap());
        todos(ComponentFilter { time_range, ..ComponentFilter::default() })
            .matches(&calendar(lines), Zone::UTC)
    }

    #[test]
    fn every_row_of_the_table_of_time_ranges_holds() {
        const DAY: (&str, &str) = ("20261202T000000Z", "20261203T000000Z");
        for (lines, is_in) in [
            ("DTSTART:20261201T230000Z|DURATION:PT1H", true),
            ("DTSTART:20261201T220000Z|DURATION:PT1H", false),
            ("DTSTART:20261203T000000Z|DURATION:PT1H", false),
            ("DTSTART:20261130T000000Z|DUE:20261205T000000Z", true),
            ("DTSTART:20261130T000000Z|DUE:20261202T000000Z", false),
            ("DTSTART:20261203T000000Z|DUE:20261203T000000Z", true),
            ("DTSTART:20261203T000000Z|DUE:20261204T000000Z", false),
            ("DTSTART:20261202T000000Z", true),
            ("DTSTART:20261203T000000Z", false),
            ("DUE:20261203T000000Z", true),
            ("DUE:20261202T000000Z", false),
            ("DUE;VALUE=DATE:20261203", true),
            ("DUE:20261202T120000", true),
            ("DUE;TZID=Asia/Tokyo:20261202T080000", false),
            ("COMPLETED:20261202T000000Z|CREATED:20261101T000000Z", true),
            ("COMPLETED:20261201T000000Z|CREATED:20261101T000000Z", false),
            ("COMPLETED:20261203T000000Z", true),
            ("COMPLETED:20261204T000000Z", false),
            ("CREATED:20261101T000000Z", true),
            ("CREATED:20261203T000000Z", false),
            ("SUMMARY:whenever", true),
        ] {
            assert_eq!(in_range(lines, DAY.0, DAY.1), is_in, "{lines}");
        }
        assert!(in_range("DUE:20261203T000000Z", DAY.0, "") && !in_range("DUE:20261203T000000Z", "", DAY.0));
    }

    #[test]
    fn a_range_finds_later_occurrences_of_a_series() {
        let weekly = "DTSTART:20261201T090000Z|DUE:20261201T100000Z|RRULE:FREQ=WEEKLY;COUNT=3";
        assert!(in_range(weekly, "20261215T093000Z", "20261215T094000Z"));
        assert!(!in_range(weekly, "20261216T000000Z", "20261217T000000Z"));
        assert!(!in_range(weekly, "20261222T090000Z", "20261223T000000Z"));
        let hourly = "DUE:20261201T100000Z|RRULE:FREQ=HOURLY";
        assert!(in_range(hourly, "20300101T000000Z", "20300102T000000Z"));
        assert!(!in_range(hourly, "20200101T000000Z", "20200102T000000Z"));
        let daily = "DUE:20261201T100000Z|RRULE:FREQ=DAILY";
        assert!(in_range(daily, "20500101T000000Z", "20500103T000000Z"));
    }

    #[test]
    fn alarms_ring_before_the_start_or_the_end() {
        let rings = |trigger: &str, start: &str, end: &str| {
            let lines =
                format!("DTSTART:20261202T090000Z|DUE:20261203T090000Z|BEGIN:VALARM|{trigger}|END:VALARM");
            let time_range = TimeRange::read(Some(start), Some(end));
            let alarm =
                ComponentFilter { name: "VALARM".to_owned(), time_range, ..ComponentFilter::default() };
            let filter = todos(ComponentFilter { components: vec![alarm], ..ComponentFilter::default() });
            filter.matches(&calendar(&lines), Zone::UTC)
        };
        assert!(rings("TRIGGER:-PT1H", "20261202T080000Z", "20261202T080001Z"));
        assert!(!rings("TRIGGER:-PT1H", "20261202T080001Z", "20261203T000000Z"));
        assert!(rings("TRIGGER;RELATED=END:-PT1H", "20261203T080000Z", "20261203T080001Z"));
        assert!(rings("TRIGGER;VALUE=DATE-TIME:20261201T000000Z", "20261201T000000Z", "20261202T000000Z"));
        assert!(rings("TRIGGER:-PT1H|REPEAT:2|DURATION:PT5M", "20261202T081000Z", "20261202T081100Z"));
    }

    #[test]
    fn properties_and_parameters_are_compared_as_texts() {
        let text = calendar("SUMMARY;LANGUAGE=de:Käse\\, Brot|CATEGORIES:home,work|STATUS:NEEDS-ACTION");
        let part = |part: &str, collation| TextMatch { part: part.to_owned(), collation, is_negated: false };
        let summary = |text| PropertyFilter { name: "SUMMARY".to_owned(), text, ..PropertyFilter::default() };
        let matches = |property: PropertyFilter| {
            let filter = ComponentFilter { properties: vec![property], ..ComponentFilter::default() };
            todos(filter).matches(&text, Zone::UTC)
        };
        assert!(matches(summary(None)));
        assert!(matches(summary(Some(part("se, b", Collation::Ascii)))));
        assert!(!matches(summary(Some(part("SE", Collation::Octet)))));
        assert!(matches(summary(Some(part("KÄSE", Collation::Unicode)))));
        assert!(!matches(summary(Some(part("KÄSE", Collation::Ascii)))));
        let negated = TextMatch { is_negated: true, ..part("wurst", Collation::Ascii) };
        assert!(matches(summary(Some(negated))));
        let undefined = |name: &str| PropertyFilter {
            name: name.to_owned(),
            is_not_defined: true,
            ..PropertyFilter::default()
        };
        assert!(matches(undefined("COMPLETED")) && !matches(undefined("STATUS")));
        let language = |text, is_not_defined| {
            let parameter = ParameterFilter { name: "LANGUAGE".to_owned(), is_not_defined, text };
            PropertyFilter { parameters: vec![parameter], ..summary(None) }
        };
        assert!(matches(language(Some(part("DE", Collation::Ascii)), false)));
        assert!(
            !matches(language(Some(part("en", Collation::Ascii)), false)) && !matches(language(None, true))
        );
    }

    #[test]
    fn conditions_of_the_calendar_can_be_meant_for_its_todos() {
        let text = calendar("DUE:20261202T120000Z|CATEGORIES:home");
        let filter = |category: &str, start: &str| ComponentFilter {
            name: "VCALENDAR".to_owned(),
            time_range: TimeRange::read(Some(start), None),
            properties: vec![PropertyFilter {
                name: "CATEGORIES".to_owned(),
                text: Some(TextMatch {
                    part: category.to_owned(),
                    collation: Collation::Octet,
                    is_negated: false,
                }),
                ..PropertyFilter::default()
            }],
            ..ComponentFilter::default()
        };
        let matches = |category, start| filter(category, start).matches(&text, Zone::UTC);
        assert!(matches("home", "20261202T000000Z"));
        assert!(!matches("work", "20261202T000000Z") && !matches("home", "20261203T000000Z"));
    }

    #[test]
    fn components_can_be_required_and_excluded() {
        let text = calendar("SUMMARY:a");
        let of = |name: &str, is_not_defined| {
            let component =
                ComponentFilter { name: name.to_owned(), is_not_defined, ..ComponentFilter::default() };
            ComponentFilter {
                name: "VCALENDAR".to_owned(),
                components: vec![component],
                ..ComponentFilter::default()
            }
        };
        assert!(
            of("VTODO", false).matches(&text, Zone::UTC) && !of("VEVENT", false).matches(&text, Zone::UTC)
        );
        assert!(of("VEVENT", true).matches(&text, Zone::UTC) && !of("VTODO", true).matches(&text, Zone::UTC));
        assert!(of("VTODO", false).is_for_all_todos() && !of("VEVENT", false).is_for_all_todos());
    }
}
