//! Lists as CalDAV collections: finding, creating, changing and deleting them, and their properties.

use bson::oid::ObjectId;

use super::address::INBOX;
use super::markup::dead_property;
use super::refusal::{Condition, Refusal};
use super::requests::{PropertyChange, PropertyChanges};
use super::xml::{APPLE, CALDAV, CALENDAR_SERVER, DAV, Element, Name};
use crate::error::Error;
use crate::icalendar;
use crate::lists::model::{CalendarCollection, List, ListInput};
use crate::mongo::object_id;
use crate::owned::text::{COLOR, DESCRIPTION, DESCRIPTION_MAX, NAME, NAME_MAX};
use crate::owned::{Precondition, State};
use crate::workspace::Workspace;

const UNNAMED: &str = "List";

/// A list, or the inbox.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    pub(crate) list: Option<List>,
}

impl Collection {
    pub(crate) fn id(&self) -> Option<ObjectId> {
        self.list.as_ref().map(|list| list.id)
    }

    /// The last segment of its address.
    pub(crate) fn segment(&self) -> String {
        let Some(list) = &self.list else { return INBOX.to_owned() };
        let chosen = list.calendar.as_ref().and_then(|calendar| calendar.name.clone());
        chosen.unwrap_or_else(|| list.id.to_hex())
    }
}

/// Why a property cannot have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsettable {
    Protected,
    Invalid,
    TooMany,
}

/// The outcome for each property of a PROPPATCH. Either all are changed or none.
pub(crate) type Outcomes = Vec<(Name, Result<(), Unsettable>)>;

impl Workspace {
    pub(crate) async fn collections(&self) -> Result<Vec<Collection>, Error> {
        let lists = self.lists().live().await?;
        let lists = lists.into_iter().map(|list| Collection { list: Some(list) });
        Ok(std::iter::once(Collection { list: None }).chain(lists).collect())
    }

    pub(crate) async fn collection(&self, segment: &str) -> Result<Collection, Refusal> {
        if segment == INBOX {
            return Ok(Collection { list: None });
        }
        let found = match self.lists().find_by_name(segment).await? {
            None => match object_id::parse(segment) {
                Some(id) => self.lists().find(id).await?,
                None => None,
            },
            found => found,
        };
        let found = found.map(|list| Collection { list: Some(list) });
        let is_it = |found: &Collection| {
            found.list.as_ref().is_some_and(|list| list.state == State::Live) && found.segment() == segment
        };
        found.filter(is_it).ok_or_else(Refusal::not_found)
    }

    /// Creates a list under the address that the client chose.
    pub(crate) async fn make_collection(
        &self,
        segment: &str,
        changes: &PropertyChanges,
    ) -> Result<(), Refusal> {
        match self.collection(segment).await {
            Ok(_) => return Err(Condition::ResourceMustBeNull.into()),
            Err(Refusal::Error(Error::NotFound(_))) => {}
            Err(refusal) => return Err(refusal),
        }
        require_todos(changes)?;
        let id = object_id::parse(segment);
        let name = id.is_none().then(|| segment.to_owned());
        let draft = List::blank(id.unwrap_or_else(|| self.new_id()), self.owner_id, String::new(), self.now);
        // Until the client gives it another name.
        let own_name = NAME.read(segment).unwrap_or_else(|| UNNAMED.to_owned());
        let mut draft = List { name: own_name, ..draft };
        draft.calendar = name.map(|name| CalendarCollection { name: Some(name), properties: Vec::new() });
        let creatable = |change: &&PropertyChange| !is_only_for_creation(&change.name);
        for change in changes.0.iter().filter(creatable) {
            set(&mut draft, change).map_err(|why| Refusal::from(why.condition()))?;
        }
        if let Some(trashed) = self.lists().find_by_name(segment).await? {
            self.lists().free_name(trashed.id).await?;
        }
        let input = input_of(&draft);
        let created =
            self.insert_list_with(draft.id, input, |list| list.calendar.clone_from(&draft.calendar));
        match created.await? {
            Some(_) => Ok(()),
            // Another request has just created it, or it is an id of another object.
            None => Err(Condition::ResourceMustBeNull.into()),
        }
    }

    pub(crate) async fn change_properties(
        &self,
        collection: &Collection,
        PropertyChanges(changes): &PropertyChanges,
    ) -> Result<Outcomes, Refusal> {
        let Some(list) = &collection.list else {
            let refused = |change: &PropertyChange| (change.name.clone(), Err(Unsettable::Protected));
            return Ok(changes.iter().map(refused).collect());
        };
        let mut draft = list.clone();
        let outcomes: Outcomes =
            changes.iter().map(|change| (change.name.clone(), set(&mut draft, change))).collect();
        if outcomes.iter().all(|(_, outcome)| outcome.is_ok()) {
            let finish = |after: &mut List| {
                for change in changes {
                    // It has succeeded on the draft.
                    let _ = set(after, change);
                }
            };
            self.change_list_with(list.id, ListInput::default(), &Precondition::Any, finish).await?;
        }
        Ok(outcomes)
    }

    pub(crate) async fn delete_collection(&self, collection: &Collection) -> Result<(), Refusal> {
        let Some(list) = &collection.list else { return Err(Condition::NotHere.into()) };
        self.trash_list(list.id, &Precondition::Any).await?;
        Ok(())
    }
}

impl Unsettable {
    pub(crate) fn condition(self) -> Condition {
        match self {
            Self::Protected => Condition::ProtectedProperty,
            Self::Invalid => Condition::InvalidProperties,
            Self::TooMany => Condition::TooManyProperties,
        }
    }
}

fn input_of(draft: &List) -> ListInput {
    ListInput {
        whole: true,
        name: Some(draft.name.clone()),
        description: Some(draft.description.clone()),
        color: Some(draft.color.clone()),
        ..ListInput::default()
    }
}

/// A collection that must be able to hold something other than todos cannot be created here.
fn require_todos(PropertyChanges(changes): &PropertyChanges) -> Result<(), Refusal> {
    let sets = |space: &str, local: &str| {
        let change = changes.iter().find(|change| change.name.is(space, local));
        change.and_then(|change| change.value.clone())
    };
    let has_todos = |set: &Element| {
        let mut names = set.children().filter_map(|child| child.attribute("name"));
        set.children().next().is_none() || names.any(|name| name.eq_ignore_ascii_case("VTODO"))
    };
    let is_calendar = |kind: &Element| kind.child(CALDAV, "calendar").is_some();
    let components = sets(CALDAV, "supported-calendar-component-set");
    if components.is_some_and(|set| !has_todos(&set)) {
        return Err(icalendar::Refusal::NoTodo.into());
    }
    if sets(DAV, "resourcetype").is_some_and(|kind| !is_calendar(&kind)) {
        return Err(Condition::NotHere.into());
    }
    Ok(())
}

fn is_only_for_creation(name: &Name) -> bool {
    name.is(CALDAV, "supported-calendar-component-set") || name.is(DAV, "resourcetype")
}

/// Live properties that only the service sets.
fn is_protected(name: &Name) -> bool {
    const CALDAV_NAMES: [&str; 5] = [
        "supported-calendar-component-set",
        "supported-calendar-data",
        "max-resource-size",
        "calendar-home-set",
        "supported-collation-set",
    ];
    match name.space.as_str() {
        DAV => name.local != "displayname",
        CALENDAR_SERVER => name.local == "getctag",
        CALDAV => CALDAV_NAMES.contains(&name.local.as_str()),
        _ => false,
    }
}

fn set(list: &mut List, PropertyChange { name, value }: &PropertyChange) -> Result<(), Unsettable> {
    if is_protected(name) {
        return Err(Unsettable::Protected);
    }
    let text = value.as_ref().map(Element::text);
    if name.is(DAV, "displayname") {
        // A list without a name could not be shown.
        let text = text.ok_or(Unsettable::Invalid)?;
        list.name = NAME.read(&cut(&text, NAME_MAX)).ok_or(Unsettable::Invalid)?;
        return Ok(());
    }
    if name.is(CALDAV, "calendar-description") {
        let text = cut(&text.unwrap_or_default(), DESCRIPTION_MAX);
        list.description = DESCRIPTION.read(&text).ok_or(Unsettable::Invalid)?;
        return Ok(());
    }
    if name.is(APPLE, "calendar-color") {
        list.color = text.as_deref().and_then(color);
    }
    keep(list, name, value.as_ref())
}

/// `#rrggbb` of it or of `#rrggbbaa`.
pub(crate) fn color(text: &str) -> Option<String> {
    let opaque = if text.len() == 9 { text.get(..7)? } else { text };
    COLOR.read(opaque)
}

fn keep(list: &mut List, name: &Name, value: Option<&Element>) -> Result<(), Unsettable> {
    let calendar = list.calendar.get_or_insert_default();
    calendar.properties.retain(|known| !(known.space == name.space && known.local == name.local));
    calendar.properties.extend(value.map(dead_property));
    if calendar.fits() { Ok(()) } else { Err(Unsettable::TooMany) }
}

fn cut(text: &str, max: usize) -> String {
    text.chars().take(max).collect()
}
