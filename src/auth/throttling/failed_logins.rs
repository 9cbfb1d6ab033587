//! The collection `failed_logins`: how often logins of a name failed, from all addresses and in all instances. There is
//! one document for each name and hour.
//!
//! **Invariant:** the collection holds digests of names, never the names.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::{DateTime, doc};
use futures_util::TryStreamExt;
use mongodb::Collection;
use mongodb::options::IndexOptions;
use serde::{Deserialize, Serialize};

use crate::crypto::sha256::sha256;
use crate::error::Error;
use crate::mongo::metrics::Command;
use crate::mongo::{self, Db, PrepareError};

const HOUR_MILLIS: i64 = 60 * 60 * 1_000;

#[derive(Serialize, Deserialize)]
struct HourlyCount {
    /// The digest of the name, `:`, and the hours since 1970.
    #[serde(rename = "_id")]
    id: String,
    count: i64,
    expires_at: DateTime,
}

#[derive(Clone)]
pub struct FailedLogins(Collection<HourlyCount>);

impl FailedLogins {
    pub fn new(db: &Db) -> Self {
        Self(db.collection("failed_logins"))
    }

    pub async fn ensure_indexes(&self) -> Result<(), PrepareError> {
        let ttl = IndexOptions::builder().expire_after(Duration::ZERO).build();
        mongo::ensure_indexes(&self.0, [mongo::index(doc! { "expires_at": 1 }, ttl)]).await
    }

    pub async fn count(&self, name_key: &str, now: DateTime) -> Result<u64, Error> {
        let name = digest_of(name_key);
        // All failures of the last 60 minutes, and of up to 60 minutes more. The count is too high rather than too low,
        // because it only decides how careful to be. An estimate that weights the two hours would miss a burst at the
        // end of the earlier one.
        let hours = [hour_of(now) - 1, hour_of(now)].map(|hour| id(&name, hour));
        let found = self.0.find(doc! { "_id": { "$in": hours.to_vec() } }).max_time(mongo::MAX_TIME);
        let hours: Vec<HourlyCount> = found.timed().await?.try_collect().await?;
        Ok(hours.iter().filter_map(|hour| u64::try_from(hour.count).ok()).sum())
    }

    pub async fn record(&self, name_key: &str, now: DateTime) -> Result<(), Error> {
        let hour = hour_of(now);
        let change = doc! {
            "$inc": { "count": 1_i64 },
            // `count` reads this hour until the end of the next one.
            "$setOnInsert": { "expires_at": DateTime::from_millis((hour + 2) * HOUR_MILLIS) },
        };
        let this_hour = doc! { "_id": id(&digest_of(name_key), hour) };
        // If the write is repeated because its result is unknown, the failure may count twice. This is safe, because
        // the limit is then only reached sooner.
        self.0.update_one(this_hour, change).upsert(true).timed().await?;
        Ok(())
    }
}

fn hour_of(time: DateTime) -> i64 {
    time.timestamp_millis().div_euclid(HOUR_MILLIS)
}

fn digest_of(name_key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(sha256(name_key.as_bytes()))
}

fn id(name: &str, hour: i64) -> String {
    format!("{name}:{hour}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_a_digest_and_an_hour_and_does_not_reveal_the_name() {
        assert_eq!(id(&digest_of("ann"), 7), "SZFeDX1LQC4wF9AQvBwOg8rGx5fWwW5mNA_jJoaTpqE:7");
        assert_eq!(digest_of(&"x".repeat(100_000)).len(), 43);
    }

    #[test]
    fn an_hour_includes_its_last_millisecond() {
        assert_eq!(hour_of(DateTime::from_millis(7_199_999)), 1);
        assert_eq!(hour_of(DateTime::from_millis(7_200_000)), 2);
    }
}
