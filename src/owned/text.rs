//! Formats of values that clients send as text. Each holds its rule and the JSON Schema of the rule, so that the reader and
//! the API document agree.
//!
//! **Invariant:** the rules apply to input only. Stored values may be older than a rule and stay valid.

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Value, json};

use crate::error::Violation;

/// In code points, like every length in this API.
pub const NAME_MAX: usize = 500;
pub const DESCRIPTION_MAX: usize = 16_384;
pub const TAG_MAX: usize = 64;
/// The most tags of one todo.
pub const TAGS_MAX: usize = 50;

/// How a text is read into a `T`, and how the rule is reported and documented.
pub struct TextFormat<T> {
    pub read: fn(&str) -> Option<T>,
    /// The `code` of a violation, which programs compare.
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

/// The name of a todo or a list, without surrounding white space.
pub const NAME: TextFormat<String> = TextFormat {
    read: |text| within(text.trim(), 1, NAME_MAX),
    code: "wrong_length",
    detail: || format!("A name must have 1 to {NAME_MAX} characters."),
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": NAME_MAX, "pattern": NOT_BLANK }),
};

/// The description of a todo or a list, unchanged.
pub const DESCRIPTION: TextFormat<String> = TextFormat {
    read: |text| within(text, 0, DESCRIPTION_MAX),
    code: "too_long",
    detail: || format!("A description must have at most {DESCRIPTION_MAX} characters."),
    schema: || json!({ "type": "string", "maxLength": DESCRIPTION_MAX }),
};

/// A tag without surrounding white space, in Unicode NFC (UAX #15), so that tags that look the same are equal.
pub const TAG: TextFormat<String> = TextFormat {
    // NFC changes the number of code points, so it goes before the check of the length.
    read: |text| within(&ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()), 1, TAG_MAX),
    code: "wrong_length",
    detail: || format!("A tag must have 1 to {TAG_MAX} characters."),
    schema: || json!({ "type": "string", "minLength": 1, "maxLength": TAG_MAX, "pattern": NOT_BLANK }),
};

/// `#` and six hex digits, stored in lower case.
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

const NOT_BLANK: &str = r"\S";

fn within(text: &str, min: usize, max: usize) -> Option<String> {
    (min..=max).contains(&text.chars().count()).then(|| text.to_owned())
}
