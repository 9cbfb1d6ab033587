//! The table of the codes of violations: each broken rule of the input has one, in `errors` of a problem.

use serde_json::{Value, json};

/// Codes never change. Each with what it says, in the order of their names.
const CODES: [(&str, &str); 47] = [
    ("circle", "the object would be inside itself"),
    ("conflict", "contradicts another field"),
    ("in_the_past", "must be in the future"),
    ("invalid_cursor", "not the `next_cursor` of a page with these parameters"),
    ("invalid_sync_token", "not a token of this user and of this service"),
    ("invisible", "contains characters that show nothing, or a space at an end"),
    ("malformed", "cannot be read"),
    ("malformed_header", "a header cannot be read"),
    ("no_words", "has no word to search for"),
    ("not_a_boolean", "must be `true` or `false`"),
    ("not_a_color", "must be a color such as `#1565c0`"),
    ("not_a_date", "must be a date that exists, such as `2026-12-01`"),
    ("not_a_local_time", "must be a date and a time without a zone, such as `2026-12-01T09:00`"),
    ("not_a_number", "must be a whole number"),
    ("not_a_sibling", "must be an object of the same list and parent"),
    ("not_a_time", "must be a time with a zone (RFC 3339)"),
    ("not_a_version", "must be a version"),
    ("not_an_address", "must be an email address"),
    ("not_an_id", "must be an id"),
    ("not_an_object", "must be an object"),
    ("not_needed", "must not be sent in this state"),
    ("not_new", "must be different from the old value"),
    ("not_objects", "must be an array of objects"),
    ("not_text", "must be a string"),
    ("not_texts", "must be an array of strings"),
    ("not_the_parents", "must be the list of the parent"),
    ("out_of_range", "too small or too large"),
    ("read_only", "the service sets this field: leave it out, or send it as it is"),
    ("repeated", "must occur once"),
    ("required", "missing, null or empty"),
    ("same_as_username", "must not be the username"),
    ("too_common", "one of the most common passwords"),
    ("too_deep", "below too many parents"),
    ("too_large", "too many bytes"),
    ("too_long", "too many characters"),
    ("too_many", "too many items, or two that exclude each other"),
    ("too_many_members", "an object with too many fields"),
    ("too_many_words", "too many words to search for"),
    ("too_short", "too few characters"),
    ("unknown", "no object has this id"),
    ("unknown_format", "a file that the service does not recognise"),
    ("unknown_member", "an unknown field"),
    ("unknown_parameter", "an unknown parameter"),
    ("unknown_value", "not one of the allowed values"),
    ("unknown_zone", "not a time zone of the tz database"),
    ("unsupported", "valid, and not supported by the service"),
    ("wrong_length", "too few or too many characters"),
];

pub fn schema() -> Value {
    let codes: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
    let lines: Vec<_> = CODES.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}.")).collect();
    let about =
        format!("The violated rule, for programs. A later version can add codes.\n\n{}", lines.join("\n"));
    json!({ "type": "string", "enum": codes, "description": about })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// How a code gets into a violation, and which argument it is.
    const CALLS: [(&str, usize); 15] = [
        ("Violation::of(", 1),
        ("Violation::of_whole(", 0),
        (" violation(", 0),
        ("(violation(", 0),
        ("[violation(", 0),
        ("new_password_violation(", 0),
        ("Some(fault(", 0),
        (".array(", 2),
        (".array::<Role>(", 2),
        (".array::<String>(", 2),
        (".optional(", 1),
        (".optional::<i64>(", 1),
        (".require(", 2),
        (".report(", 1),
        (".detach(", 1),
    ];

    /// Empty if there are fewer arguments.
    fn argument(mut text: &str, place: usize) -> &str {
        for _ in 0..place {
            text = text[end(text)..].strip_prefix(',').unwrap_or_default();
        }
        &text[..end(text)]
    }

    /// The next comma or parenthesis of the same level.
    fn end(text: &str) -> usize {
        let (mut level, mut in_text) = (0, false);
        let is_end = |(_, c): &(usize, char)| {
            in_text ^= *c == '"';
            let is_inside = in_text || level > 0;
            match c {
                '(' | '[' | '{' if !in_text => level += 1,
                ')' | ']' | '}' if is_inside && !in_text => level -= 1,
                ',' | ')' => return !is_inside,
                _ => {}
            }
            false
        };
        text.char_indices().find(is_end).map_or(text.len(), |(at, _)| at)
    }

    fn codes_in(source: &str, codes: &mut BTreeSet<String>) {
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let calls = CALLS
            .iter()
            .flat_map(|(call, place)| source.split(call).skip(1).map(|rest| argument(rest, *place)));
        let fields = source.split(" code: ").skip(1).map(|rest| argument(rest, 0));
        for argument in calls.chain(fields) {
            let code = argument.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            codes.extend(code.map(ToOwned::to_owned));
        }
    }

    fn read_all(folder: &Path, codes: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_all(&path, codes);
            } else {
                codes_in(&fs::read_to_string(path).unwrap(), codes);
            }
        }
    }

    #[test]
    fn the_table_has_exactly_the_codes_of_the_source() {
        let mut codes = BTreeSet::new();
        read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut codes);
        let listed: Vec<_> = CODES.iter().map(|(code, _)| (*code).to_owned()).collect();
        assert_eq!(codes.into_iter().collect::<Vec<_>>(), listed);
    }
}
