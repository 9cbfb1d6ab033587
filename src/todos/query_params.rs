//! The query parameters of `GET /v1/todos`: how each is read, and how it is documented.

use bson::oid::ObjectId;
use serde_json::json;

use super::due::bound::TimeBound;
use super::due::{DATE, LOCAL_TIME};
use super::model::Priority;
use super::query::{Deleted, TodoQuery};
use super::search_terms::Search;
use super::sort_order::Sort;
use crate::error::Violation;
use crate::http::query::{FromParams, Params};
use crate::mongo::object_id;
use crate::openapi::operation::Operation;
use crate::openapi::schema::named;
use crate::owned::text::{KNOWN_TAG, SENT_INSTANT, TAGS_MAX, TextFormat, with_separators};
use crate::tags;

impl FromParams for TodoQuery {
    fn take(params: &mut Params) -> Option<Self> {
        let list_id = value(params, "list_id", &NONE_OR_ID);
        let parent_id = value(params, "parent_id", &NONE_OR_ID);
        let completed = value(params, "completed", &FLAG);
        let tags = tags(params);
        let priority = value(params, "priority", &Priority::FORMAT);
        let due_before = value(params, "due_before", &TIME_BOUND);
        let due_after = value(params, "due_after", &TIME_BOUND);
        let overdue = value(params, "overdue", &ONLY_TRUE).is_some();
        let updated_after = value(params, "updated_after", &SENT_INSTANT);
        let completed_before = value(params, "completed_before", &TIME_BOUND);
        let completed_after = value(params, "completed_after", &TIME_BOUND);
        let search = search(params);
        let deleted = value(params, "deleted", &DELETED).unwrap_or_default();
        let (sort, reverse) = value(params, "sort", &SORT).unwrap_or_default();
        Some(Self {
            list_id,
            parent_id,
            completed,
            // Only now, after every parameter was read, so that the response lists all violations.
            tags: tags?,
            priority,
            due_before,
            due_after,
            overdue,
            updated_after,
            completed_before,
            completed_after,
            search,
            deleted,
            sort,
            reverse,
        })
    }
}

pub(super) fn documented(operation: Operation) -> Operation {
    let tags = json!({ "type": "array", "items": KNOWN_TAG.schema(), "maxItems": TAGS_MAX });
    operation
        .description("Filters combine: a todo must match all of them. Todos without a due date come last when sorted by `due`, and open todos when sorted by `completed_at`.")
        .query("list_id", NONE_OR_ID.schema(), "Todos in this list; `none` is the inbox.")
        .query("parent_id", NONE_OR_ID.schema(), "Direct subtasks of this todo; `none` is the top level.")
        .query("completed", FLAG.schema(), "Completed or open todos.")
        .query("tag", tags, "Todos with all of these tags, in upper or lower case.")
        .query("priority", named("Priority"), "Todos with this priority.")
        .query("due_before", TIME_BOUND.schema(), "Todos due before this date (`2026-12-01`), local time in the user's time zone (`2026-12-01T09:00`), or time with an offset (RFC 3339). A todo due on a date is due before a time if its day is over at that time.")
        .query("due_after", TIME_BOUND.schema(), "Todos due after this date or time. A todo due on a date is not due after that date.")
        .query("overdue", ONLY_TRUE.schema(), "Open todos that are late: those due on a date whose day is over in the user's time zone, and those due at a time that has come.")
        .query("updated_after", SENT_INSTANT.schema(), "Todos changed after this time.")
        .query("completed_before", TIME_BOUND.schema(), "Todos completed before this time, or before this date in the user's time zone.")
        .query("completed_after", TIME_BOUND.schema(), "Todos completed after this time, or after this date in the user's time zone.")
        .query("q", SEARCH.schema(), "At most ten words with a letter, a digit or a symbol such as `€`. Each must begin a word of the name or the description.")
        .query("deleted", DELETED.schema(), "Todos outside the trash (`false`), in the trash (`true`), or both (`any`).")
        .query("sort", SORT.schema(), "The sort order; `-` reverses it.")
}

fn value<T>(params: &mut Params, name: &str, format: &TextFormat<T>) -> Option<T> {
    params.parse(name, format.read, || format.violation(name))
}

fn tags(params: &mut Params) -> Option<Vec<String>> {
    let texts = params.take_all("tag");
    if texts.len() > TAGS_MAX {
        let detail = format!("At most {TAGS_MAX} tags are allowed.");
        return params.reject(Violation::of("tag", "too_many", detail));
    }
    let keys: Option<Vec<_>> =
        texts.iter().map(|tag| KNOWN_TAG.read(tag).map(|tag| tags::model::key(&tag))).collect();
    keys.or_else(|| params.reject(KNOWN_TAG.violation("tag")))
}

fn search(params: &mut Params) -> Option<Search> {
    let text = value(params, "q", &SEARCH)?;
    let too_many = |detail: String| Violation::of("q", "too_many_words", detail);
    if text.split_whitespace().nth(SEARCH_WORDS_MAX).is_some() {
        return params.reject(too_many(format!("A search must have at most {SEARCH_WORDS_MAX} words.")));
    }
    let Some(search) = Search::read(&text) else {
        return params.reject(Violation::of("q", "no_words", NO_WORDS));
    };
    if search.word_count > PARTS_MAX {
        let detail =
            format!("Punctuation splits this search into more than {PARTS_MAX} parts. Send fewer words.");
        return params.reject(too_many(detail));
    }
    Some(search)
}

const NONE_OR_ID: TextFormat<Option<ObjectId>> = TextFormat {
    read: |text| if text == "none" { Some(None) } else { object_id::parse(text).map(Some) },
    code: "not_an_id",
    detail: || "This parameter must be `none` or an id of 24 lower-case hex digits.".to_owned(),
    schema: || json!({ "type": "string", "pattern": "^(none|[0-9a-f]{24})$" }),
};

const FLAG: TextFormat<bool> = TextFormat {
    read: |text| text.parse().ok(),
    code: "unknown_value",
    detail: || "This parameter must be `true` or `false`.".to_owned(),
    schema: || json!({ "type": "boolean" }),
};

const ONLY_TRUE: TextFormat<()> = TextFormat {
    read: |text| (text == "true").then_some(()),
    code: "unknown_value",
    detail: || "This parameter can only be `true`.".to_owned(),
    schema: || json!({ "type": "boolean", "enum": [true] }),
};

const TIME_BOUND: TextFormat<TimeBound> = TextFormat {
    read: |text| {
        let date = || DATE.read(text).map(TimeBound::Date);
        let local = || LOCAL_TIME.read(&with_separators(text)).map(TimeBound::Local);
        date().or_else(local).or_else(|| SENT_INSTANT.read(text).map(TimeBound::Instant))
    },
    code: "not_a_time",
    detail: || "This parameter must be a date, a local time, or a time with an offset (RFC 3339).".to_owned(),
    // One string for all forms, because generated clients cannot tell which form of a union they send.
    schema: || {
        let pattern = r"^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)? ?([Zz]|[+-]\d\d:?\d\d)?)?$";
        json!({ "type": "string", "pattern": pattern, "examples": ["2026-12-01", "2026-12-01T09:00", "2026-12-01T09:00:00+01:00"] })
    },
};

// In code points.
const SEARCH_MAX: usize = 500;
// As a person sees them: separated by white space.
const SEARCH_WORDS_MAX: usize = 10;
// A word with punctuation inside, and a run of a script without spaces, has several parts. Each costs the database as
// much as a word.
const PARTS_MAX: usize = 32;

const NO_WORDS: &str = "A search must have a letter, a digit, or a symbol such as € or an emoji.";

const SEARCH: TextFormat<String> = TextFormat {
    read: |text| text.chars().nth(SEARCH_MAX).is_none().then(|| text.to_owned()),
    code: "too_long",
    detail: || format!("A search must have at most {SEARCH_MAX} characters."),
    schema: || {
        let words = format!(r"^\s*(\S+(\s+|$)){{1,{SEARCH_WORDS_MAX}}}$");
        json!({ "type": "string", "minLength": 1, "maxLength": SEARCH_MAX, "pattern": words })
    },
};

const DELETED: TextFormat<Deleted> = TextFormat {
    read: |text| match text {
        "false" => Some(Deleted::No),
        "true" => Some(Deleted::Only),
        "any" => Some(Deleted::Any),
        _ => None,
    },
    code: "unknown_value",
    detail: || "This parameter must be `false`, `true` or `any`.".to_owned(),
    schema: || json!({ "type": "string", "enum": ["false", "true", "any"] }),
};

const SORT: TextFormat<(Sort, bool)> = TextFormat {
    read: |text| {
        let (name, reverse) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        Sort::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, sort)| (sort, reverse))
    },
    code: "unknown_value",
    detail: || {
        let names = Sort::ALL.map(|(name, _)| name).join(", ");
        format!("This parameter must be one of: {names}, each optionally with `-` in front.")
    },
    schema: || {
        let names = Sort::ALL.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("-{name}")]);
        json!({ "type": "string", "enum": names.collect::<Vec<_>>() })
    },
};
