//! Changes of a text by the places of its lines. Every byte outside these places stays.

use std::ops::Range;

use super::component::{Component, Property};
use super::line::folded;

pub(super) struct Edits<'a> {
    text: &'a str,
    line_break: &'static str,
    /// What is replaced, and by what. Several insertions at one place stay in their order.
    changes: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        // In the style of the text.
        let line_break = match text.find('\n') {
            Some(at) if !text[..at].ends_with('\r') => "\n",
            _ => "\r\n",
        };
        Self { text, line_break, changes: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Replaces the first line with this name, and removes the others. If there is none, adds the line.
    pub(super) fn set(&mut self, component: &Component, name: &str, line: &str) {
        let properties: Vec<_> = component.all(name).collect();
        self.set_all(component, &properties, &[line.to_owned()]);
    }

    /// Replaces the lines of `properties` by `lines`, at the place of the first one.
    pub(super) fn set_all(&mut self, component: &Component, properties: &[&Property], lines: &[String]) {
        let whole: String = lines.iter().map(|line| folded(line, self.line_break)).collect();
        match properties.split_first() {
            Some((first, others)) => {
                self.replace(first.at.clone(), whole);
                for property in others {
                    self.cut(property.at.clone());
                }
            }
            None => self.insert(component.end_of_properties, whole),
        }
    }

    pub(super) fn remove(&mut self, component: &Component, name: &str) {
        component.all(name).for_each(|property| self.cut(property.at.clone()));
    }

    pub(super) fn cut(&mut self, at: Range<usize>) {
        self.replace(at, String::new());
    }

    pub(super) fn insert(&mut self, at: usize, lines: String) {
        if !lines.is_empty() {
            self.replace(at..at, lines);
        }
    }

    pub(super) fn replace(&mut self, at: Range<usize>, lines: String) {
        if self.text[at.clone()] != lines {
            self.changes.push((at, lines));
        }
    }

    pub(super) fn line_break(&self) -> &'static str {
        self.line_break
    }

    pub(super) fn applied(mut self) -> String {
        // An insertion comes before what is replaced at its place.
        self.changes.sort_by_key(|(at, _)| (at.start, at.end));
        let (mut edited, mut end) = (String::with_capacity(self.text.len()), 0);
        for (at, lines) in self.changes {
            // A change inside a component that is cut has nowhere to go.
            if at.start < end {
                continue;
            }
            edited.push_str(&self.text[end..at.start]);
            edited.push_str(&lines);
            end = at.end;
        }
        edited.push_str(&self.text[end..]);
        edited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_lines_change() {
        let text = "BEGIN:VCALENDAR\nA:1\nB:2\nA:3\nBEGIN:X\nEND:X\nEND:VCALENDAR\n";
        let calendar = Component::read(text).unwrap();
        let mut edits = Edits::of(text);
        edits.set(&calendar, "A", "A:4");
        edits.set(&calendar, "C", "C:5");
        edits.set(&calendar, "D", "D:6");
        edits.remove(&calendar, "B");
        assert_eq!(edits.applied(), "BEGIN:VCALENDAR\nA:4\nC:5\nD:6\nBEGIN:X\nEND:X\nEND:VCALENDAR\n");
    }

    #[test]
    fn a_line_that_stays_is_no_change() {
        let text = "BEGIN:VCALENDAR\r\nA:1\r\nEND:VCALENDAR\r\n";
        let calendar = Component::read(text).unwrap();
        let mut edits = Edits::of(text);
        edits.set(&calendar, "A", "A:1");
        edits.remove(&calendar, "B");
        assert!(edits.is_empty());
    }
}
