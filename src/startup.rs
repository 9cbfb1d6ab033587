//! Prepares the database for this version, lets requests in, and runs the upkeep.
//!
//! **Invariant:** retries only errors that can pass; all others stop the process with advice for the operator.

use std::time::Duration;

use metrics::{counter, gauge};
use secrecy::SecretString;

use crate::config::Config;
use crate::error::{Error, OperatorError};
use crate::migrations::{self, MigrationScope};
use crate::mongo::{self, Db, PrepareError, Topology};
use crate::state::AppState;
use crate::sync::lineage::Lineage;

pub const MAINTENANCE_FAILURES: &str = "todo_api_maintenance_failures_total";
pub const UNFINISHED_SECONDS: &str = "todo_api_unfinished_change_age_seconds";

const RETRY_PERIOD: Duration = Duration::from_secs(1);
const UPKEEP_PERIOD: Duration = Duration::from_mins(1);
const HASH_COSTS_PERIOD: Duration = Duration::from_hours(1);
// A release replaces all instances within this time.
const RELEASE_MAX: Duration = Duration::from_hours(1);

/// Waits for the name server, which knows the hosts of `mongodb+srv://`. The hosts themselves may be unreachable.
pub async fn connect(config: &Config) -> Result<Db, OperatorError> {
    loop {
        match mongo::connect(&config.mongodb_uri, config.metrics_addr.is_some()).await {
            Ok(db) => return Ok(db),
            Err(why) => tracing::warn!(why = unavailable_reason(why)?, "MongoDB is unreachable, retrying"),
        }
        tokio::time::sleep(RETRY_PERIOD).await;
    }
}

/// For commands: like [`connect`], with one attempt.
pub async fn connect_once(config: &Config) -> Result<Db, OperatorError> {
    mongo::connect(&config.mongodb_uri, false).await.map_err(to_operator_error)
}

pub async fn prepare(state: &AppState, uri: &SecretString) -> Result<(), OperatorError> {
    while let Err(why) = attempt(state, MigrationScope::Missing).await {
        let why = unavailable_reason(why)?;
        // A standalone server that is addressed with `replicaSet=...` looks unreachable to the driver.
        if mongo::diagnose(uri).await == Some(Topology::Standalone) {
            return Err(standalone());
        }
        tracing::warn!(why, "MongoDB is unreachable, retrying");
        tokio::time::sleep(RETRY_PERIOD).await;
    }
    // Before the first request, which must not see a change half-way.
    if let Err(error) = state.workspaces.resume().await {
        tracing::warn!(%error, "cannot resume interrupted changes, retrying later");
    }
    state.readiness.begin();
    tracing::info!("ready");
    Ok(())
}

/// Mirrors the blacklist, distributes changes to event streams, and does the upkeep, for as long as the service runs.
pub async fn maintain(state: &AppState) -> ! {
    let mirror = state.auth.mirror_blacklist();
    let upkeep = async {
        loop {
            tokio::time::sleep(UPKEEP_PERIOD).await;
            if let Err(error) = state.workspaces.upkeep().await {
                count_failure("changes and trash");
                tracing::warn!(%error, "cannot empty the trash and finish interrupted changes, retrying later");
            }
            if let Err(error) = state.accounts.finish_deletions().await {
                count_failure("deletions of users");
                tracing::warn!(%error, "cannot finish interrupted deletions of users, retrying later");
            }
            if let Ok(age) = state.workspaces.unfinished_for().await {
                gauge!(UNFINISHED_SECONDS).set(age.as_secs_f64());
            }
        }
    };
    // Other instances may have another `BCRYPT_COST`, and logins replace outdated hashes.
    let hash_costs = async {
        loop {
            tokio::time::sleep(HASH_COSTS_PERIOD).await;
            if let Err(error) = state.accounts.learn_hash_costs().await {
                count_failure("hash costs");
                tracing::warn!(%error, "cannot read the costs of stored password hashes, retrying later");
            }
        }
    };
    tokio::join!(mirror, upkeep, hash_costs, complete_release(state), state.sources.hub.run()).1
}

fn count_failure(task: &'static str) {
    counter!(MAINTENANCE_FAILURES, "task" => task).increment(1);
}

/// Waits until no instance of the version before can be running. Such instances write documents of the earlier form, and
/// their queries name the retired indexes.
async fn complete_release(state: &AppState) {
    tokio::time::sleep(RELEASE_MAX).await;
    while let Err(why) = migrations::repeat(&state.db, &state.hasher).await {
        let error = to_operator_error(why);
        tracing::warn!(%error, "cannot repeat migrations, retrying later");
        tokio::time::sleep(UPKEEP_PERIOD).await;
    }
    while let Err(error) = state.workspaces.drop_retired_indexes().await {
        tracing::warn!(%error, "cannot drop indexes of an earlier version, retrying later");
        tokio::time::sleep(UPKEEP_PERIOD).await;
    }
}

/// Prepares the database without retries. Returns how many migrations ran.
pub async fn migrate(state: &AppState, which: MigrationScope) -> Result<usize, OperatorError> {
    attempt(state, which).await.map_err(to_operator_error)
}

/// The migrations that the data of an earlier version still needs. Empty for an empty database.
pub async fn missing_migrations(db: &Db) -> Result<Vec<i32>, OperatorError> {
    require_usable(db).await.map_err(to_operator_error)?;
    migrations::missing(db).await.map_err(to_operator_error)
}

/// Refuses a standalone server and an unfinished restore. Writes nothing.
pub async fn inspect(db: &Db) -> Result<(), OperatorError> {
    require_usable(db).await.map_err(to_operator_error)
}

fn to_operator_error(why: PrepareError) -> OperatorError {
    match unavailable_reason(why) {
        Ok(why) => OperatorError(format!("MongoDB cannot be reached: {why}")),
        Err(refusal) => refusal,
    }
}

/// The reason why the database is unavailable, or the refusal that no retry can change.
fn unavailable_reason(why: PrepareError) -> Result<String, OperatorError> {
    match why {
        PrepareError::Refused(refusal) => Err(refusal),
        PrepareError::Unavailable(why) => Ok(why),
    }
}

async fn require_usable(db: &Db) -> Result<(), PrepareError> {
    if db.topology().await? == Topology::Standalone {
        return Err(PrepareError::Refused(standalone()));
    }
    if Lineage::new(db).is_unfinished().await? {
        return Err(PrepareError::Refused(OperatorError(
            "the database contains an unfinished restore; drop the database and restore again".to_owned(),
        )));
    }
    Ok(())
}

async fn attempt(state: &AppState, which: MigrationScope) -> Result<usize, PrepareError> {
    require_usable(&state.db).await?;
    if let Some(number) = migrations::newer(&state.db).await? {
        tracing::warn!(
            number,
            "a newer version has migrated the database; run that version, or restore the backup from before"
        );
    }
    let count = migrations::run(&state.db, &state.hasher, which).await?;
    // After the migrations, which fill in the keys of unique indexes and drop outdated indexes.
    state.stores.ensure_indexes().await?;
    state.auth.load_blacklist().await.map_err(|error| PrepareError::Unavailable(error.to_string()))?;
    let unavailable = |error: Error| PrepareError::Unavailable(error.to_string());
    state.accounts.learn_hash_costs().await.map_err(unavailable)?;
    state.accounts.finish_deletions().await.map_err(unavailable)?;
    Ok(count)
}

fn standalone() -> OperatorError {
    OperatorError(
        "MONGODB_URI points to a standalone mongod, but a replica set is required (one node is enough): start it with \
         `mongod --replSet rs0`, and then run `mongosh --eval 'rs.initiate()'` once"
            .to_owned(),
    )
}
