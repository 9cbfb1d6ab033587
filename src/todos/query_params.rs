//! The filters and orders of todos, as parameters of a query. Must not hold a rule that goes beyond one of them.

use chrono::DateTime as ChronoDateTime;

use super::due;
use super::due::bound::Moment;
use super::model::Priority;
use super::query::{Deleted, Sort, TodoQuery};
use super::search_terms;
use crate::error::Violation;
use crate::http::query::{FromParams, Params};
use crate::mongo::object_id;
use crate::owned::text;

impl FromParams for TodoQuery {
    fn take(params: &mut Params) -> Option<Self> {
        let none_or_id = |text: &str| match text {
            "none" => Some(None),
            text => object_id::parse(text).map(Some),
        };
        let not_id = |field: &'static str| {
            move || Violation::of(field, "not_an_id", "This is `none`, or an id of 24 lower-case hex digits.")
        };
        let moment = |field: &'static str| {
            move || {
                let detail = "This is a date, a local time, or a time with its offset (RFC 3339).";
                Violation::of(field, "not_a_time", detail)
            }
        };
        let unknown = |field: &'static str, known: &'static str| {
            move || Violation::of(field, "unknown_value", format!("This is one of: {known}."))
        };
        let list_id = params.parse("list_id", none_or_id, not_id("list_id"));
        let parent_id = params.parse("parent_id", none_or_id, not_id("parent_id"));
        let completed = params.parse("completed", parse_flag, unknown("completed", "true, false"));
        let tags: Vec<_> = params.take_all("tag").iter().map(|tag| text::tag(tag)).collect();
        let tags = if tags.contains(&None) {
            params.reject(text::not_a_tag("tag"))
        } else {
            Some(tags.into_iter().flatten().collect())
        };
        let priorities = unknown("priority", "none, low, medium, high");
        let priority = params.parse("priority", Priority::of, priorities);
        let due_before = params.parse("due_before", parse_moment, moment("due_before"));
        let due_after = params.parse("due_after", parse_moment, moment("due_after"));
        let updated_after = params.parse("updated_after", parse_instant, || {
            Violation::of("updated_after", "not_a_time", "This is a time with its offset (RFC 3339).")
        });
        let prefixes = params.parse("q", parse_search, || {
            Violation::of("q", "too_long", format!("A search has at most {SEARCH_MAX} characters."))
        });
        let deleted = params.parse("deleted", parse_deleted, unknown("deleted", "false, true, any"));
        let orders = "position, due, priority, name, created_at, updated_at, each also with - in front";
        let sort = params.parse("sort", parse_sort, unknown("sort", orders));
        let (sort, reverse) = sort.unwrap_or_default();
        Some(Self {
            list_id,
            parent_id,
            completed,
            tags: tags?,
            priority,
            due_before,
            due_after,
            updated_after,
            prefixes,
            deleted: deleted.unwrap_or_default(),
            sort,
            reverse,
        })
    }
}

/// The most code points of a search.
const SEARCH_MAX: usize = 500;

fn parse_search(text: &str) -> Option<Vec<String>> {
    (text.chars().count() <= SEARCH_MAX).then(|| search_terms::prefixes_of(text))
}

fn parse_flag(word: &str) -> Option<bool> {
    match word {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The word of the filter `deleted`.
fn parse_deleted(word: &str) -> Option<Deleted> {
    match word {
        "false" => Some(Deleted::No),
        "true" => Some(Deleted::Only),
        "any" => Some(Deleted::Any),
        _ => None,
    }
}

fn parse_sort(word: &str) -> Option<(Sort, bool)> {
    let (name, reverse) = word.strip_prefix('-').map_or((word, false), |name| (name, true));
    Sort::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, sort)| (sort, reverse))
}

fn parse_moment(text: &str) -> Option<Moment> {
    let date = || due::parse_date(text).map(Moment::Date);
    let local = || due::parse_local(text).map(Moment::Local);
    date().or_else(local).or_else(|| parse_instant(text).map(Moment::Instant))
}

fn parse_instant(text: &str) -> Option<bson::DateTime> {
    let instant = ChronoDateTime::parse_from_rfc3339(text).ok()?;
    (1..=9999).contains(&chrono::Datelike::year(&instant)).then(|| instant.to_utc().into())
}
