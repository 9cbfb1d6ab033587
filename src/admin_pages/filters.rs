//! The filters of the pages in their addresses. A page shows what a wrong filter leaves, because a person cannot do much
//! with an error about an address.

use bson::DateTime;
use bson::oid::ObjectId;
use chrono::{Days, NaiveDate};

use crate::admin::model::{AccountState, UserPosition, UserQuery};
use crate::audit::store::Event;
use crate::auth::token::Role;
use crate::http::query::pairs;

pub(crate) const PAGE_ITEMS: i64 = 50;

/// The parameters of an address, of which the first of each name counts.
pub(crate) struct Filters(Vec<(String, String)>);

impl Filters {
    pub(crate) fn read(query: Option<&str>) -> Self {
        const PARAMETERS_MAX: usize = 32;
        let pairs = pairs(query.unwrap_or_default()).take(PARAMETERS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The address of the same page with `more` in place of parameters of the same names.
    pub(crate) fn address(&self, path: &str, more: &[(&str, String)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let is_replaced = |name: &str| more.iter().any(|(replaced, _)| *replaced == name);
        for (name, value) in self.0.iter().filter(|(name, value)| !value.is_empty() && !is_replaced(name)) {
            query.append_pair(name, value);
        }
        for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    pub(crate) fn users(&self) -> UserQuery {
        let search: String = self.get("q").chars().take(SEARCH_MAX_CHARS).collect();
        UserQuery {
            search: Some(search).filter(|search| !search.is_empty()),
            role: (self.get("role") == "admin").then_some(Role::Admin),
            state: match self.get("state") {
                "active" => Some(AccountState::Active),
                "disabled" => Some(AccountState::Disabled),
                _ => None,
            },
            ..UserQuery::default()
        }
    }

    /// The last user of the previous page. Pages are ordered by name.
    pub(crate) fn last_user(&self) -> Option<UserPosition> {
        let name = self.get("after");
        (!name.is_empty()).then(|| UserPosition {
            username_key: name.to_owned(),
            created_at: DateTime::MIN,
            id: ObjectId::from_bytes([0; 12]),
        })
    }

    pub(crate) fn last_entry(&self) -> Option<(DateTime, ObjectId)> {
        let (at, id) = self.get("after").split_once('-')?;
        Some((DateTime::from_millis(at.parse().ok()?), id.parse().ok()?))
    }

    pub(crate) fn event(&self) -> Option<Event> {
        serde_json::from_value(self.get("event").into()).ok()
    }

    /// The beginning of the day in a parameter, or of the day after it.
    pub(crate) fn day(&self, name: &str, days_later: u64) -> Option<DateTime> {
        let day: NaiveDate = self.get(name).parse().ok()?;
        let start = day.checked_add_days(Days::new(days_later))?.and_hms_opt(0, 0, 0)?;
        Some(DateTime::from_millis(start.and_utc().timestamp_millis()))
    }
}

pub(crate) const SEARCH_MAX_CHARS: usize = 100;
