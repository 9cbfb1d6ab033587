//! Languages of pages: chosen by `Accept-Language`, with their forms of dates and numbers.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use bson::DateTime;
use chrono::Datelike;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language tag (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The known language with the highest weight (RFC 9110 §12.5.4); English if there is none.
    pub fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(',')).filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            let known = Self::ALL.into_iter().find(|language| language.tag() == primary)?;
            Some((known, weight)).filter(|_| weight > 0.0)
        });
        // The first one of those with the same weight.
        let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or(Self::English, |(language, _)| language)
    }

    /// A number with separators between thousands.
    pub fn number(self, number: u64) -> String {
        let separator = match self {
            Self::English => ',',
            Self::German => '.',
        };
        let digits = number.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// Date and time in UTC, because the pages do not know the zone of the reader.
    pub fn time(self, time: DateTime) -> String {
        let time = time.to_chrono();
        let clock = time.format("%H:%M UTC");
        match self {
            Self::English => format!("{} {}, {clock}", time.day(), time.format("%b %Y")),
            Self::German => format!("{}, {clock}", time.format("%d.%m.%Y")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_language_with_the_highest_weight_is_chosen() {
        for (header, language) in [
            ("de", Language::German),
            ("de-CH, en;q=0.8", Language::German),
            ("fr, en;q=0.5, DE-at;q=0.9", Language::German),
            ("en, de", Language::English),
            ("de;q=0, *", Language::English),
            ("fr, *;q=0.5", Language::English),
            ("den", Language::English),
            ("de;q=x", Language::English),
            ("", Language::English),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, header.parse().unwrap())]);
            assert_eq!(Language::of(&headers), language, "{header}");
        }
        assert_eq!(Language::of(&HeaderMap::new()), Language::English);
    }

    #[test]
    fn numbers_and_times_follow_the_language() {
        let numbers = [0, 999, 1_000, 1_234_567].map(|number| Language::English.number(number));
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(Language::German.number(12_345), "12.345");
        let time = DateTime::from_millis(1_796_032_740_000);
        assert_eq!(Language::English.time(time), "30 Nov 2026, 09:59 UTC");
        assert_eq!(Language::German.time(time), "30.11.2026, 09:59 UTC");
    }
}
