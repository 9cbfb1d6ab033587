//! The routes on which a token is tried.

use reqwest::Method;

use crate::fleet::instance::{Answer, Instance};

/// A todo that nobody has.
const UNKNOWN_TODO: &str = "/v1/todos/0123456789abcdef01234567";

/// A protected route on which a token is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtectedRoute {
    /// `GET /v1/todos`, which reads the database after the token check.
    ReadsDatabase,
    /// `PATCH /v1/todos/{id}` with a malformed body. An accepted token gets a 400, even without a database.
    ChecksTokenOnly,
}

impl Instance {
    pub(crate) async fn attempt(&self, route: ProtectedRoute, token: &str) -> Answer {
        match route {
            ProtectedRoute::ReadsDatabase => {
                self.send(Method::GET, "/v1/todos?limit=1", token, &[], String::new()).await
            }
            ProtectedRoute::ChecksTokenOnly => {
                self.send(Method::PATCH, UNKNOWN_TODO, token, &[], "{".to_owned()).await
            }
        }
    }
}
