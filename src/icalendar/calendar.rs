//! Files with many todos: taken apart into objects, and put together from them.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::component::Component;
use super::line::{Content, bracket, escaped, folded, lines, unescaped};
use super::listed::{Listed, with_list};
use super::object::{Object, decoded, without_forbidden};
use super::refusal::{DEPTH_MAX, Refusal, TEXT_MAX};
use super::render::PRODUCT;

/// A file, of which only the places of its todos are in memory.
#[derive(Debug, Default)]
pub struct File<'a> {
    text: Cow<'a, str>,
    todos: Vec<Group>,
    /// By their TZID.
    zones: HashMap<String, Range<usize>>,
    pub name: Option<String>,
    /// As Apple writes it: `#` and six or eight hex digits.
    pub color: Option<String>,
    product: Option<String>,
    /// Where there are events, journals and other components that are no todos.
    pub others: Vec<usize>,
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

/// Why a file cannot be read, and the line where that shows, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    pub line: usize,
    pub refusal: Refusal,
}

impl<'a> File<'a> {
    /// Refuses files with more than `todos_max` todos.
    pub fn read(bytes: &'a [u8], todos_max: usize) -> Result<Self, Broken> {
        let decoded = decoded(bytes).map_err(|refusal| Broken { line: broken_line(bytes), refusal })?;
        let text = without_forbidden(decoded);
        let mut file = Self::default();
        let (mut names, mut open, mut known) = (Vec::new(), None::<Open>, HashMap::new());
        let mut number = 1;
        for at in lines(&text) {
            let line = &text[at.clone()];
            let broken = |refusal| Broken { line: number, refusal };
            match bracket(line) {
                Some((true, name)) => {
                    if names.len() >= DEPTH_MAX || names.is_empty() && name != "VCALENDAR" {
                        return Err(broken(Refusal::NotCalendar));
                    }
                    if names.len() == 1 {
                        open = Some(Open { name: name.clone(), at: at.clone(), line: number, id: None });
                    }
                    names.push(name);
                }
                Some((false, name)) => {
                    let closed = names.pop().filter(|open| *open == name);
                    closed.ok_or_else(|| broken(Refusal::NotCalendar))?;
                    if let Some(Open { at: begin, .. }) = open.as_mut().filter(|_| names.len() == 1) {
                        begin.end = at.end;
                    }
                    if let Some(whole) = open.take_if(|_| names.len() == 1) {
                        file.add(whole, &mut known, todos_max).map_err(broken)?;
                    }
                }
                None => file.property(names.len(), open.as_mut(), line),
            }
            number += line.bytes().filter(|byte| *byte == b'\n').count();
        }
        if !names.is_empty() {
            return Err(Broken { line: number, refusal: Refusal::NotCalendar });
        }
        Ok(Self { text, ..file })
    }

    fn property(&mut self, depth: usize, open: Option<&mut Open>, line: &str) {
        match (depth, open) {
            (1, _) => {
                let Content { name, value, .. } = Content::read(line);
                match name.as_str() {
                    "X-WR-CALNAME" => self.name = Some(unescaped(value.trim())),
                    "X-APPLE-CALENDAR-COLOR" => self.color = Some(value.trim().to_owned()),
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
            ("VEVENT" | "VJOURNAL", _) => self.others.push(line),
            _ => {}
        }
        Ok(())
    }

    /// The todos with the numbers of their first lines.
    pub fn objects(&self) -> impl Iterator<Item = (usize, Result<Object, Refusal>)> {
        self.todos.iter().map(|group| (group.line, self.object(group, false)))
    }

    /// The todo that begins in this line, without the files that are attached to it.
    pub fn without_attachments(&self, line: usize) -> Option<Object> {
        self.object(self.todos.iter().find(|group| group.line == line)?, true).ok()
    }

    fn object(&self, group: &Group, drops_attachments: bool) -> Result<Object, Refusal> {
        let mut components = String::new();
        for at in &group.components {
            let component = &self.text[at.clone()];
            for line in lines(component).map(|at| &component[at]) {
                if !(drops_attachments && is_attachment(line)) {
                    components.push_str(line);
                }
                if components.len() > TEXT_MAX {
                    return Err(Refusal::TooLarge);
                }
            }
        }
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

fn is_attachment(line: &str) -> bool {
    line.get(..6).is_some_and(|name| name.eq_ignore_ascii_case("ATTACH"))
}

/// The first line that is not UTF-8.
fn broken_line(bytes: &[u8]) -> usize {
    let valid = str::from_utf8(bytes).err().map_or(bytes.len(), |error| error.valid_up_to());
    bytes[..valid].split(|byte| *byte == b'\n').count()
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

    /// Like [`Self::part`], with the list of the todo.
    pub fn part_of(&mut self, text: &str, list: &Listed) -> String {
        let Ok(calendar) = Component::read(text) else { return String::new() };
        self.part(&with_list(text, &calendar, list))
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

    pub const END: &'static str = "END:VCALENDAR\r\n";
}
