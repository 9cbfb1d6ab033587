//! Signs and verifies tokens: JSON Web Tokens (RFC 7519) with HS256, following RFC 9068 and RFC 8725.
//!
//! **Invariant:** this file looks only at the token and the time. The blacklist knows whether a token was revoked.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::DateTime;
use bson::oid::ObjectId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::derive;
use crate::crypto::random_id::RandomId;
use crate::crypto::sha256::sha256;
use crate::error::{Error, TokenRejection};
use crate::mongo::object_id;
use crate::owned::bounded_map::{BoundedMap, Expires};

pub const REFRESH_TTL_SECONDS: i64 = 30 * 24 * 60 * 60;

/// How far the clocks of two instances may differ.
pub const LEEWAY_SECONDS: i64 = 5;

/// The longest username of a new user. Longer names can exist only in data that was imported from the original.
pub const USERNAME_MAX_CHARS: usize = 64;

const ISSUER: &str = "todo-api";
const TOKEN_MAX_BYTES: usize = 4_096;

// A forgotten token is verified again, which takes about ten microseconds.
const VERIFIED_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    Access,
    Refresh,
    /// In the cookie of a session of the admin pages.
    Page,
}

impl TokenKind {
    const ALL: [Self; 3] = [Self::Access, Self::Refresh, Self::Page];

    fn typ(self) -> &'static str {
        // Different for each kind (RFC 9068 §2.1, RFC 8725 §3.11), so that a token is never accepted as the other kind.
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
            Self::Page => "pt+jwt",
        }
    }

    fn audience(self) -> &'static str {
        match self {
            Self::Access => "todo-api",
            Self::Refresh => "todo-api/refresh",
            Self::Page => "todo-api/pages",
        }
    }
}

// The API document uses this comment as a description.
/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Every user has this role.
    User,
    /// May manage other users.
    Admin,
}

/// The payload of a token (RFC 7519 §4), as it is on the wire. Times are in seconds since 1970. Clients of the original
/// read `identity`, `fresh`, `type`, `jti`, `iat`, `nbf` and `exp`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    #[serde(with = "object_id::hex")]
    pub sub: ObjectId,
    /// Equals `sub`.
    #[serde(with = "object_id::hex")]
    pub identity: ObjectId,
    /// For the access log. Cut off after [`USERNAME_MAX_CHARS`].
    pub username: String,
    pub roles: Vec<Role>,
    pub sid: RandomId,
    pub jti: RandomId,
    #[serde(rename = "type")]
    pub kind: TokenKind,
    /// Whether a login or a change of password issued the token, rather than a refresh.
    pub fresh: bool,
    #[serde(rename = "gen")]
    pub generation: i64,
    pub epoch: i64,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    /// Only in page tokens: when the user last gave the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Subject {
    pub user_id: ObjectId,
    pub username: String,
    pub roles: Vec<Role>,
    pub epoch: i64,
}

impl Claims {
    /// The claims of a new token that is not fresh and has generation 0.
    pub fn new(kind: TokenKind, subject: Subject, sid: RandomId, now: DateTime, ttl_seconds: i64) -> Self {
        let iat = now.timestamp_millis().div_euclid(1_000);
        Self {
            iss: ISSUER.to_owned(),
            aud: kind.audience().to_owned(),
            sub: subject.user_id,
            identity: subject.user_id,
            username: subject.username.chars().take(USERNAME_MAX_CHARS).collect(),
            roles: subject.roles,
            sid,
            jti: RandomId::new(),
            kind,
            fresh: false,
            generation: 0,
            epoch: subject.epoch,
            iat,
            nbf: iat,
            exp: iat + ttl_seconds,
            auth_time: None,
        }
    }
}

impl Expires for Claims {
    fn expires_at(&self) -> i64 {
        self.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(1_000)
    }
}

pub struct SigningKeys {
    /// The current secret comes first and signs. Previous secrets only verify. The header `kid` names the secret.
    keys: Vec<SigningKey>,
    /// Access tokens that these keys have verified, by their SHA-256 digests: clients send the same token many times.
    verified: BoundedMap<[u8; 32], Claims>,
}

struct SigningKey {
    kid: String,
    access: (EncodingKey, DecodingKey),
    refresh: (EncodingKey, DecodingKey),
    page: (EncodingKey, DecodingKey),
}

impl SigningKeys {
    pub fn derive(current: &SecretString, previous: &[SecretString]) -> Result<Self, Error> {
        let keys =
            std::iter::once(current).chain(previous).map(SigningKey::derive).collect::<Result<_, _>>()?;
        Ok(Self { keys, verified: BoundedMap::new(VERIFIED_MAX) })
    }

    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let key = self.keys.first().ok_or_else(|| Error::internal("no key to sign with"))?;
        let header = Header {
            typ: Some(claims.kind.typ().to_owned()),
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &key.pair(claims.kind).0).map_err(Error::internal)
    }

    /// The caller must check the kind. Returns [`TokenRejection::Expired`] only for a token with a valid signature, and
    /// [`TokenRejection::Invalid`] for any other fault.
    pub fn verify(&self, token: &str, now: DateTime) -> Result<Claims, TokenRejection> {
        let now = now.timestamp_millis();
        let digest = sha256(token.as_bytes());
        let known = self.verified.get(&digest);
        let is_known = known.is_some();
        let claims = known.map_or_else(|| self.verify_signature(token), Ok)?;
        if now >= claims.expires_at() {
            return Err(TokenRejection::Expired);
        }
        if now < claims.nbf.saturating_sub(LEEWAY_SECONDS).saturating_mul(1_000) {
            return Err(TokenRejection::Invalid);
        }
        // Tokens of the other kinds are sent once or rarely.
        if !is_known && claims.kind == TokenKind::Access {
            self.verified.insert(digest, claims.clone(), now);
        }
        Ok(claims)
    }

    /// Does not look at the times of the token.
    pub fn verify_signature(&self, token: &str) -> Result<Claims, TokenRejection> {
        self.decode(token).ok_or(TokenRejection::Invalid)
    }

    fn decode(&self, token: &str) -> Option<Claims> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kind = TokenKind::ALL.into_iter().find(|kind| header.typ.as_deref() == Some(kind.typ()))?;
        let key = self.keys.iter().find(|key| header.kid.as_deref() == Some(&key.kid))?;
        // A header must not say where a key comes from or that it has critical extensions (RFC 8725 §3.10, RFC 7515
        // §4.1.11), so any field beyond ours is refused.
        let ours =
            Header { typ: header.typ.clone(), kid: header.kid.clone(), ..Header::new(Algorithm::HS256) };
        if header != ours {
            return None;
        }
        // `jsonwebtoken::decode` would parse the header and the claims a second time.
        let (message, signature) = token.rsplit_once('.')?;
        let is_signed = crypto::verify(signature, message.as_bytes(), &key.pair(kind).1, Algorithm::HS256);
        if !is_signed.ok()? {
            return None;
        }
        let claims = BASE64_URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        let claims: Claims = serde_json::from_slice(&claims).ok()?;
        let consistent = claims.iss == ISSUER
            && claims.kind == kind
            && claims.aud == kind.audience()
            && claims.identity == claims.sub;
        consistent.then_some(claims)
    }
}

impl SigningKey {
    fn derive(secret: &SecretString) -> Result<Self, Error> {
        let pair = |label: &[u8]| -> Result<_, Error> {
            let key = derive::derive(secret, label)?;
            Ok((EncodingKey::from_secret(&key), DecodingKey::from_secret(&key)))
        };
        // `kid` is public, so it is derived like a key and reveals nothing of the secret.
        let [a, b, c, d, ..] = derive::derive(secret, b"key id")?;
        Ok(Self {
            kid: format!("{a:02x}{b:02x}{c:02x}{d:02x}"),
            access: pair(b"access token")?,
            refresh: pair(b"refresh token")?,
            page: pair(b"page token")?,
        })
    }

    fn pair(&self, kind: TokenKind) -> &(EncodingKey, DecodingKey) {
        match kind {
            TokenKind::Access => &self.access,
            TokenKind::Refresh => &self.refresh,
            TokenKind::Page => &self.page,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SigningKeys {
        SigningKeys::derive(&"0123456789abcdef0123456789abcdef".into(), &[]).unwrap()
    }

    fn claims(kind: TokenKind) -> Claims {
        let subject =
            Subject { user_id: ObjectId::new(), username: "ann".into(), roles: vec![Role::User], epoch: 0 };
        Claims::new(kind, subject, RandomId::new(), DateTime::from_millis(1_000_000), 60)
    }

    #[test]
    fn a_verified_token_has_the_claims_that_were_signed() {
        let claims = claims(TokenKind::Refresh);
        let token = keys().sign(&claims).unwrap();
        assert_eq!(keys().verify(&token, DateTime::from_millis(1_000_000)), Ok(claims));
    }

    #[test]
    fn a_long_username_is_cut_off_so_that_the_token_stays_within_its_limit() {
        let username = "ñ".repeat(TOKEN_MAX_BYTES);
        let subject = Subject { user_id: ObjectId::new(), username, roles: vec![Role::User], epoch: 0 };
        let now = DateTime::from_millis(1_000_000);
        let token = keys().sign(&Claims::new(TokenKind::Access, subject, RandomId::new(), now, 60)).unwrap();
        let verified = keys().verify(&token, now).unwrap();
        assert_eq!(verified.username, "ñ".repeat(USERNAME_MAX_CHARS));
    }

    #[test]
    fn token_times_are_checked_with_a_leeway() {
        let token = keys().sign(&claims(TokenKind::Access)).unwrap();
        let at = |millis| keys().verify(&token, DateTime::from_millis(millis)).map(|_| ());
        assert_eq!(at(1_064_999), Ok(()));
        assert_eq!(at(1_065_000), Err(TokenRejection::Expired));
        assert_eq!(at(995_000), Ok(()));
        assert_eq!(at(994_999), Err(TokenRejection::Invalid));
    }

    #[test]
    fn a_token_that_was_verified_before_is_checked_like_any_other() {
        let keys = keys();
        let signed = claims(TokenKind::Access);
        let token = keys.sign(&signed).unwrap();
        let at = |token: &str, millis| keys.verify(token, DateTime::from_millis(millis));
        for _ in 0..2 {
            assert_eq!(at(&token, 1_064_999).as_ref(), Ok(&signed));
        }
        assert_eq!(at(&token, 1_065_000), Err(TokenRejection::Expired));
        assert_eq!(at(&token, 994_999), Err(TokenRejection::Invalid));
        let (message, _) = token.rsplit_once('.').unwrap();
        let other = keys.sign(&claims(TokenKind::Access)).unwrap();
        let (_, other) = other.rsplit_once('.').unwrap();
        for forged in [format!("{message}.{other}"), format!("{message}."), format!("{token}A")] {
            assert_eq!(at(&forged, 1_000_000), Err(TokenRejection::Invalid), "{forged}");
        }
    }

    #[test]
    fn a_token_signed_with_a_previous_secret_is_accepted() {
        let token = keys().sign(&claims(TokenKind::Access)).unwrap();
        let (new, old) = ("fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef");
        let rotated = SigningKeys::derive(&new.into(), &[old.into()]).unwrap();
        assert!(rotated.verify(&token, DateTime::from_millis(1_000_000)).is_ok());
        let gone = SigningKeys::derive(&new.into(), &[]).unwrap();
        assert_eq!(gone.verify(&token, DateTime::from_millis(1_000_000)), Err(TokenRejection::Invalid));
    }
}
