//! A user whose tokens are revoked by a client that retries until the revocation is acknowledged.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use todo_api::clock::{Clock, rfc3339};

use crate::fleet::PASSWORD;
use crate::fleet::instance::{Answer, Instance, Session};
use crate::fleet::random;
use crate::protected_route::ProtectedRoute;

const NEW_PASSWORD: &str = "another horse battery";
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);

/// A user with two sessions.
#[derive(Debug, Clone)]
pub(crate) struct RevokedUser {
    pub(crate) name: String,
    pub(crate) first: Session,
    pub(crate) second: Session,
}

/// A way to revoke tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RevocationKind {
    /// `POST /v1/logout` in the first session.
    LogOut,
    /// `DELETE /v1/sessions` in the first session.
    Everywhere,
    /// `PUT /v1/user/password` in the first session, which continues.
    Password,
}

/// A revocation that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    pub(crate) kind: RevocationKind,
    pub(crate) user: RevokedUser,
    /// The number of the instance that acknowledged it.
    pub(crate) by: usize,
    pub(crate) answered: Instant,
    /// The same moment as wall-clock time, for the printed faults.
    pub(crate) at: String,
    /// The status and duration of every attempt, from first to last.
    pub(crate) tries: Vec<(u16, Duration)>,
    /// Whether ending all sessions needed another login, because the first attempt lost its own token without success.
    pub(crate) again: bool,
    /// The faults that were found before the acknowledgement.
    pub(crate) faults: Vec<String>,
}

impl RevocationKind {
    pub(crate) const ALL: [Self; 3] = [Self::LogOut, Self::Everywhere, Self::Password];

    pub(crate) fn any() -> Self {
        Self::ALL[random(3)]
    }
}

impl RevokedUser {
    /// Registers a user, and opens a session on each of two instances.
    pub(crate) async fn register(name: &str, one: &Instance, other: &Instance) -> Self {
        let answer = one.register(name).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let first = one.log_in(name, PASSWORD).await.session();
        let second = other.log_in(name, PASSWORD).await.session();
        Self { name: name.to_owned(), first, second }
    }

    /// Revokes on one instance, with retries until the revocation is acknowledged.
    pub(crate) async fn revoke(self, kind: RevocationKind, at: &Instance) -> Revocation {
        let began = Instant::now();
        let (mut tries, mut faults) = (Vec::new(), Vec::new());
        let (mut kind_now, mut token, mut again) = (kind, self.first.access.clone(), false);
        loop {
            assert!(began.elapsed() < PATIENCE, "{kind:?} at {}: {tries:?}", at.number);
            let answer = request(kind_now, &token, at).await;
            tries.push((answer.status, answer.took()));
            match answer.status {
                200..300 => break self.acknowledged(kind, at, answer.came, tries, again, faults),
                // The revocation was not acknowledged, but it was stored.
                401 if kind == RevocationKind::LogOut && tries.len() > 1 => {
                    break self.acknowledged(kind, at, answer.came, tries, again, faults);
                }
                401 if tries.len() > 1 => {
                    again = true;
                    if let Some(session) = self.log_in_again(at).await {
                        (kind_now, token) = (RevocationKind::Everywhere, session.access);
                    }
                }
                503 if kind == RevocationKind::LogOut => {
                    let local = at.attempt(ProtectedRoute::ChecksTokenOnly, &token).await;
                    if local.status != 401 {
                        let took = answer.took();
                        faults.push(format!(
                            "instance {}: a logout answered 503 after {took:?} is not refused locally at once: {}",
                            at.number, local.status,
                        ));
                    }
                }
                503 => {}
                status => faults.push(format!("{kind:?} at {}: {status} {}", at.number, answer.body)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn acknowledged(
        self,
        kind: RevocationKind,
        at: &Instance,
        answered: Instant,
        tries: Vec<(u16, Duration)>,
        again: bool,
        faults: Vec<String>,
    ) -> Revocation {
        let wall = rfc3339(Clock::system().now()).to_string();
        Revocation { kind, user: self, by: at.number, answered, at: wall, tries, again, faults }
    }

    async fn log_in_again(&self, at: &Instance) -> Option<Session> {
        for password in [NEW_PASSWORD, PASSWORD] {
            let answer = at.log_in(&self.name, password).await;
            if answer.status == 200 {
                return Some(answer.session());
            }
        }
        None
    }
}

impl Revocation {
    /// The token to try. If several were revoked, it belongs to the session that did not ask for the revocation.
    pub(crate) fn token(&self) -> &str {
        match self.kind {
            RevocationKind::LogOut => &self.user.first.access,
            RevocationKind::Everywhere | RevocationKind::Password => &self.user.second.access,
        }
    }

    /// The session that must continue, if any.
    pub(crate) fn survivor(&self) -> Option<&Session> {
        match self.kind {
            RevocationKind::LogOut => Some(&self.user.second),
            RevocationKind::Password if !self.again => Some(&self.user.first),
            _ => None,
        }
    }

    /// The refresh token that must be revoked.
    pub(crate) fn refresh(&self) -> &str {
        match self.kind {
            RevocationKind::LogOut => &self.user.first.refresh,
            RevocationKind::Everywhere | RevocationKind::Password => &self.user.second.refresh,
        }
    }
}

async fn request(kind: RevocationKind, token: &str, at: &Instance) -> Answer {
    let (method, path, body) = match kind {
        RevocationKind::LogOut => (Method::POST, "/v1/logout", Value::Null),
        RevocationKind::Everywhere => (Method::DELETE, "/v1/sessions", Value::Null),
        RevocationKind::Password => (
            Method::PUT,
            "/v1/user/password",
            json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD }),
        ),
    };
    at.call(method, path, token, &body).await
}
