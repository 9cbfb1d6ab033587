//! The words by which a search finds a todo.
//!
//! For the index, in scripts that put no spaces between words, every two neighboring characters are a word, and so is the
//! last character of a run.
//!
//! An index cannot find everything: it holds the beginning of a long word, and it does not know which pairs of characters
//! are neighbors. [`Search::matches`] decides this with the text.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::folded_text::{FoldedText, Kind, Run};

/// The number of searchable words of a todo: those of the name, then those at the beginning of the description.
pub const WORDS_MAX: usize = 300;
/// In characters. The index holds only the beginning of a longer word.
pub const WORD_MAX: usize = 24;
// Each prefix of a search is compared with up to `WORDS_MAX` words of each examined todo. Further words of the search are
// compared with the texts of todos that have these prefixes.
const CONDITIONS_MAX: usize = 10;

/// The words to store: the first [`WORDS_MAX`], each once, in the order of code points.
pub fn words_of(texts: &[&str]) -> Vec<String> {
    let folded: Vec<_> = texts.iter().map(|text| FoldedText::new(text)).collect();
    let mut first = BTreeSet::new();
    for word in folded.iter().flat_map(FoldedText::runs).flat_map(words) {
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
    pub compounds: Vec<Compound>,
    /// What the stored words do not decide.
    undecided: Vec<Undecided>,
    pub word_count: usize,
}

/// A word of several parts, such as `e-mail`. Either the whole word or each of its parts must begin a stored word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compound {
    pub whole: String,
    pub parts: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Undecided {
    /// Must begin a word of the text.
    Word(String),
    Compound(Compound),
    /// Must stand anywhere in the text.
    Content(String),
}

impl Search {
    /// `None` if `q` has no letters, digits and symbols.
    pub fn read(q: &str) -> Option<Self> {
        let folded = FoldedText::new(q);
        let terms = without_redundant(folded.runs());
        let word_count = terms.iter().map(|term| term.parts().count()).sum();
        let mut search = Self { prefixes: vec![], compounds: vec![], undecided: vec![], word_count };
        let mut more = Vec::new();
        for term in &terms {
            search.add(*term, &mut more);
        }
        more.truncate(search.room());
        search.prefixes.append(&mut more);
        search.prefixes.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        search.prefixes.dedup();
        (!terms.is_empty()).then_some(search)
    }

    fn room(&self) -> usize {
        let compounds: usize = self.compounds.iter().map(|compound| 1 + compound.parts.len()).sum();
        CONDITIONS_MAX.saturating_sub(self.prefixes.len() + compounds)
    }

    fn add(&mut self, term: Run<'_>, more: &mut Vec<String>) {
        let room = self.room();
        let compound =
            || Compound { whole: term.text.to_owned(), parts: term.parts().map(str::to_owned).collect() };
        let (parts, words) = (term.parts().count(), words(term));
        let is_whole = words.first().is_some_and(|first| *first == term.text);
        if parts > 1 && parts < room {
            let parts = term.parts().map(|part| cut(part).to_owned()).collect();
            self.compounds.push(Compound { whole: cut(term.text).to_owned(), parts });
            if !is_whole {
                self.undecided.push(Undecided::Compound(compound()));
            }
            return;
        }
        // Both the whole word and its parts begin with the first part.
        let first = if parts > 1 { term.parts().next().map(cut) } else { words.first().copied() };
        self.prefixes.extend(first.filter(|_| room > 0).map(str::to_owned));
        if room == 0 || parts > 1 || !is_whole {
            self.undecided.push(match term.kind {
                Kind::Spaced if parts > 1 => Undecided::Compound(compound()),
                Kind::Spaced => Undecided::Word(term.text.to_owned()),
                _ => Undecided::Content(term.text.to_owned()),
            });
        }
        if term.kind == Kind::Unspaced {
            // The last pair, before the last character alone. It makes the candidates fewer.
            let last = words.iter().nth_back(1).filter(|last| Some(**last) != first);
            more.extend(last.map(|last| (*last).to_owned()));
        }
    }

    /// Whether a todo that has all prefixes must be checked with [`Search::matches`].
    pub fn needs_text(&self) -> bool {
        !self.undecided.is_empty()
    }

    /// Whether a todo with these texts matches, if the stored words do.
    pub fn matches(&self, texts: &[&str]) -> bool {
        let folded: Vec<_> = texts.iter().map(|text| FoldedText::new(text)).collect();
        let begins_a_word = |word: &String| {
            let mut runs = folded.iter().filter(|text| text.text().contains(word)).flat_map(FoldedText::runs);
            runs.any(|run| run.kind == Kind::Spaced && run.beginnings().any(|rest| rest.starts_with(word)))
        };
        self.undecided.iter().all(|undecided| match undecided {
            Undecided::Word(word) => begins_a_word(word),
            Undecided::Compound(Compound { whole, parts }) => {
                begins_a_word(whole) || parts.iter().all(begins_a_word)
            }
            Undecided::Content(content) => folded.iter().any(|text| text.text().contains(content)),
        })
    }
}

/// The words and runs of a search, without those that another one implies: a word that begins another word, and a run
/// that another run contains.
fn without_redundant<'a>(runs: impl Iterator<Item = Run<'a>>) -> Vec<Run<'a>> {
    let mut seen = BTreeSet::new();
    let is_new = |run: &Run<'a>| seen.insert((run.kind, run.parts().collect::<Vec<_>>()));
    let words: Vec<_> = runs.filter(|run| !matches!(run.kind, Kind::Mark | Kind::Gap)).collect();
    let words: Vec<_> = words.into_iter().filter(is_new).collect();
    let is_implied = |term: &Run<'_>| words.iter().any(|other| implies(*other, *term));
    let mut needed: Vec<_> = words.iter().filter(|term| !is_implied(term)).copied().collect();
    // The longest first, because they presumably begin the fewest words.
    needed.sort_by_key(|term| Reverse(term.text.len()));
    needed
}

fn implies(other: Run<'_>, term: Run<'_>) -> bool {
    if other.kind != term.kind {
        return false;
    }
    match term.kind {
        Kind::Unspaced => other.text.len() > term.text.len() && other.text.contains(term.text),
        Kind::Spaced => {
            let is_longer = other.parts().count() > 1 || other.text.len() > term.text.len();
            let begins = other.parts().next().is_some_and(|first| first.starts_with(term.text));
            term.parts().count() == 1 && is_longer && begins
        }
        _ => false,
    }
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

/// The words of a run, for the index.
fn words(run: Run<'_>) -> Vec<&str> {
    match run.kind {
        Kind::Spaced => run.beginnings().map(cut).collect(),
        Kind::Unspaced => run.pairs().into_iter().map(cut).collect(),
        Kind::Sign => vec![run.text],
        Kind::Mark | Kind::Gap => Vec::new(),
    }
}

fn cut(word: &str) -> &str {
    word.char_indices().nth(WORD_MAX).map_or(word, |(end, _)| &word[..end])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use icu_normalizer::DecomposingNormalizer;
    use proptest::prelude::*;

    use super::*;
    use crate::owned::text::DESCRIPTION_MAX;

    fn finds(q: &str, text: &str) -> bool {
        finds_among(q, &words_of(&[text]), text)
    }

    fn finds_among(q: &str, words: &[String], text: &str) -> bool {
        let Some(search) = Search::read(q) else { return true };
        let has = |prefix: &String| words.iter().any(|word| word.starts_with(prefix));
        let has_either = |Compound { whole, parts }: &Compound| has(whole) || parts.iter().all(has);
        search.prefixes.iter().all(has)
            && search.compounds.iter().all(has_either)
            && (!search.needs_text() || search.matches(&[text]))
    }

    fn search(q: &str) -> Search {
        Search::read(q).unwrap()
    }

    fn prefixes_of(q: &str) -> Vec<String> {
        search(q).prefixes
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
            ("co-op", "COOP"),
            ("co-op", "co op"),
            ("coop", "co-op"),
            ("email", "an e-mail address"),
            ("mail", "E-Mail"),
            ("e-mail", "email"),
            ("e-mai", "EMAILS"),
            ("E‑Mail‑Adr", "E-Mail Adresse"),
            ("email-adresse", "E-Mail-Adresse"),
            ("sub-part", "super-sub-part"),
            ("usa", "the U.S.A."),
            ("U.S.", "USA"),
            ("cant", "I can\u{b4}t, can’t"),
            ("can't", "cant"),
            ("can`t", "can\u{2bc}t"),
            ("hawaii", "Hawaiʻi"),
            ("צהל", "צה״ל"),
            ("צה\"ל", "צהל"),
            ("collecció", "col·lecció"),
            ("snake_case_name", "snakecasename"),
            ("casename", "snake_case_name"),
            ("3.14", "π is 3.14159"),
            ("soft\u{ad}ware", "software"),
            ("oeuvre", "Œuvre"),
            ("œuvre", "oeuvre"),
            ("aegir", "Ægir"),
            ("æ", "aether"),
            ("thor", "Þór"),
            ("Þór", "thor"),
            ("eyd", "Seyðisfjörður eyð"),
            ("strasse", "Straße"),
            ("azerbaycan", "Azərbaycan"),
            ("fin", "ﬁn"),
            ("الله", "اللـــه"),
            ("محمـد", "محمد"),
            ("على", "علي"),
            ("یک", "يك"),
            ("42", "٤٢"),
            ("٤٢", "42"),
            ("१२", "۱۲"),
            ("2", "ข้อ ๒"),
            ("½", "1/2"),
            ("€", "5 €"),
            ("€5", "€ 5"),
            ("$", "$5"),
            ("→", "a→b"),
            ("#1", "take #1"),
            ("±", "±3"),
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
            ("e-mail", "mail"),
            ("mail-e", "email"),
            ("e.mail", "e"),
            ("maile", "e-mail"),
            ("→", "€"),
            ("aaaaaaaaaaaaa-aaaaaaaaaaaab", "aaaaaaaaaaaaa-aaaaaaaaaaaac"),
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
        assert!(!search("一丁 a").needs_text() && search("一丁七").needs_text());
    }

    #[test]
    fn a_long_search_has_few_conditions() {
        let runs: Vec<String> = (0_u32..10)
            .map(|n| (0..49).filter_map(|m| char::from_u32(0x4e00 + 100 * n + m)).collect())
            .collect();
        let long = search(&runs.join(" "));
        assert_eq!((long.word_count, long.prefixes.len()), (10, 10));
        assert_eq!(prefixes_of(&runs[0]).len(), 2);
        let many = "a.b.c.d.e.f.g.h.i.j.k 🎂🎉 東 lm";
        let read = search(many);
        assert_eq!(
            (read.word_count, read.prefixes.len(), read.compounds.len(), read.needs_text()),
            (15, 5, 0, true)
        );
        for q in [
            "a.b.c e-mail f.g h.i",
            "a-b-c-d-e-f-g-h-i e-mail",
            "a b c d e f g h i j.k",
            "a-b-c-d-e-f-g-h-i-j-k",
        ] {
            let Search { prefixes, compounds, .. } = search(q);
            let conditions = compounds.iter().map(|compound| 1 + compound.parts.len()).sum::<usize>();
            assert!(
                (2..=CONDITIONS_MAX).contains(&(prefixes.len() + conditions)) || prefixes.len() == 1,
                "{q}"
            );
        }
        assert!(
            finds(many, "abc bcd c d e f g h i j k lmn 東京 🎉🎂")
                && !finds(many, "a b c d e f g h i j k 東 🎂 lm")
        );
        assert!(!finds(many, "a b c d e f g h i j xk lm 東 🎂🎉"));
        assert_eq!(prefixes_of("a bb a 東京 ccc"), ["東京", "ccc", "bb", "a"]);
    }

    #[test]
    fn no_word_of_a_query_is_redundant() {
        assert_eq!(prefixes_of("a ab abc b ab"), ["abc", "b"]);
        assert_eq!(prefixes_of("東京タワー 京タ 東京"), ["ワー", "東京"]);
        assert_eq!(search("a ab abc b ab").word_count, 2);
        assert_eq!(search("e e-mail E-Mail em").prefixes, ["em"]);
        assert_eq!(search("e e-mail E-Mail em").compounds.len(), 1);
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
    fn a_search_of_only_punctuation_is_none() {
        for q in ["", "  ", "?!", "...", "++", "#", "\u{640}", "\u{200b}", "§"] {
            assert_eq!(Search::read(q), None, "{q}");
        }
    }

    #[test]
    fn a_word_of_several_parts_is_stored_once_for_each_part() {
        assert_eq!(words_of(&["E-Mail-Adresse"]), ["adresse", "emailadresse", "mailadresse"]);
        assert_eq!(words_of(&["U.S.A. - a"]), ["a", "sa", "usa"]);
        assert_eq!(words_of(&["-a- b. .c 'd'"]), ["a", "b", "c", "d"]);
        assert_eq!(words_of(&["5 € = 5 €"]), ["5", "€"]);
    }

    #[test]
    fn the_longest_texts_are_fast() {
        for unit in ["Überraschung, ", "a.b-c'd", "٤", "東京タワーのチケット", "한국어 ", "👩🏽‍🚀", "\u{fdfa}"]
        {
            let han = '一'..='鿿';
            let text: String =
                unit.chars().cycle().zip(han).flat_map(|(c, han)| [c, han]).take(16_884).collect();
            let start = Instant::now();
            assert_eq!(words_of(&[&text]).len(), WORDS_MAX);
            let q: String = text.chars().take(500).collect();
            assert!(search(&q).matches(&[&text]));
            assert!(start.elapsed() < Duration::from_secs(2), "{unit}: {:?}", start.elapsed());
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-zA-ZÀ-ɏ \u{300}-\u{370}'’_.-]{0,30}",
            "[ae1٤€$ ʼ\"._-]{0,30}",
            "[\u{370}-\u{52f}\u{590}-\u{6ff}\u{900}-\u{97f} ]{0,30}",
            "[\u{e00}-\u{e7f}\u{1000}-\u{109f}\u{1780}-\u{17ff}\u{200b}-\u{200d} ]{0,30}",
            "[ぁ-ヿ一-龥가-힣ㄱ-ㆎ\u{1100}-\u{11ff}\u{3000}-\u{303f}a1]{0,30}",
            "[\u{1f1e6}-\u{1f9ff}\u{2190}-\u{27bf}\u{fe0f}\u{200d}a ]{0,30}",
        ]
    }

    #[test]
    fn text_that_expands_or_has_no_limit_is_folded_only_at_its_beginning() {
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
            let accented: String = text.chars().flat_map(|c| [Some(c), c.is_alphanumeric().then(|| accent.chars().next().unwrap())]).flatten().collect();
            prop_assert_eq!(&words_of(&[&accented]), &words);
        }

        #[test]
        fn a_run_is_found_only_where_it_is_whole(run in "[東京都の]{3,9}", text in "[東京都の、 ]{0,60}") {
            prop_assert_eq!(finds(&run, &text), text.contains(&run));
        }

        #[test]
        fn words_of_the_earlier_form_are_found(text in "[a-zA-Z0-9é東京都の👍 '.-]{0,40}") {
            // Each part alone.
            let folded = FoldedText::new(&text);
            let parts: Vec<String> = folded
                .runs()
                .flat_map(|run| match run.kind {
                    Kind::Spaced => run.parts().map(str::to_owned).collect(),
                    _ => words(run).into_iter().map(str::to_owned).collect::<Vec<_>>(),
                })
                .collect();
            prop_assert!(finds_among(&text, &parts, &text));
        }
    }
}
