//! Which characters can be seen, and the form in which names are stored.

use std::borrow::Cow;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, PrependedConcatenationMark};
use icu_properties::{CodePointMapData, CodePointSetData};

const BYTE_ORDER_MARK: char = '\u{feff}';
// Blank characters that Unicode counts as symbols or marks: the braille pattern without dots, the null notehead, the Khitan
// filler, and the mark that stands for an object which the text has lost.
const BLANKS: [char; 4] = ['\u{2800}', '\u{1d159}', '\u{16fe4}', '\u{fffc}'];

/// White space, control characters, and characters that only act on others, such as joiners and variation selectors.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_graphic();
    }
    let is_format = match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control => true,
        // Signs of Arabic, Syriac and Kaithi that enclose digits are format characters too.
        GeneralCategory::Format => !CodePointSetData::new::<PrependedConcatenationMark>().contains(c),
        _ => false,
    };
    is_format
        || c.is_whitespace()
        || BLANKS.contains(&c)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// A name in the form in which it is stored: without white space and byte order marks at its ends, and with balanced
/// direction controls, so that the name does not change the direction of the text after it.
pub fn tidied(name: &str) -> Cow<'_, str> {
    let is_margin = |c: char| c.is_whitespace() || c == BYTE_ORDER_MARK;
    if name.contains(is_direction_control) {
        return balanced(name).trim_matches(is_margin).to_owned().into();
    }
    name.trim_matches(is_margin).into()
}

// Embeddings and overrides, which the last one ends, and isolates, which the last one ends (UAX #9 §2).
const EMBEDDINGS: [char; 4] = ['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}'];
const EMBEDDING_END: char = '\u{202c}';
const ISOLATES: [char; 3] = ['\u{2066}', '\u{2067}', '\u{2068}'];
const ISOLATE_END: char = '\u{2069}';

fn is_direction_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Closes what is open at the end, and removes what closes nothing.
fn balanced(text: &str) -> String {
    let (mut balanced, mut open) = (String::with_capacity(text.len()), Vec::new());
    for c in text.chars() {
        let is_paired = match c {
            EMBEDDING_END if open.last() == Some(&EMBEDDING_END) => open.pop().is_some(),
            EMBEDDING_END => false,
            // The end of an isolate ends the embeddings inside it too.
            ISOLATE_END => {
                open.iter().rposition(|end| *end == ISOLATE_END).map(|at| open.truncate(at)).is_some()
            }
            _ => true,
        };
        if EMBEDDINGS.contains(&c) {
            open.push(EMBEDDING_END);
        } else if ISOLATES.contains(&c) {
            open.push(ISOLATE_END);
        }
        balanced.extend(is_paired.then_some(c));
    }
    balanced.extend(open.into_iter().rev());
    balanced
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_that_show_nothing_are_invisible() {
        let invisible = "\0\t\n \u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{1680}\u{17b4}\u{180e}\u{2003}\u{200b}\
            \u{200c}\u{200d}\u{200e}\u{2028}\u{202e}\u{2060}\u{2064}\u{2069}\u{206a}\u{2800}\u{3000}\u{3164}\u{fe0f}\u{feff}\
            \u{ffa0}\u{fff9}\u{fffc}\u{1bca0}\u{1d173}\u{e0001}\u{e0061}\u{e0100}";
        for c in invisible.chars() {
            assert!(is_invisible(c), "{c:?}");
        }
        for c in "a1.é\u{301}ß李あ한שع\u{600}\u{6dd}🎉\u{e000}€→".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn direction_controls_are_balanced() {
        let cases = [
            ("a\u{202e}b", "a\u{202e}b\u{202c}"),
            ("\u{2067}a\u{202a}b", "\u{2067}a\u{202a}b\u{202c}\u{2069}"),
            ("\u{2066}a\u{202e}b\u{2069}c", "\u{2066}a\u{202e}b\u{2069}c"),
            ("\u{202e}a\u{2068}b\u{202c}", "\u{202e}a\u{2068}b\u{2069}\u{202c}"),
            ("a\u{202c}b\u{2069}", "ab"),
            ("\u{202c} a", "a"),
            ("\u{202b}שלום\u{202c}!", "\u{202b}שלום\u{202c}!"),
            ("\u{200f}a\u{200e}", "\u{200f}a\u{200e}"),
        ];
        for (name, stored) in cases {
            assert_eq!(tidied(name), stored, "{name:?}");
        }
    }

    #[test]
    fn only_the_ends_of_a_name_are_trimmed() {
        assert_eq!(tidied(" \u{feff}\u{2003}a\u{feff}\u{200b}b\u{3000}\u{feff}\n"), "a\u{feff}\u{200b}b");
        for kept in ["👩\u{200d}👩\u{200d}👧", "می\u{200c}خواهم", "❤\u{fe0f}", "a\0b", "\u{200b}a"]
        {
            assert_eq!(tidied(kept), kept);
        }
    }

    proptest! {
        #[test]
        fn a_tidied_name_stays_as_it_is(name in "[ab \u{feff}\u{202a}-\u{202e}\u{2066}-\u{2069}]{0,12}") {
            let once = tidied(&name).into_owned();
            prop_assert_eq!(tidied(&once), once.as_str());
        }
    }
}
