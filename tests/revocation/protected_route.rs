//! The routes on which a token is tried, and the login that issues it.

use reqwest::Method;
use serde_json::json;

use crate::fleet::instance::{Answer, Instance};

/// A protected route on which a token is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProtectedRoute {
    /// `GET /v1/user`, which reads the database after the token check.
    ReadsDatabase,
    /// `PATCH /v1/user` with a malformed body. An accepted token gets a 400, even without a database.
    ChecksTokenOnly,
}

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) access: String,
    pub(crate) refresh: String,
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

    /// Opens a session. The error is the status of the response.
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
