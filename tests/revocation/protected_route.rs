//! The routes on which a token is tried.

use reqwest::Method;

use crate::fleet::instance::{Answer, Instance};

/// A protected route on which a token is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtectedRoute {
    /// `GET /v1/user`, which reads the database after the token check.
    ReadsDatabase,
    /// `PATCH /v1/user` with a malformed body. An accepted token gets a 400, even without a database.
    ChecksTokenOnly,
}

impl Instance {
    pub(crate) async fn attempt(&self, route: ProtectedRoute, token: &str) -> Answer {
        match route {
            ProtectedRoute::ReadsDatabase => {
                self.send(Method::GET, "/v1/user", token, &[], String::new()).await
            }
            ProtectedRoute::ChecksTokenOnly => {
                self.send(Method::PATCH, "/v1/user", token, &[], "{".to_owned()).await
            }
        }
    }
}
