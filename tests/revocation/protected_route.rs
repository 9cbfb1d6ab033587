//! The ways in which a token is tried on an instance, and how it is got.

use reqwest::Method;
use serde_json::json;

use crate::fleet::instance::{Answer, Instance};

/// A protected route to try a token on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtectedRoute {
    /// `GET /v1/user`, which reads the database behind the check of the token.
    ReadsDatabase,
    /// `PATCH /v1/user` with a body that cannot be read: a token that is accepted gets a 400, whatever the database.
    ChecksTokenOnly,
}

/// The tokens of a session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Instance {
    /// Tries a token on a protected route.
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

    /// A new session, or the status that was answered instead.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Result<Session, u16> {
        let body = json!({ "username": username, "password": password });
        let answer = self.call(Method::POST, "/v1/login", "", &body).await;
        if answer.status != 200 {
            return Err(answer.status);
        }
        let token = |kind: &str| answer.body[kind].as_str().unwrap().to_owned();
        Ok(Session { access: token("access_token"), refresh: token("refresh_token") })
    }
}
