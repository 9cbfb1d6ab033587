//! The rules for the texts that todos and lists have in common. Must not be asked about what is stored already.

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::error::Violation;

/// The most code points of a name.
pub const NAME_MAX: usize = 500;
/// The most code points of a description.
pub const DESCRIPTION_MAX: usize = 16_384;
/// The most code points of a tag.
pub const TAG_MAX: usize = 64;
/// The most tags of a todo.
pub const TAGS_MAX: usize = 50;

/// A name without the white space around it.
///
/// # Errors
/// It is empty or too long.
pub fn name(text: &str) -> Result<String, Violation> {
    within(text.trim(), 1, NAME_MAX).ok_or_else(|| {
        Violation::of("name", "wrong_length", format!("A name has 1 to {NAME_MAX} characters."))
    })
}

/// A description, as it is.
///
/// # Errors
/// It is too long.
pub fn description(text: &str) -> Result<String, Violation> {
    let detail = || format!("A description has at most {DESCRIPTION_MAX} characters.");
    within(text, 0, DESCRIPTION_MAX).ok_or_else(|| Violation::of("description", "too_long", detail()))
}

/// A tag without the white space around it, in Unicode NFC, so that what looks the same is the same.
#[must_use]
pub fn tag(text: &str) -> Option<String> {
    within(&ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()), 1, TAG_MAX)
}

/// The rule for a tag, as a fault at `field`.
#[must_use]
pub fn not_a_tag(field: &str) -> Violation {
    Violation::of(field, "wrong_length", format!("A tag has 1 to {TAG_MAX} characters."))
}

/// Tags, each once, in the order in which they come first.
///
/// # Errors
/// Every tag that is none; that there are too many.
pub fn tags(texts: &[String]) -> Result<Vec<String>, Vec<Violation>> {
    let (mut tags, mut faults): (Vec<String>, _) = (Vec::new(), Vec::new());
    for (index, text) in texts.iter().enumerate() {
        match tag(text) {
            Some(tag) if tags.contains(&tag) => {}
            Some(tag) => tags.push(tag),
            None => faults.push(not_a_tag(&format!("tags/{index}"))),
        }
        if tags.len() > TAGS_MAX {
            faults.push(too_many_tags());
            break;
        }
    }
    if faults.is_empty() { Ok(tags) } else { Err(faults) }
}

/// The fault of one tag more than a todo may have.
#[must_use]
pub fn too_many_tags() -> Violation {
    Violation::of("tags", "too_many", format!("A todo has at most {TAGS_MAX} tags."))
}

/// A color as `#` and six lower-case hex digits.
///
/// # Errors
/// It is none.
pub fn color(text: &str) -> Result<String, Violation> {
    let color = text.to_ascii_lowercase();
    let is_color = color
        .strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let fault = || Violation::of("color", "not_a_color", "A color is # and six hex digits, such as #1e90ff.");
    is_color.then_some(color).ok_or_else(fault)
}

fn within(text: &str, least: usize, most: usize) -> Option<String> {
    (least..=most).contains(&text.chars().count()).then(|| text.to_owned())
}
