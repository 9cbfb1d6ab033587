//! The wire format of the original: request bodies with the coercions of Flask-RESTful, and errors under `message`.
//!
//! **Invariant:** released clients compare the texts in this file, so none of the texts changes, including their mistakes.

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::{Error, Resource, TokenRejection, Violation};
use crate::http::body;
use crate::http::error_code::ErrorCode;
use crate::http::json::{self, Json};
use crate::http::json_object::JsonObject;
use crate::http::problem;
use crate::http::streamed::streamed;
use crate::users::model::{NewUser, ORIGINAL_LIMITS};

pub(crate) struct Body<T>(pub T);

pub(crate) trait OriginalFields: Sized {
    /// The names of the fields and the messages for missing fields, in the order of the checks.
    const FIELDS: [(&'static str, &'static str); 2];

    fn parse(first: String, second: String) -> Result<Self, Error>;
}

pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: SecretString,
}

pub(crate) struct Registration(pub(crate) NewUser);

impl OriginalFields for Credentials {
    const FIELDS: [(&'static str, &'static str); 2] =
        [("username", "This field cannot be blank."), ("password", "This field cannot be blank.")];

    fn parse(username: String, password: String) -> Result<Self, Error> {
        Ok(Self { username, password: password.into() })
    }
}

impl OriginalFields for Registration {
    const FIELDS: [(&'static str, &'static str); 2] = Credentials::FIELDS;

    fn parse(username: String, password: String) -> Result<Self, Error> {
        NewUser::parse(username, password, None, ORIGINAL_LIMITS).map(Self).map_err(Error::Invalid)
    }
}

pub(crate) struct TodoFields {
    pub(crate) name: String,
    pub(crate) description: String,
}

impl OriginalFields for TodoFields {
    const FIELDS: [(&'static str, &'static str); 2] =
        // The second text is a mistake in the original, which clients have seen.
        [("name", "This field cannot be left blank!"), ("description", "Every item needs a store_id.")];

    fn parse(name: String, description: String) -> Result<Self, Error> {
        Ok(Self { name, description })
    }
}

impl<S: Send + Sync, T: OriginalFields> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        // Any other media type counts as no body, so the first field is reported as missing.
        let fields = if body::is_any_json(request.headers()) {
            let fields = JsonObject::parse(&body::body(request).await?)?;
            fields.require_few_members().map_err(Error::Invalid)?;
            Some(fields)
        } else {
            None
        };
        let [first, second] = T::FIELDS;
        T::parse(field(fields.as_ref(), first)?, field(fields.as_ref(), second)?).map(Self)
    }
}

fn field(fields: Option<&JsonObject>, (name, blank): (&str, &str)) -> Result<String, Error> {
    let text = fields.and_then(|fields| fields.get(name)).map(text).transpose()?.flatten();
    text.ok_or_else(|| Error::Invalid(vec![Violation::of(name, "required", blank)]))
}

/// A value as the text that Python's `str` gives for it. `None` for null, arrays and objects, which the original rejected.
fn text(value: &RawValue) -> Result<Option<String>, Error> {
    let written = value.get();
    Ok(match written.as_bytes().first() {
        Some(b'"') => Some(serde_json::from_str(written).map_err(Error::malformed_json)?),
        Some(b't') => Some("True".to_owned()),
        Some(b'f') => Some("False".to_owned()),
        Some(b'-' | b'0'..=b'9') => Some(number(written)),
        _ => None,
    })
}

/// A JSON number as Python prints it: integers unchanged, other numbers as the shortest text that reads back as the same
/// `float`, in scientific notation below 1e-4 and from 1e16.
fn number(written: &str) -> String {
    // Python reads `-0` as the integer 0.
    if written == "-0" {
        return "0".to_owned();
    }
    if !written.contains(['.', 'e', 'E']) {
        return written.to_owned();
    }
    let Ok(float) = written.parse::<f64>() else { return written.to_owned() };
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if float == 0.0 || (1e-4..1e16).contains(&float.abs()) {
        return format!("{float:?}");
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

pub(crate) async fn render(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    render_error(next.run(request).await, &method)
}

pub(crate) fn render_error(response: Response, method: &Method) -> Response {
    problem::render_with(response, |error| {
        let (status, body) = describe(error, method);
        (status, Json(body)).into_response()
    })
}

/// Differs from [`ErrorCode::of`] where the original does.
fn describe(error: &Error, method: &Method) -> (StatusCode, Value) {
    let status = ErrorCode::of(error).status;
    let message = match error {
        Error::Token(rejection) => return (status, describe_token(*rejection)),
        // The original knows no personal access tokens.
        Error::SessionRequired => "A token from a login is required.",
        Error::Invalid(violations) => {
            let message = match violations.first() {
                Some(Violation { pointer, detail, .. }) if pointer.is_empty() => json!(detail),
                Some(Violation { pointer, detail, .. }) => json!({ pointer.trim_start_matches('/'): detail }),
                None => json!({}),
            };
            return (StatusCode::BAD_REQUEST, json!({ "message": message }));
        }
        Error::UsernameTaken => {
            return (StatusCode::BAD_REQUEST, message_body("A user with that username already exists"));
        }
        Error::MalformedJson(_) => {
            "The browser (or proxy) sent a request that this server could not understand."
        }
        Error::RequestTimeout => "The server timed out waiting for the request.",
        Error::BodyTooLarge { .. } => "The data value transmitted exceeds the capacity limit.",
        Error::InvalidCredentials => "Invalid Credentials!",
        Error::RegistrationClosed => "Nobody may register here.",
        Error::Throttled { .. } => "Too many attempts. Please try again later.",
        Error::Forbidden => "You may only access your own user.",
        Error::MethodNotAllowed => "The method is not allowed for the requested URL.",
        Error::NotFound(Resource::User) if method == Method::DELETE => "User not found",
        Error::NotFound(Resource::User) => "user not found",
        Error::InTrash => return (StatusCode::NOT_FOUND, message_body("Todo not found")),
        Error::LimitReached(_) | Error::TrashFull(_) => {
            return (StatusCode::BAD_REQUEST, message_body("There are as many todos as may be."));
        }
        Error::NotFound(Resource::Todo) => "Todo not found",
        Error::NotFound(Resource::Todos) => "No todos found for this user",
        Error::LastAdmin => "The last admin cannot be deleted.",
        Error::NotFound(Resource::Path) => "Not found",
        Error::Unavailable(_) => "The service is not available right now. Please try again shortly.",
        Error::Internal(_) => "An error occurred.",
        // The original's routes have no preconditions, idempotency keys or sync tokens, ignore other media types, and
        // do not name other resources, and a request that violates HTTP reaches no route, so these errors do not occur.
        Error::VersionMismatch { .. }
        | Error::MalformedRequest(_)
        | Error::HeadTooLarge
        | Error::IdempotencyKeyReused
        | Error::InsufficientScope(_)
        | Error::IdTaken
        | Error::PasswordChangeRequired
        | Error::NothingToUndo
        | Error::SyncTokenExpired
        | Error::TooManyConnections
        | Error::UnsupportedMediaType { .. }
        | Error::UnsupportedEncoding
        | Error::NotFound(_) => ErrorCode::of(error).title,
    };
    (status, message_body(message))
}

fn describe_token(rejection: TokenRejection) -> Value {
    match rejection {
        TokenRejection::Expired => json!({ "message": "The token has expired.", "error": "token_expired" }),
        TokenRejection::Invalid => {
            json!({ "message": "Signature verification failed.", "error": "invalid_token" })
        }
        TokenRejection::Missing => {
            json!({ "description": "Request does not contain an access token.", "error": "authorization_required" })
        }
        TokenRejection::NotFresh => {
            json!({ "description": "The token is not fresh.", "error": "fresh_token_required" })
        }
        TokenRejection::Revoked => {
            json!({ "description": "The token has been revoked.", "error": "token_revoked" })
        }
    }
}

fn message_body(text: &str) -> Value {
    json!({ "message": text })
}

pub(crate) fn message(text: &'static str) -> Json<Value> {
    Json(message_body(text))
}

/// Streams the items of all `batches` as one bare JSON array, so that a long list is never completely in memory.
pub(crate) fn array<T: Serialize + Send + 'static>(
    batches: impl Stream<Item = Result<impl Iterator<Item = T> + Send, Error>> + Send + 'static,
) -> HttpBody {
    let mut between: &[u8] = b"";
    let append = move |json: &mut Vec<u8>, item: T| {
        json.extend_from_slice(std::mem::replace(&mut between, b","));
        json::append(json, &item)
    };
    streamed(vec![b'['], batches, append, b"]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<String> {
        text(serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn values_become_the_text_of_python_str() {
        let pairs = [
            ("\"\"", ""),
            ("5", "5"),
            ("-0", "0"),
            ("true", "True"),
            ("false", "False"),
            ("1.50", "1.5"),
            ("1e5", "100000.0"),
            ("-0.0", "-0.0"),
            ("1e16", "1e+16"),
            ("1.5e-7", "1.5e-07"),
            ("1e400", "inf"),
            ("0.0001", "0.0001"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("1e22", "1e+22"),
            ("-2.5e300", "-2.5e+300"),
            ("9999999999999998.0", "9999999999999998.0"),
        ];
        for (json, text) in pairs {
            assert_eq!(read(json).as_deref(), Some(text), "{json}");
        }
    }

    #[test]
    fn null_arrays_and_objects_have_no_text() {
        for json in ["null", "[]", "{}", "[1]", "{\"$ne\":null}"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
