//! Signing and checking tokens: JSON Web Tokens (RFC 7519), HS256, profiled after RFC 9068 and RFC 8725.
//! Must not ask anything beyond the token itself; whether it was revoked is the blacklist's to say.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use bson::DateTime;
use bson::oid::ObjectId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::crypto::derive;
use crate::crypto::random_id::RandomId;
use crate::error::{Error, TokenRejection};
use crate::mongo::object_id;

/// How long a refresh token is valid, in seconds: 30 days.
pub const REFRESH_TTL_SECONDS: i64 = 30 * 24 * 60 * 60;

/// How far clocks may differ, in seconds.
pub const LEEWAY_SECONDS: i64 = 5;

/// How much of a name goes into a token: all of a new user's, but a take-over may have brought any.
pub const USERNAME_MAX_CHARS: usize = 64;

const ISSUER: &str = "todo-api";
const TOKEN_MAX_BYTES: usize = 4_096;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Opens the routes.
    Access,
    /// Gets new access tokens.
    Refresh,
}

impl TokenKind {
    /// The header's `typ` (RFC 8725 §3.11), so that one kind never passes for the other.
    fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
        }
    }

    fn audience(self) -> &'static str {
        match self {
            Self::Access => "todo-api",
            Self::Refresh => "todo-api/refresh",
        }
    }
}

/// What a user may do beyond their own things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everyone has it.
    User,
    /// May manage other users.
    Admin,
}

/// What a token says (RFC 7519 §4), as it is on the wire. Clients of the original read `identity`, `fresh`, `type`,
/// `jti`, `iat`, `nbf` and `exp`. Times are whole seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: this service.
    pub iss: String,
    /// What it is for: differs between the kinds.
    pub aud: String,
    /// The user.
    #[serde(with = "object_id::hex")]
    pub sub: ObjectId,
    /// The user again, under the name that clients of the original read.
    #[serde(with = "object_id::hex")]
    pub identity: ObjectId,
    /// The user's name, for the access log; cut off after [`USERNAME_MAX_CHARS`].
    pub username: String,
    /// The user's roles.
    pub roles: Vec<Role>,
    /// The session it belongs to and dies with.
    pub sid: RandomId,
    /// This very token.
    pub jti: RandomId,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: TokenKind,
    /// Whether it came straight from a login.
    pub fresh: bool,
    /// The generation of a refresh token within its session.
    #[serde(rename = "gen")]
    pub generation: i64,
    /// The user's epoch at login: tokens of an earlier epoch than the user's are dead.
    pub epoch: i64,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid from then on.
    pub exp: i64,
}

/// Whom a token is made out to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The user.
    pub user_id: ObjectId,
    /// The name, as typed at registration.
    pub username: String,
    /// The roles.
    pub roles: Vec<Role>,
    /// The epoch; see [`Claims::epoch`].
    pub epoch: i64,
}

impl Claims {
    /// Claims for a new token of `kind` that is valid for `ttl_seconds` from `now`, neither fresh nor of a later
    /// generation until the caller says so.
    #[must_use]
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
        }
    }
}

/// The keys of the current secret, which sign, and of earlier ones, which are still accepted. A token names its
/// secret by `kid`.
pub struct SigningKeys(Vec<SigningKey>);

struct SigningKey {
    kid: String,
    access: (EncodingKey, DecodingKey),
    refresh: (EncodingKey, DecodingKey),
}

impl SigningKeys {
    /// Derives one key a kind from each secret.
    ///
    /// # Errors
    /// [`Error::Internal`]: see [`derive::derive`].
    pub fn derive(current: &SecretString, previous: &[SecretString]) -> Result<Self, Error> {
        std::iter::once(current).chain(previous).map(SigningKey::derive).collect::<Result<_, _>>().map(Self)
    }

    /// The token that says `claims`, signed with the current secret.
    ///
    /// # Errors
    /// [`Error::Internal`] if the claims cannot be written.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let key = self.0.first().ok_or_else(|| Error::internal("no key to sign with"))?;
        let header = Header {
            typ: Some(claims.kind.typ().to_owned()),
            kid: Some(key.kid.clone()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &key.pair(claims.kind).0).map_err(Error::internal)
    }

    /// What a token says, once its form, signature and times are found right. The kind is left to the caller, who
    /// knows which is needed.
    ///
    /// # Errors
    /// [`TokenRejection::Expired`] for a token of ours whose time is over, [`TokenRejection::Invalid`] for all else.
    pub fn verify(&self, token: &str, now: DateTime) -> Result<Claims, TokenRejection> {
        let claims = self.decode(token).ok_or(TokenRejection::Invalid)?;
        let now = now.timestamp_millis();
        if now >= claims.exp.saturating_add(LEEWAY_SECONDS).saturating_mul(1_000) {
            return Err(TokenRejection::Expired);
        }
        if now < claims.nbf.saturating_sub(LEEWAY_SECONDS).saturating_mul(1_000) {
            return Err(TokenRejection::Invalid);
        }
        Ok(claims)
    }

    /// The claims, whatever their times, which are held against our own clock.
    fn decode(&self, token: &str) -> Option<Claims> {
        if token.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kind = [TokenKind::Access, TokenKind::Refresh]
            .into_iter()
            .find(|kind| header.typ.as_deref() == Some(kind.typ()))?;
        let key = self.0.iter().find(|key| header.kid.as_deref() == Some(&key.kid))?;
        // Nothing in a header may say where a key comes from or how to read it (RFC 8725 §3.10, RFC 7515 §4.1.11).
        let ours =
            Header { typ: header.typ.clone(), kid: header.kid.clone(), ..Header::new(Algorithm::HS256) };
        if header != ours {
            return None;
        }
        // Step by step, for `jsonwebtoken::decode` would read the header and the claims once more.
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
        let access = derive::derive(secret, b"access token")?;
        let refresh = derive::derive(secret, b"refresh token")?;
        let [a, b, c, d, ..] = derive::derive(secret, b"key id")?;
        Ok(Self {
            kid: format!("{a:02x}{b:02x}{c:02x}{d:02x}"),
            access: (EncodingKey::from_secret(&access), DecodingKey::from_secret(&access)),
            refresh: (EncodingKey::from_secret(&refresh), DecodingKey::from_secret(&refresh)),
        })
    }

    fn pair(&self, kind: TokenKind) -> &(EncodingKey, DecodingKey) {
        match kind {
            TokenKind::Access => &self.access,
            TokenKind::Refresh => &self.refresh,
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
    fn a_token_says_what_was_signed() {
        let claims = claims(TokenKind::Refresh);
        let token = keys().sign(&claims).unwrap();
        assert_eq!(keys().verify(&token, DateTime::from_millis(1_000_000)), Ok(claims));
    }

    /// The original's names have no bound, and a token has one.
    #[test]
    fn a_long_name_is_cut_off_so_that_the_token_is_accepted() {
        let username = "ñ".repeat(TOKEN_MAX_BYTES);
        let subject = Subject { user_id: ObjectId::new(), username, roles: vec![Role::User], epoch: 0 };
        let now = DateTime::from_millis(1_000_000);
        let token = keys().sign(&Claims::new(TokenKind::Access, subject, RandomId::new(), now, 60)).unwrap();
        let verified = keys().verify(&token, now).unwrap();
        assert_eq!(verified.username, "ñ".repeat(USERNAME_MAX_CHARS));
    }

    #[test]
    fn times_are_kept_to_the_leeway() {
        let token = keys().sign(&claims(TokenKind::Access)).unwrap();
        let at = |millis| keys().verify(&token, DateTime::from_millis(millis)).map(|_| ());
        assert_eq!(at(1_064_999), Ok(()));
        assert_eq!(at(1_065_000), Err(TokenRejection::Expired));
        assert_eq!(at(995_000), Ok(()));
        assert_eq!(at(994_999), Err(TokenRejection::Invalid));
    }

    #[test]
    fn a_token_of_the_previous_secret_is_still_accepted() {
        let token = keys().sign(&claims(TokenKind::Access)).unwrap();
        let (new, old) = ("fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef");
        let rotated = SigningKeys::derive(&new.into(), &[old.into()]).unwrap();
        assert!(rotated.verify(&token, DateTime::from_millis(1_000_000)).is_ok());
        let gone = SigningKeys::derive(&new.into(), &[]).unwrap();
        assert_eq!(gone.verify(&token, DateTime::from_millis(1_000_000)), Err(TokenRejection::Invalid));
    }
}
