//! Components (RFC 5545 §3.6) with the places of their lines, so that a change can leave every other byte alone.
//!
//! **Invariant:** no function calls itself here, and depth and lines are bounded while a text is read, so that no text can
//! exhaust the stack or the memory.

use std::ops::Range;

use super::line::{Content, bracket, lines};
use super::refusal::{DEPTH_MAX, LINES_MAX, Refusal};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Component {
    /// In upper case.
    pub(super) name: String,
    /// From the beginning of the line BEGIN to the end of the line END.
    pub(super) at: Range<usize>,
    /// Where a line can be added: before the first component inside, otherwise before END.
    pub(super) end_of_properties: usize,
    pub(super) properties: Vec<Property>,
    pub(super) children: Vec<Component>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    /// With its folds and its line break.
    pub(super) at: Range<usize>,
    pub(super) content: Content,
}

impl Component {
    /// Reads the first component of a text, which must be a calendar.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let mut open: Vec<Self> = Vec::new();
        for (number, at) in lines(text).enumerate() {
            if number >= LINES_MAX {
                return Err(Refusal::TooLarge);
            }
            let line = &text[at.clone()];
            match (bracket(line), open.last_mut()) {
                (Some((true, name)), parent) => {
                    match parent {
                        Some(parent) => parent.close_properties(at.start),
                        None if name != "VCALENDAR" => return Err(Refusal::NotCalendar),
                        None => {}
                    }
                    if open.len() >= DEPTH_MAX {
                        return Err(Refusal::NotCalendar);
                    }
                    open.push(Self::opened(name, at));
                }
                (Some((false, name)), _) => {
                    let mut closed =
                        open.pop().filter(|open| open.name == name).ok_or(Refusal::NotCalendar)?;
                    closed.close_properties(at.start);
                    closed.at.end = at.end;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(closed),
                        None => return Ok(closed),
                    }
                }
                (None, Some(component)) => {
                    component.properties.push(Property { content: Content::read(line), at });
                }
                (None, None) if line.trim().is_empty() => {}
                (None, None) => return Err(Refusal::NotCalendar),
            }
        }
        // The end is missing, so the rest may be missing too.
        Err(Refusal::NotCalendar)
    }

    fn opened(name: String, at: Range<usize>) -> Self {
        Self { name, at, end_of_properties: 0, properties: Vec::new(), children: Vec::new() }
    }

    fn close_properties(&mut self, at: usize) {
        if self.end_of_properties == 0 {
            self.end_of_properties = at;
        }
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Property> {
        self.properties.iter().filter(move |property| property.content.name == name)
    }

    pub(super) fn first(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.content.name == name)
    }

    /// The first value that is not blank.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.properties.iter().filter(|property| property.content.name == name);
        values.find_map(|property| Some(property.content.value.trim()).filter(|value| !value.is_empty()))
    }

    pub(super) fn children<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_knows_where_its_lines_are() {
        let text = "\nBEGIN:VCALENDAR\nA:1\nBEGIN:VTODO\nB:2\n 3\nBEGIN:VALARM\nEND:VALARM\nC:4\nEND:VTODO\nEND:VCALENDAR\nrest";
        let calendar = Component::read(text).unwrap();
        assert_eq!(&text[calendar.at.end..], "rest");
        let todo = calendar.children("VTODO").next().unwrap();
        assert_eq!(&text[todo.first("B").unwrap().at.clone()], "B:2\n 3\n");
        assert!(text[todo.end_of_properties..].starts_with("BEGIN:VALARM"));
        assert_eq!(todo.value("C"), Some("4"));
    }

    #[test]
    fn texts_without_a_whole_calendar_are_refused() {
        for text in [
            "",
            "BEGIN:VTODO\nEND:VTODO\n",
            "BEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VTODO\n",
            "BEGIN:VCALENDAR\nBEGIN:VTODO\nEND:VCALENDAR\nEND:VTODO\n",
            "A:1\nBEGIN:VCALENDAR\nEND:VCALENDAR\n",
            "END:VCALENDAR\n",
        ] {
            assert_eq!(Component::read(text), Err(Refusal::NotCalendar), "{text}");
        }
    }

    #[test]
    fn deep_components_are_refused() {
        let nested = |depth: usize| "BEGIN:VCALENDAR\n".repeat(depth) + &"END:VCALENDAR\n".repeat(depth);
        assert!(Component::read(&nested(DEPTH_MAX)).is_ok());
        for depth in [DEPTH_MAX + 1, 3_000, 50_000] {
            assert_eq!(Component::read(&nested(depth)), Err(Refusal::NotCalendar), "{depth}");
        }
    }
}
