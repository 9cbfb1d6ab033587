//! Formats of values that clients send as text. Each holds its rule and the JSON Schema of the rule, so that they
//! agree.
//!
//! **Invariant:** the rules apply to input only. Stored values may be older than a rule and stay valid.

use bson::DateTime;
use chrono::{DateTime as ChronoDateTime, Datelike};
use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use serde_json::{Value, json};

use super::visible::{is_invisible, tidied};
use crate::error::{VIOLATIONS_MAX, Violation};

// In code points, like every length in this API and in JSON Schema.
pub const NAME_MAX: usize = 500;
pub const DESCRIPTION_MAX: usize = 16_384;
pub const TAG_MAX: usize = 64;
pub const TAGS_MAX: usize = 50;
/// Of dates and times.
pub const LAST_YEAR: i32 = 9_999;
/// Tags that occur more than once count once, so a client may send more of them than a todo can have.
pub const TAGS_SENT_MAX: usize = 1_000;

pub struct TextFormat<T> {
    pub read: fn(&str) -> Option<T>,
    pub code: &'static str,
    pub detail: fn() -> String,
    pub schema: fn() -> Value,
}

impl<T> TextFormat<T> {
    pub fn read(&self, text: &str) -> Option<T> {
        (self.read)(text)
    }

    pub fn schema(&self) -> Value {
        (self.schema)()
    }

    pub fn violation(&self, field: &str) -> Violation {
        Violation::of(field, self.code, (self.detail)())
    }
}

pub const NAME: TextFormat<String> = TextFormat {
    read: |text| within(&tidied(text), 1, NAME_MAX).filter(|name| shows_something(name)),
    code: "wrong_length",
    detail: || {
        format!("A name must have 1 to {NAME_MAX} characters, and at least one of them must be visible.")
    },
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": VISIBLE }),
};

pub const DESCRIPTION: TextFormat<String> = TextFormat {
    read: |text| within(text, 0, DESCRIPTION_MAX),
    code: "too_long",
    detail: || format!("A description must have at most {DESCRIPTION_MAX} characters."),
    schema: || json!({ "type": "string", "maxLength": DESCRIPTION_MAX }),
};

pub const TAG: TextFormat<String> = TextFormat {
    // Browsers remove `.` and `..` from paths, even if their dots are percent-encoded.
    read: |text| (KNOWN_TAG.read)(text).filter(|tag| shows_something(tag) && tag != "." && tag != ".."),
    code: "wrong_length",
    detail: || {
        format!(
            "A tag must have 1 to {TAG_MAX} characters, of which at least one must be visible, and must not be `.` or `..`."
        )
    },
    schema: || {
        json!({
            "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": VISIBLE,
            "description": "A word or a few. Must not be `.` or `..`.", "examples": ["sport"],
        })
    },
};

/// A tag that may be older than the rules that new tags must follow.
pub const KNOWN_TAG: TextFormat<String> = TextFormat {
    // In NFC (UAX #15), tags that look the same are equal. NFC changes the number of code points, so the length is
    // checked last.
    read: |text| {
        let text = tidied(text);
        // No character of a text in NFC has replaced more than four.
        let is_short = text.chars().nth(4 * TAG_MAX).is_none();
        is_short.then(|| within(&ComposingNormalizerBorrowed::new_nfc().normalize(&text), 1, TAG_MAX))?
    },
    code: "wrong_length",
    detail: || format!("A tag must have 1 to {TAG_MAX} characters."),
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": NOT_BLANK }),
};

pub const COLOR: TextFormat<String> = TextFormat {
    read: |text| {
        let digits = text.strip_prefix('#')?;
        let is_color = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_color.then(|| text.to_ascii_lowercase())
    },
    code: "not_a_color",
    detail: || "A color must be # and six hex digits, such as #1e90ff.".to_owned(),
    schema: || json!({ "type": "string", "pattern": "^#[0-9a-fA-F]{6}$", "examples": ["#1e90ff"] }),
};

pub const INSTANT: TextFormat<DateTime> = TextFormat {
    read: |text| {
        let instant = ChronoDateTime::parse_from_rfc3339(text).ok()?;
        (1..=LAST_YEAR).contains(&instant.year()).then(|| instant.to_utc().into())
    },
    code: "not_a_time",
    detail: || "This must be a time with an offset (RFC 3339).".to_owned(),
    schema: || json!({ "type": "string", "format": "date-time" }),
};

/// A time in a query, where generated clients and languages write the offset without a colon and spaces for separators.
pub const SENT_INSTANT: TextFormat<DateTime> =
    TextFormat { read: |text| INSTANT.read(&with_separators(text)), ..INSTANT };

/// Writes a time with the separators of RFC 3339: `2026-12-01 09:00:00 +0100` becomes `2026-12-01T09:00:00+01:00`.
pub fn with_separators(time: &str) -> String {
    let mut time = time.to_owned();
    if time.as_bytes().get(DATE_BYTES) == Some(&b' ') {
        time.replace_range(DATE_BYTES..=DATE_BYTES, "T");
    }
    let Some(offset) = time.rfind(['+', '-']).filter(|sign| *sign > DATE_BYTES) else { return time };
    let digits = time.len() - offset - 1;
    if digits == 4 && time.as_bytes()[offset + 1..].iter().all(u8::is_ascii_digit) {
        time.insert(offset + 3, ':');
    }
    if time[..offset].ends_with(' ') {
        time.remove(offset - 1);
    }
    time
}

// Of `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;

/// Reads the tags of one todo: each once, in the order and spelling of their first occurrence.
pub fn tags(texts: &[String]) -> Result<Vec<String>, Vec<Violation>> {
    let (mut tags, mut caseless_tags, mut violations) = (Vec::new(), Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match TAG.read(text).map(|tag| (caseless(&tag), tag)) {
            Some((caseless, _)) if caseless_tags.contains(&caseless) => {}
            Some((caseless, tag)) => {
                caseless_tags.push(caseless);
                tags.push(tag);
            }
            None => violations.push(TAG.violation(&format!("tags/{index}"))),
        }
        if violations.len() >= VIOLATIONS_MAX {
            break;
        }
        // Comparing each tag with all others is quadratic, so it stops at the first tag too many.
        if tags.len() > TAGS_MAX {
            violations.push(too_many_tags());
            break;
        }
    }
    if violations.is_empty() { Ok(tags) } else { Err(violations) }
}

/// The form in which texts are compared without regard to case: canonical caseless matching (Unicode §3.13, D145), in NFC.
pub fn caseless(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let folded = CaseMapper::new().fold_string(&decomposed);
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

pub fn too_many_tags() -> Violation {
    Violation::of("tags", "too_many", format!("A todo must have at most {TAGS_MAX} tags."))
}

// `minLength` counts the white space that the reader trims.
const NOT_BLANK: &str = r"\S";
// Any character that is visible, as far as a pattern can tell that all tools read alike: without those past U+FFFF.
const VISIBLE: &str = r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc]";

fn shows_something(name: &str) -> bool {
    !name.chars().all(is_invisible)
}

fn within(text: &str, min: usize, max: usize) -> Option<String> {
    (min..=max).contains(&text.chars().count()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_times_get_the_separators_of_rfc_3339() {
        let time = INSTANT.read("2026-12-01T08:00:00Z");
        for sent in [
            "2026-12-01T09:00:00+0100",
            "2026-12-01 09:00:00 +0100",
            "2026-12-01 09:00:00 +01:00",
            "2026-12-01T09:00:00 +01:00",
            "2026-12-01 09:00:00.000+0100",
            "2026-12-01 03:00:00 -0500",
            "2026-12-01 08:00:00Z",
        ] {
            assert_eq!(SENT_INSTANT.read(sent), time, "{sent}");
        }
        for odd in ["", "2026-12-01", "2026-12-01T09:00:00 01:00", "2026-12-01T09:00:00+01:0é", "é +0100"] {
            assert_eq!(SENT_INSTANT.read(odd), None, "{odd}");
        }
        assert_eq!(with_separators("2026-12-01 09:00"), "2026-12-01T09:00");
    }
}
