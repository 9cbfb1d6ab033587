//! The table of error codes: for each code its status and its title. Problem details, `/problems/{code}` and the API
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
}

// A macro, so that a code cannot be a constant without also being in `ALL`.
macro_rules! error_codes {
    ($($name:ident: $status:ident, $code:literal, $title:literal;)*) => {
        impl ErrorCode {
            $(const $name: &Self = &Self { code: $code, status: StatusCode::$status, title: $title };)*

            pub const ALL: &[&Self] = &[$(Self::$name),*];
        }
    };
}

error_codes! {
    MALFORMED_JSON: BAD_REQUEST, "malformed_json", "The body is not valid JSON";
    MALFORMED_REQUEST: BAD_REQUEST, "malformed_request", "The request violates HTTP";
    TOKEN_MISSING: UNAUTHORIZED, "token_missing", "A token is required";
    TOKEN_INVALID: UNAUTHORIZED, "token_invalid", "The token is invalid";
    TOKEN_EXPIRED: UNAUTHORIZED, "token_expired", "The token has expired";
    TOKEN_REVOKED: UNAUTHORIZED, "token_revoked", "The token was revoked";
    TOKEN_NOT_FRESH: UNAUTHORIZED, "token_not_fresh", "A token from a login is required";
    INVALID_CREDENTIALS: UNAUTHORIZED, "invalid_credentials", "The username or the password is wrong";
    FORBIDDEN: FORBIDDEN, "forbidden", "You are not allowed to do this";
    SESSION_REQUIRED: FORBIDDEN, "session_required", "A token of a session is required";
    INSUFFICIENT_SCOPE: FORBIDDEN, "insufficient_scope", "The access token does not have the scope";
    REGISTRATION_CLOSED: FORBIDDEN, "registration_closed", "Registration is closed";
    PASSWORD_CHANGE_REQUIRED: FORBIDDEN, "password_change_required", "The password must be changed";
    NOT_FOUND: NOT_FOUND, "not_found", "The resource does not exist";
    METHOD_NOT_ALLOWED: METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not allow the method";
    REQUEST_TIMEOUT: REQUEST_TIMEOUT, "request_timeout", "The body was not received in time";
    USERNAME_TAKEN: CONFLICT, "username_taken", "The username is taken";
    ID_TAKEN: CONFLICT, "id_taken", "The id is taken";
    IN_TRASH: CONFLICT, "in_trash", "The object is in the trash";
    NOTHING_TO_UNDO: CONFLICT, "nothing_to_undo", "There is nothing to undo";
    LAST_ADMIN: CONFLICT, "last_admin", "The user is the last admin";
    IDEMPOTENCY_KEY_REUSED: CONFLICT, "idempotency_key_reused", "The idempotency key was used for another request";
    SYNC_TOKEN_EXPIRED: GONE, "sync_token_expired", "The sync token has expired";
    VERSION_MISMATCH: PRECONDITION_FAILED, "version_mismatch", "The object was modified by another request";
    BODY_TOO_LARGE: PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    UNSUPPORTED_MEDIA_TYPE: UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON";
    HEAD_TOO_LARGE: REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", "The headers are too large";
    INVALID_INPUT: UNPROCESSABLE_ENTITY, "invalid_input", "The input is invalid";
    LIMIT_REACHED: UNPROCESSABLE_ENTITY, "limit_reached", "The limit is reached";
    TOO_MANY_REQUESTS: TOO_MANY_REQUESTS, "too_many_requests", "Too many requests";
    TOO_MANY_CONNECTIONS: TOO_MANY_REQUESTS, "too_many_connections", "Too many event streams are open";
    INTERNAL_ERROR: INTERNAL_SERVER_ERROR, "internal_error", "An internal error occurred";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable", "The service is temporarily unavailable";
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
