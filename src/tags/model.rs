//! The key of a tag. Tags with the same key are one tag, and the keys are in the order in which people sort the tags.
//!
//! **Invariant:** every todo stores the keys of its tags, so a change of the key needs a migration.

use crate::owned::text::caseless;
use crate::owned::visible::tidied;
use crate::todos::name_order::name_key;

// In characters. Tags whose sort keys agree so far are in the order of their code points.
const SORT_KEY_MAX: usize = 200;
// Less than any character of a sort key, so that `home` is before `home office`.
const SEPARATOR: char = '\0';

/// First the sort key, and then, because tags such as `résumé` and `resume` differ, the tag itself without regard to case.
pub fn key(tag: &str) -> String {
    let tidied = tidied(tag);
    // Earlier versions stored tags of which tidying leaves nothing.
    let caseless = caseless(if tidied.is_empty() { tag } else { &tidied });
    // Of the caseless text, so that equal tags have equal sort keys.
    let sort_key = name_key(&caseless);
    let mut key: String = sort_key.chars().filter(|c| *c != SEPARATOR).take(SORT_KEY_MAX).collect();
    key.push(SEPARATOR);
    key.push_str(&caseless);
    key
}

pub fn keys(tags: &[String]) -> Vec<String> {
    tags.iter().map(|tag| key(tag)).collect()
}

/// Gives tags the spelling that `spelling` has for their keys, and keeps one of several tags with the same key.
pub fn merged(tags: Vec<String>, mut spelling: impl FnMut(&str, String) -> String) -> Vec<String> {
    let (mut merged, mut seen) = (Vec::new(), Vec::new());
    for tag in tags {
        let key = key(&tag);
        if !seen.contains(&key) {
            merged.push(spelling(&key, tag));
            seen.push(key);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tags_that_differ_in_case_are_one_tag() {
        for (a, b) in [
            ("Work", "wORK"),
            ("Straße", "STRASSE"),
            ("Émile", "e\u{301}MILE"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{feff}a", "A"),
        ] {
            assert_eq!(key(a), key(b), "{a} and {b}");
        }
        for (a, b) in
            [("resume", "résumé"), ("x2", "x²"), ("home", "home office"), ("a", "a\0"), ("'a'", "a")]
        {
            assert_ne!(key(a), key(b), "{a} and {b}");
        }
    }

    #[test]
    fn tags_are_in_the_order_in_which_people_sort() {
        let sorted = [
            "1",
            "2",
            "10",
            "Äpfel",
            "apple",
            "Banana",
            "éclair",
            "home",
            "Home office",
            "item 2",
            "Item 10",
            "œuf",
            "zoo",
        ];
        let mut tags = sorted;
        tags.reverse();
        tags.sort_by_key(|tag| key(tag));
        assert_eq!(tags, sorted);
    }

    proptest! {
        #[test]
        fn a_key_belongs_to_one_caseless_tag(a in "[aAäÄ\0 '1]{1,4}", b in "[aAäÄ\0 '1]{1,4}") {
            let is_one = caseless(&tidied(&a)) == caseless(&tidied(&b));
            prop_assume!(!tidied(&a).is_empty() && !tidied(&b).is_empty());
            prop_assert_eq!(key(&a) == key(&b), is_one);
        }
    }
}
