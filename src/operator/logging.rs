//! Starts the log on standard output. Must not be started twice.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Config, LogFormat};
use crate::error::OperatorError;

/// Starts logging; JSON unless standard output is a terminal or the configuration says otherwise.
///
/// # Errors
/// `LOG_LEVEL` cannot be understood, or logging was started before.
pub fn init(config: &Config) -> Result<(), OperatorError> {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|error| OperatorError(format!("LOG_LEVEL: {error}")))?;
    let terminal = std::io::stdout().is_terminal();
    let format = config.log_format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    let lines = tracing_subscriber::fmt::layer().with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry.with(lines.with_ansi(terminal)).try_init(),
    }
    .map_err(|error| OperatorError(format!("logging cannot start: {error}")))
}
