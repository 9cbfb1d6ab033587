//! Commands and metrics for operators. The routes of the API never use this folder.

pub mod backup;
pub mod healthcheck;
pub mod logging;
pub mod metrics;
pub mod one_off;
pub mod open_files;
pub mod seed;
pub mod tokens;
pub mod transfer;
pub mod users;
