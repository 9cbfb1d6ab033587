//! Texts that are expensive to store, to index or to send.

/// The maximum length of a description, in characters.
pub(crate) const DESCRIPTION: usize = 16_384;

/// Letters of scripts with spaces between words. None of them folds to another.
fn letters() -> Vec<char> {
    let cyrillic = ('а'..='я').filter(|letter| *letter != 'й');
    let greek = ('α'..='ω').filter(|letter| *letter != 'ς');
    ('a'..='z').chain(greek).chain(cyrillic).collect()
}

/// Different words of two letters, always the same ones in the same order.
pub(crate) fn short_words(count: usize) -> Vec<String> {
    let letters = letters();
    let pairs = letters.iter().flat_map(|first| letters.iter().map(move |second| format!("{first}{second}")));
    pairs.take(count).collect()
}

/// The longest description in a script without spaces: every character begins a word, and all words differ.
pub(crate) fn unspaced(seed: usize) -> String {
    // The unified ideographs from U+4E00 on. The steps are coprime to their number, so that all pairs differ for long.
    let ideographs = 20_000;
    let character = |place: usize| char::from_u32(0x4E00 + u32::try_from(place % ideographs).unwrap());
    (0..DESCRIPTION).filter_map(|n| character((seed * 7_919) + n * (7 + seed % 89 * 10))).collect()
}

/// The longest description that JSON can make of it: each character takes six bytes.
pub(crate) fn escaped() -> String {
    "\u{1}".repeat(DESCRIPTION)
}
