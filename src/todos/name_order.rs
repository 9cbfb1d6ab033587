//! The key by which todos sort by name: base letters in the order of the root collation of CLDR, and numbers by value.
//!
//! **Invariant:** the database stores keys, and another release of the collation may compute others. So `Cargo.toml` names
//! one release exactly, and another one needs a migration.

use std::sync::LazyLock;

use icu_collator::options::{CollatorOptions, Strength};
use icu_collator::preferences::CollationNumericOrdering;
use icu_collator::{CollatorBorrowed, CollatorPreferences};
use icu_properties::props::{GeneralCategory, GeneralCategoryGroup};

use super::folding::{category, fold_basically, is_apostrophe, is_ignored};
use crate::owned::text::NAME_MAX;

// In bytes. A name of `NAME_MAX` letters of any script needs fewer, except for ligatures that stand for whole words.
const KEY_MAX: usize = 2_000;
// In characters.
const EARLIER_KEY_MAX: usize = 100;

static COLLATOR: LazyLock<CollatorBorrowed<'static>> = LazyLock::new(|| {
    let mut preferences = CollatorPreferences::default();
    preferences.numeric_ordering = Some(CollationNumericOrdering::True);
    let mut options = CollatorOptions::default();
    options.strength = Some(Strength::Primary);
    #[expect(
        clippy::expect_used,
        reason = "the data of the root collation is compiled in, and a test uses it"
    )]
    CollatorBorrowed::try_new(preferences, options).expect("the data of the collation is missing")
});

pub fn name_key(name: &str) -> String {
    let shown = name.chars().filter(|c| !is_quote(*c)).take(NAME_MAX).collect::<String>();
    // A name of punctuation sorts by its punctuation.
    let counted = shown.find(|c| !is_skipped(c)).map_or(name.trim(), |start| &shown[start..]);
    let counted = counted.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut key = Vec::new();
    let Ok(()) = COLLATOR.write_sort_key_to(&counted.chars().take(NAME_MAX).collect::<String>(), &mut key);
    key.truncate(KEY_MAX);
    // Text, because MongoDB compares binary values by their lengths first. UTF-8 keeps the order of the bytes.
    key.into_iter().map(char::from).collect()
}

/// The key by which the versions before sort. Instances of these versions may run during a release.
pub fn earlier_name_key(name: &str) -> String {
    let folded = fold_basically(name.chars());
    let words: Vec<_> = folded.split_whitespace().collect();
    words.join(" ").chars().take(EARLIER_KEY_MAX).collect()
}

fn is_quote(c: char) -> bool {
    let quotes = [GeneralCategory::InitialPunctuation, GeneralCategory::FinalPunctuation];
    c == '"' || is_apostrophe(c) || quotes.contains(&category(c))
}

/// What stands in front of the first letter, digit or symbol.
fn is_skipped(c: char) -> bool {
    let skipped = GeneralCategoryGroup::Punctuation.union(GeneralCategoryGroup::Separator);
    c.is_whitespace() || is_ignored(c) || skipped.contains(category(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut names: Vec<&str>) -> Vec<&str> {
        names.sort_by_key(|name| name_key(name));
        names
    }

    #[test]
    fn names_sort_by_base_letters_and_numbers_by_value() {
        let (nines, ten) = ("9".repeat(250), format!("1{}", "0".repeat(250)));
        for names in [
            vec!["1", "2", "10", "a"],
            vec!["task 2", "task ٣", "task 04", "task 5", "task 10", "task 11b"],
            vec!["v1.9", "v1.10", "v2.0"],
            vec!["7", "9007199254740993", "18446744073709551616", &nines, &ten],
            vec!["od", "œdème", "œuf", "of", "ofen", "øl", "om"],
            vec!["ad", "ægir", "af", "Ål", "Ärger", "az", "Bär"],
            vec!["l", "Łódź", "London"],
            vec!["deň", "Đurđa", "dz"],
            vec!["'absent'", "“book”", "«chat»", "...dot", "ʻElima", "(first)", "- go", "#hash"],
            vec!["Oak", "O'Brien", "ODell", "o’neil", "Opal"],
            vec!["αβγ", "άλφα", "ώρα"],
            vec!["ґанок", "гусь", "день", "ива", "їжак", "йод", "кіт", "якір"],
            vec!["z", "ω", "я", "ת", "ب", "あ", "一", "東京"],
            vec!["ガ", "きく", "ク", "け"],
            vec!["🎂", "1", "a"],
        ] {
            let mut reversed = names.clone();
            reversed.reverse();
            assert_eq!(sorted(reversed), names);
        }
    }

    #[test]
    fn names_that_look_alike_have_one_key() {
        for (a, b) in [
            ("  Änne \t\u{a0} STRAẞE ", "anne strasse"),
            ("task 007", "Task 7"),
            ("٤٢", "42"),
            ("ʻOkina", "okina"),
            ("\"it's\"", "its"),
            ("\u{feff}a\u{200b}b", "ab"),
        ] {
            assert_eq!(name_key(a), name_key(b), "{a} {b}");
        }
        assert_ne!(name_key("???"), name_key("!"));
    }

    #[test]
    fn a_name_of_500_characters_counts_completely_and_keys_are_bounded() {
        let key = |unit: &str, end: &str| name_key(&format!("{}{end}", unit.repeat(NAME_MAX - 1)));
        for unit in ["a", "ж", "東", "ب"] {
            assert!(key(unit, "ა") < key(unit, "東") || unit == "東", "{unit}");
            assert_ne!(key(unit, "a"), key(unit, "b"), "{unit}");
        }
        assert_eq!(name_key(&"\u{fdfa}".repeat(100_000)).chars().count(), KEY_MAX);
    }

    #[test]
    fn keys_are_those_that_databases_store() {
        // If this fails because of another release of the collation, add a migration that derives fields again.
        let key = |name: &str| name_key(name).chars().map(u32::from).collect::<Vec<_>>();
        assert_eq!(key("Task 12: Ж"), [81, 43, 79, 63, 4, 16, 14, 7, 54, 4, 98, 44]);
    }

    #[test]
    fn earlier_keys_are_those_of_earlier_versions() {
        assert_eq!(earlier_name_key("  Änne \t\u{a0} STRAẞE œ 10"), "anne strasse œ 10");
        assert_eq!(earlier_name_key(&"ab ".repeat(90)).chars().count(), 100);
    }
}
