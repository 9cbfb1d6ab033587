//! Tokens taken apart, and put together by hand with the service's own keys, so that only what a test changes is wrong.

use aws_lc_rs::{hkdf, hmac};
use axum::http::Method;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use serde_json::Value;
use todo_api::auth::token::{SigningKeys, TokenKind};

use super::{Client, SECRET, TestApp};

/// What a protected route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Access,
    Fresh,
    Refresh,
}

/// Every protected route under `/v1`; the logout takes a refresh token too. A new route belongs in here.
pub(crate) const PROTECTED_V1: [(Method, &str, Need); 32] = [
    (Method::POST, "/v1/refresh", Need::Refresh),
    (Method::POST, "/v1/logout", Need::Access),
    (Method::GET, "/v1/sessions", Need::Access),
    (Method::DELETE, "/v1/sessions", Need::Access),
    (Method::DELETE, "/v1/sessions/0123456789abcdef0123456789abcdef", Need::Access),
    (Method::GET, "/v1/user", Need::Access),
    (Method::PATCH, "/v1/user", Need::Access),
    (Method::PUT, "/v1/user/password", Need::Access),
    (Method::DELETE, "/v1/user", Need::Fresh),
    (Method::GET, "/v1/todos", Need::Access),
    (Method::POST, "/v1/todos", Need::Access),
    (Method::GET, "/v1/todos/0123456789abcdef01234567", Need::Access),
    (Method::PUT, "/v1/todos/0123456789abcdef01234567", Need::Access),
    (Method::PATCH, "/v1/todos/0123456789abcdef01234567", Need::Access),
    (Method::DELETE, "/v1/todos/0123456789abcdef01234567", Need::Access),
    (Method::POST, "/v1/todos/0123456789abcdef01234567/restore", Need::Access),
    (Method::POST, "/v1/todos/0123456789abcdef01234567/move", Need::Access),
    (Method::PUT, "/v1/todos/0123456789abcdef01234567/tags/x", Need::Access),
    (Method::DELETE, "/v1/todos/0123456789abcdef01234567/tags/x", Need::Access),
    (Method::GET, "/v1/tags", Need::Access),
    (Method::PATCH, "/v1/tags/x", Need::Access),
    (Method::DELETE, "/v1/tags/x", Need::Access),
    (Method::GET, "/v1/lists", Need::Access),
    (Method::POST, "/v1/lists", Need::Access),
    (Method::GET, "/v1/lists/0123456789abcdef01234567", Need::Access),
    (Method::PUT, "/v1/lists/0123456789abcdef01234567", Need::Access),
    (Method::PATCH, "/v1/lists/0123456789abcdef01234567", Need::Access),
    (Method::DELETE, "/v1/lists/0123456789abcdef01234567", Need::Access),
    (Method::POST, "/v1/lists/0123456789abcdef01234567/restore", Need::Access),
    (Method::POST, "/v1/lists/0123456789abcdef01234567/move", Need::Access),
    (Method::POST, "/v1/sync", Need::Access),
    (Method::GET, "/v1/events", Need::Access),
];

/// Every protected route of the original, for a user `ann`. A new route belongs in here.
pub(crate) const PROTECTED: [(Method, &str, Need); 9] = [
    (Method::GET, "/todolist", Need::Access),
    (Method::GET, "/todo/0123456789abcdef01234567", Need::Access),
    (Method::PUT, "/todo/0123456789abcdef01234567", Need::Fresh),
    (Method::DELETE, "/todo/0123456789abcdef01234567", Need::Fresh),
    (Method::POST, "/createtodo", Need::Fresh),
    (Method::GET, "/user/ann", Need::Access),
    (Method::DELETE, "/user/ann", Need::Access),
    (Method::POST, "/refresh", Need::Refresh),
    (Method::POST, "/logout", Need::Access),
];

/// A token taken apart.
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

    /// Puts the parts together again, signed with our key for `kind`.
    pub(crate) fn sign(&self, kind: TokenKind) -> String {
        sign(kind, &self.header.to_string(), &self.claims.to_string())
    }
}

/// A token of any two texts, signed with our key for `kind`.
pub(crate) fn sign(kind: TokenKind, header: &str, claims: &str) -> String {
    sign_with(&key(kind), header, claims)
}

/// A token of any two texts, signed with any key by the algorithm that the header names, if it is an HMAC.
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
    };
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"todo-api").extract(SECRET.as_bytes());
    let mut key = [0; 32];
    root.expand(&[label], hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    key
}

/// Our keys, as the service uses them.
pub(crate) fn keys() -> SigningKeys {
    SigningKeys::derive(&SECRET.into(), &[]).unwrap()
}

/// Both tokens of a login, by kind.
pub(crate) fn tokens_of(client: &Client) -> [(TokenKind, String); 2] {
    [
        (TokenKind::Access, client.access.clone().unwrap()),
        (TokenKind::Refresh, client.refresh.clone().unwrap()),
    ]
}

/// No protected route takes any of the tokens, each given with what is wrong with it.
pub(crate) async fn assert_none_opens(app: &TestApp, wrong: &[(String, String)]) {
    for (what, token) in wrong {
        for (method, path, _) in PROTECTED {
            let answer = app.anonymous().with_token(token).send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 401, "{what} at {method} {path}: {token}");
            answer.assert_refused("invalid_token");
        }
        for (method, path, _) in PROTECTED_V1 {
            let answer = app.anonymous().with_token(token).send(method.clone(), path, &[], "").await;
            assert_eq!(answer.status, 401, "{what} at {method} {path}: {token}");
            answer.assert_problem(401, "token_invalid");
        }
    }
}
