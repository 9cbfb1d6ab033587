//! The model: the sessions of one user as they should be, next to those of the service.

use std::time::Duration;

use bson::doc;
use serde_json::json;
use todo_api::crypto::random_id::RandomId;

use super::Step;
use crate::support::{Answer, Client, PASSWORD, TestApp};

const ACCESS_LIFE: i64 = 15 * 60_000;
const REFRESH_LIFE: i64 = 30 * 86_400_000;
const SESSION_LIFE: i64 = 90 * 86_400_000;
const LEEWAY: i64 = 5_000;
const GRACE: i64 = 10_000;

/// A session as it should be. All times are milliseconds since 1970.
struct Session {
    sid: String,
    generation: i64,
    seen: i64,
    rotated_at: i64,
    /// When each generation was replaced, the first generation first.
    replaced_at: Vec<i64>,
    /// Tokens of earlier generations were revoked.
    valid_from: i64,
    /// When the session expires unless it is refreshed.
    idle_at: i64,
    expires_at: i64,
    over: bool,
}

impl Session {
    /// Its owner has just used it, so it is extended.
    fn used(&mut self, now: i64) {
        self.idle_at = self.expires_at.min(now + REFRESH_LIFE + LEEWAY);
    }
}

/// An issued pair of tokens.
struct Pair {
    session: usize,
    generation: i64,
    access_ends: i64,
    refresh_ends: i64,
    client: Client,
    /// The verdicts on both tokens at the last check.
    was: (Verdict, Verdict),
}

/// The expected response.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Verdict {
    Accepted,
    Expired,
    Revoked,
}

impl Verdict {
    #[track_caller]
    fn assert(self, answer: Answer, status: u16) -> Answer {
        match self {
            Self::Accepted => answer.assert(status),
            Self::Expired => answer.assert_problem(401, "token_expired"),
            Self::Revoked => answer.assert_problem(401, "token_revoked"),
        }
    }
}

/// One user with all issued tokens.
pub(super) struct Life {
    app: TestApp,
    name: String,
    password: String,
    sessions: Vec<Session>,
    pairs: Vec<Pair>,
}

impl Life {
    pub(super) async fn begin(app: &TestApp) -> Self {
        let name = RandomId::new().to_string();
        app.anonymous().v1_register(&name, PASSWORD).await.assert(201);
        let password = PASSWORD.to_owned();
        let mut life = Self { app: app.clone(), name, password, sessions: vec![], pairs: vec![] };
        life.log_in().await;
        life
    }

    fn now(&self) -> i64 {
        self.app.clock.now().timestamp_millis()
    }

    async fn log_in(&mut self) {
        let answer = self.app.anonymous().v1_try_login(&self.name, &self.password).await.assert(200);
        self.opened(&answer);
    }

    /// A response with the tokens of a new session.
    fn opened(&mut self, answer: &Answer) {
        let (client, now) = (self.app.anonymous().with_tokens(answer), self.now());
        self.sessions.push(Session {
            sid: client.sid(),
            generation: 0,
            seen: 0,
            rotated_at: now,
            replaced_at: Vec::new(),
            valid_from: 0,
            idle_at: now + REFRESH_LIFE + LEEWAY,
            expires_at: now + SESSION_LIFE + LEEWAY,
            over: false,
        });
        self.handed_out(self.sessions.len() - 1, client);
    }

    /// The expiry of tokens is rounded down to whole seconds, and limited by the end of the session.
    fn handed_out(&mut self, session: usize, client: Client) {
        let now = self.now();
        let Session { generation, expires_at, ref sid, .. } = self.sessions[session];
        assert_eq!((client.generation(), &client.sid()), (generation, sid), "one chain");
        let left = (expires_at - LEEWAY - now) / 1_000 * 1_000;
        let ends = |life: i64| now / 1_000 * 1_000 + life.min(left) + LEEWAY;
        let (access_ends, refresh_ends) = (ends(ACCESS_LIFE), ends(REFRESH_LIFE));
        let was = (Verdict::Accepted, Verdict::Accepted);
        self.pairs.push(Pair { session, generation, access_ends, refresh_ends, client, was });
    }

    fn verdict(&self, pair: usize, ends: impl Fn(&Pair) -> i64) -> Verdict {
        let pair = &self.pairs[pair];
        let session = &self.sessions[pair.session];
        if self.now() >= ends(pair) {
            Verdict::Expired
        } else if session.over || pair.generation < session.valid_from {
            Verdict::Revoked
        } else {
            Verdict::Accepted
        }
    }

    fn of_access(&self, pair: usize) -> Verdict {
        self.verdict(pair, |pair| pair.access_ends)
    }

    fn of_refresh(&self, pair: usize) -> Verdict {
        self.verdict(pair, |pair| pair.refresh_ends)
    }

    /// Replaces the newest refresh token.
    fn rotate(&mut self, session: usize) {
        let now = self.now();
        let session = &mut self.sessions[session];
        session.seen = session.seen.max(session.generation);
        session.generation += 1;
        session.rotated_at = now;
        session.replaced_at.push(now);
        session.used(now);
    }

    /// Revokes all tokens of a session, which continues.
    fn carry_over(&mut self, session: usize) {
        self.rotate(session);
        let session = &mut self.sessions[session];
        session.seen = session.generation;
        session.valid_from = session.generation;
    }

    async fn refresh(&mut self, pair: usize, lost: bool) {
        let now = self.now();
        let (index, generation) = (self.pairs[pair].session, self.pairs[pair].generation);
        let mut verdict = self.of_refresh(pair);
        let session = &mut self.sessions[index];
        if verdict == Verdict::Accepted && now >= session.idle_at {
            verdict = Verdict::Revoked;
        } else if verdict == Verdict::Accepted && generation == session.generation {
            self.rotate(index);
        } else if verdict == Verdict::Accepted {
            let unused = session.seen < session.generation;
            let replaced_at = session.replaced_at[usize::try_from(generation).unwrap()];
            let is_previous = generation + 1 == session.generation;
            if is_previous && unused || now - replaced_at < GRACE {
                session.used(now);
            } else {
                session.over = true;
            }
            if session.over || !is_previous {
                verdict = Verdict::Revoked;
            }
        }
        let client = self.pairs[pair].client.clone();
        let answer = verdict.assert(client.v1_refresh().await, 200);
        if verdict == Verdict::Accepted {
            let client = client.with_tokens(&answer);
            assert_eq!(client.generation(), self.sessions[index].generation, "one chain");
            if !lost {
                self.handed_out(index, client);
            }
        }
    }

    async fn use_access(&mut self, pair: usize) {
        let verdict = self.of_access(pair);
        let Pair { session, generation, client, .. } = &self.pairs[pair];
        if verdict == Verdict::Accepted {
            client.use_access().await;
            let session = &mut self.sessions[*session];
            session.seen = session.seen.max(*generation);
        } else {
            verdict.assert(client.get("/v1/user").await, 200);
        }
    }

    async fn log_out(&mut self, pair: usize, by_refresh: bool) {
        let verdict = if by_refresh { self.of_refresh(pair) } else { self.of_access(pair) };
        let Pair { session, generation, client, .. } = &self.pairs[pair];
        let client = if by_refresh { client.with_refresh_token() } else { client.clone() };
        client.v1_logout().await.assert(204);
        let session = &mut self.sessions[*session];
        // An expired token ends its session too, unless another request has revoked the token.
        let is_of_session = *generation >= session.valid_from;
        session.over |= verdict == Verdict::Accepted || verdict == Verdict::Expired && is_of_session;
    }

    fn end_all(&mut self, except: Option<usize>) {
        for (n, session) in self.sessions.iter_mut().enumerate() {
            session.over |= Some(n) != except;
        }
    }

    /// Whether the access token of the pair opens a sensitive route. The service notes this as a use.
    async fn may_act(&mut self, pair: usize) -> bool {
        self.use_access(pair).await;
        self.of_access(pair) == Verdict::Accepted
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Login => self.log_in().await,
            Step::Refresh { session, back, lost } => {
                let session = session.index(self.sessions.len());
                let wanted = (self.sessions[session].generation - i64::try_from(back).unwrap()).max(0);
                let known =
                    self.pairs.iter().rposition(|pair| pair.session == session && pair.generation <= wanted);
                self.refresh(known.unwrap(), lost).await;
            }
            Step::Use { token } => self.use_access(token.index(self.pairs.len())).await,
            Step::Logout { token, by_refresh } => {
                self.log_out(token.index(self.pairs.len()), by_refresh).await;
            }
            Step::EndAll { token, but_current } => {
                let pair = token.index(self.pairs.len());
                if self.may_act(pair).await {
                    let query = if but_current { "?except=current" } else { "" };
                    let (client, session) = (self.pairs[pair].client.clone(), self.pairs[pair].session);
                    let answer = client.delete(&format!("/v1/sessions{query}")).await;
                    self.end_all(but_current.then_some(session));
                    if but_current {
                        self.carry_over(session);
                        self.handed_out(session, client.with_tokens(&answer));
                    } else {
                        answer.assert(204);
                    }
                }
            }
            Step::ChangePassword { token } => {
                let pair = token.index(self.pairs.len());
                if self.may_act(pair).await {
                    let client = self.pairs[pair].client.clone();
                    let new = RandomId::new().to_string();
                    let body = json!({ "current_password": self.password, "new_password": new });
                    let answer = client.put("/v1/user/password", body).await;
                    self.end_all(None);
                    self.password = new;
                    self.opened(&answer);
                }
            }
            Step::Advance { seconds } => self.app.clock.advance(Duration::from_secs(seconds)),
        }
    }

    /// Presents every token whose presentation has no effect: dead tokens, and access tokens that are known to have
    /// arrived. The others are presented at the end. After a step that ends no session, only the tokens whose verdict
    /// changed are presented.
    async fn check(&mut self, everything: bool) {
        for pair in 0..self.pairs.len() {
            let Pair { session, generation, was, .. } = self.pairs[pair];
            let is = (self.of_access(pair), self.of_refresh(pair));
            let arrived = is.0 == Verdict::Accepted && generation <= self.sessions[session].seen;
            if arrived || is.0 != was.0 || everything && is.0 != Verdict::Accepted {
                is.0.assert(self.pairs[pair].client.get("/v1/user").await, 200);
            }
            if is.1 != was.1 || everything && is.1 != Verdict::Accepted {
                is.1.assert(self.pairs[pair].client.v1_refresh().await, 200);
            }
            self.pairs[pair].was = is;
        }
    }

    /// Checks that the list has the active sessions, and that each was refreshed as often as in the model.
    async fn check_list(&mut self) {
        self.log_in().await;
        let now = self.now();
        let list = self.pairs.last().unwrap().client.get("/v1/sessions").await.assert(200).json();
        let mut listed: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        let living = self.sessions.iter().filter(|session| !session.over && now < session.idle_at);
        let mut living: Vec<_> = living.map(|session| session.sid.as_str()).collect();
        listed.sort_unstable();
        living.sort_unstable();
        assert_eq!(listed, living);
        for session in &self.sessions {
            let stored =
                self.app.db.collection("sessions").find_one(doc! { "_id": &session.sid }).await.unwrap();
            assert_eq!(stored.unwrap().get_i64("gen").unwrap(), session.generation);
        }
    }

    pub(super) async fn live(mut self, steps: Vec<Step>) {
        for step in steps {
            let ends =
                matches!(step, Step::Logout { .. } | Step::EndAll { .. } | Step::ChangePassword { .. });
            self.take(step).await;
            self.check(ends).await;
        }
        self.check_list().await;
        for pair in (0..self.pairs.len()).rev() {
            self.use_access(pair).await;
            self.refresh(pair, true).await;
        }
        self.check(true).await;
    }
}
