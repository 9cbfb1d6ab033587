//! The bodies of PROPFIND, PROPPATCH, MKCALENDAR and extended MKCOL (RFC 4918 §9, RFC 4791 §5.3.1, RFC 5689).

use super::refusal::Condition;
use super::xml::{CALDAV, DAV, Element, Name, parse};
use crate::icalendar::excerpt::{Excerpt, Parts, Shows};
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

    /// How the client wants to see the texts of objects (RFC 4791 §9.6).
    pub(crate) fn excerpt(&self) -> Result<Excerpt, Condition> {
        let Self::Some(elements) = self else { return Ok(Excerpt::default()) };
        let data = elements.iter().find(|element| element.is(CALDAV, "calendar-data"));
        let Some(data) = data else { return Ok(Excerpt::default()) };
        let range = |local| data.child(CALDAV, local).map(time_range).transpose();
        let calendar = data.child(CALDAV, "comp");
        if calendar.map(name).transpose()?.is_some_and(|name| name != "VCALENDAR") {
            return Err(invalid_data("The outermost comp must be VCALENDAR."));
        }
        let (expansion, overrides) = (range("expand")?, range("limit-recurrence-set")?);
        Ok(Excerpt { expansion, overrides, calendar: calendar.map(parts).transpose()? })
    }

    pub(crate) fn includes(&self, space: &str, local: &str) -> bool {
        match self {
            Self::Some(elements) => elements.iter().any(|element| element.is(space, local)),
            Self::All(more) => more.iter().any(|name| name.is(space, local)),
            Self::Names => false,
        }
    }
}

fn invalid_data(reason: &str) -> Condition {
    Condition::ValidFilter(format!("calendar-data: {reason}"))
}

fn time_range(element: &Element) -> Result<TimeRange, Condition> {
    let (start, end) = (element.attribute("start"), element.attribute("end"));
    let range = start.and(end).and_then(|_| TimeRange::read(start, end));
    range.ok_or_else(|| invalid_data("A range must have start and end in UTC."))
}

/// In upper case.
fn name(element: &Element) -> Result<String, Condition> {
    let name = element.attribute("name").map(|name| name.trim().to_ascii_uppercase());
    name.filter(|name| !name.is_empty()).ok_or_else(|| invalid_data("comp and prop need the attribute name."))
}

/// The content of `comp`. The tree of a body is at most `xml::DEPTH_MAX` deep.
fn parts(comp: &Element) -> Result<Parts, Condition> {
    // As in the example of RFC 4791 §7.8.1, which asks for whole time zones.
    if comp.children().next().is_none() {
        return Ok(Parts::default());
    }
    let of_kind = |local: &'static str| comp.children().filter(move |child| child.is(CALDAV, local));
    let property = |prop: &Element| -> Result<_, Condition> {
        let has_value = prop.attribute("novalue").is_none_or(|novalue| novalue.trim() != "yes");
        Ok((name(prop)?, if has_value { Shows::All } else { Shows::NameAndParameters }))
    };
    let component =
        |comp: &Element| -> Result<(String, Parts), Condition> { Ok((name(comp)?, parts(comp)?)) };
    let properties = of_kind("prop").map(property).collect::<Result<_, _>>()?;
    let components = of_kind("comp").map(component).collect::<Result<_, _>>()?;
    let has = |local| comp.child(CALDAV, local).is_some();
    Ok(Parts {
        properties: (!has("allprop")).then_some(properties),
        components: (!has("allcomp")).then_some(components),
    })
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

    fn excerpt(data: &str) -> Result<Excerpt, Condition> {
        let data = format!("<C:calendar-data>{data}</C:calendar-data>");
        let body = format!("<D:x xmlns:D='DAV:' xmlns:C='{CALDAV}'><D:prop>{data}</D:prop></D:x>");
        Wanted::of(&parse(body.as_bytes()).unwrap()).excerpt()
    }

    #[test]
    fn the_wanted_parts_of_objects_are_read() {
        assert!(excerpt("").unwrap().is_whole());
        let all = excerpt("<C:comp name='vcalendar'/>").unwrap();
        assert_eq!(all.calendar, Some(Parts::default()));
        let some = "<C:comp name='VCALENDAR'><C:allprop/><C:comp name='vtodo'><C:prop name='uid'/>\
            <C:prop name='SUMMARY' novalue='yes'/><C:allcomp/></C:comp><C:comp name='VTIMEZONE'/></C:comp>";
        let calendar = excerpt(some).unwrap().calendar.unwrap();
        assert!(calendar.properties.is_none());
        let components = calendar.components.unwrap();
        assert_eq!(components["VTIMEZONE"], Parts::default());
        let todo = &components["VTODO"];
        let properties = todo.properties.as_ref().unwrap();
        assert_eq!((properties["UID"], properties["SUMMARY"]), (Shows::All, Shows::NameAndParameters));
        assert!(todo.components.is_none());
        let range = "start='20261101T000000Z' end='20261102T000000Z'";
        let ranges = format!("<C:limit-recurrence-set {range}/><C:expand {range}/>");
        let both = excerpt(&ranges).unwrap();
        assert!(both.overrides.is_some() && both.expansion == both.overrides);
        for wrong in [
            "<C:comp/>",
            "<C:comp name='VTODO'/>",
            "<C:comp name='VCALENDAR'><C:prop/></C:comp>",
            "<C:expand/>",
            "<C:limit-recurrence-set start='20261101' end='20261102'/>",
        ] {
            assert!(excerpt(wrong).is_err(), "{wrong}");
        }
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
