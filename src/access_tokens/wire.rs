//! Personal access tokens as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::model::{AccessToken, NewToken};
use super::text::NewText;
use crate::auth::credential::TokenScope;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::openapi::schema::{Id, Time};
use crate::owned::text::{INSTANT, NAME};

// A client may repeat scopes, which count once.
pub(super) const SCOPES_SENT_MAX: usize = 20;

/// A personal access token, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = AccessToken)]
pub(crate) struct AccessTokenBody {
    /// The id of the token.
    id: Id,
    /// The name that the user gave.
    name: String,
    #[schema(value_type = Vec<String>)]
    scopes: Vec<TokenScope>,
    /// The last characters of the token.
    last_four: String,
    /// When the token was created.
    created_at: Time,
    /// When the token expires. Null means never.
    expires_at: Option<Time>,
    /// When the token was last used, to the hour. Null if it was not used yet.
    last_used_at: Option<Time>,
}

impl From<AccessToken> for AccessTokenBody {
    fn from(token: AccessToken) -> Self {
        Self {
            id: Id(token.id),
            name: token.name,
            scopes: token.scopes,
            last_four: token.last_four,
            created_at: Time(token.created_at),
            expires_at: token.expires_at.map(Time),
            last_used_at: token.last_used_at.map(Time),
        }
    }
}

/// A new token with its text, which no other response has. `body` is the JSON of an [`AccessTokenBody`].
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct NewTokenBody(Map<String, Value>);

impl NewTokenBody {
    pub(super) fn of(body: &str, texts: &[NewText]) -> Result<Value, Error> {
        let Self(mut fields) = serde_json::from_str(body).map_err(Error::internal)?;
        let last_four = fields.get("last_four").and_then(Value::as_str).unwrap_or_default();
        let text = texts.iter().find(|text| text.last_four == last_four);
        // The secret that derived the token is no longer configured.
        let text = text.ok_or(Error::IdempotencyKeyReused)?.expose().to_owned();
        fields.insert("token".to_owned(), text.into());
        Ok(fields.into())
    }
}

impl FromFields for NewToken {
    fn take(input: &mut Fields) -> Option<Self> {
        let name = input.required("name", &NAME);
        let scopes = scopes(input);
        let expires_at = input.optional_text("expires_at").flatten();
        let expires_at = match expires_at {
            None => Some(None),
            Some(text) => input.check(INSTANT.read(&text), || INSTANT.violation("expires_at")).map(Some),
        };
        Some(Self { name: name?, scopes: scopes?, expires_at: expires_at? })
    }
}

fn scopes(input: &mut Fields) -> Option<Vec<TokenScope>> {
    let texts =
        input.array::<String>("scopes", SCOPES_SENT_MAX, "not_texts", "Scopes must be an array of strings.");
    let Some(texts) = texts.flatten().filter(|texts| !texts.is_empty()) else {
        return input.require("scopes", "At least one scope is required.");
    };
    let mut scopes = Vec::new();
    let mut violations = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match TokenScope::find(text) {
            Some(scope) if scopes.contains(&scope) => {}
            Some(scope) => scopes.push(scope),
            None => violations.push(unknown_scope(index)),
        }
    }
    if violations.is_empty() { Some(scopes) } else { input.reject_all(violations) }
}

fn unknown_scope(index: usize) -> Violation {
    let known = TokenScope::ALL.map(TokenScope::name).join(", ");
    Violation::of(&format!("scopes/{index}"), "unknown_value", format!("A scope must be one of: {known}."))
}
