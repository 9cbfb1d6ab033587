//! Files with many todos: taken apart into objects, and put together from them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::component::Component;
use super::line::{Content, bracket, escaped, folded, lines, unescaped};
use super::object::{Object, decoded, without_forbidden};
use super::refusal::{DEPTH_MAX, Refusal, TEXT_MAX};
use super::render::PRODUCT;

/// A file, of which only the places of its todos are in memory.
#[derive(Debug)]
pub struct File {
    text: String,
    todos: Vec<Group>,
    /// By their TZID.
    zones: HashMap<String, Range<usize>>,
    pub name: Option<String>,
    product: Option<String>,
}

/// A todo with its occurrences.
#[derive(Debug)]
struct Group {
    line: usize,
    components: Vec<Range<usize>>,
}

/// A component directly inside a calendar while the file is read.
struct Open {
    name: String,
    at: Range<usize>,
    line: usize,
    id: Option<String>,
}

impl File {
    /// Refuses files with more than `todos_max` todos.
    pub fn read(bytes: &[u8], todos_max: usize) -> Result<Self, Refusal> {
        let text = without_forbidden(decoded(bytes)?);
        let mut file =
            Self { todos: Vec::new(), zones: HashMap::new(), name: None, product: None, text: String::new() };
        let (mut names, mut open, mut known) = (Vec::new(), None::<Open>, HashMap::new());
        let mut number = 1;
        for at in lines(&text) {
            let line = &text[at.clone()];
            match bracket(line) {
                Some((true, name)) => {
                    if names.len() >= DEPTH_MAX || names.is_empty() && name != "VCALENDAR" {
                        return Err(Refusal::NotCalendar);
                    }
                    if names.len() == 1 {
                        open = Some(Open { name: name.clone(), at: at.clone(), line: number, id: None });
                    }
                    names.push(name);
                }
                Some((false, name)) => {
                    names.pop().filter(|open| *open == name).ok_or(Refusal::NotCalendar)?;
                    if let Some(Open { at: begin, .. }) = open.as_mut().filter(|_| names.len() == 1) {
                        begin.end = at.end;
                    }
                    if let Some(whole) = open.take_if(|_| names.len() == 1) {
                        file.add(whole, &mut known, todos_max)?;
                    }
                }
                None => file.property(names.len(), open.as_mut(), line),
            }
            number += line.bytes().filter(|byte| *byte == b'\n').count();
        }
        if !names.is_empty() {
            return Err(Refusal::NotCalendar);
        }
        Ok(Self { text, ..file })
    }

    fn property(&mut self, depth: usize, open: Option<&mut Open>, line: &str) {
        match (depth, open) {
            (1, _) => {
                let Content { name, value, .. } = Content::read(line);
                match name.as_str() {
                    "X-WR-CALNAME" => self.name = Some(unescaped(value.trim())),
                    "PRODID" => self.product = Some(value),
                    _ => {}
                }
            }
            (2, Some(open)) if line.starts_with(['U', 'u', 'T', 't']) && open.id.is_none() => {
                let Content { name, value, .. } = Content::read(line);
                open.id = Some(value.trim().to_owned()).filter(|_| ["UID", "TZID"].contains(&name.as_str()));
            }
            _ => {}
        }
    }

    fn add(
        &mut self,
        whole: Open,
        known: &mut HashMap<String, usize>,
        todos_max: usize,
    ) -> Result<(), Refusal> {
        let Open { name, at, line, id } = whole;
        match (name.as_str(), id) {
            ("VTIMEZONE", Some(id)) => {
                self.zones.entry(id).or_insert(at);
            }
            ("VTODO", id) => {
                if let Some(group) =
                    id.as_ref().and_then(|id| known.get(id)).and_then(|group| self.todos.get_mut(*group))
                {
                    group.components.push(at);
                    return Ok(());
                }
                if self.todos.len() >= todos_max {
                    return Err(Refusal::TooLarge);
                }
                known.extend(id.map(|id| (id, self.todos.len())));
                self.todos.push(Group { line, components: vec![at] });
            }
            _ => {}
        }
        Ok(())
    }

    /// The todos with the numbers of their first lines.
    pub fn objects(&self) -> impl Iterator<Item = (usize, Result<Object, Refusal>)> {
        self.todos.iter().map(|group| (group.line, self.object(group)))
    }

    fn object(&self, group: &Group) -> Result<Object, Refusal> {
        let length: usize = group.components.iter().map(Range::len).sum();
        if length > TEXT_MAX {
            return Err(Refusal::TooLarge);
        }
        let components: String = group.components.iter().map(|at| &self.text[at.clone()]).collect();
        let named = zone_names(&components);
        let zones = named.iter().filter_map(|id| self.zones.get(id));
        let zones: String = zones.map(|at| &self.text[at.clone()]).collect();
        let product = self.product.as_deref().unwrap_or(PRODUCT);
        let head =
            ["BEGIN:VCALENDAR", "VERSION:2.0", &format!("PRODID:{product}")].map(|line| folded(line, "\r\n"));
        let text = head.concat() + &zones + &components + "END:VCALENDAR\r\n";
        Object::read(text.as_bytes())
    }
}

/// The zones that the lines of components name.
fn zone_names(components: &str) -> BTreeSet<String> {
    let zoned = lines(components).map(|at| &components[at]).filter(|line| line.contains('='));
    zoned.filter_map(|line| Content::read(line).param("TZID").map(|id| id.trim().to_owned())).collect()
}

/// Puts the texts of objects together, piece by piece.
#[derive(Debug, Default)]
pub struct Joined {
    zones: BTreeSet<String>,
}

impl Joined {
    pub fn begin(&self, name: Option<&str>) -> String {
        let name = name.map(|name| format!("X-WR-CALNAME:{}", escaped(name)));
        let head = ["BEGIN:VCALENDAR", "VERSION:2.0"].map(str::to_owned).into_iter();
        head.chain([format!("PRODID:{PRODUCT}")]).chain(name).map(|line| folded(&line, "\r\n")).collect()
    }

    /// The components of an object, without the descriptions of zones that came before.
    pub fn part(&mut self, text: &str) -> String {
        let Ok(calendar) = Component::read(text) else { return String::new() };
        let new = calendar.children.iter().filter(|child| {
            child.name != "VTIMEZONE"
                || child.value("TZID").is_some_and(|id| self.zones.insert(id.to_owned()))
        });
        let components: String = new.map(|child| &text[child.at.clone()]).collect();
        if components.contains("\r\n") { components } else { components.replace('\n', "\r\n") }
    }

    pub fn end(&self) -> &'static str {
        "END:VCALENDAR\r\n"
    }
}
