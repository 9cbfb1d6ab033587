//! Fits texts of a file into the rules for names, descriptions, tags and rules. What does not fit is moved to the
//! description or reported, so that nothing is lost silently.

use crate::owned::text::{DESCRIPTION_MAX, NAME, NAME_MAX, TAG, TAGS_MAX};
use crate::tags::model::key;
use crate::todos::due::Due;
use crate::todos::model::Todo;
use crate::todos::recurrence::{Basis, Recurrence};
use crate::transfer::plan::Warnings;

const UNTITLED: &str = "(untitled)";
const ELLIPSIS: char = '…';

/// A name that follows the rules, and the whole text if it does not fit into a name.
pub fn name(text: &str, line: usize, warnings: &mut Warnings) -> (String, Option<String>) {
    if let Some(name) = NAME.read(text) {
        return (name, None);
    }
    if text.chars().nth(NAME_MAX).is_none() {
        warnings.add(line, "The name is empty.");
        return (UNTITLED.to_owned(), None);
    }
    let shorter: String = text.chars().take(NAME_MAX - 1).chain([ELLIPSIS]).collect();
    warnings
        .add(line, format!("The name is longer than {NAME_MAX} characters; the description has all of it."));
    (NAME.read(&shorter).unwrap_or_else(|| UNTITLED.to_owned()), Some(text.to_owned()))
}

/// A description that follows the rules.
pub fn description(text: String, line: usize, warnings: &mut Warnings) -> String {
    match text.char_indices().nth(DESCRIPTION_MAX) {
        None => text,
        Some((end, _)) => {
            warnings.add(line, format!("The description was cut after {DESCRIPTION_MAX} characters."));
            text[..end].to_owned()
        }
    }
}

/// Sets name and description of a todo.
pub fn set(todo: &mut Todo, given_name: &str, given_description: &str, line: usize, warnings: &mut Warnings) {
    let (name, whole) = name(given_name, line, warnings);
    let text = match whole {
        Some(whole) if given_description.is_empty() => whole,
        Some(whole) => format!("{whole}\n\n{given_description}"),
        None => given_description.to_owned(),
    };
    todo.name = name;
    todo.description = description(text, line, warnings);
}

/// Adds a line to the description of a todo.
pub fn note(todo: &mut Todo, text: &str, line: usize, warnings: &mut Warnings) {
    let mut all = std::mem::take(&mut todo.description);
    if !all.is_empty() {
        all.push_str("\n\n");
    }
    all.push_str(text);
    todo.description = description(all, line, warnings);
}

/// Tags that follow the rules, each once.
pub fn tags<'a>(
    texts: impl IntoIterator<Item = &'a str>,
    line: usize,
    warnings: &mut Warnings,
) -> Vec<String> {
    let (mut tags, mut keys): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for text in texts.into_iter().filter(|text| !text.trim().is_empty()) {
        let Some(tag) = TAG.read(text) else {
            warnings.add(line, format!("`{text}` cannot be a tag."));
            continue;
        };
        let key = key(&tag);
        if keys.contains(&key) {
            continue;
        }
        if tags.len() >= TAGS_MAX {
            warnings.add(line, format!("Only the first {TAGS_MAX} tags were taken over."));
            break;
        }
        keys.push(key);
        tags.push(tag);
    }
    tags
}

/// Lets a todo repeat by a rule (RFC 5545), or notes the rule in the description if it cannot.
pub fn repeat(todo: &mut Todo, rule: &str, basis: Basis, line: usize, warnings: &mut Warnings) {
    let begun = todo.due.as_ref().map(|due: &Due| Recurrence::begin(rule, basis, due));
    match begun {
        Some(Ok(recurrence)) => todo.recurrence = Some(recurrence),
        other => {
            let why = match other {
                Some(Err(violations)) => violations.into_iter().map(|violation| violation.detail).collect(),
                _ => "it has no due date".to_owned(),
            };
            note(todo, &format!("Repeats: {rule}"), line, warnings);
            warnings.add(line, format!("The repetition `{rule}` was noted in the description: {why}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_kept_whole_in_the_description() {
        let mut warnings = Warnings::default();
        let long = "é".repeat(NAME_MAX + 1);
        let (name, whole) = super::name(&long, 3, &mut warnings);
        assert_eq!((name.chars().count(), whole.as_deref()), (NAME_MAX, Some(&*long)));
        assert_eq!(super::name(" \u{200b} ", 4, &mut warnings), (UNTITLED.to_owned(), None));
        assert_eq!(super::name(" a ", 5, &mut warnings), ("a".to_owned(), None));
        assert_eq!(warnings.first.iter().map(|warning| warning.line).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn tags_are_unique_and_at_most_fifty() {
        let mut warnings = Warnings::default();
        assert_eq!(tags(["Work", "work", "", ".", "home"], 1, &mut warnings), ["Work", "home"]);
        let many: Vec<_> = (0..60).map(|n| n.to_string()).collect();
        assert_eq!(tags(many.iter().map(String::as_str), 1, &mut warnings).len(), TAGS_MAX);
        assert_eq!(warnings.count, 2);
    }
}
