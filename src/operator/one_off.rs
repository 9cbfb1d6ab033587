//! Runs the commands that work on the database and exit, and reports their results.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::backup::operations::Source;
use super::{backup, logging};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::OperatorError;
use crate::migrations::MigrationScope;
use crate::startup;
use crate::state::AppState;

/// Reports the result before it closes the connections, which may take a second.
async fn with_state(
    file: Option<&Path>,
    report: impl FnOnce(&str),
    run: impl AsyncFnOnce(&AppState) -> Result<String, OperatorError>,
) -> Result<(), OperatorError> {
    let config = Config::load_without_secret(file)?;
    let db = startup::connect_once(&config).await?;
    let state = AppState::new(&config, Clock::system(), db)?;
    let done = run(&state).await;
    if let Ok(done) = &done {
        report(done);
    }
    state.db.close().await;
    done.map(drop)
}

pub async fn migrate(file: Option<&Path>, again: bool) -> Result<(), OperatorError> {
    logging::init(&Config::load_without_secret(file)?)?;
    let which = if again { MigrationScope::All } else { MigrationScope::Missing };
    let report = |done: &str| tracing::info!("{done}");
    with_state(file, report, async |state| {
        Ok(match startup::migrate(state, which).await? {
            0 => "nothing to migrate: the database is up to date".to_owned(),
            count => format!("the database is migrated: {count} migrations"),
        })
    })
    .await
}

pub async fn run(
    file: Option<&Path>,
    command: impl AsyncFnOnce(&AppState) -> Result<String, OperatorError>,
) -> Result<(), OperatorError> {
    with_state(file, report, async |state| {
        let missing = startup::missing_migrations(&state.db).await?;
        if !missing.is_empty() {
            print_message(&format_args!(
                "migrating the database to this version first (migrations {missing:?})"
            ));
        }
        startup::migrate(state, MigrationScope::Missing).await?;
        command(state).await
    })
    .await
}

pub async fn backup(file: Option<&Path>, to: &Path) -> Result<(), OperatorError> {
    // To standard error, because standard output may be the backup.
    with_state(
        file,
        |done| print_message(&done),
        async |state| {
            startup::inspect(&state.db).await?;
            backup::operations::save(&state.db, to, Clock::system().now(), &stopped()).await
        },
    )
    .await
}

pub async fn restore(file: Option<&Path>, from: Source<'_>) -> Result<(), OperatorError> {
    with_state(
        file,
        |done| print_message(&done),
        async |state| {
            startup::inspect(&state.db).await?;
            let (now, stop, announce) = (Clock::system().now(), stopped(), |line: &str| print_message(&line));
            let done = backup::operations::load(&state.db, from, now, &stop, announce).await?;
            match startup::migrate(state, MigrationScope::Missing).await {
                Ok(_) => Ok(done),
                Err(OperatorError(why)) => Err(OperatorError(format!(
                    "{done}, but migrating it to this version failed ({why}): run `todo-api migrate`"
                ))),
            }
        },
    )
    .await
}

pub fn check_backup(path: &Path) -> Result<(), OperatorError> {
    report(&backup::operations::check(path, &stopped())?);
    Ok(())
}

fn stopped() -> CancellationToken {
    let token = CancellationToken::new();
    let stopped = token.clone();
    tokio::spawn(async move {
        stop_signal().await;
        stopped.cancel();
    });
    token
}

pub fn report(done: &str) {
    // The reader may have read enough, as in `todo-api openapi | head`.
    let _ = writeln!(std::io::stdout(), "{done}");
}

#[expect(clippy::print_stderr, reason = "errors and results of commands go to the terminal")]
pub fn print_message(message: &impl Display) {
    eprintln!("todo-api: {message}");
}

pub async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
}
