//! What a text says and a todo cannot hold. The text keeps it, for clients that can show it.

use super::component::Component;
use super::fields::{self, Fields};
use super::object::Object;
use crate::owned::text::{DESCRIPTION_MAX, NAME_MAX, TAGS_MAX};

impl Object {
    /// Sentences about what `fields`, which are those of this object, do not hold.
    pub fn unheld(&self, fields: &Fields) -> Vec<String> {
        let main = self.main();
        let mut found = Vec::new();
        let length = |name| main.first(name).map_or(0, |line| line.content.text().chars().count());
        if length("SUMMARY") > NAME_MAX {
            found.push(format!("The name was cut after {NAME_MAX} characters."));
        }
        if length("DESCRIPTION") > DESCRIPTION_MAX {
            found.push(format!("The description was cut after {DESCRIPTION_MAX} characters."));
        }
        if !fields::tags(&fields::categories(main)).1.is_empty() {
            found.push(format!("Only {TAGS_MAX} categories can be tags, and not every text is one."));
        }
        found.extend(times(main, fields));
        found
    }
}

fn times(main: &Component, fields: &Fields) -> Option<String> {
    let value = |name| main.value(name).unwrap_or_default();
    if fields.due.is_none() && main.first("DUE").is_some() {
        return Some(format!("The due date `{}` cannot be read.", value("DUE")));
    }
    if let Some(rule) = main.value("RRULE").filter(|_| fields.rule.is_none()) {
        let why =
            if fields.due.is_none() { "the todo has no due date" } else { "it has parts that are unknown" };
        return Some(format!("The repetition `{rule}` is not followed, because {why}."));
    }
    if fields.due.is_none() && main.first("DTSTART").is_some() {
        return Some(format!("The todo begins at `{}` and is not due.", value("DTSTART")));
    }
    let has_dates = main.first("RDATE").is_some();
    has_dates.then(|| format!("The additional dates `{}` are not followed.", value("RDATE")))
}
