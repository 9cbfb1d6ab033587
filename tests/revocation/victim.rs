//! A user whose tokens get revoked, and how a client goes about it: it repeats what was not acknowledged.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use todo_api::clock::{Clock, rfc3339};

use crate::door::{Door, Session};
use crate::fleet::PASSWORD;
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::random;

const NEW_PASSWORD: &str = "another horse battery";
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(200);

/// A user with two sessions.
#[derive(Debug, Clone)]
pub(crate) struct Victim {
    pub(crate) name: String,
    pub(crate) first: Session,
    pub(crate) second: Session,
}

/// A way to revoke tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// `POST /v1/logout` in the first session.
    LogOut,
    /// `DELETE /v1/sessions` in the first session.
    Everywhere,
    /// `PUT /v1/user/password` in the first session, which goes on.
    Password,
}

/// A revocation that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Revocation {
    pub(crate) act: Act,
    pub(crate) victim: Victim,
    /// The number of the instance that answered.
    pub(crate) by: usize,
    pub(crate) answered: Instant,
    /// The same moment for people.
    pub(crate) at: String,
    /// What was answered, from the first try to the last, with the duration.
    pub(crate) tries: Vec<(u16, Duration)>,
    /// Whether another login was needed to end all sessions, for the first had lost its token but not succeeded.
    pub(crate) again: bool,
    /// What was wrong already.
    pub(crate) faults: Vec<String>,
}

impl Act {
    pub(crate) const ALL: [Self; 3] = [Self::LogOut, Self::Everywhere, Self::Password];

    pub(crate) fn any() -> Self {
        Self::ALL[random(3)]
    }
}

impl Victim {
    /// Registers a user, and opens a session on each of two instances.
    pub(crate) async fn register(name: &str, one: &Instance, other: &Instance) -> Self {
        let body = json!({ "username": name, "password": PASSWORD });
        let answer = one.call(Method::POST, "/v1/register", "", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let first = one.log_in(name, PASSWORD).await.unwrap();
        let second = other.log_in(name, PASSWORD).await.unwrap();
        Self { name: name.to_owned(), first, second }
    }

    /// Revokes on one instance, until that is acknowledged.
    pub(crate) async fn revoke(self, act: Act, at: &Instance) -> Revocation {
        let began = Instant::now();
        let (mut tries, mut faults) = (Vec::new(), Vec::new());
        let (mut act_now, mut token, mut again) = (act, self.first.access.clone(), false);
        loop {
            assert!(began.elapsed() < PATIENCE, "{act:?} at {}: {tries:?}", at.number);
            let answer = request(act_now, &token, at).await;
            tries.push((answer.status, answer.took()));
            match answer.status {
                200..300 => break self.acknowledged(act, at, answer.came, tries, again, faults),
                // Not acknowledged, but written down all the same.
                401 if act == Act::LogOut && tries.len() > 1 => {
                    break self.acknowledged(act, at, answer.came, tries, again, faults);
                }
                401 if tries.len() > 1 => {
                    again = true;
                    if let Some(session) = self.log_in_again(at).await {
                        (act_now, token) = (Act::Everywhere, session.access);
                    }
                }
                503 if act == Act::LogOut => {
                    let local = at.knock(Door::Unreadable, &token).await;
                    if local.status != 401 {
                        let took = answer.took();
                        faults.push(format!(
                            "instance {}: a logout answered 503 after {took:?} is not refused locally at once: {}",
                            at.number, local.status,
                        ));
                    }
                }
                503 => {}
                status => faults.push(format!("{act:?} at {}: {status} {}", at.number, answer.body)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn acknowledged(
        self,
        act: Act,
        at: &Instance,
        answered: Instant,
        tries: Vec<(u16, Duration)>,
        again: bool,
        faults: Vec<String>,
    ) -> Revocation {
        let wall = rfc3339(Clock::system().now()).to_string();
        Revocation { act, victim: self, by: at.number, answered, at: wall, tries, again, faults }
    }

    async fn log_in_again(&self, at: &Instance) -> Option<Session> {
        for password in [NEW_PASSWORD, PASSWORD] {
            if let Ok(session) = at.log_in(&self.name, password).await {
                return Some(session);
            }
        }
        None
    }
}

impl Revocation {
    /// The token to try: the other session's where there is a choice.
    pub(crate) fn token(&self) -> &str {
        match self.act {
            Act::LogOut => &self.victim.first.access,
            Act::Everywhere | Act::Password => &self.victim.second.access,
        }
    }

    /// The session that must go on, if any.
    pub(crate) fn survivor(&self) -> Option<&Session> {
        match self.act {
            Act::LogOut => Some(&self.victim.second),
            Act::Password if !self.again => Some(&self.victim.first),
            _ => None,
        }
    }

    /// The refresh token that must have gone.
    pub(crate) fn refresh(&self) -> &str {
        match self.act {
            Act::LogOut => &self.victim.first.refresh,
            Act::Everywhere | Act::Password => &self.victim.second.refresh,
        }
    }
}

async fn request(act: Act, token: &str, at: &Instance) -> Answer {
    let (method, path, body) = match act {
        Act::LogOut => (Method::POST, "/v1/logout", Value::Null),
        Act::Everywhere => (Method::DELETE, "/v1/sessions", Value::Null),
        Act::Password => (
            Method::PUT,
            "/v1/user/password",
            json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD }),
        ),
    };
    at.call(method, path, token, &body).await
}
