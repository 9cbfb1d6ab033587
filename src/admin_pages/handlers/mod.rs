//! The routes under `/admin`.

pub(crate) mod audit;
pub(crate) mod changes;
pub(crate) mod overview;
pub(crate) mod sign_in;
pub(crate) mod users;

use crate::error::{Error, Resource};

/// `/admin/{*rest}`
pub(crate) async fn unknown() -> Error {
    Error::NotFound(Resource::Path)
}
