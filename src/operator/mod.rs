//! What an operator runs or watches. Must not be used by the service's routes.

pub mod backup;
pub mod logging;
pub mod metrics;
pub mod seed;
pub mod users;
