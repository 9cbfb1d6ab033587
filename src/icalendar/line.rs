//! Content lines (RFC 5545 §3.1): folding, names, parameters, values, and the escapes of texts.

use std::borrow::Cow;
use std::ops::Range;

/// Of a line that this service writes, in octets.
const FOLD_AT: usize = 75;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// In upper case. Empty if the line is no content line.
    pub(super) name: String,
    pub(super) params: Vec<(String, String)>,
    /// As it is written, without folds.
    pub(super) value: String,
}

/// The unfolded lines of a text: where each one begins, and where the next one begins.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let mut end = start;
        loop {
            end = bytes[end..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| end + at + 1);
            if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let line = start..end;
        start = end;
        Some(line)
    })
}

/// A line without folds and line breaks.
pub(super) fn unfolded(line: &str) -> Cow<'_, str> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    if !line.contains('\n') {
        return line.strip_suffix('\r').unwrap_or(line).into();
    }
    let mut parts = line.split('\n').map(|part| part.strip_suffix('\r').unwrap_or(part));
    let mut whole = parts.next().unwrap_or_default().to_owned();
    whole.extend(parts.map(|part| part.get(1..).unwrap_or_default()));
    whole.into()
}

impl Content {
    pub(super) fn read(line: &str) -> Self {
        let line = unfolded(line);
        // Some clients do not close their quotes.
        let Some(colon) = find_unquoted(&line, b':').or_else(|| line.find(':')) else {
            return Self { value: line.into_owned(), ..Self::default() };
        };
        let (head, value) = (&line[..colon], &line[colon + 1..]);
        let mut parts = split_unquoted(head, b';');
        let name = parts.next().unwrap_or_default().trim().to_ascii_uppercase();
        let params = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_uppercase(), value.replace('"', ""))
        });
        Self { params: params.collect(), value: value.to_owned(), name }
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        unescaped(&self.value)
    }
}

/// The name and the parameters of a line.
pub(super) fn without_value(line: &str) -> String {
    let line = unfolded(line);
    let colon = find_unquoted(&line, b':').or_else(|| line.find(':'));
    folded(&format!("{}:", &line[..colon.unwrap_or(line.len())]), "\r\n")
}

/// Whether the line opens or closes a component, and the name of the component in upper case.
pub(super) fn bracket(line: &str) -> Option<(bool, String)> {
    // Nearly every other line ends here, without an allocation.
    if !line.starts_with(['B', 'b', 'E', 'e']) {
        return None;
    }
    let line = unfolded(line);
    let (name, value) = line.split_once(':')?;
    let is_begin = name.trim_end().eq_ignore_ascii_case("BEGIN");
    let is_bracket = is_begin || name.trim_end().eq_ignore_ascii_case("END");
    is_bracket.then(|| (is_begin, value.trim().to_ascii_uppercase()))
}

fn find_unquoted(text: &str, wanted: u8) -> Option<usize> {
    let mut in_quotes = false;
    text.bytes().position(|byte| {
        in_quotes ^= byte == b'"';
        byte == wanted && !in_quotes
    })
}

fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = find_unquoted(text, separator);
        rest = end.map(|end| &text[end + 1..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// The text of a TEXT value (RFC 5545 §3.3.11). A backslash that escapes nothing stays, because clients send Windows paths.
pub(super) fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.clone().next() {
            Some('n' | 'N') => text.push('\n'),
            Some(escaped @ ('\\' | ';' | ',' | ':' | '"')) => text.push(escaped),
            _ => {
                text.push('\\');
                continue;
            }
        }
        chars.next();
    }
    text
}

pub(super) fn escaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' | ';' | ',' => value.extend(['\\', c]),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' => value.push_str("\\n"),
            // Reports are XML.
            c if is_forbidden(c) => {}
            c => value.push(c),
        }
    }
    value
}

/// Characters that XML 1.0 cannot contain.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// Splits a list of texts at the commas that are not escaped. The parts are still escaped.
pub(super) fn split_list(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in value.bytes().enumerate() {
        if byte == b',' && !is_escaped {
            parts.push(&value[start..at]);
            start = at + 1;
        }
        is_escaped = byte == b'\\' && !is_escaped;
    }
    parts.push(&value[start..]);
    parts
}

/// A line as this service writes it: folded, never inside a character, with `line_break` at its end.
pub(super) fn folded(line: &str, line_break: &str) -> String {
    let mut folded = String::with_capacity(line.len() + line.len() / 20 + 2);
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > FOLD_AT {
            folded.push_str(line_break);
            folded.push(' ');
            length = 1;
        }
        length += c.len_utf8();
        folded.push(c);
    }
    folded + line_break
}

/// A parameter value (RFC 5545 §3.2), which cannot contain quotes.
pub(super) fn param_value(value: &str) -> String {
    let value: String = value.chars().filter(|c| *c != '"' && !c.is_control()).collect();
    if value.contains([':', ';', ',']) { format!("\"{value}\"") } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_a_name_parameters_and_a_value() {
        let line = "dtstart;tzid=\"A:B;C\";X-A=1,2:2026\r\n 1201T09\r\n\t0000\r\n";
        let content = Content::read(line);
        assert_eq!((content.name.as_str(), content.value.as_str()), ("DTSTART", "20261201T090000"));
        assert_eq!(content.param("TZID"), Some("A:B;C"));
        assert_eq!(content.param("X-A"), Some("1,2"));
        assert_eq!(Content::read("SUMMARY;X=\"open:value").value, "value");
        assert_eq!(Content::read("no colon").name, "");
    }

    #[test]
    fn lines_end_before_the_next_line_that_is_not_folded() {
        let text = "A:1\r\n 2\r\nB:\n\nC:3";
        let found: Vec<_> = lines(text).map(|line| &text[line]).collect();
        assert_eq!(found, ["A:1\r\n 2\r\n", "B:\n", "\n", "C:3"]);
    }

    #[test]
    fn brackets_are_read_in_any_case_and_when_folded() {
        assert_eq!(bracket("Begin:vtodo \r\n"), Some((true, "VTODO".to_owned())));
        assert_eq!(bracket("END:VTO\r\n DO\r\n"), Some((false, "VTODO".to_owned())));
        assert_eq!(bracket("EXDATE:20261201"), None);
    }

    #[test]
    fn lists_are_split_at_commas_that_are_not_escaped() {
        assert_eq!(split_list("a\\,b,c\\\\,d"), ["a\\,b", "c\\\\", "d"]);
        assert_eq!(split_list(""), [""]);
    }

    #[test]
    fn backslashes_that_escape_nothing_stay() {
        assert_eq!(unescaped("C:\\temp\\x \\; \\N\\\\n \\"), "C:\\temp\\x ; \n\\n \\");
    }

    proptest! {
        #[test]
        fn a_written_text_is_read_again(text in "\\PC{0,200}|[\\\\;,\n\"a:é🎈]{0,90}") {
            let line = folded(&format!("SUMMARY:{}", escaped(&text)), "\r\n");
            prop_assert!(line.split("\r\n").all(|part| part.len() <= FOLD_AT));
            prop_assert_eq!(lines(&line).count(), 1);
            prop_assert_eq!(Content::read(&line).text(), text.replace(is_forbidden, ""));
        }
    }
}
