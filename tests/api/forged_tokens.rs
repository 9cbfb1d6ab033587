//! Well-formed tokens that differ from ours. No protected route accepts one.

use axum::http::Method;
use serde_json::{Value, json};
use todo_api::auth::token::TokenKind;

use crate::support::tokens::{Parts, assert_none_opens, key, sign, sign_with, tokens_of};
use crate::support::{SECRET, TestApp};

#[tokio::test]
async fn a_token_signed_by_hand_with_our_keys_is_accepted() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (kind, token) in tokens_of(&ann) {
        let by_hand = Parts::of(&token).sign(kind);
        let (method, path) =
            if kind == TokenKind::Access { (Method::GET, "/user/ann") } else { (Method::POST, "/refresh") };
        ann.with_token(by_hand).send(method, path, &[], "").await.assert(200);
    }
}

#[tokio::test]
async fn changed_token_headers_are_refused_even_with_our_signature() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for (kind, token) in tokens_of(&app.user("ann").await) {
        let right = Parts::of(&token);
        let algorithms = [
            "none", "None", "NONE", "nOnE", "", "hs256", "HS384", "HS512", "RS256", "RS512", "ES256",
            "PS256", "EdDSA", "HS256 ",
        ];
        let mut changes: Vec<(&str, Value)> = algorithms.map(|algorithm| ("alg", json!(algorithm))).to_vec();
        let other_type = if kind == TokenKind::Access { "rt+jwt" } else { "at+jwt" };
        let types = ["JWT", "jwt", "", "AT+JWT", "at+jwt ", "application/at+jwt", other_type];
        changes.extend(types.map(|typ| ("typ", json!(typ))));
        let ids = ["", "00000000", "../../../../dev/null", "' OR '1'='1", "0", "*"];
        changes.extend(ids.map(|id| ("kid", json!(id))));
        changes.extend(["alg", "typ", "kid"].iter().flat_map(|name| {
            [Value::Null, json!(5), json!([]), json!({ "$ne": null }), json!([right.header[name]])]
                .map(|value| (*name, value))
        }));
        let key = json!({ "kty": "oct", "k": "AAAA", "alg": "HS256", "kid": right.header["kid"] });
        changes.extend([
            ("jku", json!("https://attacker.example/keys.json")),
            ("jwk", key),
            ("x5u", json!("https://attacker.example/x.pem")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
            ("x5t#S256", json!("AAAA")),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("cty", json!("JWT")),
            ("enc", json!("A256GCM")),
            ("zip", json!("DEF")),
        ]);
        for (name, value) in changes {
            let mut forged = right.clone();
            forged.header[name] = value.clone();
            let token = forged.sign(kind);
            let unsigned = token.rsplit_once('.').unwrap().0.to_owned() + ".";
            wrong.push((format!("{name} {value} of {kind:?}"), token));
            wrong.push((format!("{name} {value} of {kind:?}, unsigned"), unsigned));
        }
        for name in ["alg", "typ", "kid"] {
            let mut forged = right.clone();
            forged.header.as_object_mut().unwrap().remove(name);
            wrong.push((format!("no {name} of {kind:?}"), forged.sign(kind)));
            let (header, claims) = (right.header.to_string(), right.claims.to_string());
            for double in [right.header[name].clone(), json!("none")] {
                let first = format!("{{\"{name}\":{double},{}", &header[1..]);
                let last = format!("{},\"{name}\":{double}}}", &header[..header.len() - 1]);
                wrong.push((format!("{name} twice of {kind:?}"), sign(kind, &first, &claims)));
                wrong.push((format!("{name} twice of {kind:?}"), sign(kind, &last, &claims)));
            }
        }
    }
    assert_none_opens(&app, &wrong).await;
}

#[tokio::test]
async fn changed_claims_are_refused_even_with_our_signature() {
    let app = TestApp::start().await;
    let now = app.clock.now().timestamp_millis() / 1_000;
    let mut wrong = Vec::new();
    for (kind, token) in tokens_of(&app.user("ann").await) {
        let right = Parts::of(&token);
        let stranger = "0123456789abcdef01234567";
        let audience = if kind == TokenKind::Access { "todo-api/refresh" } else { "todo-api" };
        let other_kind = if kind == TokenKind::Access { "refresh" } else { "access" };
        let mut changes = vec![
            ("iss", json!("someone else")),
            ("iss", json!("")),
            ("iss", json!(["todo-api"])),
            ("aud", json!(audience)),
            ("aud", json!("")),
            ("aud", json!([right.claims["aud"]])),
            ("aud", json!([audience, right.claims["aud"]])),
            ("sub", json!(stranger)),
            ("sub", json!("ann")),
            ("sub", json!({ "$ne": null })),
            ("identity", json!(stranger)),
            ("identity", json!("")),
            ("identity", json!({ "$oid": stranger })),
            ("type", json!(other_kind)),
            ("type", json!("Access")),
            ("type", json!("")),
            ("fresh", json!("true")),
            ("fresh", json!(1)),
            ("roles", json!("admin")),
            ("roles", json!(["root"])),
            ("sid", json!("")),
            ("sid", json!("x".repeat(32))),
            ("jti", json!("")),
            ("jti", json!("A".repeat(32))),
            ("gen", json!("0")),
            ("epoch", json!(0.5)),
            ("nbf", json!(now + 6)),
            ("nbf", json!(now + 900)),
            ("nbf", json!("0")),
            ("exp", json!("9999999999")),
            ("exp", json!(1e300)),
            ("iat", json!("0")),
        ];
        for name in right.claims.as_object().unwrap().keys() {
            changes.push((name, Value::Null));
            let mut forged = right.clone();
            forged.claims.as_object_mut().unwrap().remove(name);
            wrong.push((format!("no {name} of {kind:?}"), forged.sign(kind)));
            let claims = right.claims.to_string();
            let double = format!("{},\"{name}\":{}}}", &claims[..claims.len() - 1], right.claims[name]);
            wrong.push((format!("{name} twice of {kind:?}"), sign(kind, &right.header.to_string(), &double)));
        }
        for (name, value) in changes {
            let mut forged = right.clone();
            forged.claims[name] = value.clone();
            wrong.push((format!("{name} {value} of {kind:?}"), forged.sign(kind)));
        }
        for claims in ["", "{", "{}", "[]", "null", "1", "\"x\"", "NaN"] {
            wrong.push((format!("the claims {claims}"), sign(kind, &right.header.to_string(), claims)));
        }
    }
    assert_none_opens(&app, &wrong).await;
}

#[tokio::test]
async fn extreme_times_in_tokens_are_handled_like_any_other() {
    let app = TestApp::start().await;
    for (kind, token) in tokens_of(&app.user("ann").await) {
        for (name, time, error) in [("exp", i64::MIN, "token_expired"), ("nbf", i64::MAX, "invalid_token")] {
            let mut odd = Parts::of(&token);
            odd.claims[name] = json!(time);
            let odd = app.anonymous().with_token(odd.sign(kind));
            odd.get("/user/ann").await.assert_refused(error);
        }
    }
}

#[tokio::test]
async fn only_the_key_of_the_token_kind_is_accepted() {
    let app = TestApp::start().await;
    let tokens = tokens_of(&app.user("ann").await).map(|(kind, token)| (kind, Parts::of(&token)));
    let [(_, access), (_, refresh)] = &tokens;
    let kid = access.header["kid"].as_str().unwrap();
    let mut wrong = Vec::new();
    for (kind, right) in &tokens {
        let other = if *kind == TokenKind::Access { TokenKind::Refresh } else { TokenKind::Access };
        let keys =
            ["", "secret", "todo-api", kid, SECRET, &SECRET[1..], "\0"].map(|key| key.as_bytes().to_vec());
        for key in keys.into_iter().chain([vec![0; 32], key(other).to_vec(), key(*kind)[1..].to_vec()]) {
            let token = sign_with(&key, &right.header.to_string(), &right.claims.to_string());
            wrong.push((format!("{kind:?} under the key {key:?}"), token));
        }
        for (header, claims) in [(access, refresh), (refresh, access)] {
            let mixed = Parts { header: header.header.clone(), claims: claims.claims.clone() };
            wrong.push((format!("kinds mixed under the key of {kind:?}"), mixed.sign(*kind)));
        }
    }
    assert_none_opens(&app, &wrong).await;
}
