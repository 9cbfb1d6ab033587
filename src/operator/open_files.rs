//! The limit on open files of this process. Each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::mongo::POOL_MAX;

// Standard streams, the log, listeners, the event loop, and the monitoring connections of the driver.
const RESERVE: usize = 64;

/// Raises the soft limit to the hard limit, and warns if it is still too low for the configured limits.
pub fn raise_limit(config: &Config, metrics_connections_max: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    // Event streams are among the connections.
    let pool = usize::try_from(POOL_MAX).unwrap_or_default();
    let needed = config.max_connections.saturating_add(pool + metrics_connections_max + RESERVE);
    if let Some(limit) = limit.filter(|limit| usize::try_from(*limit).is_ok_and(|limit| limit < needed)) {
        tracing::warn!(
            limit,
            needed,
            max_connections = config.max_connections,
            "too few files may be open; raise the limit of the process, or lower MAX_CONNECTIONS"
        );
    }
}
