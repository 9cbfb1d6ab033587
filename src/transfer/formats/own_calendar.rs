//! What calendar clients have given todos and lists, as an export of this service has it.

use crate::dav::address::is_possible_name;
use crate::dav::markup::is_well_formed;
use crate::error::Violation;
use crate::http::fields::{Fields, FromFields};
use crate::icalendar::{Object, UID_MAX};
use crate::lists::model::{CalendarCollection, DeadProperty};
use crate::todos::calendar::{CalendarNames, CalendarText};

/// Of a todo.
pub struct CalendarFields {
    pub names: Option<CalendarNames>,
    pub text: Option<CalendarText>,
}

impl FromFields for CalendarFields {
    fn take(input: &mut Fields) -> Option<Self> {
        let (uid, parent) = (uid(input, "uid"), uid(input, "parent_uid"));
        let (name, list) = (name(input), input.id("list_id").flatten());
        let text = text(input);
        let names = CalendarNames { uid, list, name, parent };
        // A todo that has a text has names, even if they say nothing, so that an export finds it.
        let has_any = [&names.uid, &names.name, &names.parent].into_iter().any(Option::is_some);
        Some(Self { names: (has_any || text.is_some()).then_some(names), text })
    }
}

fn uid(input: &mut Fields, field: &str) -> Option<String> {
    let uid = input.optional_text(field).flatten()?;
    let is_possible = !uid.trim().is_empty() && uid.len() <= UID_MAX;
    let detail = || Violation::of(field, "malformed", format!("A UID has 1 to {UID_MAX} bytes."));
    input.check(is_possible.then_some(uid), detail)
}

fn name(input: &mut Fields) -> Option<String> {
    let name = input.optional_text("name").flatten()?;
    let violation = || Violation::of("name", "malformed", "Must be a segment of an address.");
    input.check(is_possible_name(&name).then_some(name), violation)
}

fn text(input: &mut Fields) -> Option<CalendarText> {
    let detail = "`text_age` must be a whole number that is not negative.";
    let age = input.optional::<u32>("text_age", "not_a_number", detail).flatten().unwrap_or_default();
    let text = input.optional_text("text").flatten()?;
    match Object::read(text.as_bytes()) {
        // The todo begins again with version 1.
        Ok(object) => Some(CalendarText { text: object.text().to_owned(), version: 1 - i64::from(age) }),
        Err(refusal) => input.reject(Violation::of("text", "malformed", refusal.detail())),
    }
}

/// Of a list.
pub struct CollectionFields(pub CalendarCollection);

impl FromFields for CollectionFields {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = name(input);
        let properties = input.each("properties", CalendarCollection::PROPERTIES_MAX)?;
        let properties = properties.into_iter().map(|PropertyFields(property)| property).collect();
        let collection = CalendarCollection { name, properties };
        let too_large = || {
            let max = CalendarCollection::PROPERTIES_BYTES_MAX;
            Violation::of("properties", "too_large", format!("All together may have at most {max} bytes."))
        };
        input.check(collection.fits().then_some(collection), too_large).map(Self)
    }
}

struct PropertyFields(DeadProperty);

impl FromFields for PropertyFields {
    fn take(input: &mut Fields) -> Option<Self> {
        let (space, local, xml) = (input.text("space"), input.text("local"), input.text("xml"));
        let property = DeadProperty { space: space?, local: local?, xml: xml? };
        let detail = "Must be the content of an element, as this service writes it.";
        let is_valid = is_well_formed(&property);
        input.check(is_valid.then_some(property), || Violation::of("xml", "malformed", detail)).map(Self)
    }
}
