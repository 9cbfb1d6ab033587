//! Which of two formats a client prefers (RFC 9110 §12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Html,
    /// For programs.
    Json,
}

/// `None` if the client names neither. HTML if it names both alike.
pub fn preferred(headers: &HeaderMap) -> Option<Format> {
    let html = quality(headers, "text", "html");
    let json = quality(headers, "application", "json").max(quality(headers, "application", "problem+json"));
    match html.cmp(&json) {
        std::cmp::Ordering::Greater => Some(Format::Html),
        std::cmp::Ordering::Less => Some(Format::Json),
        std::cmp::Ordering::Equal => (html.0 > 0 && html.1 > 0).then_some(Format::Html),
    }
}

/// In thousandths, and how specific the range is. The most specific range counts, and on a tie a format that the client names
/// comes before one that only `*/*` includes.
fn quality(headers: &HeaderMap, kind: &str, subtype: &str) -> (u16, u8) {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges = lines.flat_map(|line| line.split(',')).filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
        let specificity: u8 = match (range_kind, range_subtype) {
            ("*", "*") => 0,
            (given, "*") if given.eq_ignore_ascii_case(kind) => 1,
            (given, of) if given.eq_ignore_ascii_case(kind) && of.eq_ignore_ascii_case(subtype) => 2,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((specificity, weight.map_or(Some(1_000), thousandths)?))
    });
    let most_specific = ranges.max_by_key(|(specificity, _)| *specificity);
    most_specific.map_or((0, 0), |(specificity, quality)| (quality, specificity))
}

/// `0.85` is 850.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{rest:0<3}");
    let thousandths = digits.get(..3)?.parse::<u16>().ok()?;
    Some(whole.parse::<u16>().ok()?.min(1) * 1_000 + thousandths).map(|all| all.min(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred_of(accept: &str) -> Option<Format> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        preferred(&headers)
    }

    #[test]
    fn the_most_specific_range_decides() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "text/*, */*;q=0.1",
            "TEXT/HTML;q=0.5",
            "text/html, application/json",
        ] {
            assert_eq!(preferred_of(accept), Some(Format::Html), "{accept}");
        }
        for accept in [
            "application/json",
            "application/json, text/plain, */*",
            "application/problem+json",
            "application/*, text/html;q=0.9",
            "text/html;q=0, */*",
        ] {
            assert_eq!(preferred_of(accept), Some(Format::Json), "{accept}");
        }
        for accept in ["*/*", "", "image/png", "nonsense;q=x", "*/*;q=é"] {
            assert_eq!(preferred_of(accept), None, "{accept}");
        }
        assert_eq!(preferred(&HeaderMap::new()), None);
    }
}
