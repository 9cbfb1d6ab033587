//! The filter of a calendar-query (RFC 4791 §9.7).

use super::refusal::Condition;
use super::xml::{CALDAV, Element};
use crate::icalendar::filter::{
    Collation, ComponentFilter, ParameterFilter, PropertyFilter, TextMatch, TimeRange,
};

/// The collations of text matches (RFC 4790).
pub(crate) const COLLATIONS: [&str; 3] = ["i;ascii-casemap", "i;octet", "i;unicode-casemap"];

/// Without a filter, all objects match.
pub(crate) fn read(report: &Element) -> Result<ComponentFilter, Condition> {
    let calendar = || ComponentFilter { name: "VCALENDAR".to_owned(), ..ComponentFilter::default() };
    let Some(filter) = report.child(CALDAV, "filter") else { return Ok(calendar()) };
    let mut roots = filter.children();
    let Some(root) = roots.next() else { return Ok(calendar()) };
    if !root.is(CALDAV, "comp-filter") || roots.next().is_some() {
        return Err(invalid("A filter must have one comp-filter."));
    }
    component(root)
}

fn invalid(reason: &str) -> Condition {
    Condition::ValidFilter(reason.to_owned())
}

fn unsupported(element: &Element) -> Condition {
    Condition::SupportedFilter(format!("The element {} is not supported here.", element.name.local))
}

fn name(element: &Element) -> Result<String, Condition> {
    let name = element.attribute("name").map(str::trim).filter(|name| !name.is_empty());
    Ok(name.ok_or_else(|| invalid("A filter must have the attribute name."))?.to_ascii_uppercase())
}

/// The elements of CalDAV in a filter. Others are extensions, which would change what it means.
fn parts(element: &Element) -> Result<Vec<(&str, &Element)>, Condition> {
    let part = |child: &'_ Element| (child.name.space == CALDAV).then_some(());
    let all = element.children().map(|child| {
        part(child).map(|()| (child.name.local.as_str(), child)).ok_or_else(|| unsupported(child))
    });
    all.collect()
}

fn component(element: &Element) -> Result<ComponentFilter, Condition> {
    let mut filter = ComponentFilter { name: name(element)?, ..ComponentFilter::default() };
    for (local, part) in parts(element)? {
        match local {
            "is-not-defined" => filter.is_not_defined = true,
            "time-range" => filter.time_range = Some(time_range(part)?),
            "prop-filter" => filter.properties.push(property(part)?),
            // The tree of a body is at most `xml::DEPTH_MAX` deep.
            "comp-filter" => filter.components.push(component(part)?),
            _ => return Err(unsupported(part)),
        }
    }
    Ok(filter)
}

fn property(element: &Element) -> Result<PropertyFilter, Condition> {
    let mut filter = PropertyFilter { name: name(element)?, ..PropertyFilter::default() };
    for (local, part) in parts(element)? {
        match local {
            "is-not-defined" => filter.is_not_defined = true,
            "time-range" => filter.time_range = Some(time_range(part)?),
            "text-match" => filter.text = Some(text_match(part)?),
            "param-filter" => filter.parameters.push(parameter(part)?),
            _ => return Err(unsupported(part)),
        }
    }
    Ok(filter)
}

fn parameter(element: &Element) -> Result<ParameterFilter, Condition> {
    let mut filter = ParameterFilter { name: name(element)?, ..ParameterFilter::default() };
    for (local, part) in parts(element)? {
        match local {
            "is-not-defined" => filter.is_not_defined = true,
            "text-match" => filter.text = Some(text_match(part)?),
            _ => return Err(unsupported(part)),
        }
    }
    Ok(filter)
}

fn time_range(element: &Element) -> Result<TimeRange, Condition> {
    let (start, end) = (element.attribute("start"), element.attribute("end"));
    let range = TimeRange::read(start, end).filter(|_| start.is_some() || end.is_some());
    range.ok_or_else(|| invalid("A time-range must have start or end in UTC, such as 20261201T000000Z."))
}

fn text_match(element: &Element) -> Result<TextMatch, Condition> {
    let collation = match element.attribute("collation") {
        None | Some("default" | "i;ascii-casemap") => Collation::Ascii,
        Some("i;octet") => Collation::Octet,
        Some("i;unicode-casemap") => Collation::Unicode,
        Some(_) => return Err(Condition::SupportedCollation),
    };
    let is_negated = element.attribute("negate-condition") == Some("yes");
    Ok(TextMatch { part: element.whole_text(), collation, is_negated })
}

#[cfg(test)]
mod tests {
    use super::super::xml::parse;
    use super::*;

    fn filter(inner: &str) -> Result<ComponentFilter, Condition> {
        let report = format!("<calendar-query xmlns='{CALDAV}'><filter>{inner}</filter></calendar-query>");
        read(&parse(report.as_bytes()).unwrap())
    }

    #[test]
    fn a_filter_is_read_with_all_its_parts() {
        let read = filter(
            "<comp-filter name='vcalendar'><comp-filter name='VTODO'><time-range start='20261201T000000Z'/>
             <prop-filter name='UID'><text-match collation='i;octet' negate-condition='yes'> a b</text-match></prop-filter>
             <prop-filter name='DUE'><param-filter name='TZID'><is-not-defined/></param-filter></prop-filter>
             </comp-filter></comp-filter>",
        );
        let read = read.unwrap();
        let todo = &read.components[0];
        let text = todo.properties[0].text.as_ref().unwrap();
        assert_eq!((read.name.as_str(), todo.name.as_str()), ("VCALENDAR", "VTODO"));
        assert_eq!((text.part.as_str(), text.collation, text.is_negated), (" a b", Collation::Octet, true));
        assert!(todo.time_range.is_some() && todo.properties[1].parameters[0].is_not_defined);
        assert!(filter("").unwrap().is_for_all_todos());
    }

    #[test]
    fn filters_without_meaning_are_refused() {
        for wrong in [
            "<prop-filter name='UID'/>",
            "<comp-filter/>",
            "<comp-filter name='VCALENDAR'/><comp-filter name='VCALENDAR'/>",
            "<comp-filter name='VCALENDAR'><time-range/></comp-filter>",
            "<comp-filter name='VCALENDAR'><time-range start='20261201'/></comp-filter>",
            "<comp-filter name='VCALENDAR'><time-range start='20261201T000000'/></comp-filter>",
            "<comp-filter name='VCALENDAR'><x/></comp-filter>",
            "<comp-filter name='VCALENDAR'><x xmlns='urn:x'/></comp-filter>",
            "<comp-filter name='VCALENDAR'><prop-filter name='A'><text-match collation='x'>a</text-match></prop-filter></comp-filter>",
        ] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
