//! The table of error codes: for each code its status, its title and what to do about it. Problem details, `/problems/{code}` and the API
//! document all read this table.

use axum::http::StatusCode;

use crate::error::{Error, TokenRejection};

#[derive(Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// A stable word for programs: the `code` of a problem, and the last segment of its `type`.
    pub code: &'static str,
    pub status: StatusCode,
    /// The same for every occurrence (RFC 9457 §3.1.3).
    pub title: &'static str,
    /// What the client should do next.
    pub advice: &'static str,
}

// A macro, so that a code cannot be a constant without also being in `ALL`.
macro_rules! error_codes {
    ($($name:ident: $status:ident, $code:literal, $title:literal, $advice:literal;)*) => {
        impl ErrorCode {
            $(const $name: &Self = &Self { code: $code, status: StatusCode::$status, title: $title, advice: $advice };)*

            pub const ALL: &[&Self] = &[$(Self::$name),*];
        }
    };
}

error_codes! {
    MALFORMED_JSON: BAD_REQUEST, "malformed_json", "The body is not valid JSON",
        "Send a body that is valid JSON in UTF-8. The detail names the line and the column of the first error.";
    MALFORMED_REQUEST: BAD_REQUEST, "malformed_request", "The request violates HTTP",
        "Correct the request as the detail says, for example send exactly one header `Host`. Usually an HTTP library or a proxy builds it wrong.";
    TOKEN_MISSING: UNAUTHORIZED, "token_missing", "A token is required",
        "Log in at `/v1/login`, and send the header `Authorization: Bearer TOKEN` with the access token.";
    TOKEN_INVALID: UNAUTHORIZED, "token_invalid", "The token is invalid",
        "Send the token exactly as the service issued it, and the kind of token that the operation needs. If it is right, log in again.";
    TOKEN_EXPIRED: UNAUTHORIZED, "token_expired", "The token has expired",
        "Exchange the refresh token for new tokens at `/v1/refresh`, and repeat the request. If the refresh token has expired too, log in again.";
    TOKEN_REVOKED: UNAUTHORIZED, "token_revoked", "The token was revoked",
        "The session has ended, or the password or the roles have changed. Log in again. Do not repeat the request with this token.";
    TOKEN_NOT_FRESH: UNAUTHORIZED, "token_not_fresh", "A token from a login is required",
        "This change needs a token from a login, not from a refresh. Ask the user for the password, log in, and repeat the request with that access token.";
    INVALID_CREDENTIALS: UNAUTHORIZED, "invalid_credentials", "The username or the password is wrong",
        "Check the username and the password. The response is the same for an unknown user, so that it reveals no usernames.";
    FORBIDDEN: FORBIDDEN, "forbidden", "You are not allowed to do this",
        "The token is right, but this request needs another role or belongs to another user. Repeating it does not help.";
    SESSION_REQUIRED: FORBIDDEN, "session_required", "A token of a session is required",
        "Log in, and use the access token of the session. Personal access tokens are for todos, lists, tags, sync and events only.";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient_scope", "The access token does not have the scope",
        "Create a personal access token with the scope that the detail names, or use the token of a session.";
    REGISTRATION_CLOSED: FORBIDDEN, "registration_closed", "Registration is closed",
        "Ask the operator of this service for an account.";
    PASSWORD_CHANGE_REQUIRED: FORBIDDEN, "password_change_required", "The password must be changed",
        "An admin has set this password for one use. Log in with it and with a `new_password` in the same body.";
    NOT_FOUND: NOT_FOUND, "not_found", "The resource does not exist",
        "Check the path and the id. An object of another user looks the same as one that does not exist. If a sync knew the object, it was deleted.";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not allow the method",
        "Use one of the methods in the header `Allow`.";
    REQUEST_TIMEOUT: REQUEST_TIMEOUT, "request_timeout", "The body was not received in time",
        "Send the whole body without long pauses, and repeat the request. If it keeps failing, send a smaller body.";
    USERNAME_TAKEN: CONFLICT, "username_taken", "The username is taken",
        "Choose another username. Usernames that differ only in case or in the form of a character are the same.";
    ID_TAKEN: CONFLICT, "id_taken", "The id is taken",
        "Another object has this id. Generate a new ObjectId and repeat the request.";
    IN_TRASH: CONFLICT, "in_trash", "The object is in the trash",
        "Restore the object first, or delete it permanently with `?permanent=true`.";
    NOTHING_TO_UNDO: CONFLICT, "nothing_to_undo", "There is nothing to undo",
        "Read the todo and show it as it is. Only completions and skips since the last change of its due date or recurrence can be undone.";
    LAST_ADMIN: CONFLICT, "last_admin", "The user is the last admin",
        "Give another user the role `admin` first. Otherwise nobody could manage users.";
    IDEMPOTENCY_KEY_REUSED: CONFLICT, "idempotency_key_reused", "The idempotency key was used for another request",
        "Use a new key for each new request, and the same key only to repeat a request with the same body.";
    SYNC_TOKEN_EXPIRED: GONE, "sync_token_expired", "The sync token has expired",
        "Start a full sync with `token: null`, and replace all objects that the client has. Deletions older than 90 days are no longer recorded.";
    VERSION_MISMATCH: PRECONDITION_FAILED, "version_mismatch", "The object was modified by another request",
        "Another request has changed the object. Apply the change to `current`, and repeat the request with the version of `current` in `If-Match`.";
    BODY_TOO_LARGE: PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large",
        "Send a smaller body: at most the number of bytes that the detail names. Split a sync into several requests.";
    UNSUPPORTED_MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON",
        "Send the body as `application/json`, without `Content-Encoding`. A PATCH also accepts the types in the header `Accept-Patch`.";
    HEAD_TOO_LARGE: REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The headers are too large",
        "Send fewer or shorter headers, and a shorter path. Often a client sends cookies that it does not need.";
    INVALID_INPUT: UNPROCESSABLE_ENTITY, "invalid_input", "The input is invalid",
        "Correct the fields that `errors` lists. Each has a JSON Pointer to the field, a code for programs and a sentence for people.";
    LIMIT_REACHED: UNPROCESSABLE_ENTITY, "limit_reached", "The limit is reached",
        "The user has as many objects as the detail says. Delete some, and try again.";
    TOO_MANY_REQUESTS: TOO_MANY_REQUESTS, "too_many_requests", "Too many requests",
        "Wait for the seconds in the header `Retry-After`, and repeat the request. Wait longer after each further refusal.";
    TOO_MANY_CONNECTIONS: TOO_MANY_REQUESTS, "too_many_connections", "Too many event streams are open",
        "Close one of the event streams of this user, or wait until one ends.";
    INTERNAL_ERROR: INTERNAL_SERVER_ERROR, "internal_error", "An internal error occurred",
        "Repeat the request later. Tell the operator the `request_id`, with which the log has the cause.";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable", "The service is temporarily unavailable",
        "Wait for the seconds in the header `Retry-After`, and repeat the request. The outcome of a change is unknown: use the same `Idempotency-Key`, or `If-Match`.";
}

impl ErrorCode {
    pub fn find(code: &str) -> Option<&'static Self> {
        Self::ALL.iter().copied().find(|known| known.code == code)
    }

    pub fn of(error: &Error) -> &'static Self {
        // Without a wildcard arm, so that a new error does not compile until it has a row in the table.
        match error {
            Error::MalformedJson(_) => Self::MALFORMED_JSON,
            Error::MalformedRequest(_) => Self::MALFORMED_REQUEST,
            Error::HeadTooLarge => Self::HEAD_TOO_LARGE,
            Error::Token(TokenRejection::Missing) => Self::TOKEN_MISSING,
            Error::Token(TokenRejection::Invalid) => Self::TOKEN_INVALID,
            Error::Token(TokenRejection::Expired) => Self::TOKEN_EXPIRED,
            Error::Token(TokenRejection::Revoked) => Self::TOKEN_REVOKED,
            Error::Token(TokenRejection::NotFresh) => Self::TOKEN_NOT_FRESH,
            Error::InvalidCredentials => Self::INVALID_CREDENTIALS,
            Error::Forbidden => Self::FORBIDDEN,
            Error::SessionRequired => Self::SESSION_REQUIRED,
            Error::InsufficientScope(_) => Self::INSUFFICIENT_SCOPE,
            Error::RegistrationClosed => Self::REGISTRATION_CLOSED,
            Error::PasswordChangeRequired => Self::PASSWORD_CHANGE_REQUIRED,
            Error::NotFound(_) => Self::NOT_FOUND,
            Error::MethodNotAllowed => Self::METHOD_NOT_ALLOWED,
            Error::RequestTimeout => Self::REQUEST_TIMEOUT,
            Error::UsernameTaken => Self::USERNAME_TAKEN,
            Error::IdTaken => Self::ID_TAKEN,
            Error::InTrash => Self::IN_TRASH,
            Error::NothingToUndo => Self::NOTHING_TO_UNDO,
            Error::LastAdmin => Self::LAST_ADMIN,
            Error::IdempotencyKeyReused => Self::IDEMPOTENCY_KEY_REUSED,
            Error::SyncTokenExpired => Self::SYNC_TOKEN_EXPIRED,
            Error::VersionMismatch { .. } => Self::VERSION_MISMATCH,
            Error::BodyTooLarge { .. } => Self::BODY_TOO_LARGE,
            Error::UnsupportedMediaType { .. } | Error::UnsupportedEncoding => Self::UNSUPPORTED_MEDIA_TYPE,
            Error::Invalid(_) => Self::INVALID_INPUT,
            Error::LimitReached(_) | Error::TrashFull(_) => Self::LIMIT_REACHED,
            Error::Throttled { .. } => Self::TOO_MANY_REQUESTS,
            Error::TooManyConnections => Self::TOO_MANY_CONNECTIONS,
            Error::Internal(_) => Self::INTERNAL_ERROR,
            Error::Unavailable(_) => Self::UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_can_be_found() {
        for known in ErrorCode::ALL {
            assert_eq!(ErrorCode::find(known.code), Some(*known));
        }
        assert_eq!(ErrorCode::find("unknown"), None);
    }
}
