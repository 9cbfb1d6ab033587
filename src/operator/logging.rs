//! Sets up logging to standard output.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::{self, Clock};
use crate::config::{Config, LogFormat};
use crate::error::OperatorError;

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Whether the log has begun, with lines of JSON.
pub fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}

/// Says as a line of JSON why the service stops.
#[expect(clippy::print_stderr, reason = "where other errors of commands go")]
pub fn fatal(error: &OperatorError) {
    let line = json!({
        "timestamp": clock::rfc3339(Clock::system().now()).to_string(), "level": "ERROR", "message": error.to_string(), "fatal": true,
    });
    eprintln!("{line}");
}

/// The default format is text on a terminal, and JSON otherwise. Fails on the second call.
pub fn init(config: &Config) -> Result<(), OperatorError> {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|error| OperatorError(format!("LOG_LEVEL cannot be used: {error}")))?;
    let is_terminal = std::io::stdout().is_terminal();
    let format = config.log_format.unwrap_or(if is_terminal { LogFormat::Text } else { LogFormat::Json });
    IS_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    let lines = tracing_subscriber::fmt::layer().with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(is_terminal)).try_init(),
    }
    .map_err(|error| OperatorError(format!("logging cannot be started: {error}")))
}
