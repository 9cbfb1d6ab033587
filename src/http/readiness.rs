//! Whether the process lives, and whether it can serve. Must not tell a caller why it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::json::Json;
use crate::error::Error;
use crate::mongo::Db;

/// How long `/readyz` waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether start is over and the stop has not begun. Clones share it.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// The database is prepared: let requests in.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The service stops: let no new work in.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether requests may come in.
    ///
    /// # Errors
    /// [`Error::Unavailable`] before migrations and indexes are in place and the blacklist is loaded, and once the stop
    /// has begun.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(Error::unavailable("the service is starting or stopping"))
        }
    }
}

/// `GET /livez`: the process answers.
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: start is over, and the database answers now.
pub(crate) async fn ready(
    State(readiness): State<Readiness>,
    State(db): State<Db>,
) -> Result<Json<Value>, Error> {
    readiness.check()?;
    // In a task of its own, so that an operation under way is never dropped.
    let ping = tokio::spawn(async move { db.ping().await });
    timeout(PATIENCE, ping).await.map_err(Error::unavailable)?.map_err(Error::internal)??;
    Ok(Json(json!({ "status": "ready" })))
}
