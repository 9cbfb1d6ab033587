//! Validators of pages: a weak `ETag`, and 304 for a client that has the page already (RFC 9110 §8.8 and §13.1.2).
//!
//! The tag is a digest of the page. For the pages for which clients ask again, this process remembers of which state of
//! the user's documents each was made. Then a request for an unchanged page reads this state and not the page.
//!
//! **Invariant:** a page is remembered with a state that was the same before and after the page was read. So a change that
//! the page shows and that a rollback then undoes is part of this state.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use bson::DateTime;
use bson::oid::ObjectId;

use super::pagination::{Listing, PageTag};
use super::preconditions::{EntityTags, is_added_by_proxy};
use crate::error::Error;
use crate::owned::bounded_map::{BoundedMap, Expires};

/// The newest change stamps of the kinds of documents of which a page is made.
pub type DocumentsState = [u64; 2];

const USERS_MAX: usize = 10_000;
const PAGES_PER_USER: usize = 16;
const REMEMBERED_MILLIS: i64 = 60 * 60 * 1_000;

/// The pages for which clients ask again.
pub struct PolledPages(BoundedMap<ObjectId, PagesOfUser>);

#[derive(Clone, Default)]
struct PagesOfUser(Vec<PolledPage>);

#[derive(Clone)]
struct PolledPage {
    tag: PageTag,
    state: DocumentsState,
    until: i64,
}

impl Expires for PagesOfUser {
    fn expires_at(&self) -> i64 {
        self.0.last().map_or(0, |page| page.until)
    }
}

impl Default for PolledPages {
    fn default() -> Self {
        Self(BoundedMap::new(USERS_MAX))
    }
}

impl PolledPages {
    fn is_same(&self, user: ObjectId, tag: PageTag, state: DocumentsState, now: i64) -> bool {
        let is_same = |page: &PolledPage| page.tag == tag && page.state == state && page.until > now;
        self.0.update_existing(&user, |pages| pages.0.iter().any(is_same)).unwrap_or(false)
    }

    fn remember(&self, user: ObjectId, tag: PageTag, state: DocumentsState, now: i64) {
        self.0.update(user, PagesOfUser::default(), now, |PagesOfUser(pages)| {
            pages.retain(|page| page.tag != tag && page.until > now);
            if pages.len() >= PAGES_PER_USER {
                pages.remove(0);
            }
            pages.push(PolledPage { tag, state, until: now + REMEMBERED_MILLIS });
        });
    }
}

/// A request for a page, with the pages that the client has.
pub struct Polling {
    known: EntityTags<PageTag>,
    pages: Arc<PolledPages>,
}

impl<S: Send + Sync> FromRequestParts<S> for Polling
where
    Arc<PolledPages>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let known = EntityTags::read(&parts.headers, &IF_NONE_MATCH, page_tag)?;
        Ok(Self { known, pages: FromRef::from_ref(state) })
    }
}

impl Polling {
    /// `state` reads what decides whether `page`, which has not been read yet, can differ from an earlier one. `None` if
    /// only the page itself tells.
    pub async fn respond<F>(
        self,
        user: ObjectId,
        now: DateTime,
        state: impl Fn() -> F,
        page: impl Future<Output = Result<Listing, Error>>,
    ) -> Result<Response, Error>
    where
        F: Future<Output = Result<Option<DocumentsState>, Error>>,
    {
        let known = match &self.known {
            // Clients that do not ask again pay for no state.
            EntityTags::Absent => return Ok(tagged(page.await?)),
            EntityTags::Any => return Ok(not_modified(page.await?.tag())),
            EntityTags::These(known) => known,
        };
        let (before, now) = (state().await?, now.timestamp_millis());
        let is_same =
            |tag: &&PageTag| before.is_some_and(|state| self.pages.is_same(user, **tag, state, now));
        if let Some(tag) = known.iter().find(is_same) {
            return Ok(not_modified(*tag));
        }
        let page = page.await?;
        if let Some(before) = before
            && state().await? == Some(before)
        {
            self.pages.remember(user, page.tag(), before, now);
        }
        Ok(if known.contains(&page.tag()) { not_modified(page.tag()) } else { tagged(page) })
    }
}

fn tagged(page: Listing) -> Response {
    (headers(page.tag()), page).into_response()
}

fn not_modified(tag: PageTag) -> Response {
    (StatusCode::NOT_MODIFIED, headers(tag)).into_response()
}

fn headers(tag: PageTag) -> [(HeaderName, String); 2] {
    [(ETAG, format!("W/\"{tag:032x}\"")), (CACHE_CONTROL, "private, no-cache".to_owned())]
}

/// `None` for a tag that this service never issued.
fn page_tag(opaque: &str) -> Option<PageTag> {
    let (digits, suffix) = opaque.split_at_checked(32)?;
    let tag = PageTag::from_str_radix(digits, 16).ok()?;
    let is_ours = format!("{tag:032x}") == digits && (suffix.is_empty() || is_added_by_proxy(suffix));
    is_ours.then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(byte: u8) -> ObjectId {
        ObjectId::from_bytes([byte; 12])
    }

    #[test]
    fn a_page_is_the_same_while_the_state_is_and_for_an_hour() {
        let pages = PolledPages::default();
        pages.remember(user(1), 7, [3, 4], 0);
        assert!(pages.is_same(user(1), 7, [3, 4], REMEMBERED_MILLIS - 1));
        assert!(!pages.is_same(user(1), 7, [3, 4], REMEMBERED_MILLIS));
        assert!(!pages.is_same(user(1), 7, [3, 5], 1) && !pages.is_same(user(1), 8, [3, 4], 1));
        assert!(!pages.is_same(user(2), 7, [3, 4], 1));
        pages.remember(user(1), 7, [9, 9], 1);
        assert!(!pages.is_same(user(1), 7, [3, 4], 2), "only the last state of a page counts");
    }

    #[test]
    fn a_user_has_a_bounded_number_of_pages() {
        let pages = PolledPages::default();
        for tag in 0..=16 {
            pages.remember(user(1), tag, [0, 0], 0);
        }
        assert!(!pages.is_same(user(1), 0, [0, 0], 1) && pages.is_same(user(1), 1, [0, 0], 1));
    }

    #[test]
    fn only_tags_of_pages_are_read() {
        let tag = format!("{:032x}", 0xabc);
        assert_eq!(page_tag(&tag), Some(0xabc));
        assert_eq!(page_tag(&format!("{tag}-gzip")), Some(0xabc));
        for other in ["", "3", &tag[1..], &tag.to_uppercase(), &format!("{tag}x"), &format!("+{}", &tag[1..])]
        {
            assert_eq!(page_tag(other), None, "{other}");
        }
    }
}
