//! Sessions under `/v1`: how a chain of refresh tokens continues and ends, and that a session never has two chains.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::tokens::Parts;
use crate::support::v1::{DAY, LEEWAY, MINUTE};
use crate::support::{Client, PASSWORD, TestApp};

#[tokio::test]
async fn a_login_opens_a_session_with_a_fresh_access_token() {
    let app = TestApp::start().await;
    app.anonymous().v1_register("ann", PASSWORD).await.assert(201);
    let tokens = app.anonymous().v1_try_login("ann", PASSWORD).await.assert_tokens();
    assert_eq!((&tokens["expires_in"], &tokens["refresh_expires_in"]), (&json!(900), &json!(30 * DAY)));
    let id = tokens["session_id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{id}");
    let [access, refresh] =
        ["access_token", "refresh_token"].map(|token| Parts::of(tokens[token].as_str().unwrap()));
    assert_eq!((&access.header["typ"], &refresh.header["typ"]), (&json!("at+jwt"), &json!("rt+jwt")));
    for (claims, kind, fresh) in [(&access.claims, "access", true), (&refresh.claims, "refresh", false)] {
        let expected =
            json!({ "type": kind, "fresh": fresh, "gen": 0, "epoch": 0, "sid": id, "roles": ["user"] });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&claims[name], value, "{name} of {claims}");
        }
    }
    assert_ne!(access.claims["jti"], refresh.claims["jti"]);
}

#[tokio::test]
async fn a_refresh_returns_a_new_pair_that_is_not_fresh() {
    let app = TestApp::start().await;
    let mut ann = app.v1_user("ann").await;
    for generation in 1..=5 {
        app.advance(MINUTE);
        let next = ann.v1_refreshed().await;
        assert_eq!((next.generation(), next.sid()), (generation, ann.sid()));
        assert_eq!(Parts::of(next.refresh.as_ref().unwrap()).claims["gen"], generation);
        assert_eq!(next.claims()["fresh"], false);
        assert_ne!(next.refresh, ann.refresh);
        next.get("/v1/user").await.assert(200);
        ann.get("/v1/user").await.assert(200);
        next.delete("/v1/user").await.assert_problem(401, "token_not_fresh");
        ann = next;
    }
    assert_eq!(app.stored_generation(&ann).await, 5);
}

#[tokio::test]
async fn a_lost_refresh_response_never_logs_the_client_out() {
    let app = TestApp::start().await;
    for (n, seconds) in [0, 9, 10, 11, MINUTE, DAY, 29 * DAY].into_iter().enumerate() {
        let ann = app.v1_user(&format!("ann{n}")).await;
        app.advance(MINUTE);
        ann.v1_refresh().await.assert(200);
        app.advance(seconds);
        for _ in 0..3 {
            let again = ann.v1_refreshed().await;
            assert_eq!(again.generation(), 1, "a second chain after {seconds} s");
        }
        let again = ann.v1_refreshed().await;
        again.use_access().await;
        let next = again.v1_refreshed().await;
        next.get("/v1/user").await.assert(200);
        assert_eq!(app.stored_generation(&next).await, 2);
    }
}

#[tokio::test]
async fn tokens_of_a_retried_refresh_last_as_long_as_stated() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    app.advance(DAY);
    ann.v1_refresh().await.assert(200);
    app.advance(28 * DAY);
    let answer = ann.v1_refresh().await.assert(200);
    let promised = answer.json()["refresh_expires_in"].as_u64().unwrap();
    let retried = ann.with_tokens(&answer);
    app.advance(promised - MINUTE);
    retried.v1_refresh().await.assert(200);
}

#[tokio::test]
async fn twenty_concurrent_refreshes_of_one_token_succeed_as_one_chain() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let attempts = (0..20).map(|_| {
        let client = ann.clone();
        tokio::spawn(async move { client.v1_refresh().await })
    });
    let mut clients = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        clients.push(ann.with_tokens(&attempt.await.unwrap()));
    }
    assert!(clients.iter().all(|client| (client.generation(), client.sid()) == (1, ann.sid())));
    assert_eq!(app.stored_generation(&ann).await, 1);
    // Any of the tokens continues the chain, because the others are equivalent.
    clients[7].use_access().await;
    assert_eq!(clients[3].v1_refreshed().await.generation(), 2);
    assert_eq!(clients[12].v1_refreshed().await.generation(), 2);
    assert_eq!(app.stored_generation(&ann).await, 2);
}

#[tokio::test]
async fn a_replaced_token_works_for_ten_seconds_after_its_successor_was_used() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let next = ann.v1_refreshed().await;
    next.use_access().await;
    app.clock.advance(std::time::Duration::from_millis(9_999));
    assert_eq!(ann.v1_refreshed().await.generation(), 1);
    app.clock.advance(std::time::Duration::from_millis(1));
    ann.v1_refresh().await.assert_problem(401, "token_revoked");
    next.assert_over().await;
}

#[tokio::test]
async fn reuse_of_a_stolen_token_ends_the_session_and_is_audited() {
    let app = TestApp::start().await;
    for (n, (refreshes, used, seconds)) in
        [(1, true, 11), (1, true, 20 * DAY), (2, false, 10), (2, true, 10), (3, false, 11), (2, false, DAY)]
            .into_iter()
            .enumerate()
    {
        let name = format!("ann{n}");
        let stolen = app.v1_user(&name).await;
        let other = app.v1_login(&name).await;
        let mut owner = stolen.clone();
        for _ in 0..refreshes {
            owner = owner.v1_refreshed().await;
        }
        if used {
            owner.use_access().await;
        }
        app.advance(seconds);
        // An expired access token reports its expiry, so the newest tokens are requested after the wait.
        let owner = if seconds > 15 * MINUTE { owner.v1_refreshed().await } else { owner };
        stolen.v1_refresh().await.assert_problem(401, "token_revoked");
        owner.assert_over().await;
        stolen.v1_refresh().await.assert_problem(401, "token_revoked");
        let elsewhere = app.restart().await;
        owner.at(&elsewhere).assert_over().await;
        other.v1_refreshed().await.get("/v1/user").await.assert(200);
        let audit = app.db.all("audit").await;
        let reuse: Vec<_> =
            audit.iter().filter(|entry| entry.get_str("event").unwrap() == "refresh_reuse").collect();
        assert_eq!(reuse.len(), n + 1, "once for each theft");
        assert_eq!(reuse[n].get_str("session_id").unwrap(), owner.sid());
        assert_eq!(reuse[n].get_str("username").unwrap(), name);
    }
}

#[tokio::test]
async fn a_session_ends_after_30_days_without_a_refresh() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    app.advance(30 * DAY - 1);
    let ann = ann.v1_refreshed().await;
    app.advance(30 * DAY + LEEWAY);
    ann.v1_refresh().await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn a_session_ends_after_90_days_however_often_it_is_refreshed() {
    let app = TestApp::start().await;
    let mut ann = app.v1_user("ann").await;
    for lifetime in [30, 30, 30, 28, 3] {
        let days = if lifetime == 3 {
            25
        } else if lifetime == 28 {
            2
        } else {
            20
        };
        app.advance(days * DAY);
        let tokens = ann.v1_refresh().await.assert(200);
        assert_eq!(tokens.json()["refresh_expires_in"], lifetime * DAY, "{}", tokens.text());
        ann = ann.with_tokens(&tokens);
    }
    app.advance(3 * DAY - 60);
    let last = ann.v1_refresh().await.assert(200);
    assert_eq!((&last.json()["expires_in"], &last.json()["refresh_expires_in"]), (&json!(60), &json!(60)));
    let last = ann.with_tokens(&last);
    last.get("/v1/user").await.assert(200);
    app.advance(60 + LEEWAY);
    last.get("/v1/user").await.assert_problem(401, "token_expired");
    last.v1_refresh().await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn an_ending_session_issues_no_expired_token() {
    let app = TestApp::start().await;
    let mut ann = app.v1_user("ann").await;
    for days in [25, 25, 25] {
        app.advance(days * DAY);
        ann = ann.v1_refreshed().await;
    }
    app.advance(15 * DAY - 2);
    for _ in 0..10 {
        let answer = ann.v1_refresh().await;
        if answer.status == 200 {
            answer.assert_tokens();
            ann = ann.with_tokens(&answer);
        } else {
            answer.assert_problem(401, "token_expired");
        }
        app.advance(1);
    }
}

#[tokio::test]
async fn a_refresh_token_of_the_original_login_works_in_v1() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for _ in 0..3 {
        app.advance(MINUTE);
        let here = ann.v1_refreshed().await;
        here.get("/v1/user").await.assert(200);
        assert_eq!(here.sid(), ann.sid());
        here.v1_refreshed().await.get("/v1/user").await.assert(200);
        ann.with_refresh_token().post("/refresh", Value::Null).await.assert(200);
    }
    assert_eq!(app.db.all("sessions").await.len(), 1);
    let here = ann.v1_refreshed().await;
    app.advance(29 * DAY);
    let here = here.v1_refreshed().await;
    app.advance(DAY);
    here.v1_refresh().await.assert_problem(401, "token_expired");
    ann.v1_refresh().await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn the_original_refresh_refuses_tokens_of_rotating_sessions_and_has_no_other_effect() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let next = ann.v1_refreshed().await;
    let newest = next.v1_refreshed().await;
    newest.use_access().await;
    app.advance(MINUTE);
    let before = app.session_of(&ann).await;
    for known in [&ann, &next, &newest] {
        known.with_refresh_token().post("/refresh", Value::Null).await.assert_refused("invalid_token");
    }
    assert_eq!(app.session_of(&ann).await, before);
    newest.v1_logout().await.assert(204);
    newest.with_refresh_token().post("/refresh", Value::Null).await.assert_refused("token_revoked");
}

#[tokio::test]
async fn tabs_that_are_restored_together_do_not_end_the_session() {
    let app = TestApp::start().await;
    let mut tabs = vec![app.v1_user("ann").await];
    for _ in 0..6 {
        app.clock.advance(std::time::Duration::from_secs(1));
        let next = tabs.last().unwrap().v1_refreshed().await;
        next.use_access().await;
        tabs.push(next);
    }
    // Generation 0 was replaced 5 s ago, generation 4 was replaced 1 s ago, and generation 5 just now.
    for older in &tabs[..5] {
        older.v1_refresh().await.assert_problem(401, "token_revoked");
    }
    assert_eq!(tabs[5].v1_refreshed().await.generation(), 6);
    assert!(!app.audited().await.contains(&"refresh_reuse".to_owned()));
    app.clock.advance(std::time::Duration::from_millis(4_999));
    tabs[0].v1_refresh().await.assert_problem(401, "token_revoked");
    tabs[6].get("/v1/user").await.assert(200);
    app.clock.advance(std::time::Duration::from_millis(1));
    tabs[0].v1_refresh().await.assert_problem(401, "token_revoked");
    tabs[6].assert_over().await;
    assert_eq!(app.audited().await.last().unwrap(), "refresh_reuse");
}

#[tokio::test]
async fn a_session_remembers_a_bounded_number_of_replaced_tokens() {
    let app = TestApp::start().await;
    let first = app.v1_user("ann").await;
    let mut newest = first.clone();
    for _ in 0..40 {
        newest = newest.v1_refreshed().await;
    }
    assert_eq!(app.session_of(&first).await.get_array("replaced").unwrap().len(), 16);
    app.advance(MINUTE);
    newest = newest.v1_refreshed().await;
    assert_eq!(app.session_of(&first).await.get_array("replaced").unwrap().len(), 1);
    first.v1_refresh().await.assert_problem(401, "token_revoked");
    newest.assert_over().await;
}

#[tokio::test]
async fn the_refresh_token_may_be_in_the_body() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let send = async |client: &Client, body: Value| client.post("/v1/refresh", body).await;
    let refresh = ann.refresh.clone().unwrap();
    // Beside an access token, beside garbage, and alone.
    let answer = send(&ann, json!({ "refresh_token": refresh })).await;
    let next = ann.with_tokens(&answer).refresh.unwrap();
    let answer = send(&ann.with_token("garbage"), json!({ "refresh_token": next })).await;
    let next = ann.with_tokens(&answer).refresh.unwrap();
    let answer = send(&app.anonymous(), json!({ "refresh_token": next })).await;
    let newest = app.anonymous().with_tokens(&answer);
    // Without a token in the body, the header counts.
    for body in [json!({}), json!({ "refresh_token": null }), Value::Null] {
        send(&newest.with_refresh_token(), body.clone()).await.assert(200);
        send(&newest, body.clone()).await.assert_problem(401, "token_invalid");
        send(&app.anonymous(), body).await.assert_problem(401, "token_missing");
    }
    let access = json!({ "refresh_token": newest.access });
    send(&newest.with_refresh_token(), access).await.assert_problem(401, "token_invalid");
    send(&newest, json!({ "refresh_token": "" })).await.assert_problem(401, "token_invalid");
    send(&newest, json!({ "refresh_token": 1, "token": "x" }))
        .await
        .assert_faults(&["/refresh_token", "/token"]);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = newest.send(Method::POST, "/v1/refresh", &form, "refresh_token=x").await;
    answer.assert_problem(415, "unsupported_media_type");
    newest.with_refresh_token().send(Method::POST, "/v1/refresh", &form, "").await.assert(200);
}
