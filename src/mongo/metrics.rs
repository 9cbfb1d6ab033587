//! Metrics of the database: how long commands take, and how many connections are open or in use.
//!
//! The driver's events of commands are not used, because the driver copies each reply for them: a page of 20 todos would cost
//! the service half as much again.

use std::time::Instant;

use metrics::{gauge, histogram};
use mongodb::action::{
    Aggregate, CountDocuments, Delete, EstimatedDocumentCount, Find, FindOne, FindOneAndUpdate, InsertMany,
    InsertOne, ReplaceOne, Update,
};
use mongodb::error::Error as DriverError;
use mongodb::event::EventHandler;
use mongodb::event::cmap::CmapEvent;
use mongodb::options::ClientOptions;

pub const COMMAND_SECONDS: &str = "todo_api_db_command_duration_seconds";
/// `getMore`, which mostly waits for the next change.
pub const WAIT_SECONDS: &str = "todo_api_db_wait_duration_seconds";
pub const CONNECTIONS: &str = "todo_api_db_connections";

pub(crate) fn record_connections(options: &mut ClientOptions) {
    options.cmap_event_handler = Some(EventHandler::callback(|event| match event {
        CmapEvent::ConnectionReady(_) => gauge!(CONNECTIONS, "state" => "open").increment(1),
        CmapEvent::ConnectionClosed(_) => gauge!(CONNECTIONS, "state" => "open").decrement(1),
        CmapEvent::ConnectionCheckedOut(_) => gauge!(CONNECTIONS, "state" => "in_use").increment(1),
        CmapEvent::ConnectionCheckedIn(_) => gauge!(CONNECTIONS, "state" => "in_use").decrement(1),
        _ => {}
    }));
}

/// An operation of the driver, with the name of its command.
pub trait Command {
    const NAME: &'static str;

    /// Sends the command and records how long it takes, with the wait for a connection and the driver's retry.
    fn timed<R>(self) -> impl Future<Output = Result<R, DriverError>> + Send
    where
        Self: IntoFuture<Output = Result<R, DriverError>, IntoFuture: Send> + Sized + Send,
        R: Send,
    {
        record(Self::NAME, self)
    }
}

pub(super) fn record<R: Send>(
    command: &'static str,
    operation: impl IntoFuture<Output = Result<R, DriverError>, IntoFuture: Send> + Send,
) -> impl Future<Output = Result<R, DriverError>> + Send {
    // The driver's future is boxed. The operation itself would take a kilobyte of every future that awaits this one.
    let sent = operation.into_future();
    async move {
        let start = Instant::now();
        let result = sent.await;
        let labels = [("command", command), ("outcome", outcome(&result))];
        histogram!(COMMAND_SECONDS, &labels).record(start.elapsed());
        result
    }
}

/// Records how long an operation waits for the next change.
pub async fn record_wait<R>(
    operation: impl Future<Output = Result<R, DriverError>> + Send,
) -> Result<R, DriverError> {
    let start = Instant::now();
    let result = operation.await;
    histogram!(WAIT_SECONDS, "outcome" => outcome(&result)).record(start.elapsed());
    result
}

fn outcome<R>(result: &Result<R, DriverError>) -> &'static str {
    if result.is_ok() { "ok" } else { "failed" }
}

macro_rules! commands {
    ($($name:literal: [$($generic:tt)*] $operation:ty;)+) => {
        $(impl<$($generic)*> Command for $operation {
            const NAME: &'static str = $name;
        })+
    };
}

commands! {
    "find": ['a, T: Send + Sync, S] Find<'a, T, S>;
    "find": ['a, T: Send + Sync] FindOne<'a, T>;
    "findAndModify": ['a, T: Send + Sync] FindOneAndUpdate<'a, T>;
    "aggregate": ['a, S, T] Aggregate<'a, S, T>;
    "aggregate": ['a] CountDocuments<'a>;
    "count": ['a] EstimatedDocumentCount<'a>;
    "insert": ['a] InsertOne<'a>;
    "insert": ['a] InsertMany<'a>;
    "update": ['a] Update<'a>;
    "update": ['a] ReplaceOne<'a>;
    "delete": ['a] Delete<'a>;
}
