//! The command line: reads the configuration and starts the requested command.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::error::OperatorError;
use crate::http::connections::ConnectionLimits;
use crate::http::server;
use crate::mongo::Db;
use crate::operator::backup::operations::Source;
use crate::operator::seed::command::{self, SeedOptions};
use crate::operator::tokens::{self, TokenCommand};
use crate::operator::transfer::{self, ExportOptions, ImportOptions};
use crate::operator::users::{self, UserCommand};
use crate::operator::{backup, healthcheck, logging, metrics, one_off, open_files};
use crate::state::AppState;
use crate::{mongo, openapi, startup};

const METRICS_CONNECTIONS_MAX: usize = 16;
// Longer than the scrape interval of most monitoring.
const METRICS_KEEP_ALIVE: Duration = Duration::from_secs(100);

/// A self-hosted todo service over MongoDB
#[derive(Parser)]
#[command(version, about, after_help = settings_help())]
struct Arguments {
    /// The configuration file [default: todo-api.toml, if it exists]
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service (the default command)
    #[command(after_help = settings_help())]
    Serve,
    /// Migrate the database to this version, and exit
    Migrate {
        /// Also run completed migrations, for a database to which the original service wrote after the first migration
        #[arg(long)]
        again: bool,
    },
    /// Create and change users: for the first admin, and in an emergency
    #[command(subcommand)]
    User(UserCommand),
    /// Create, list and end personal access tokens of users
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write the whole database, as it is at this moment, to one file; the service may keep running
    Backup {
        /// The file, which must not exist yet; `-` is standard output
        file: PathBuf,
        /// Read the whole file and check that it is complete; needs no database
        #[arg(long)]
        check: bool,
    },
    /// Fill an empty database from a backup; no service may run on it, and all users must log in again
    Restore {
        /// The file; `-` is standard input
        file: PathBuf,
        /// Refuse a backup that expands to more than this
        #[arg(long, value_name = "SIZE", default_value = "16GiB", value_parser = backup::operations::size)]
        max_size: u64,
    },
    /// Write the lists and todos of a user to a file
    Export(ExportOptions),
    /// Import a file of this or another service for a user
    Import(ImportOptions),
    /// Print the API document (OpenAPI 3.1)
    Openapi,
    /// Put demo data (users, lists, todos) into an empty database; the same options on the same day give the same data
    Seed(SeedOptions),
    /// Exit with 0 if the service on this machine responds
    Healthcheck,
}

/// Ends the process.
#[tokio::main]
pub async fn run() {
    let arguments = Arguments::parse();
    let file = arguments.config.as_deref();
    let done = match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(file).await,
        Command::Migrate { again } => one_off::migrate(file, again).await,
        Command::User(command) => one_off::run(file, async |state| users::run(state, command).await).await,
        Command::Token(command) => one_off::run(file, async |state| tokens::run(state, command).await).await,
        Command::Backup { file: from, check: true } => one_off::check_backup(&from),
        Command::Backup { file: to, check: false } => one_off::backup(file, &to).await,
        Command::Restore { file: from, max_size } => {
            one_off::restore(file, Source { path: &from, max_bytes: max_size }).await
        }
        Command::Export(options) => {
            one_off::run(file, async |state| transfer::export(state, options).await).await
        }
        Command::Import(options) => {
            one_off::run(file, async |state| transfer::import(state, options).await).await
        }
        Command::Openapi => print_document(),
        Command::Seed(options) => one_off::run(file, async |state| command::run(state, options).await).await,
        Command::Healthcheck => match Config::load_without_secret(file) {
            Ok(config) => healthcheck::run(&config).await,
            Err(error) => Err(error),
        },
    };
    if let Err(error) = &done {
        if logging::is_json() { logging::fatal(error) } else { one_off::print_message(error) }
    }
    // Not by returning, because the driver's tasks may panic while the runtime is dropped.
    std::process::exit(i32::from(done.is_err()))
}

async fn serve(file: Option<&Path>) -> Result<(), OperatorError> {
    let config = Config::load(file)?;
    logging::init(&config)?;
    open_files::raise_limit(&config, METRICS_CONNECTIONS_MAX);
    // Before the first connection to the database, so that it is counted.
    let metrics =
        config.metrics_addr.map(|address| Ok((address, metrics::install_recorder()?))).transpose()?;
    let address = SocketAddr::new(config.host, config.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| OperatorError(format!("cannot listen on {address}: {error}; set HOST and PORT")))?;
    let address = listener.local_addr().unwrap_or(address);
    let (version, changed) = (env!("CARGO_PKG_VERSION"), &config.changed);
    tracing::info!(%address, version, database = mongo::place(&config.mongodb_uri), changed, "listening");
    let known_state = Arc::new(OnceLock::new());
    if let Some((address, handle)) = metrics {
        serve_metrics(address, metrics::router(known_state.clone(), handle)).await?;
    }
    let db = tokio::select! {
        db = connect(&config, &listener) => db?,
        () = one_off::stop_signal() => return Ok(()),
    };
    let state = AppState::new(&config, Clock::system(), db)?;
    known_state.get_or_init(|| state.clone());
    let (readiness, hub) = (state.readiness.clone(), state.sources.hub.clone());
    let stop = async move {
        one_off::stop_signal().await;
        readiness.end();
        hub.close();
        tracing::info!("stopping");
    };
    let serving = server::serve(
        listener,
        app::router(state.clone()),
        limits(&config),
        config.keep_alive,
        state.tasks.clone(),
        stop,
    );
    let prepared = async {
        match startup::prepare(&state, &config.mongodb_uri).await {
            Ok(()) => startup::maintain(&state).await,
            Err(error) => error,
        }
    };
    tokio::select! {
        () = serving => Ok(()),
        error = prepared => Err(error),
    }
}

/// Waits for the name server. Until then, the service is alive and not ready.
async fn connect(config: &Config, listener: &TcpListener) -> Result<Db, OperatorError> {
    let failed = |error| OperatorError(format!("cannot listen: {error}"));
    let shared = listener.as_fd().try_clone_to_owned().map_err(failed)?;
    let shared = TcpListener::from_std(shared.into()).map_err(failed)?;
    let connected = CancellationToken::new();
    let connecting = async {
        let db = startup::connect(config).await;
        connected.cancel();
        db
    };
    let router = app::before_database(config);
    let (keep_alive, tasks) = (config.keep_alive, TaskTracker::new());
    let serving = server::serve(shared, router, limits(config), keep_alive, tasks, connected.cancelled());
    tokio::join!(connecting, serving).0
}

fn limits(config: &Config) -> ConnectionLimits {
    let Config { max_connections, max_connections_per_address, trusted_proxy_hops, .. } = *config;
    ConnectionLimits::new(max_connections, max_connections_per_address, trusted_proxy_hops)
}

async fn serve_metrics(address: SocketAddr, router: Router) -> Result<(), OperatorError> {
    let listener = metrics::listen(address).await?;
    // Until the process ends, so that metrics can still be read during the stop.
    let never = std::future::pending();
    let limits = ConnectionLimits { total: METRICS_CONNECTIONS_MAX, per_address: None };
    tokio::spawn(server::serve(listener, router, limits, METRICS_KEEP_ALIVE, TaskTracker::new(), never));
    Ok(())
}

fn print_document() -> Result<(), OperatorError> {
    let document = serde_json::to_string_pretty(&*openapi::document::DOCUMENT);
    one_off::report(&document.map_err(|error| OperatorError(error.to_string()))?);
    Ok(())
}

fn settings_help() -> String {
    let setting = |(name, default): (&str, Option<&str>)| match default {
        Some(default) if !default.is_empty() => format!("  {} [default: {default}]\n", name.to_uppercase()),
        _ => format!("  {}\n", name.to_uppercase()),
    };
    let settings: String = config::SETTINGS.into_iter().map(setting).collect();
    format!(
        "Settings, read from the environment or, with names in lower case, from the configuration file:\n{settings}"
    )
}
