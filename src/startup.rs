//! Makes the database ready for this version, and then lets requests in. Must refuse what waiting cannot mend.

use std::time::Duration;

use secrecy::SecretString;

use crate::error::OperatorError;
use crate::migrations::{self, MigrationScope};
use crate::mongo::{self, Db, PrepareError, Topology};
use crate::state::AppState;
use crate::sync::lineage::Lineage;

const RETRY: Duration = Duration::from_secs(1);
const TIDY_PERIOD: Duration = Duration::from_mins(1);

/// Prepares the database, as often as it takes until it can be reached, and then opens the gate.
///
/// # Errors
/// What an operator must mend.
pub async fn prepare(state: &AppState, uri: &SecretString) -> Result<(), OperatorError> {
    while let Err(why) = attempt(state, MigrationScope::Missing).await {
        let why = refused(why)?;
        if mongo::diagnose(uri).await == Some(Topology::Standalone) {
            return Err(standalone());
        }
        tracing::warn!(why, "waiting for MongoDB");
        tokio::time::sleep(RETRY).await;
    }
    state.readiness.begin();
    tracing::info!("ready");
    Ok(())
}

/// Keeps the blacklist in step with the database, hands changes out, and ends what was cut off, for as long as the service runs.
pub async fn maintain(state: &AppState) -> ! {
    let mirror = state.auth.mirror_blacklist();
    let tidy = async {
        loop {
            tokio::time::sleep(TIDY_PERIOD).await;
            if let Err(error) = state.workspaces.tidy().await {
                tracing::warn!(%error, "the trash, and what was cut off, wait to be tidied");
            }
            if let Err(error) = state.accounts.finish_deletions().await {
                tracing::warn!(%error, "deletions that were cut off wait to be ended");
            }
        }
    };
    tokio::join!(mirror, tidy, state.sources.hub.run()).1
}

/// Prepares the database once.
///
/// # Errors
/// What an operator must mend, and that the database cannot be reached.
pub async fn migrate(state: &AppState, which: MigrationScope) -> Result<(), OperatorError> {
    attempt(state, which).await.map_err(out_of_reach)
}

/// Refuses a database that no command may work on; changes nothing.
///
/// # Errors
/// What an operator must mend, and that the database cannot be reached.
pub async fn inspect(db: &Db) -> Result<(), OperatorError> {
    require_whole(db).await.map_err(out_of_reach)
}

fn out_of_reach(why: PrepareError) -> OperatorError {
    match refused(why) {
        Ok(why) => OperatorError(format!("MongoDB cannot be reached: {why}")),
        Err(refusal) => refusal,
    }
}

/// Why the database is out of reach, unless the reason is a refusal.
fn refused(why: PrepareError) -> Result<String, OperatorError> {
    match why {
        PrepareError::Refused(refusal) => Err(refusal),
        PrepareError::Unavailable(why) => Ok(why),
    }
}

async fn require_whole(db: &Db) -> Result<(), PrepareError> {
    if db.topology().await? == Topology::Standalone {
        return Err(PrepareError::Refused(standalone()));
    }
    if Lineage::new(db).is_unfinished().await? {
        return Err(PrepareError::Refused(OperatorError(
            "the database holds a restore that did not end; drop it and restore again".to_owned(),
        )));
    }
    Ok(())
}

async fn attempt(state: &AppState, which: MigrationScope) -> Result<(), PrepareError> {
    require_whole(&state.db).await?;
    migrations::run(&state.db, &state.hasher, which).await?;
    state.stores.ensure_indexes().await?;
    state.auth.load_blacklist().await.map_err(|error| PrepareError::Unavailable(error.to_string()))?;
    state.accounts.finish_deletions().await.map_err(|error| PrepareError::Unavailable(error.to_string()))
}

fn standalone() -> OperatorError {
    OperatorError(
        "MONGODB_URI leads to a standalone mongod, and a replica set is needed (one node is enough): start it with \
         `mongod --replSet rs0`, then once run `mongosh --eval 'rs.initiate()'`"
            .to_owned(),
    )
}
