//! Liveness, readiness, and whether the service accepts requests.
//!
//! **Invariant:** does not show a client why the service is not ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::json::Json;
use crate::error::Error;
use crate::mongo::Db;

const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// True from the end of the start to the beginning of the stop.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err(Error::unavailable("the service is starting or stopping"))
        }
    }
}

/// `GET /livez`
pub(crate) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`
pub(crate) async fn ready(
    State(readiness): State<Readiness>,
    State(db): State<Db>,
) -> Result<Json<Value>, Error> {
    readiness.check()?;
    // In its own task, because the driver must not have its futures dropped half-way.
    let ping = tokio::spawn(async move { db.ping().await });
    timeout(PING_TIMEOUT, ping).await.map_err(Error::unavailable)?.map_err(Error::internal)??;
    Ok(Json(json!({ "status": "ready" })))
}
