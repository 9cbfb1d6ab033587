//! The form in which texts are compared, without case, accents, ligatures and differences of Unicode form.
//!
//! **Invariant:** queries and texts are folded alike. The database stores folded words, so a change of the folding needs a
//! migration.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_normalizer::properties::CanonicalCombiningClassMap;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::owned::text::DESCRIPTION_MAX;

// In characters. The longest description in Hangul, each syllable of which NFKD turns into three letters. Other characters
// become up to 18, and texts that the original's routes store have no limit except for the body's.
const FOLDED_MAX: usize = 3 * DESCRIPTION_MAX;

/// [`fold_basically`], with letters and digits as people type them on a plain keyboard.
pub fn fold(text: &str) -> String {
    // NFKD turns this accent into a space.
    let basic =
        fold_basically(text.chars().map(|c| if matches!(c, '\u{b4}' | '\u{1ffd}') { '\'' } else { c }));
    let mut folded = String::with_capacity(basic.len());
    for c in basic.chars() {
        push_plain(&mut folded, c);
    }
    folded
}

/// NFKD (UAX #15), case folding (Unicode §3.13), and removal of accents and strokes.
pub fn fold_basically(text: impl Iterator<Item = char>) -> String {
    // Invisible characters go first, because one between two marks would prevent their canonical ordering.
    let nfkd = DecomposingNormalizer::new_nfkd();
    let decomposed = nfkd.normalize_iter(text.filter(|c| !is_ignored(*c)));
    let decomposed: String = decomposed.take(FOLDED_MAX).collect();
    let folded = CaseMapper::new().fold_string(&decomposed);
    // Compatibility caseless matching (Unicode §3.13, D146) normalizes again after folding.
    nfkd.normalize_iter(folded.chars()).filter(|c| !is_accent(*c)).map(without_stroke).collect()
}

/// Invisible characters (such as soft hyphens, joiners and variation selectors of emoji), and enclosing marks.
pub fn is_ignored(c: char) -> bool {
    !c.is_ascii()
        && (CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
            || category(c) == GeneralCategory::EnclosingMark)
}

fn is_accent(c: char) -> bool {
    // Readers may omit overlays, marks above and below, and the vowel points of Hebrew, Arabic and Syriac. The
    // Canonical Combining Class (Unicode §4.3) identifies them. Marks of other classes distinguish words, as letters
    // do: vowel signs, viramas and tones of Indic and Southeast Asian scripts, and the mark that turns か into が.
    const OVERLAY: u8 = 1;
    const POINTS: std::ops::RangeInclusive<u8> = 10..=36;
    const ATTACHED_OR_AROUND: std::ops::RangeFrom<u8> = 200..;
    if c.is_ascii() {
        return false;
    }
    let class = CanonicalCombiningClassMap::new().get_u8(c);
    class == OVERLAY || POINTS.contains(&class) || ATTACHED_OR_AROUND.contains(&class)
}

fn without_stroke(c: char) -> char {
    // Unicode does not decompose letters with a stroke. The dotless i has the capital `I`.
    match c {
        'đ' => 'd',
        'ħ' => 'h',
        'ı' => 'i',
        'ł' => 'l',
        'ø' => 'o',
        'ŧ' => 't',
        other => other,
    }
}

fn push_plain(folded: &mut String, c: char) {
    if c.is_ascii() {
        return folded.push(c);
    }
    // Letters that Unicode does not decompose, as in the transform Latin-ASCII of CLDR, and variants of Arabic and Hebrew
    // letters that keyboards of other languages have, or that stand only at the end of a word.
    let plain = match c {
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ð' | 'ɖ' | 'ɗ' => "d",
        'ⱥ' => "a",
        'ƀ' | 'ɓ' => "b",
        'ƈ' | 'ȼ' => "c",
        'ɇ' | 'ə' | 'ǝ' | 'ɛ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' | 'ɣ' => "g",
        'ɨ' => "i",
        'ȷ' | 'ɉ' => "j",
        'ƙ' | 'ĸ' => "k",
        'ƚ' | 'ɫ' | 'ɬ' => "l",
        'ŋ' | 'ɲ' | 'ƞ' => "n",
        'ɔ' | 'ɵ' => "o",
        'ƥ' => "p",
        'ɍ' | 'ɽ' => "r",
        'ƭ' | 'ʈ' => "t",
        'ʉ' | 'ʊ' => "u",
        'ʋ' => "v",
        'ƿ' => "w",
        'ɏ' | 'ƴ' => "y",
        'ƶ' | 'ȥ' => "z",
        'ґ' => "г",
        'ٱ' => "ا",
        'ى' | 'ی' | 'ې' => "ي",
        'ک' => "ك",
        'ة' | 'ہ' | 'ھ' | 'ە' => "ه",
        'ך' => "כ",
        'ם' => "מ",
        'ן' => "נ",
        'ף' => "פ",
        'ץ' => "צ",
        // The fraction slash of ½, and the minus sign.
        '\u{2044}' => "/",
        '\u{2212}' => "-",
        // These only stretch a word of Arabic or N'Ko.
        '\u{640}' | '\u{7fa}' => "",
        _ => return folded.push(digit(c).unwrap_or(c)),
    };
    folded.push_str(plain);
}

/// The ASCII digit of the same value.
fn digit(c: char) -> Option<char> {
    let is_digit = |c: &char| category(*c) == GeneralCategory::DecimalNumber;
    if !is_digit(&c) {
        return None;
    }
    // The digits of a script are a range from 0 to 9 (Unicode §4.6), and some ranges follow one another.
    let lower = ('\0'..c).rev().take_while(is_digit).count();
    char::from_digit(u32::try_from(lower % 10).ok()?, 10)
}

pub fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Apostrophes, and letters of Unicode that people type as apostrophes.
pub fn is_apostrophe(c: char) -> bool {
    const APOSTROPHES: [char; 15] = [
        '\'', '`', '\u{b4}', '\u{2018}', '\u{2019}', '\u{2bb}', '\u{2bc}', '\u{2bd}', '\u{2be}', '\u{2bf}',
        '\u{2032}', '\u{55a}', '\u{5f3}', '\u{a78b}', '\u{a78c}',
    ];
    APOSTROPHES.contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digits_of_every_script_have_their_values() {
        for zero in ['0', '٠', '۰', '߀', '०', '๐', '༠', '၀', '០', '᪀', '᪐', '０', '\u{116da}', '\u{1e950}']
        {
            let digits: String = (zero..).take(10).collect();
            assert_eq!(fold(&digits), "0123456789", "{zero}");
        }
    }

    #[test]
    fn text_that_expands_is_folded_only_at_its_beginning() {
        assert_eq!(fold(&"\u{fdfa}".repeat(350_000)).chars().count(), FOLDED_MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn folding_twice_changes_nothing(
            text in prop_oneof![any::<String>(), "[a-zÀ-ɏ\u{250}-\u{370}\u{5d0}-\u{6ff}`´⁄−]{0,30}"],
        ) {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }
    }
}
