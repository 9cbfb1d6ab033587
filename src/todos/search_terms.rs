//! The words by which a search finds a todo, and the key by which todos sort by name. Both ignore case, accents and
//! differences of Unicode form.
//!
//! A word is a run of letters and digits, so that `host` finds `email@host.org` and `neil` finds `O'Neil`. The word
//! boundaries of UAX #29 would keep both as one word. In scripts that put no spaces between words (Chinese, Japanese,
//! Thai), every two neighboring characters are a word, and so is the last character of a run. An emoji is a word of its
//! own. Other symbols and punctuation belong to no word.
//!
//! An index cannot find everything: it holds the beginning of a long word, and it does not know which pairs of characters
//! are neighbors. [`Search::matches`] decides this with the text.
//!
//! **Invariant:** queries and texts are folded alike. The database stores folded words, so a change of the folding needs a
//! migration.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizer;
use icu_normalizer::properties::CanonicalCombiningClassMap;
use icu_properties::props::{
    DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, LineBreak,
};
use icu_properties::{CodePointMapData, CodePointSetData};

use crate::owned::text::DESCRIPTION_MAX;

/// The number of searchable words of a todo: those of the name, then those at the beginning of the description.
pub const WORDS_MAX: usize = 300;
/// In characters. The index holds only the beginning of a longer word.
pub const WORD_MAX: usize = 24;
// Each prefix of a search is compared with up to `WORDS_MAX` words of each examined todo. Further words of the search are
// compared with the texts of todos that have these prefixes.
const CONDITIONS_MAX: usize = 10;
// In characters. Names that differ only after so many characters sort by id.
const SORT_KEY_MAX: usize = 100;

/// The words to store: the first [`WORDS_MAX`], each once, in the order of code points.
pub fn words_of(texts: &[&str]) -> Vec<String> {
    let folded: Vec<_> = texts.iter().map(|text| fold(text)).collect();
    let mut first = BTreeSet::new();
    for word in folded.iter().flat_map(|text| runs(text)).flat_map(|(kind, run)| words(kind, run)) {
        first.insert(word);
        if first.len() == WORDS_MAX {
            break;
        }
    }
    first.into_iter().map(str::to_owned).collect()
}

/// What a user searches for: a text matches if each word of the search begins a word of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// Each must begin a stored word. The first is the longest, which presumably begins the fewest words.
    pub prefixes: Vec<String>,
    /// Each must begin a word of the text: words longer than [`WORD_MAX`], and those without a prefix.
    beginnings: Vec<String>,
    /// Each must stand anywhere in the text: more than two characters of a script without spaces, and what has no prefix.
    contents: Vec<String>,
    pub word_count: usize,
}

impl Search {
    /// Without `prefixes` if `q` has no letters, digits and emoji.
    pub fn read(q: &str) -> Self {
        let folded = fold(q);
        let runs = without_redundant(&runs(&folded));
        let mut search =
            Self { prefixes: vec![], beginnings: vec![], contents: vec![], word_count: runs.len() };
        let mut more = Vec::new();
        for (number, (kind, run)) in runs.into_iter().enumerate() {
            let words = words(kind, run);
            let Some(&first) = words.first() else { continue };
            let has_prefix = number < CONDITIONS_MAX;
            if has_prefix {
                search.prefixes.push(first.to_owned());
            }
            if !has_prefix || first.len() < run.len() {
                let undecided =
                    if kind == Kind::Spaced { &mut search.beginnings } else { &mut search.contents };
                undecided.push(run.to_owned());
            }
            // The last pair, before the last character alone. It makes the candidates fewer.
            more.extend(
                words.iter().nth_back(1).filter(|last| **last != first).map(|last| (*last).to_owned()),
            );
        }
        let room = CONDITIONS_MAX.saturating_sub(search.prefixes.len());
        search.prefixes.extend(more.into_iter().take(room));
        search.prefixes.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        search.prefixes.dedup();
        search
    }

    /// Whether a todo that has all prefixes must be checked with [`Search::matches`].
    pub fn needs_text(&self) -> bool {
        !self.beginnings.is_empty() || !self.contents.is_empty()
    }

    /// Whether a todo with these texts matches, if it has all prefixes.
    pub fn matches(&self, texts: &[&str]) -> bool {
        let folded: Vec<_> = texts.iter().map(|text| fold(text)).collect();
        let contains = |run: &String| folded.iter().any(|text| text.contains(run));
        let begins_a_word = |word: &String| {
            let mut runs = folded.iter().filter(|text| text.contains(word)).flat_map(|text| runs(text));
            runs.any(|(kind, run)| kind == Kind::Spaced && run.starts_with(word))
        };
        self.contents.iter().all(contains) && self.beginnings.iter().all(begins_a_word)
    }
}

/// The words and runs of a search, without those that another one implies: a word that begins another word, and a run
/// that another run contains.
fn without_redundant<'a>(runs: &[(Kind, &'a str)]) -> Vec<(Kind, &'a str)> {
    let is_word = |(kind, _): &&(Kind, &str)| !matches!(kind, Kind::Mark | Kind::Gap);
    let runs: BTreeSet<_> = runs.iter().filter(is_word).copied().collect();
    let is_implied = |(kind, run): &(Kind, &str)| {
        runs.iter().any(|(other, longer)| {
            let begins_or_is_in =
                if *kind == Kind::Unspaced { longer.contains(run) } else { longer.starts_with(run) };
            other == kind && longer.len() > run.len() && begins_or_is_in
        })
    };
    let mut needed: Vec<_> = runs.iter().filter(|run| !is_implied(run)).copied().collect();
    // The longest first, because they presumably begin the fewest words.
    needed.sort_by_key(|(_, run)| Reverse(run.len()));
    needed
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// The words of a run, for the index.
fn words(kind: Kind, run: &str) -> Vec<&str> {
    match kind {
        Kind::Spaced => vec![cut(run)],
        Kind::Unspaced => pairs(run).into_iter().map(cut).collect(),
        Kind::Emoji => vec![run],
        Kind::Mark | Kind::Gap => Vec::new(),
    }
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

/// Every two neighboring characters, each with its marks, and the last character.
fn pairs(run: &str) -> Vec<&str> {
    let starts: Vec<_> =
        run.char_indices().filter(|(_, c)| kind(*c) != Kind::Mark).map(|(place, _)| place).collect();
    let place = |nth: usize| starts.get(nth).copied().unwrap_or(run.len());
    (0..starts.len()).map(|nth| &run[place(nth)..place(nth + 2)]).collect()
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
        let (search, words) = (Search::read(q), words_of(&[text]));
        let has = |prefix: &String| words.iter().any(|word| word.starts_with(prefix));
        search.prefixes.iter().all(has) && (!search.needs_text() || search.matches(&[text]))
    }

    fn prefixes_of(q: &str) -> Vec<String> {
        Search::read(q).prefixes
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
            ("東京タワー", "東京、京タ、タワ、ワー"),
            ("東京タワー", "東京の京タとタワとワー、東 京タワー"),
            ("กินข้าว", "กิน ข้าว นข้"),
            ("aaaaaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaac"),
            ("aaaaaaaaaaaaaaaaaaaaaaaab", "xaaaaaaaaaaaaaaaaaaaaaaaab aaaaaaaaaaaaaaaaaaaaaaaac"),
        ];
        for (q, text) in missed {
            assert!(!finds(q, text), "{q} in {text}");
        }
    }

    #[test]
    fn words_are_distinct_sorted_and_at_most_24_characters() {
        assert_eq!(words_of(&["b a", "A (B) c!"]), ["a", "b", "c"]);
        assert_eq!(words_of(&["", " ., "]), [""; 0]);
        assert_eq!(words_of(&[&"é".repeat(65)]), ["e".repeat(24)]);
        assert!(finds(&"x".repeat(70), &"x".repeat(80)));
        assert!(!finds(&"x".repeat(80), &"x".repeat(70)));
    }

    #[test]
    fn the_first_300_words_are_stored() {
        let text =
            |words: std::ops::Range<usize>| words.map(|n| format!("w{n} w{n}")).collect::<Vec<_>>().join(" ");
        let words = words_of(&[&text(0..200), &text(150..1_000)]);
        assert_eq!(words.len(), 300);
        assert!(words.contains(&"w299".to_owned()) && !words.contains(&"w300".to_owned()));
        let han: String = ('一'..='鿿').collect();
        assert_eq!(words_of(&["a b", &han]).len(), 300);
    }

    #[test]
    fn without_spaces_every_pair_and_the_last_character_are_words() {
        assert_eq!(words_of(&["一丁七丁七"]), ["一丁", "丁七", "七", "七丁"]);
        assert_eq!(prefixes_of("一丁七丈"), ["一丁", "七丈"]);
        assert_eq!(prefixes_of("一丁"), ["一丁"]);
        assert_eq!(prefixes_of("一"), ["一"]);
        assert!(!Search::read("一丁 a").needs_text() && Search::read("一丁七").needs_text());
    }

    #[test]
    fn a_long_search_has_few_conditions() {
        let runs: Vec<String> = (0_u32..10)
            .map(|n| (0..49).filter_map(|m| char::from_u32(0x4e00 + 100 * n + m)).collect())
            .collect();
        let search = Search::read(&runs.join(" "));
        assert_eq!((search.word_count, search.prefixes.len()), (10, 10));
        assert_eq!(Search::read(&runs[0]).prefixes.len(), 2);
        let many = "a.b.c.d.e.f.g.h.i.j.k 🎂🎉 東 lm";
        let search = Search::read(many);
        assert_eq!((search.word_count, search.prefixes.len(), search.needs_text()), (15, 10, true));
        assert!(
            finds(many, "abc bcd c d e f g h i j k lmn 東京 🎉🎂")
                && !finds(many, "a b c d e f g h i j k 東 🎂 lm")
        );
        assert!(!finds(many, "a b c d e f g h i j xk lm 東 🎂🎉"));
        assert_eq!(Search::read("a bb a 東京 ccc").prefixes, ["東京", "ccc", "bb", "a"]);
    }

    #[test]
    fn no_word_of_a_query_is_redundant() {
        assert_eq!(prefixes_of("a ab abc b ab"), ["abc", "b"]);
        assert_eq!(prefixes_of("東京タワー 京タ 東京"), ["ワー", "東京"]);
        assert_eq!(Search::read("a ab abc b ab").word_count, 2);
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
            assert_eq!(words_of(&[&text]).len(), WORDS_MAX);
            let q: String = text.chars().take(500).collect();
            assert!(Search::read(&q).matches(&[&text]));
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
        fn a_run_is_found_only_where_it_is_whole(run in "[東京都の]{3,9}", text in "[東京都の、 ]{0,60}") {
            prop_assert_eq!(finds(&run, &text), text.contains(&run));
        }

        #[test]
        fn words_of_the_earlier_form_are_found(text in text()) {
            // Every eight neighboring characters, and words of 64 characters.
            let folded = fold(&text);
            let earlier = |(kind, run): &(Kind, &str)| match kind {
                Kind::Unspaced => run.char_indices().map(|(place, _)| run[place..].to_owned()).collect(),
                Kind::Mark | Kind::Gap => vec![],
                _ => vec![(*run).to_owned()],
            };
            let earlier: Vec<String> = runs(&folded).iter().flat_map(earlier).collect();
            for prefix in prefixes_of(&text) {
                prop_assert!(earlier.iter().any(|word| word.starts_with(&prefix)), "{prefix:?}");
            }
        }
    }
}
