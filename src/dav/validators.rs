//! What tells versions of a resource apart: entity tags and times (RFC 9110 §8.8).

use bson::DateTime;
use chrono::{DateTime as ChronoDateTime, Utc};

use super::objects::Member;

// A change of what the service writes for the same version of a todo must change this number.
const RENDERING: u8 = 2;

pub(crate) fn etag(version: i64) -> String {
    format!("\"{version}{}\"", etag_end())
}

/// What follows the version in an entity tag.
pub(crate) fn etag_end() -> String {
    format!("-r{RENDERING}")
}

/// RFC 9110 §5.6.7
pub(crate) fn http_date(time: DateTime) -> String {
    let time = ChronoDateTime::<Utc>::from_timestamp_millis(time.timestamp_millis()).unwrap_or_default();
    time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

impl Member {
    pub(crate) fn etag(&self) -> String {
        etag(self.todo.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_http() {
        assert_eq!(http_date(DateTime::from_millis(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
