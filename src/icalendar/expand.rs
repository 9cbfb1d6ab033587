//! The occurrences of a series as components of their own (RFC 4791 §9.6.5).

use super::component::Component;
use super::filter::TimeRange;
use super::instances::{instant_of, occurrences};
use super::render::PRODUCT;
use super::times;
use super::zones::Zones;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::history::Shift;

// They describe the series, or get values of the occurrence.
const OF_SERIES: [&str; 7] = ["DTSTART", "DUE", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"];

/// Of an expanded object, in bytes.
pub const EXPANDED_MAX: usize = 1024 * 1024;

/// The object with each occurrence in the range in place of the series. An object that is no series stays as it is, and so does
/// one that would be longer than [`EXPANDED_MAX`].
pub fn expanded(text: &str, range: TimeRange, zone: Zone) -> String {
    let Ok(calendar) = Component::read(text) else { return text.to_owned() };
    let is_series =
        |todo: &&Component| todo.first("RECURRENCE-ID").is_none() && todo.value("RRULE").is_some();
    let Some(series) = calendar.children("VTODO").find(is_series) else { return text.to_owned() };
    let zones = Zones::of(&calendar);
    let at = |todo: &Component, name: &str| zones.time(&todo.first(name)?.content);
    let (start, due) = (at(series, "DTSTART"), at(series, "DUE"));
    let all = start.or(due).zip(series.value("RRULE"));
    let all = all.and_then(|(first, rule)| Some((first, occurrences(first, rule, range.end, zone)?)));
    let Some((first, all)) = all else { return text.to_owned() };
    let mut out: String = calendar.properties.iter().map(|property| &text[property.at.clone()]).collect();
    out.insert_str(0, "BEGIN:VCALENDAR\r\n");
    for occurrence in all {
        if out.len() > EXPANDED_MAX {
            return text.to_owned();
        }
        let id = instant_of(&occurrence, zone);
        let mut own = calendar.children("VTODO").filter(|todo| todo.at != series.at);
        let own = own.find(|todo| at(todo, "RECURRENCE-ID").is_some_and(|at| instant_of(&at, zone) == id));
        if let Some(own) = own {
            out.push_str(&text[own.at.clone()]);
            continue;
        }
        let moved = |at: Due| Shift { from: first, to: occurrence }.of(at);
        let (start, due) = (start.and_then(moved), due.and_then(moved));
        let end = due.or(start).map_or(i64::MAX, |end| instant_of(&end, zone).timestamp_millis());
        if end >= range.start {
            out.push_str(&component(
                text,
                series,
                &[("DTSTART", start), ("DUE", due), ("RECURRENCE-ID", Some(occurrence))],
            ));
        }
    }
    out + "END:VCALENDAR\r\n"
}

/// A calendar that says that nothing takes time between two times in UTC (RFC 5545 §3.6.4).
pub fn free(start: &str, end: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:{PRODUCT}\r\nBEGIN:VFREEBUSY\r\nUID:free-{start}\r\nDTSTAMP:{start}\r\n\
         DTSTART:{start}\r\nDTEND:{end}\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    )
}

/// The component of the series with other times.
fn component(text: &str, series: &Component, times: &[(&str, Option<Due>)]) -> String {
    let kept =
        series.properties.iter().filter(|property| !OF_SERIES.contains(&property.content.name.as_str()));
    let mut out: String = kept.map(|property| &text[property.at.clone()]).collect();
    for (name, at) in times {
        if let Some(at) = at {
            out.push_str(&times::line(name, &in_utc(*at), None));
            out.push_str("\r\n");
        }
    }
    out.extend(series.children.iter().map(|child| &text[child.at.clone()]));
    format!("BEGIN:VTODO\r\n{out}END:VTODO\r\n")
}

/// Without a zone that the expanded object would have to describe.
fn in_utc(at: Due) -> Due {
    match (at, at.instant()) {
        (Due::At { time_zone: Some(_), .. }, Some(instant)) => {
            Due::At { local: Zone::UTC.local_of(instant), time_zone: Some(Zone::UTC) }
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:1\r\nSUMMARY:water\r\n\
        DTSTART;TZID=Europe/Berlin:20261020T090000\r\nDUE;TZID=Europe/Berlin:20261020T100000\r\n\
        RRULE:FREQ=WEEKLY;COUNT=4\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VTODO\r\n\
        BEGIN:VTODO\r\nUID:1\r\nRECURRENCE-ID;TZID=Europe/Berlin:20261103T090000\r\nSUMMARY:own\r\nEND:VTODO\r\n\
        END:VCALENDAR\r\n";

    fn expanded(text: &str, start: &str, end: &str) -> String {
        super::expanded(text, TimeRange::read(Some(start), Some(end)).unwrap(), Zone::UTC)
    }

    #[test]
    fn each_occurrence_has_its_own_times_in_utc() {
        let text = expanded(SERIES, "20261025T000000Z", "20261105T000000Z");
        assert!(!text.contains("RRULE") && !text.contains("20261020"), "{text}");
        assert!(
            text.contains(
                "DTSTART:20261027T080000Z\r\nDUE:20261027T090000Z\r\nRECURRENCE-ID:20261027T080000Z"
            )
        );
        assert_eq!((text.matches("BEGIN:VTODO").count(), text.matches("SUMMARY:own").count()), (2, 1));
        assert_eq!(text.matches("BEGIN:VALARM").count(), 1);
    }

    #[test]
    fn what_is_no_series_stays() {
        let single = SERIES.replace("RRULE:FREQ=WEEKLY;COUNT=4\r\n", "");
        assert_eq!(expanded(&single, "20261025T000000Z", "20261105T000000Z"), single);
        let odd = SERIES.replace("WEEKLY", "SECONDLY");
        assert_eq!(expanded(&odd, "20261025T000000Z", "20261105T000000Z"), odd);
    }
}
