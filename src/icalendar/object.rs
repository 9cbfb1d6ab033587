//! A calendar object resource (RFC 4791 §4.1): one todo, with the occurrences that have a component of their own.

use std::borrow::Cow;

use super::component::Component;
use super::edits::Edits;
use super::fields::Fields;
use super::line::{self, bracket, escaped, folded, is_forbidden, lines, unescaped};
use super::refusal::{OVERRIDES_MAX, Refusal, TEXT_MAX, UID_MAX};
use super::zones::Zones;
use crate::clock::time_zone::Zone;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    text: String,
    is_verbatim: bool,
    calendar: Component,
}

// They have their own objects and collections (RFC 4791 §4.1).
const OTHER_KINDS: [&str; 4] = ["VEVENT", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"];

impl Object {
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > TEXT_MAX {
            return Err(Refusal::TooLarge);
        }
        let text = without_forbidden(decoded(bytes)?).into_owned();
        let mut object = Self::of(text)?;
        object.is_verbatim = object.text.as_bytes() == bytes;
        Ok(object)
    }

    /// A text that was read before. It may be longer than what clients can send, because changes have made it longer.
    pub(super) fn stored(text: &str) -> Option<Self> {
        Self::of(text.to_owned()).ok()
    }

    fn of(mut text: String) -> Result<Self, Refusal> {
        let calendar = Component::read(&text)?;
        let rest = &text[calendar.at.end..];
        if lines(rest).any(|line| bracket(&rest[line]).is_some()) {
            return Err(Refusal::NotOneObject);
        }
        if !rest.trim().is_empty() {
            text.truncate(calendar.at.end);
        }
        let object = Self { text, is_verbatim: true, calendar };
        object.assert_one_todo()?;
        Ok(object)
    }

    fn assert_one_todo(&self) -> Result<(), Refusal> {
        let mut todos = self.todos().peekable();
        todos.peek().ok_or(Refusal::NoTodo)?;
        let has_other = self.calendar.children.iter().any(|child| OTHER_KINDS.contains(&child.name.as_str()));
        let (mut uid, mut masters, mut overrides) = (None, 0, 0);
        for todo in todos {
            let own = todo.value("UID");
            if own.is_some_and(|own| *uid.get_or_insert(own) != own) {
                return Err(Refusal::NotOneObject);
            }
            let count = if todo.first("RECURRENCE-ID").is_some() { &mut overrides } else { &mut masters };
            *count += 1;
        }
        if has_other || masters > 1 || self.calendar.first("METHOD").is_some() {
            return Err(Refusal::NotOneObject);
        }
        if overrides > OVERRIDES_MAX {
            return Err(Refusal::TooManyOverrides);
        }
        if uid.is_some_and(|uid| uid.len() > UID_MAX) { Err(Refusal::TooLarge) } else { Ok(()) }
    }

    /// The text to be stored. It has no character that XML 1.0 forbids.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether [`Self::text`] is byte for byte what the client sent.
    pub fn is_verbatim(&self) -> bool {
        self.is_verbatim
    }

    /// `None` if the client has given none.
    pub fn uid(&self) -> Option<String> {
        self.main().value("UID").map(unescaped)
    }

    /// The object with another UID.
    pub fn with_uid(self, uid: &str) -> Result<Self, Refusal> {
        let mut edits = Edits::of(&self.text);
        for todo in self.todos() {
            edits.set(todo, "UID", &format!("UID:{}", escaped(uid)));
        }
        let text = edits.applied();
        if text.len() > TEXT_MAX {
            return Err(Refusal::TooLarge);
        }
        Ok(Self { is_verbatim: false, ..Self::of(text)? })
    }

    /// What a todo can hold of the object. `zone` is that of the user.
    pub fn fields(&self, zone: Zone) -> Fields {
        Fields::of(self.main(), &self.zones(), zone)
    }

    pub(super) fn calendar(&self) -> &Component {
        &self.calendar
    }

    pub(super) fn zones(&self) -> Zones<'_> {
        Zones::of(&self.calendar)
    }

    fn todos(&self) -> impl Iterator<Item = &Component> {
        self.calendar.children("VTODO")
    }

    /// The todo itself, or an occurrence if there is nothing else.
    pub(super) fn main(&self) -> &Component {
        let main = self.todos().find(|todo| todo.first("RECURRENCE-ID").is_none());
        // An object has a todo, see `assert_one_todo`.
        main.or_else(|| self.todos().next()).unwrap_or(&self.calendar)
    }

    /// How many occurrences have a component of their own.
    pub fn overrides_len(&self) -> usize {
        self.overrides().count()
    }

    /// The occurrences that have a component of their own.
    pub(super) fn overrides(&self) -> impl Iterator<Item = &Component> {
        let main = self.main().at.start;
        self.todos().filter(move |todo| todo.at.start != main)
    }
}

/// Some clients fold lines inside a character, which is no UTF-8 until the lines are unfolded.
pub(super) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        return Ok(text.into());
    }
    let mut whole = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let fold =
            [&b"\r\n "[..], b"\r\n\t", b"\n ", b"\n\t"].into_iter().find(|fold| rest.starts_with(fold));
        rest = if let Some(fold) = fold {
            &rest[fold.len()..]
        } else {
            whole.push(*byte);
            after
        };
    }
    let unfolded = String::from_utf8(whole).map_err(|_| Refusal::NotCalendar)?;
    Ok(lines(&unfolded).map(|at| folded(&line::unfolded(&unfolded[at]), "\r\n")).collect())
}

/// Removes what cannot be sent in XML. A carriage return without a line feed breaks a line if nothing else does; otherwise a
/// client meant a new line inside a text.
pub(super) fn without_forbidden(text: Cow<'_, str>) -> Cow<'_, str> {
    let has_line_feeds = text.contains('\n');
    let mut text = if text.contains(is_forbidden) { text.replace(is_forbidden, "").into() } else { text };
    while text.contains("\r\r\n") {
        text = text.replace("\r\r\n", "\r\n").into();
    }
    if text.match_indices('\r').all(|(at, _)| text.as_bytes().get(at + 1) == Some(&b'\n')) {
        return text;
    }
    let line_break = if has_line_feeds { "\\n" } else { "\r\n" };
    text.replace("\r\n", "\n").replace('\r', line_break).replace("\r\n", "\n").replace('\n', "\r\n").into()
}
