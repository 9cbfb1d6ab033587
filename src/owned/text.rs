//! Formats of values that clients send as text. Each holds its rule and the JSON Schema of the rule, so that they
//! agree.
//!
//! **Invariant:** the rules apply to input only. Stored values may be older than a rule and stay valid.

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Value, json};

use crate::error::{VIOLATIONS_MAX, Violation};

// In code points, like every length in this API and in JSON Schema.
pub const NAME_MAX: usize = 500;
pub const DESCRIPTION_MAX: usize = 16_384;
pub const TAG_MAX: usize = 64;
pub const TAGS_MAX: usize = 50;
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
    read: |text| within(text.trim(), 1, NAME_MAX),
    code: "wrong_length",
    detail: || format!("A name must have 1 to {NAME_MAX} characters."),
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": NOT_BLANK }),
};

pub const DESCRIPTION: TextFormat<String> = TextFormat {
    read: |text| within(text, 0, DESCRIPTION_MAX),
    code: "too_long",
    detail: || format!("A description must have at most {DESCRIPTION_MAX} characters."),
    schema: || json!({ "type": "string", "maxLength": DESCRIPTION_MAX }),
};

pub const TAG: TextFormat<String> = TextFormat {
    // In NFC (UAX #15), tags that look the same are equal. NFC changes the number of code points, so the length is
    // checked last.
    read: |text| {
        let text = text.trim();
        // No character of a text in NFC has replaced more than four.
        let is_short = text.chars().nth(4 * TAG_MAX).is_none();
        is_short.then(|| within(&ComposingNormalizerBorrowed::new_nfc().normalize(text), 1, TAG_MAX))?
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

/// Reads the tags of one todo: each once, in the order of their first occurrence.
pub fn tags(texts: &[String]) -> Result<Vec<String>, Vec<Violation>> {
    let (mut tags, mut violations): (Vec<String>, _) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match TAG.read(text) {
            Some(tag) if tags.contains(&tag) => {}
            Some(tag) => tags.push(tag),
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

pub fn too_many_tags() -> Violation {
    Violation::of("tags", "too_many", format!("A todo must have at most {TAGS_MAX} tags."))
}

// `minLength` counts the white space that the reader trims.
const NOT_BLANK: &str = r"\S";

fn within(text: &str, min: usize, max: usize) -> Option<String> {
    (min..=max).contains(&text.chars().count()).then(|| text.to_owned())
}
