//! Takes tokens apart, and builds them with the keys of the service, so that only what a test changes is wrong.

use std::sync::LazyLock;

use aws_lc_rs::{hkdf, hmac};
use axum::http::Method;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::{Value, json};
use todo_api::auth::token::{SigningKeys, TokenKind};
use todo_api::openapi::document::DOCUMENT;

use super::{Client, SECRET, TestApp};

/// A well-formed id that no object has.
pub(crate) const UNKNOWN_ID: &str = "0123456789abcdef01234567";

/// The token with another last character.
pub(crate) fn mistyped(token: &str) -> String {
    let (start, last) = token.split_at(token.len() - 1);
    format!("{start}{}", if last == "x" { "y" } else { "x" })
}

/// The token that a protected route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Access,
    Fresh,
    Refresh,
}

/// Every protected route under `/v1`, as the API document declares them, with ids that no object has. The logout, which
/// accepts either token, is listed with the access token.
pub(crate) static PROTECTED_V1: LazyLock<Vec<(Method, String, Need)>> = LazyLock::new(|| {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/v1/"));
    let operations = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
    });
    let protected = operations.filter_map(|(path, method, operation)| {
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
        Some((method, with_example_ids(path), need(operation)?))
    });
    protected.collect()
});

/// `None` for a route that needs no token.
fn need(operation: &Value) -> Option<Need> {
    match operation["x-token"].as_str() {
        Some("access") => Some(Need::Access),
        Some("fresh") => Some(Need::Fresh),
        Some("refresh") => Some(Need::Refresh),
        other => {
            assert_eq!((other, &operation["security"]), (None, &json!([])), "{operation}");
            None
        }
    }
}

fn with_example_ids(path: &str) -> String {
    let sid = "0123456789abcdef0123456789abcdef";
    let id = if path.starts_with("/v1/sessions/") { sid } else { UNKNOWN_ID };
    path.replace("{id}", id)
        .replace("{sid}", sid)
        .replace("{tid}", UNKNOWN_ID)
        .replace("{todo_id}", id)
        .replace("{tag}", "x")
}

/// Every protected route of the original, for a user `ann`. Add new routes here.
pub(crate) const PROTECTED: [(Method, &str, Need); 9] = [
    (Method::GET, "/todolist", Need::Access),
    (Method::GET, "/todo/0123456789abcdef01234567", Need::Access),
    (Method::PUT, "/todo/0123456789abcdef01234567", Need::Fresh),
    (Method::DELETE, "/todo/0123456789abcdef01234567", Need::Fresh),
    (Method::POST, "/createtodo", Need::Fresh),
    (Method::GET, "/user/ann", Need::Access),
    (Method::DELETE, "/user/ann", Need::Fresh),
    (Method::POST, "/refresh", Need::Refresh),
    (Method::POST, "/logout", Need::Access),
];

#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl Parts {
    pub(crate) fn of(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
            serde_json::from_slice(&bytes).unwrap_or_default()
        });
        Self { header: parts.next().unwrap(), claims: parts.next().unwrap() }
    }

    /// Builds a token signed with our key for `kind`.
    pub(crate) fn sign(&self, kind: TokenKind) -> String {
        sign(kind, &self.header.to_string(), &self.claims.to_string())
    }
}

/// A token from any two texts, signed with our key for `kind`.
pub(crate) fn sign(kind: TokenKind, header: &str, claims: &str) -> String {
    sign_with(&key(kind), header, claims)
}

/// A token from any two texts, signed with any key, by the HMAC algorithm that the header names.
pub(crate) fn sign_with(key: &[u8], header: &str, claims: &str) -> String {
    let algorithm = match header {
        header if header.contains("HS384") => hmac::HMAC_SHA384,
        header if header.contains("HS512") => hmac::HMAC_SHA512,
        _ => hmac::HMAC_SHA256,
    };
    let [header, claims] = [header, claims].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text));
    let signature = hmac::sign(&hmac::Key::new(algorithm, key), format!("{header}.{claims}").as_bytes());
    format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The key as the service derives it from its secret (RFC 5869).
pub(crate) fn key(kind: TokenKind) -> [u8; 32] {
    let label: &[u8] = match kind {
        TokenKind::Access => b"access token",
        TokenKind::Refresh => b"refresh token",
        TokenKind::Page => b"page token",
    };
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"todo-api").extract(SECRET.as_bytes());
    let mut key = [0; 32];
    root.expand(&[label], hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    key
}

pub(crate) fn keys() -> SigningKeys {
    SigningKeys::derive(&SECRET.into(), &[]).unwrap()
}

/// Both tokens of a login, with their kinds.
pub(crate) fn tokens_of(client: &Client) -> [(TokenKind, String); 2] {
    [
        (TokenKind::Access, client.access.clone().unwrap()),
        (TokenKind::Refresh, client.refresh.clone().unwrap()),
    ]
}

/// Routes of `/v1` at which each wrong token is tried.
const ROUTES_PER_TOKEN: usize = 8;

/// Checks that protected routes refuse these tokens. Each comes with what is wrong with it.
pub(crate) async fn assert_none_opens(app: &TestApp, wrong: &[(String, String)]) {
    // One check of tokens serves all routes, so each token meets some of the routes, and each route many of the tokens.
    let mut routes = PROTECTED_V1.iter().cycle();
    for (what, token) in wrong {
        for (method, path, _) in PROTECTED {
            let answer = app.anonymous().with_token(token).send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 401, "{what} at {method} {path}: {token}");
            answer.assert_refused("invalid_token");
        }
        for (method, path, _) in routes.by_ref().take(ROUTES_PER_TOKEN) {
            let answer = app.anonymous().with_token(token).send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 401, "{what} at {method} {path}: {token}");
            answer.assert_problem(401, "token_invalid");
        }
    }
}
