//! Pages of lists: reads `limit` and `cursor`, and responds with `next_cursor` and `Link` (RFC 8288).
//!
//! A page ends before its limit if it would otherwise have more than [`PAGE_BYTES_MAX`] bytes. So items are serialized one
//! by one while they are read, and the first that does not fit ends the reading.
//!
//! **Invariant:** does not know how a list is sorted; the list encodes the position in a cursor.

use aws_lc_rs::digest::{Context, SHA256};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use bson::oid::ObjectId;
use serde::Serialize;

use super::json::{self, JSON};
use super::query::{FromParams, Params, pairs};
use crate::crypto::sealed::Sealer;
use crate::error::{Error, Violation};

pub const LIMIT_MAX: usize = 200;

pub const LIMIT_DEFAULT: usize = 50;

/// A page with one item may have more.
pub const PAGE_BYTES_MAX: usize = 1024 * 1024;

// More than everything except the items: the names of the two fields, and a cursor, which holds at most a sort key.
const ENVELOPE_BYTES: usize = 2 * 1024;

pub struct Page<'a> {
    /// The position of the last item of the previous page; `None` for the first page.
    pub after: Option<Vec<u8>>,
    limit: usize,
    sealer: &'a Sealer,
    context: Vec<u8>,
    uri: Uri,
}

impl<'a> Page<'a> {
    /// Reads the whole query: `limit`, `cursor`, and the rest into `T`.
    pub fn read<T: FromParams>(
        mut params: Params,
        sealer: &'a Sealer,
        user: ObjectId,
    ) -> Result<(T, Self), Error> {
        let uri = params.uri().clone();
        let context = context(&uri, user)?;
        let limit = params.parse("limit", parse_limit, || {
            Violation::of(
                "limit",
                "out_of_range",
                format!("A limit must be a whole number from 1 to {LIMIT_MAX}."),
            )
        });
        let after = params.parse("cursor", |text| sealer.open(&context, text), invalid_cursor);
        let rest = T::take(&mut params);
        let page = Self { after, limit: limit.unwrap_or(LIMIT_DEFAULT), sealer, context, uri };
        params.finish(rest.map(|rest| (rest, page)))
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    pub fn fetch(&self) -> i64 {
        // The page has one item less: the additional item shows whether another page follows.
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// A cursor that `read` cannot decode is invalid input.
    pub fn position<T>(&self, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<Option<T>, Error> {
        let Some(after) = &self.after else { return Ok(None) };
        read(after).map(Some).ok_or_else(|| Error::Invalid(vec![invalid_cursor()]))
    }

    pub fn items(&self) -> Items {
        Items { json: br#"{"items":["#.to_vec(), count: 0, limit: self.limit }
    }

    /// `last` encodes every sort key of the last item if another page follows.
    pub fn listing(self, items: Items, last: Option<Vec<u8>>) -> Result<Listing, Error> {
        let mut json = items.json;
        let items_end = json.len();
        json.extend_from_slice(br#"],"next_cursor":"#);
        let place = self.place(last.as_deref());
        let cursor = last.map(|last| self.sealer.seal(&self.context, &last)).transpose()?;
        json::append(&mut json, &cursor)?;
        json.push(b'}');
        let link = cursor.map(|cursor| link(&self.uri, &cursor)).transpose()?;
        Ok(Listing { json, items_end, place, link })
    }

    /// What a page is apart from its items. Each part has its length, so that different pages differ.
    fn place(&self, last: Option<&[u8]>) -> Vec<u8> {
        let mut place = Vec::new();
        let (limit, after) = (self.limit.to_le_bytes(), self.after.as_deref().unwrap_or_default());
        for part in [&*self.context, &limit, after, last.unwrap_or_default()] {
            place.extend(part.len().to_le_bytes());
            place.extend_from_slice(part);
        }
        place
    }

    /// `found` are items with an encoding of their sort keys: one item more than the limit if there is one, or `has_more`
    /// tells whether others follow.
    pub fn listing_of<T: Serialize>(
        self,
        found: impl IntoIterator<Item = (Vec<u8>, T)>,
        has_more: bool,
    ) -> Result<Listing, Error> {
        let (mut items, mut last) = (self.items(), None);
        for (position, item) in found {
            if !items.push(&item)? {
                return self.listing(items, last);
            }
            last = Some(position);
        }
        self.listing(items, last.filter(|_| has_more))
    }
}

/// The items of a page, as JSON.
pub struct Items {
    json: Vec<u8>,
    count: usize,
    limit: usize,
}

impl Items {
    /// Returns false, and leaves the item out, if the page is full. It is never full before its first item.
    pub fn push(&mut self, item: &impl Serialize) -> Result<bool, Error> {
        if self.count == self.limit {
            return Ok(false);
        }
        let end = self.json.len();
        if self.count > 0 {
            self.json.push(b',');
        }
        json::append(&mut self.json, item)?;
        if self.count > 0 && self.json.len() > PAGE_BYTES_MAX - ENVELOPE_BYTES {
            self.json.truncate(end);
            return Ok(false);
        }
        self.count += 1;
        Ok(true)
    }
}

pub fn invalid_cursor() -> Violation {
    Violation::of(
        "cursor",
        "invalid_cursor",
        "Send the unchanged `next_cursor` of the same list, or no cursor to start again.",
    )
}

fn parse_limit(text: &str) -> Option<usize> {
    let limit = text.parse::<usize>().ok()?;
    // Rejects other spellings of the same number, such as `+5` and `007`.
    ((1..=LIMIT_MAX).contains(&limit) && limit.to_string() == text).then_some(limit)
}

fn context(uri: &Uri, user: ObjectId) -> Result<Vec<u8>, Error> {
    // A cursor opens only for the same user, path and filters, because its position has a meaning only in that list.
    let mut rest: Vec<_> = pairs(uri.query().unwrap_or_default())
        .filter(|(name, _)| name != "limit" && name != "cursor")
        .collect();
    // The order of the parameters does not matter.
    rest.sort();
    serde_json::to_vec(&("cursor", user.to_hex(), uri.path(), rest)).map_err(Error::internal)
}

fn link(uri: &Uri, cursor: &str) -> Result<HeaderValue, Error> {
    // All parameters except for the cursor stay as the client wrote them.
    let sent = uri.query().unwrap_or_default().split('&').filter(|part| !part.is_empty());
    let kept = sent.filter(|part| pairs(part).all(|(name, _)| name != "cursor"));
    let kept: String = kept.flat_map(|part| [part, "&"]).collect();
    let link = format!("<{}?{kept}cursor={cursor}>; rel=\"next\"", uri.path());
    HeaderValue::try_from(link).map_err(Error::internal)
}

/// Identifies a page of a user, with everything that it contains.
pub type PageTag = u128;

pub struct Listing {
    json: Vec<u8>,
    items_end: usize,
    place: Vec<u8>,
    link: Option<HeaderValue>,
}

impl Listing {
    pub fn tag(&self) -> PageTag {
        let mut digest = Context::new(&SHA256);
        digest.update(&self.place);
        // Without the cursor, which is sealed with a new nonce each time.
        digest.update(&self.json[..self.items_end]);
        let bytes = digest.finish();
        bytes.as_ref().first_chunk().map_or(0, |bytes| PageTag::from_be_bytes(*bytes))
    }
}

impl IntoResponse for Listing {
    fn into_response(self) -> Response {
        (self.link.map(|link| [(LINK, link)]), [(CONTENT_TYPE, JSON)], self.json).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words;

    impl FromParams for Words {
        fn take(params: &mut Params) -> Option<Self> {
            params.take_all("word");
            Some(Self)
        }
    }

    fn sealer() -> Sealer {
        Sealer::derive(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap()
    }

    fn ann() -> ObjectId {
        ObjectId::from_bytes([1; 12])
    }

    /// The page, or the pointers and codes of the violations.
    fn read<'a>(
        sealer: &'a Sealer,
        user: ObjectId,
        uri: &str,
    ) -> Result<Page<'a>, Vec<(String, &'static str)>> {
        let read = Page::read::<Words>(Params::new(uri.parse().unwrap()), sealer, user);
        read.map(|(_, page)| page).map_err(|error| match error {
            Error::Invalid(violations) => violations.into_iter().map(|one| (one.pointer, one.code)).collect(),
            other => panic!("{other}"),
        })
    }

    /// A page of a list of the numbers from 0 to `total`, exclusive: the numbers, and the link to the next page.
    fn answer(sealer: &Sealer, uri: &str, total: u8) -> (Vec<u8>, Option<Next>) {
        let page = read(sealer, ann(), uri).unwrap();
        let start = page.after.as_ref().map_or(0, |after| after[0] + 1);
        let fetch = usize::try_from(page.fetch()).unwrap();
        let found = (start..total).take(fetch).map(|number| (vec![number], number));
        let Listing { json, link, .. } = page.listing_of(found, false).unwrap();
        let Body { items, next_cursor } = serde_json::from_slice(&json).unwrap();
        (items, next_cursor.zip(link).map(|(cursor, link)| Next { cursor, link }))
    }

    #[derive(serde::Deserialize)]
    struct Body<T> {
        items: Vec<T>,
        next_cursor: Option<String>,
    }

    struct Next {
        cursor: String,
        link: HeaderValue,
    }

    fn target(next: &Next) -> String {
        let link = next.link.to_str().unwrap();
        link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned()
    }

    #[test]
    fn following_the_links_returns_every_item_once() {
        let sealer = sealer();
        for total in [0, 1, 2, 3, 4, 7] {
            let (mut seen, mut uri) = (Vec::new(), Some("/things?limit=2&word=a".to_owned()));
            while let Some(here) = uri {
                let (items, next) = answer(&sealer, &here, total);
                assert!(items.len() == 2 || next.is_none(), "only the last page is short");
                assert!(!items.is_empty() || total == 0, "no page is empty for nothing");
                seen.extend(items);
                uri = next.as_ref().map(target);
            }
            assert_eq!(seen, (0..total).collect::<Vec<_>>());
        }
    }

    #[test]
    fn link_keeps_all_other_parameters_as_they_were_sent() {
        let sealer = sealer();
        let first = answer(&sealer, "/things?word=a+b%2f&limit=1&&word=%e9", 3).1.unwrap();
        assert_eq!(target(&first), format!("/things?word=a+b%2f&limit=1&word=%e9&cursor={}", first.cursor));
        let sent = format!("/things?c%75rsor={}&word=a+b%2f&limit=1&word=%e9", first.cursor);
        let second = answer(&sealer, &sent, 3).1.unwrap();
        assert_eq!(target(&second), format!("/things?word=a+b%2f&limit=1&word=%e9&cursor={}", second.cursor));
        let bare = answer(&sealer, "/things", 51).1.unwrap();
        assert_eq!(target(&bare), format!("/things?cursor={}", bare.cursor));
    }

    #[test]
    fn limit_must_be_1_to_200() {
        let sealer = sealer();
        for (query, fetch) in [("", 51), ("?limit=1", 2), ("?limit=200", 201)] {
            assert_eq!(read(&sealer, ann(), &format!("/things{query}")).unwrap().fetch(), fetch);
        }
        for limit in ["0", "201", "-1", "", "x", "1.0", "%2B5", "007", "5+", "99999999999999999999"] {
            let violations = read(&sealer, ann(), &format!("/things?limit={limit}")).err().unwrap();
            assert_eq!(violations, [("/limit".to_owned(), "out_of_range")], "{limit}");
        }
    }

    #[test]
    fn cursor_is_bound_to_its_user_and_list() {
        let sealer = sealer();
        let cursor = answer(&sealer, "/things?word=a&word=b&limit=2", 3).1.unwrap().cursor;
        let after = |user, uri: &str| {
            read(&sealer, user, &format!("{uri}&cursor={cursor}")).map(|page| page.after.unwrap())
        };
        for same in ["/things?word=a&word=b", "/things?limit=7&word=b&word=a", "/things?word=%61&word=b"] {
            assert_eq!(after(ann(), same), Ok(vec![1]), "{same}");
        }
        let invalid = Err(vec![("/cursor".to_owned(), "invalid_cursor")]);
        for other in
            ["/things?word=a", "/things?word=a&word=b&word=b", "/things?word=ab", "/others?word=a&word=b"]
        {
            assert_eq!(after(ann(), other), invalid, "{other}");
        }
        assert_eq!(after(ObjectId::from_bytes([2; 12]), "/things?word=a&word=b"), invalid);
    }

    #[test]
    fn one_error_lists_every_violation_of_the_query() {
        let sealer = sealer();
        let violations = read(&sealer, ann(), "/things?cursor=&limit=0&other=1").err().unwrap();
        let expected =
            [("/limit", "out_of_range"), ("/cursor", "invalid_cursor"), ("/other", "unknown_parameter")];
        assert_eq!(violations, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
    }

    #[test]
    fn page_ends_before_the_item_that_would_make_it_too_large() {
        let sealer = sealer();
        let (small, half, large) = (10, PAGE_BYTES_MAX / 2 - ENVELOPE_BYTES, PAGE_BYTES_MAX + 1);
        // An escaped control character has six bytes.
        let escaped = "\u{1}".repeat(half / 6);
        for (sizes, fitting) in [
            (vec![half, half, small], 3),
            (vec![half, half, half], 2),
            (vec![small, large, small], 1),
            (vec![large, small], 1),
            (vec![large], 1),
            (vec![half; 5], 2),
        ] {
            let page = read(&sealer, ann(), "/things").unwrap();
            let text = |size| if size == half { escaped.clone() } else { "x".repeat(size) };
            let found = sizes.iter().enumerate();
            let found = found.map(|(number, size)| (vec![u8::try_from(number).unwrap()], text(*size)));
            let Listing { json, .. } = page.listing_of(found, false).unwrap();
            let Body { items, next_cursor } = serde_json::from_slice::<Body<String>>(&json).unwrap();
            assert_eq!((items.len(), next_cursor.is_some()), (fitting, fitting < sizes.len()), "{sizes:?}");
            assert!(json.len() <= PAGE_BYTES_MAX || fitting == 1, "{sizes:?}: {}", json.len());
        }
    }

    #[tokio::test]
    async fn response_links_only_to_an_existing_next_page() {
        use http_body_util::BodyExt;
        let sealer = sealer();
        for (found, more) in [(vec![1, 2], false), (vec![1, 2, 3], true)] {
            let page = read(&sealer, ann(), "/things?limit=2").unwrap();
            let found = found.into_iter().map(|number: u8| (vec![number], number.to_string()));
            let response = page.listing_of(found, false).unwrap().into_response();
            assert_eq!(response.headers().contains_key(LINK), more);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["items"], serde_json::json!(["1", "2"]));
            assert_eq!(body["next_cursor"].is_string(), more);
            assert_eq!(body["next_cursor"].is_null(), !more);
        }
    }
}
