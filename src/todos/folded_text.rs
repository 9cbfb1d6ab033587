//! The words of a folded text.
//!
//! A word is a run of letters and digits. Hyphens, apostrophes and dots inside a word are left out, and every part of the
//! word begins a word too, so that `email`, `e-mail` and `mail` find `e-mail`, and `host` finds `email@host.org`. The word
//! boundaries of UAX #29 would hide the parts. In scripts that put no spaces between words (Chinese, Japanese, Thai), a run
//! has no words. A symbol such as `€` or an emoji is a word of its own. Punctuation belongs to no word.

use icu_properties::props::{ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, LineBreak};
use icu_properties::{CodePointMapData, CodePointSetData};

use super::folding::{category, fold, is_apostrophe};

/// A folded text, in which each word is a run without hyphens, apostrophes and dots.
pub struct FoldedText {
    text: String,
    spans: Vec<Span>,
}

struct Span {
    kind: Kind,
    start: usize,
    end: usize,
    /// Where the parts of a word begin in the text.
    parts: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'a> {
    pub kind: Kind,
    pub text: &'a str,
    parts: &'a [usize],
    start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Letters and digits of a script with spaces between words.
    Spaced,
    /// Letters of a script without spaces between words.
    Unspaced,
    Mark,
    /// A symbol or an emoji.
    Sign,
    Gap,
}

impl FoldedText {
    pub fn new(text: &str) -> Self {
        let folded = fold(text);
        let split = split(&folded);
        let joins = |nth: usize| {
            let kind = |nth: usize| split.get(nth).map(|(kind, _)| *kind);
            let is_between = nth > 0 && [kind(nth - 1), kind(nth + 1)] == [Some(Kind::Spaced); 2];
            is_between && split.get(nth).is_some_and(|(_, gap)| is_joiner(gap))
        };
        let (mut text, mut spans) = (String::with_capacity(folded.len()), Vec::<Span>::new());
        for (nth, (kind, run)) in split.iter().enumerate().filter(|(nth, _)| !joins(*nth)) {
            let start = text.len();
            text.push_str(run);
            let end = text.len();
            match spans.last_mut() {
                Some(span) if nth > 0 && joins(nth - 1) => {
                    span.end = end;
                    span.parts.push(start);
                }
                _ => spans.push(Span { kind: *kind, start, end, parts: vec![start] }),
            }
        }
        Self { text, spans }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        self.spans.iter().map(|Span { kind, start, end, parts }| Run {
            kind: *kind,
            text: &self.text[*start..*end],
            parts,
            start: *start,
        })
    }
}

impl<'a> Run<'a> {
    /// The rest of a word from the beginning of each of its parts.
    pub fn beginnings(self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().map(move |place| &self.text[place - self.start..])
    }

    pub fn parts(self) -> impl Iterator<Item = &'a str> {
        let ends = self.parts.iter().skip(1).copied().chain([self.start + self.text.len()]);
        self.parts.iter().zip(ends).map(move |(start, end)| &self.text[start - self.start..end - self.start])
    }

    /// Every two neighboring characters, each with its marks, and the last character.
    pub fn pairs(self) -> Vec<&'a str> {
        let run = self.text;
        let starts: Vec<_> =
            run.char_indices().filter(|(_, c)| kind(*c) != Kind::Mark).map(|(place, _)| place).collect();
        let place = |nth: usize| starts.get(nth).copied().unwrap_or(run.len());
        (0..starts.len()).map(|nth| &run[place(nth)..place(nth + 2)]).collect()
    }
}

/// Whether a gap joins the letters and digits around it to one word: an apostrophe, hyphen, dot, or underscore.
fn is_joiner(gap: &str) -> bool {
    const JOINERS: [char; 10] =
        ['-', '.', '_', '"', '\u{b7}', '\u{58a}', '\u{5be}', '\u{5f4}', '\u{2010}', '\u{2027}'];
    let mut characters = gap.chars();
    let first = characters.next().filter(|_| characters.next().is_none());
    first.is_some_and(|c| is_apostrophe(c) || JOINERS.contains(&c))
}

fn kind(c: char) -> Kind {
    use {GeneralCategory as Category, GeneralCategoryGroup as Group};
    if c.is_ascii() {
        return match c {
            '$' => Kind::Sign,
            c if c.is_ascii_alphanumeric() => Kind::Spaced,
            _ => Kind::Gap,
        };
    }
    let category = category(c);
    let line_break = CodePointMapData::<LineBreak>::new().get(c);
    let is_letter = Group::Letter.union(Group::Number).contains(category) && !is_apostrophe(c);
    let is_symbol =
        matches!(category, Category::OtherSymbol | Category::MathSymbol | Category::CurrencySymbol);
    if Group::Mark.contains(category) {
        Kind::Mark
    } else if is_letter && !breaks_anywhere(line_break) {
        Kind::Spaced
    } else if is_letter || line_break == LineBreak::RegionalIndicator {
        Kind::Unspaced
    } else if is_symbol || CodePointSetData::new::<ExtendedPictographic>().contains(c) {
        Kind::Sign
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

/// Splits a text into runs of one kind. Each sign is a run of its own, and a mark belongs to the run before it.
fn split(text: &str) -> Vec<(Kind, &str)> {
    let mut runs = Vec::new();
    let (mut start, mut current) = (0, Kind::Gap);
    for (place, c) in text.char_indices() {
        let next = match (kind(c), current) {
            (Kind::Mark, Kind::Spaced | Kind::Unspaced) => current,
            // A mark without a base character is a word, so that a search can find it.
            (Kind::Mark, _) => Kind::Spaced,
            (other, _) => other,
        };
        if next != current || next == Kind::Sign {
            runs.push((current, &text[start..place]));
            (start, current) = (place, next);
        }
    }
    runs.push((current, &text[start..]));
    runs
}
