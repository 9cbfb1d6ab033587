//! The bodies of PROPFIND, PROPPATCH, MKCALENDAR and extended MKCOL (RFC 4918 §9, RFC 4791 §5.3.1, RFC 5689).

use super::refusal::Condition;
use super::xml::{CALDAV, DAV, Element, Name, parse};
use crate::icalendar::filter::TimeRange;

/// Which properties a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All that are cheap, and these.
    All(Vec<Name>),
    Names,
    Some(Vec<Element>),
}

pub(crate) fn read(body: &[u8]) -> Result<Element, Condition> {
    parse(body).map_err(Condition::MalformedXml)
}

fn unexpected(element: &Element) -> Condition {
    Condition::MalformedXml(format!("unexpected element {}", element.name.local))
}

impl Wanted {
    pub(crate) fn of_propfind(body: &[u8]) -> Result<Self, Condition> {
        // No body means all properties (RFC 4918 §9.1).
        if body.trim_ascii().is_empty() {
            return Ok(Self::All(Vec::new()));
        }
        let root = read(body)?;
        if !root.is(DAV, "propfind") {
            return Err(unexpected(&root));
        }
        Ok(Self::of(&root))
    }

    /// The properties that a report asks for. Without any, it asks for the addresses alone.
    pub(crate) fn of(root: &Element) -> Self {
        if let Some(prop) = root.child(DAV, "prop") {
            return Self::Some(prop.children().cloned().collect());
        }
        if root.child(DAV, "propname").is_some() {
            return Self::Names;
        }
        if root.child(DAV, "allprop").is_some() {
            let include = root.child(DAV, "include");
            let names = include.into_iter().flat_map(Element::children).map(|child| child.name.clone());
            return Self::All(names.collect());
        }
        Self::Some(Vec::new())
    }

    /// The properties that a principal-property-search asks for. The caldav library of Python writes them beside `prop`.
    pub(crate) fn of_search(root: &Element) -> Self {
        let is_search = |child: &Element| {
            ["prop", "property-search", "apply-to-principal-collection-set"]
                .iter()
                .any(|local| child.is(DAV, local))
        };
        let beside = root.children().filter(|child| !is_search(child)).cloned();
        match Self::of(root) {
            Self::Some(inside) => Self::Some(inside.into_iter().chain(beside).collect()),
            wanted => wanted,
        }
    }

    /// The range in which a client wants the occurrences of series as objects of their own.
    pub(crate) fn expansion(&self) -> Result<Option<TimeRange>, Condition> {
        let Self::Some(elements) = self else { return Ok(None) };
        let data = elements.iter().find(|element| element.is(CALDAV, "calendar-data"));
        let Some(expand) = data.and_then(|data| data.child(CALDAV, "expand")) else { return Ok(None) };
        let (start, end) = (expand.attribute("start"), expand.attribute("end"));
        let range = start.and(end).and_then(|_| TimeRange::read(start, end));
        range
            .map(Some)
            .ok_or_else(|| Condition::ValidFilter("An expansion must have start and end in UTC.".to_owned()))
    }

    pub(crate) fn includes(&self, space: &str, local: &str) -> bool {
        match self {
            Self::Some(elements) => elements.iter().any(|element| element.is(space, local)),
            Self::All(more) => more.iter().any(|name| name.is(space, local)),
            Self::Names => false,
        }
    }
}

/// The changes of properties, in the order of the request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PropertyChanges(pub(crate) Vec<PropertyChange>);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PropertyChange {
    pub(crate) name: Name,
    /// `None` removes the property.
    pub(crate) value: Option<Element>,
}

impl PropertyChanges {
    pub(crate) fn of_proppatch(body: &[u8]) -> Result<Self, Condition> {
        let root = read(body)?;
        if !root.is(DAV, "propertyupdate") {
            return Err(unexpected(&root));
        }
        Ok(Self::of(&root))
    }

    /// Of MKCALENDAR or MKCOL, whose body may be missing.
    pub(crate) fn of_new_collection(body: &[u8]) -> Result<Self, Condition> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let root = read(body)?;
        if !root.is(CALDAV, "mkcalendar") && !root.is(DAV, "mkcol") {
            return Err(unexpected(&root));
        }
        Ok(Self::of(&root))
    }

    /// Whether an extended MKCOL makes a calendar.
    pub(crate) fn make_calendar(&self) -> bool {
        let kind = self.0.iter().find(|change| change.name.is(DAV, "resourcetype"));
        let kind = kind.and_then(|change| change.value.as_ref());
        kind.is_some_and(|kind| kind.child(CALDAV, "calendar").is_some())
    }

    /// The same outcome for every property.
    pub(crate) fn all<T: Copy>(&self, outcome: T) -> Vec<(Name, T)> {
        self.0.iter().map(|change| (change.name.clone(), outcome)).collect()
    }

    fn of(root: &Element) -> Self {
        let mut changes = Vec::new();
        for change in root.children() {
            let is_set = change.is(DAV, "set");
            if !is_set && !change.is(DAV, "remove") {
                continue;
            }
            for property in
                change.children().filter(|child| child.is(DAV, "prop")).flat_map(Element::children)
            {
                let value = is_set.then(|| property.clone());
                changes.push(PropertyChange { name: property.name.clone(), value });
            }
        }
        Self(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(body: &str) -> Wanted {
        Wanted::of_propfind(body.as_bytes()).unwrap()
    }

    #[test]
    fn all_forms_of_propfind_are_read() {
        assert_eq!(wanted(""), Wanted::All(Vec::new()));
        assert_eq!(wanted("<a:propfind xmlns:a='DAV:'><a:propname/></a:propfind>"), Wanted::Names);
        let all = "<propfind xmlns='DAV:'><allprop/><include><sync-token/></include></propfind>";
        assert!(wanted(all).includes(DAV, "sync-token"));
        let some = wanted("<propfind xmlns='DAV:'><prop><getetag/><x xmlns=''/></prop></propfind>");
        assert!(some.includes(DAV, "getetag") && some.includes("", "x") && !some.includes(DAV, "x"));
        for wrong in ["x", "<propfind/>", "<propfind xmlns='urn:x'/>", "<prop xmlns='DAV:'/>"] {
            assert!(Wanted::of_propfind(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn properties_of_a_search_can_stand_beside_prop() {
        let body = "<principal-property-search xmlns='DAV:'><property-search/><prop><a/></prop><displayname/>\
            </principal-property-search>";
        let Wanted::Some(elements) = Wanted::of_search(&parse(body.as_bytes()).unwrap()) else { panic!() };
        let names: Vec<_> = elements.iter().map(|element| element.name.local.as_str()).collect();
        assert_eq!(names, ["a", "displayname"]);
    }

    #[test]
    fn changes_keep_their_order() {
        let body = "<propertyupdate xmlns='DAV:'><set><prop><a>1</a></prop></set><remove><prop><a/></prop></remove>\
            <set><prop><b><c/></b></prop></set></propertyupdate>";
        let PropertyChanges(changes) = PropertyChanges::of_proppatch(body.as_bytes()).unwrap();
        let all: Vec<_> =
            changes.iter().map(|change| (change.name.local.as_str(), change.value.is_some())).collect();
        assert_eq!(all, [("a", true), ("a", false), ("b", true)]);
        assert_eq!(changes[2].value.as_ref().unwrap().nodes.len(), 1);
    }
}
