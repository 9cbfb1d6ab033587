//! The words by which a search finds a todo, and the key by which todos sort by name. Both ignore case, accents and
//! differences of Unicode form.
//!
//! A word is a run of letters and digits, so that `host` finds `email@host.org` and `neil` finds `O'Neil`. The word
//! boundaries of UAX #29 would keep both as one word. In scripts that put no spaces between words (Chinese, Japanese,
//! Thai), every character begins a word. An emoji is a word of its own. Other symbols and punctuation belong to no word.
//!
//! **Invariant:** queries and texts are folded alike. The database stores folded words, so a change of the folding needs a
//! migration.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_normalizer::properties::CanonicalCombiningClassMap;
use icu_properties::props::{
    DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, LineBreak,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::owned::text::DESCRIPTION_MAX;

// In characters; longer words are cut off. Limits the size of an index entry.
pub const WORD_MAX: usize = 64;
// In characters with their marks: the length of a word in a script without spaces.
const UNSPACED_MAX: usize = 8;
// In characters. Names that differ only after so many characters sort by id.
const SORT_KEY_MAX: usize = 100;

pub fn words_of(texts: &[&str]) -> Vec<String> {
    let folded: Vec<_> = texts.iter().map(|text| fold(text)).collect();
    let mut words: Vec<_> = folded.iter().flat_map(|text| words(text, windows)).collect();
    words.sort_unstable();
    words.dedup();
    words.into_iter().map(str::to_owned).collect()
}

/// The prefixes of a search: `q` finds a text if each prefix begins a word of the text. No prefix begins another. The
/// result is empty if `q` has no letters, digits and emoji.
pub fn prefixes_of(q: &str) -> Vec<String> {
    let folded = fold(q);
    let mut prefixes = words(&folded, covering_windows);
    prefixes.sort_unstable();
    // After sorting, a word stands directly before the words that begin with it, and the longer word implies the shorter.
    prefixes.dedup_by(|next, prefix| {
        let is_redundant = next.starts_with(*prefix);
        if is_redundant {
            *prefix = *next;
        }
        is_redundant
    });
    prefixes.into_iter().map(str::to_owned).collect()
}

/// The words that begin with `prefix`: from the first text (included) to the second (excluded), or without an end.
pub fn prefix_range(prefix: &str) -> (String, Option<String>) {
    // MongoDB compares strings by UTF-8 bytes, which is the order of code points.
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // A range of `char` skips the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return (prefix.to_owned(), Some(end));
        }
    }
    (prefix.to_owned(), None)
}

/// The folded name, with one space for each run of white space.
pub fn sort_key(name: &str) -> String {
    let words: Vec<_> = fold(name).split_whitespace().map(str::to_owned).collect();
    words.join(" ").chars().take(SORT_KEY_MAX).collect()
}

// In characters. The longest description in Hangul, each syllable of which NFKD turns into three letters. Other characters
// become up to 18, and texts that the original's routes store have no limit except for the body's.
const FOLDED_MAX: usize = 3 * DESCRIPTION_MAX;

/// NFKD (UAX #15), case folding (Unicode §3.13), and removal of accents.
fn fold(text: &str) -> String {
    // Invisible characters go first, because one between two marks would prevent their canonical ordering.
    let nfkd = DecomposingNormalizer::new_nfkd();
    let decomposed = nfkd.normalize_iter(text.chars().filter(|c| !is_ignored(*c)));
    let decomposed: String = decomposed.take(FOLDED_MAX).collect();
    let folded = CaseMapper::new().fold_string(&decomposed);
    // Compatibility caseless matching (Unicode §3.13, D146) normalizes again after folding.
    nfkd.normalize_iter(folded.chars()).filter(|c| !is_accent(*c)).map(without_stroke).collect()
}

/// Invisible characters (such as soft hyphens, joiners and variation selectors of emoji), and enclosing marks.
fn is_ignored(c: char) -> bool {
    !c.is_ascii()
        && (CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
            || CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::EnclosingMark)
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A letter or digit of a script with spaces between words.
    Spaced,
    /// A letter of a script without spaces between words.
    Unspaced,
    Mark,
    Emoji,
    Gap,
}

fn kind(c: char) -> Kind {
    use {GeneralCategory as Category, GeneralCategoryGroup as Group};
    // Unicode classifies these two as letters, but people type them as apostrophes.
    const APOSTROPHES: [char; 2] = ['\u{2bb}', '\u{2bc}'];
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Kind::Spaced } else { Kind::Gap };
    }
    let category = CodePointMapData::<Category>::new().get(c);
    let line_break = CodePointMapData::<LineBreak>::new().get(c);
    let is_letter = Group::Letter.union(Group::Number).contains(category) && !APOSTROPHES.contains(&c);
    if Group::Mark.contains(category) {
        Kind::Mark
    } else if is_letter && !breaks_anywhere(line_break) {
        Kind::Spaced
    } else if is_letter || line_break == LineBreak::RegionalIndicator {
        Kind::Unspaced
    } else if category == Category::OtherSymbol || CodePointSetData::new::<ExtendedPictographic>().contains(c)
    {
        Kind::Emoji
    } else {
        Kind::Gap
    }
}

fn breaks_anywhere(class: LineBreak) -> bool {
    // UAX #14 §5.1: these classes are Han, Kana, and the scripts of Southeast Asia, which put no spaces between words.
    matches!(
        class,
        LineBreak::Ideographic
            | LineBreak::ConditionalJapaneseStarter
            | LineBreak::Nonstarter
            | LineBreak::ComplexContext
    )
}

fn words(folded: &str, choose: fn(&str) -> Vec<&str>) -> Vec<&str> {
    let mut words = Vec::new();
    for (kind, run) in runs(folded) {
        match kind {
            Kind::Spaced => words.push(cut(run)),
            Kind::Unspaced => words.extend(choose(run).into_iter().map(cut)),
            Kind::Emoji => words.push(run),
            Kind::Mark | Kind::Gap => {}
        }
    }
    words
}

/// Splits a text into runs of one kind. Each emoji is a run of its own, and a mark belongs to the run before it.
fn runs(text: &str) -> Vec<(Kind, &str)> {
    let mut runs = Vec::new();
    let (mut start, mut current) = (0, Kind::Gap);
    for (place, c) in text.char_indices() {
        let next = match (kind(c), current) {
            (Kind::Mark, Kind::Spaced | Kind::Unspaced) => current,
            // A mark without a base character is a word, so that a search can find it.
            (Kind::Mark, _) => Kind::Spaced,
            (other, _) => other,
        };
        if next != current || next == Kind::Emoji {
            runs.push((current, &text[start..place]));
            (start, current) = (place, next);
        }
    }
    runs.push((current, &text[start..]));
    runs
}

/// For texts: the words that begin at each character of a run without spaces.
fn windows(run: &str) -> Vec<&str> {
    let starts = starts(run);
    (0..starts.len()).map(|from| window(run, &starts, from)).collect()
}

/// For queries: the fewest [`windows`] that cover the run.
fn covering_windows(run: &str) -> Vec<&str> {
    let starts = starts(run);
    let last = starts.len().saturating_sub(UNSPACED_MAX);
    (0..last).step_by(UNSPACED_MAX).chain([last]).map(|from| window(run, &starts, from)).collect()
}

fn window<'a>(run: &'a str, starts: &[usize], from: usize) -> &'a str {
    let place = |nth: usize| starts.get(nth).copied().unwrap_or(run.len());
    &run[place(from)..place(from + UNSPACED_MAX)]
}

fn starts(run: &str) -> Vec<usize> {
    run.char_indices().filter(|(_, c)| kind(*c) != Kind::Mark).map(|(place, _)| place).collect()
}

fn cut(word: &str) -> &str {
    word.char_indices().nth(WORD_MAX).map_or(word, |(end, _)| &word[..end])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn finds(q: &str, text: &str) -> bool {
        let words = words_of(&[text]);
        prefixes_of(q).iter().all(|prefix| words.iter().any(|word| word.starts_with(prefix)))
    }

    #[test]
    fn a_search_matches_beginnings_of_words_and_ignores_case_and_accents() {
        let found = [
            ("C++", "Learn C++"),
            ("c", "C++"),
            ("email@host.org", "Write to email@host.org!"),
            ("host.o", "email@host.org"),
            ("O'Neil", "o\u{2019}neil"),
            ("o'neil", "O\u{2bc}Neil"),
            ("neil", "O'Neil"),
            ("naive", "naïve"),
            ("NAÏ", "nai\u{308}ve"),
            ("STRASSE", "Straße"),
            ("Straße", "strasse"),
            ("istanbul", "İstanbul"),
            ("İSTANBUL", "ıstanbul"),
            ("ΟΔΟΣ", "οδός"),
            ("Йод", "йод"),
            ("елка", "Ёлка"),
            ("lodz", "Łódź"),
            ("duong", "Đường"),
            ("שלום", "שָׁלוֹם"),
            ("مُحَمَّد", "محمد"),
            ("한", "한국"),
            ("하", "한국"),
            ("ㅎ", "한국"),
            ("ABC12", "ＡＢＣ１２３"),
            ("fi", "ﬁsh"),
            ("हिन्दी", "हिन्दी में"),
            ("ラーメン", "東京でラーメンを食べる"),
            ("ﾗｰﾒﾝ", "ラーメン"),
            ("東京タワーのチケットを買う", "明日は東京タワーのチケットを買う予定"),
            ("iphone", "買iPhone手機"),
            ("iPhone手機", "買iPhone手機"),
            ("กินข้าว", "ฉันกินข้าวแล้ว"),
            ("🎉", "Party🎉🎂!"),
            ("🎂🎉", "Party🎉🎂!"),
            ("👍", "👍🏽"),
            ("👩‍🚀", "an 👩🏽‍🚀"),
            ("❤", "❤️"),
            ("🇩🇪", "🇫🇷🇩🇪"),
            ("co-op", "COOP co op"),
            ("soft\u{ad}ware", "software"),
            ("...", "anything"),
        ];
        for (q, text) in found {
            assert!(finds(q, text), "{q} in {text}: {:?} {:?}", prefixes_of(q), words_of(&[text]));
        }
    }

    #[test]
    fn a_search_does_not_match_inside_a_word() {
        let missed = [
            ("ost", "email@host.org"),
            ("home work", "homework"),
            ("京東", "東京"),
            ("हिन", "हन"),
            ("パス", "バス"),
            ("한", "하나"),
            ("🎂", "🎉"),
            ("東京タワーの入口を買う", "東京タワーの入口、チケットを買う"),
        ];
        for (q, text) in missed {
            assert!(!finds(q, text), "{q} in {text}");
        }
    }

    #[test]
    fn words_are_distinct_sorted_and_at_most_64_characters() {
        assert_eq!(words_of(&["b a", "A (B) c!"]), ["a", "b", "c"]);
        assert_eq!(words_of(&["", " ., "]), [""; 0]);
        assert_eq!(words_of(&[&"é".repeat(65)]), ["e".repeat(64)]);
        assert!(finds(&"x".repeat(80), &"x".repeat(70)));
    }

    #[test]
    fn without_spaces_every_character_begins_a_word_of_eight() {
        assert_eq!(words_of(&["一二三四五六七八九"]).len(), 9);
        assert!(words_of(&["一二三四五六七八九"]).contains(&"一二三四五六七八".to_owned()));
        assert_eq!(prefixes_of("一二三四五六七八九"), ["一二三四五六七八", "二三四五六七八九"]);
        assert_eq!(prefixes_of("一二"), ["一二"]);
    }

    #[test]
    fn no_prefix_of_a_query_is_redundant() {
        assert_eq!(prefixes_of("a ab abc b ab"), ["abc", "b"]);
        assert_eq!(prefixes_of("?!"), [""; 0]);
    }

    #[test]
    fn a_range_ends_before_the_first_word_with_another_beginning() {
        let range = |prefix: &str| prefix_range(prefix).1;
        assert_eq!(range("ab").as_deref(), Some("ac"));
        assert_eq!(range("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(range("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(range("\u{10ffff}"), None);
        assert_eq!(range(""), None);
    }

    #[test]
    fn names_that_look_alike_sort_alike() {
        assert_eq!(sort_key("  Änne \t\u{a0} STRAẞE "), "anne strasse");
        assert_eq!(sort_key(&"ab ".repeat(90)).chars().count(), 100);
    }

    #[test]
    fn the_longest_texts_are_fast() {
        for unit in ["Überraschung, ", "東京タワーのチケット", "한국어 ", "👩🏽‍🚀", "\u{fdfa}"]
        {
            let han = '一'..='鿿';
            let text: String =
                unit.chars().cycle().zip(han).flat_map(|(c, han)| [c, han]).take(16_884).collect();
            let start = Instant::now();
            assert!(words_of(&[&text]).len() > 2_000);
            assert!(start.elapsed() < Duration::from_secs(2), "{unit}: {:?}", start.elapsed());
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-zA-ZÀ-ɏ \u{300}-\u{370}'’_.-]{0,30}",
            "[\u{370}-\u{52f}\u{590}-\u{6ff}\u{900}-\u{97f} ]{0,30}",
            "[\u{e00}-\u{e7f}\u{1000}-\u{109f}\u{1780}-\u{17ff}\u{200b}-\u{200d} ]{0,30}",
            "[ぁ-ヿ一-龥가-힣ㄱ-ㆎ\u{1100}-\u{11ff}\u{3000}-\u{303f}a1]{0,30}",
            "[\u{1f1e6}-\u{1f9ff}\u{2190}-\u{27bf}\u{fe0f}\u{200d}a ]{0,30}",
        ]
    }

    #[test]
    fn text_that_expands_or_has_no_limit_is_folded_only_at_its_beginning() {
        assert_eq!(fold(&"\u{fdfa}".repeat(350_000)).chars().count(), FOLDED_MAX);
        assert_eq!(words_of(&[&"\u{d55c}\u{ae00} ".repeat(5_000), "end"]).len(), 2);
        let longest = format!("{} end", "\u{bdc1}".repeat(DESCRIPTION_MAX - 4));
        assert!(words_of(&[&longest]).contains(&"end".to_owned()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn every_prefix_of_every_word_finds_the_text(text in text()) {
            for word in words_of(&[&text]) {
                prop_assert!(!word.is_empty());
                for (end, c) in word.char_indices() {
                    let prefix = &word[..end + c.len_utf8()];
                    prop_assert!(!prefixes_of(prefix).is_empty(), "{prefix:?}");
                    prop_assert!(finds(prefix, &text), "{prefix:?}");
                    let (from, to) = prefix_range(prefix);
                    prop_assert!(from <= word && to.is_none_or(|to| word < to), "{prefix:?}");
                }
            }
        }

        #[test]
        fn every_text_finds_itself_in_any_surroundings(text in text(), around in text()) {
            let surrounded = format!("{around} {text} {around}");
            prop_assert!(finds(&text, &surrounded));
        }

        #[test]
        fn case_accents_and_unicode_forms_do_not_matter(text in text(), accent in "[\u{300}-\u{314}]") {
            let words = words_of(&[&text]);
            // Decomposed first (Unicode §3.13, D145), because upper-casing can move an iota subscript.
            let capitals = DecomposingNormalizer::new_nfd().normalize(&text).to_uppercase();
            prop_assert_eq!(&words_of(&[&capitals]), &words);
            prop_assert_eq!(&words_of(&[&text.to_lowercase()]), &words);
            let nfc = icu_normalizer::ComposingNormalizer::new_nfc().normalize(&text).into_owned();
            prop_assert_eq!(&words_of(&[&nfc]), &words);
            prop_assert_eq!(sort_key(&capitals), sort_key(&text));
            let accented: String = text.chars().flat_map(|c| [Some(c), c.is_alphanumeric().then(|| accent.chars().next().unwrap())]).flatten().collect();
            prop_assert_eq!(&words_of(&[&accented]), &words);
        }

        #[test]
        fn folding_twice_changes_nothing(text in text()) {
            prop_assert_eq!(fold(&fold(&text)), fold(&text));
        }

        #[test]
        fn no_prefix_begins_another(text in text()) {
            let prefixes = prefixes_of(&text);
            for (n, a) in prefixes.iter().enumerate() {
                prop_assert!(prefixes.iter().enumerate().all(|(m, b)| n == m || !b.starts_with(a)));
            }
        }
    }
}
