//! A user whose tokens are revoked by a client that retries until the revocation is acknowledged.

use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::Collection;
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

/// A user with two sessions, a personal access token and the role `admin`.
#[derive(Debug, Clone)]
pub(crate) struct RevokedUser {
    id: String,
    pub(crate) name: String,
    first_id: String,
    pub(crate) first: Session,
    pub(crate) second: Session,
    /// The token in place of both tokens of a session.
    script: Session,
    script_id: String,
}

/// A way to revoke tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RevocationKind {
    /// `POST /v1/logout` in the first session.
    LogOut,
    /// `DELETE /v1/sessions` in the first session.
    Everywhere,
    /// `DELETE /v1/sessions?except=current` in the first session, which continues with new tokens.
    Others,
    /// `PUT /v1/user/password` in the first session. The response has the tokens of a new session.
    Password,
    /// `PATCH /v1/admin/users/{id}/sessions/{sid}` in the second session, which blocks the first one.
    Block,
    /// `DELETE /v1/tokens/{id}` in the first session.
    AccessToken,
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
    /// The tokens of the response, if it had any.
    new: Option<Session>,
}

impl RevocationKind {
    pub(crate) const ALL: [Self; 6] =
        [Self::LogOut, Self::Everywhere, Self::Others, Self::Password, Self::Block, Self::AccessToken];

    pub(crate) fn any() -> Self {
        Self::ALL[random(Self::ALL.len())]
    }
}

impl RevokedUser {
    /// Registers an admin, and opens a session on each of two instances.
    pub(crate) async fn register(
        name: &str,
        users: &Collection<Document>,
        one: &Instance,
        other: &Instance,
    ) -> Self {
        let answer = one.register(name).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let id = answer.body["id"].as_str().unwrap().to_owned();
        let admin = doc! { "$set": { "roles": ["user", "admin"] } };
        users.update_one(doc! { "username": name }, admin).await.unwrap();
        let login = one.log_in(name, PASSWORD).await;
        let first_id = login.body["session_id"].as_str().unwrap().to_owned();
        let first = login.session();
        let second = other.log_in(name, PASSWORD).await.session();
        let new = json!({ "name": "script", "scopes": ["todos:write"] });
        let created = one.call(Method::POST, "/v1/tokens", &first.access, &new).await;
        assert_eq!(created.status, 201, "{created:?}");
        let text = |field: &str| created.body[field].as_str().unwrap().to_owned();
        let script = Session { access: text("token"), refresh: text("token") };
        // So that these instances have verified the token, and only the blacklist can refuse it.
        for instance in [one, other] {
            let used = instance.attempt(ProtectedRoute::ReadsDatabase, &script.access).await;
            assert_eq!(used.status, 200, "{used:?}");
        }
        Self { id, name: name.to_owned(), first_id, first, second, script, script_id: text("id") }
    }

    /// Revokes on one instance, with retries until the revocation is acknowledged.
    pub(crate) async fn revoke(self, kind: RevocationKind, at: &Instance) -> Revocation {
        let began = Instant::now();
        let (mut tries, mut faults) = (Vec::new(), Vec::new());
        let by = if kind == RevocationKind::Block { &self.second } else { &self.first };
        let (mut kind_now, mut token, mut again) = (kind, by.access.clone(), false);
        let (answered, new) = loop {
            assert!(began.elapsed() < PATIENCE, "{kind:?} at {}: {tries:?}", at.number);
            let answer = self.request(kind_now, &token, at).await;
            tries.push((answer.status, answer.took()));
            match answer.status {
                200..300 => {
                    let new =
                        (answer.status == 200 && kind != RevocationKind::Block).then(|| answer.session());
                    break (answer.came, new);
                }
                // The revocation was not acknowledged, but it was stored.
                401 if kind == RevocationKind::LogOut && tries.len() > 1 => {
                    break (answer.came, None);
                }
                404 if kind == RevocationKind::AccessToken && tries.len() > 1 => {
                    break (answer.came, None);
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
        };
        let wall = rfc3339(Clock::system().now()).to_string();
        Revocation { kind, user: self, by: at.number, answered, at: wall, tries, again, faults, new }
    }

    async fn request(&self, kind: RevocationKind, token: &str, at: &Instance) -> Answer {
        let passwords = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
        let session = format!("/v1/admin/users/{}/sessions/{}", self.id, self.first_id);
        let (method, path, body) = match kind {
            RevocationKind::LogOut => (Method::POST, "/v1/logout".to_owned(), Value::Null),
            RevocationKind::Everywhere => (Method::DELETE, "/v1/sessions".to_owned(), Value::Null),
            RevocationKind::Others => (Method::DELETE, "/v1/sessions?except=current".to_owned(), Value::Null),
            RevocationKind::Password => (Method::PUT, "/v1/user/password".to_owned(), passwords),
            RevocationKind::Block => (Method::PATCH, session, json!({ "blocked": true })),
            RevocationKind::AccessToken => {
                (Method::DELETE, format!("/v1/tokens/{}", self.script_id), Value::Null)
            }
        };
        at.call(method, &path, token, &body).await
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
    /// The sessions whose tokens must be revoked. The one that asked for the revocation comes first.
    pub(crate) fn ended(&self) -> Vec<&Session> {
        match self.kind {
            RevocationKind::LogOut | RevocationKind::Block => vec![&self.user.first],
            RevocationKind::AccessToken => vec![&self.user.script],
            _ => vec![&self.user.first, &self.user.second],
        }
    }

    /// The access token that is tried while the revocation spreads. If several were revoked, it is any of them.
    pub(crate) fn token(&self) -> &str {
        let ended = self.ended();
        &ended[random(ended.len())].access
    }

    /// The tokens that must work, if any.
    pub(crate) fn survivor(&self) -> Option<&Session> {
        match self.kind {
            RevocationKind::LogOut | RevocationKind::Block | RevocationKind::AccessToken => {
                Some(&self.user.second)
            }
            _ => self.new.as_ref(),
        }
    }
}
