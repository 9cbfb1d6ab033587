//! Somebody has copied the tokens of a session. After a change of the password, or after the end of all other sessions,
//! the copies work on no instance.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::fleet::account::Account;
use crate::fleet::faults::Faults;
use crate::fleet::instance::{Answer, Instance, Session};
use crate::fleet::process::Server;
use crate::fleet::replica_set::ReplicaSet;
use crate::fleet::{LOG_WITHOUT_REQUESTS, PASSWORD, exclusive_use, log_tails};

/// How long another instance may accept a revoked token.
const BOUND: Duration = Duration::from_secs(2);
const TRIED: Duration = Duration::from_millis(50);
/// Within this time after a rotation, the replaced refresh token is still accepted.
const GRACE: Duration = Duration::from_secs(10);

struct Scene {
    one: Instance,
    two: Instance,
    faults: Faults,
    servers: Vec<Server>,
    _set: ReplicaSet,
    _exclusive: tokio::sync::MutexGuard<'static, ()>,
}

impl Scene {
    async fn start(name: &str) -> Self {
        let exclusive = exclusive_use().await;
        let set = ReplicaSet::start(&format!("hostile_{name}")).await;
        let start = || Server::start_ready(&set.uri, &[LOG_WITHOUT_REQUESTS]);
        let (one, two) = tokio::join!(start(), start());
        let servers = vec![one, two];
        let (one, two) = (Instance::of(0, &servers[0]), Instance::of(1, &servers[1]));
        Self { one, two, faults: Faults::default(), servers, _set: set, _exclusive: exclusive }
    }

    /// Both tokens of this session are refused: at once where they were revoked, and soon on the other instance.
    async fn are_dead(&self, what: &str, stolen: &Session, since: Instant) {
        let here = (read(&self.one, stolen).await.status, refresh(&self.one, stolen).await.status);
        self.faults.check(here == (401, 401), || format!("{what}: the same instance answers {here:?}"));
        loop {
            let there = read(&self.two, stolen).await;
            if there.sent >= since + BOUND || there.status == 401 {
                self.faults.check(there.status == 401, || {
                    format!("{what}: after 2 s, instance 2 answers {there:?}")
                });
                break;
            }
            tokio::time::sleep(TRIED).await;
        }
        let refreshed = refresh(&self.two, stolen).await.status;
        self.faults.check(refreshed == 401, || format!("{what}: refresh on instance 2 answers {refreshed}"));
    }

    async fn lives(&self, what: &str, session: &Session) {
        for instance in [&self.one, &self.two] {
            let status = read(instance, session).await.status;
            self.faults.check(status == 200, || format!("{what}: the new token gets {status}"));
        }
    }

    /// A refresh that must succeed. If it fails, the result is the old session.
    async fn rotate(&self, what: &str, instance: &Instance, session: &Session) -> Session {
        let answer = refresh(instance, session).await;
        self.faults.check(answer.status == 200, || format!("{what}: {answer:?}"));
        if answer.status == 200 { answer.session() } else { session.clone() }
    }

    fn end(self, test: &str) {
        println!("stolen tokens on two instances: {test}");
        self.faults.assert_none(test, || log_tails(&self.servers));
    }
}

async fn read(instance: &Instance, session: &Session) -> Answer {
    instance.call(Method::GET, "/v1/user", &session.access, &Value::Null).await
}

async fn refresh(instance: &Instance, session: &Session) -> Answer {
    instance.send(Method::POST, "/v1/refresh", &session.refresh, &[], String::new()).await
}

/// Registers a user, and opens a session.
async fn new_session(name: &str, instance: &Instance) -> Session {
    let account = Account::register(name, instance).await;
    Session { access: account.access, refresh: account.refresh }
}

async fn login(instance: &Instance, name: &str, password: &str) -> Session {
    let answer = instance.log_in(name, password).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.session()
}

#[tokio::test]
async fn password_change_ends_all_earlier_tokens() {
    let scene = Scene::start("password_change").await;
    let (one, two) = (&scene.one, &scene.two);
    let stolen = new_session("ann", two).await;
    let own = login(one, "ann", PASSWORD).await;
    let rotated = scene.rotate("a refresh", one, &own).await;
    let change = json!({ "current_password": PASSWORD, "new_password": "a completely new one" });
    let answer = one.call(Method::PUT, "/v1/user/password", &rotated.access, &change).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // The caller's own session ends too, because its tokens may be the stolen ones.
    for (what, session) in
        [("another session", &stolen), ("before the rotation", &own), ("own session", &rotated)]
    {
        scene.are_dead(&format!("password change: {what}"), session, answer.came).await;
    }
    scene.lives("password change", &answer.session()).await;
    scene.end("password change");
}

#[tokio::test]
async fn ending_other_sessions_ends_copies_of_the_own_tokens() {
    let scene = Scene::start("other_sessions").await;
    let (one, two) = (&scene.one, &scene.two);
    let other = new_session("ann", two).await;
    let first = login(one, "ann", PASSWORD).await;
    let own = scene.rotate("a refresh", one, &first).await;
    let answer = one.call(Method::DELETE, "/v1/sessions?except=current", &own.access, &Value::Null).await;
    scene.faults.check(answer.status == 200, || format!("ending other sessions: {answer:?}"));
    if answer.status == 200 {
        // First, because a copy of the refresh token that is presented ends the session.
        scene.lives("ending other sessions", &answer.session()).await;
        for (what, session) in [("another session", &other), ("before the rotation", &first), ("copy", &own)]
        {
            scene.are_dead(&format!("ending other sessions: {what}"), session, answer.came).await;
        }
    }
    scene.end("ending other sessions");
}

#[tokio::test]
async fn routes_of_the_original_do_not_help_a_thief() {
    let scene = Scene::start("original").await;
    let one = &scene.one;
    let rotating = new_session("ann", one).await;
    let answer = one.send(Method::POST, "/refresh", &rotating.refresh, &[], String::new()).await;
    scene.faults.check(answer.status == 401, || format!("/refresh with a rotating token: {answer:?}"));
    for (name, path) in [("ben", "/user/ben"), ("cat", "/v1/user")] {
        let stale = scene.rotate("a refresh", one, &new_session(name, one).await).await;
        let answer = one.call(Method::DELETE, path, &stale.access, &Value::Null).await;
        scene.faults.check(answer.status == 401, || format!("DELETE {path} with a stale token: {answer:?}"));
    }
    let fresh = new_session("dan", one).await;
    let answer = one.call(Method::DELETE, "/user/dan", &fresh.access, &Value::Null).await;
    scene.faults.check(answer.status == 200, || format!("DELETE /user/dan with a fresh token: {answer:?}"));
    scene.are_dead("deletion", &fresh, answer.came).await;
    scene.end("routes of the original");
}

#[tokio::test]
async fn grace_period_gives_the_newest_generation_and_ends_no_session() {
    let scene = Scene::start("grace").await;
    let (one, two) = (&scene.one, &scene.two);
    let first = new_session("ann", one).await;
    let second = scene.rotate("a refresh", one, &first).await;
    // A lost response: the client repeats the refresh, on another instance.
    let repeated = scene.rotate("a repeated refresh", two, &first).await;
    let third = scene.rotate("a refresh with a repeated token", two, &repeated).await;
    // The second generation has been used. The first one was replaced less than ten seconds ago, and only gets a 401.
    let old = refresh(one, &first).await.status;
    scene.faults.check(old == 401, || format!("a generation older than the previous one: {old}"));
    scene.lives("after an older generation", &third).await;
    let newest = scene.rotate("the previous generation", one, &second).await;
    let fourth = scene.rotate("the newest generation", two, &newest).await;
    tokio::time::sleep(GRACE + Duration::from_millis(500)).await;
    // Now the first one can only come from a thief.
    let theft = refresh(one, &first).await;
    scene.faults.check(theft.status == 401, || format!("a stolen generation: {theft:?}"));
    scene.are_dead("theft", &fourth, theft.came).await;
    scene.end("grace period");
}
