//! The errors of the domain. `http::error_code` and `original::wire` give each error its status and text.
//!
//! **Invariant:** knows no HTTP, so that every API surface can render the same error in its own way.

use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The resource does not exist, or belongs to another user: clients must not be able to distinguish these.
    #[error("{0:?} not found")]
    NotFound(Resource),
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The body is not JSON, or contains a field twice. Holds the reason.
    #[error("malformed JSON: {0}")]
    MalformedJson(String),
    /// The head violates HTTP. Holds the reason.
    #[error("malformed request: {0}")]
    MalformedRequest(&'static str),
    /// Too many bytes or headers before the body.
    #[error("head too large")]
    HeadTooLarge,
    #[error("body too large")]
    BodyTooLarge {
        /// In bytes.
        limit: usize,
    },
    #[error("request timeout")]
    RequestTimeout,
    #[error("unsupported media type")]
    UnsupportedMediaType {
        /// The media types of a PATCH (RFC 5789 §3.1).
        accept_patch: Option<&'static str>,
    },
    #[error("unsupported content encoding")]
    UnsupportedEncoding,
    /// Contains every violation that was found, in the order of the checks.
    #[error("invalid input: {0:?}")]
    Invalid(Vec<Violation>),
    #[error("token refused: {0:?}")]
    Token(TokenRejection),
    /// The username is unknown or the password is wrong: clients must not be able to distinguish these.
    #[error("invalid credentials")]
    InvalidCredentials,
    #[error("forbidden")]
    Forbidden,
    /// The route accepts only the tokens of sessions, and the request has a personal access token.
    #[error("session required")]
    SessionRequired,
    /// The personal access token does not have this scope.
    #[error("insufficient scope: {0} required")]
    InsufficientScope(&'static str),
    #[error("registration closed")]
    RegistrationClosed,
    /// The password is right, and an admin has set it for one use.
    #[error("password change required")]
    PasswordChangeRequired,
    /// The change would leave no admin who can log in.
    #[error("last admin")]
    LastAdmin,
    #[error("version mismatch")]
    VersionMismatch {
        /// The object as it is now, in the wire form of this API surface; null if it does not exist.
        current: Box<serde_json::Value>,
    },
    #[error("throttled for {retry_after:?}")]
    Throttled {
        /// Counted from now.
        retry_after: Duration,
    },
    #[error("username taken")]
    UsernameTaken,
    /// An object of another user has the id.
    #[error("id taken")]
    IdTaken,
    /// The object is in the trash, so it can be read, restored and deleted, but not changed.
    #[error("in the trash")]
    InTrash,
    /// A recurring todo was neither completed nor skipped since its series last changed.
    #[error("nothing to undo")]
    NothingToUndo,
    /// Contains the maximum number of objects per user, not counting the trash.
    #[error("limit reached: {0}")]
    LimitReached(u64),
    /// Contains the maximum number of objects per user in the trash.
    #[error("limit of the trash reached: {0}")]
    TrashFull(u64),
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// The sync token is so old that some tombstones since then are forgotten.
    #[error("sync token expired")]
    SyncTokenExpired,
    #[error("too many connections")]
    TooManyConnections,
    /// Passes without a change by the client: the database is unreachable, the service is starting, a queue is full.
    /// Whether a write happened is unknown, so every write must be safe to repeat.
    #[error("unavailable: {0}")]
    Unavailable(Cause),
    /// A bug: a stored document that cannot be read, a panic.
    #[error("internal error: {0}")]
    Internal(Cause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Path,
    User,
    Session,
    AccessToken,
    Import,
    Problem,
    Todo,
    List,
    Tag,
    /// The original responds with 404 to the list of todos of a user who has none.
    Todos,
}

impl Resource {
    pub fn not_found(self) -> &'static str {
        match self {
            Self::Path => "No route matches this path.",
            Self::User => "There is no such user.",
            Self::Session => "There is no session with this id. It may have ended.",
            Self::AccessToken => "You have no access token with this id.",
            Self::Import => "You have no import with this id. Imports are kept for 30 days.",
            Self::Problem => "No error has this code.",
            Self::Todo => "You have no todo with this id. It may have been deleted.",
            Self::List => "You have no list with this id. It may have been deleted.",
            Self::Tag => "None of your todos has this tag.",
            Self::Todos => "You have no todos.",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRejection {
    Missing,
    /// Malformed, forged, not yet valid, or of the other kind.
    Invalid,
    Expired,
    /// The token, its session or its user was logged out.
    Revoked,
    /// The route requires a token from a login, and this token is from a refresh.
    NotFresh,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// A JSON pointer (RFC 6901), such as `/username`.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

impl Violation {
    /// `field` is a JSON pointer without its first `/`. Names that a client chose must be escaped.
    pub fn of(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::at(format!("/{field}"), code, detail.into())
    }

    /// A violation of the whole body, or of a header.
    pub fn of_whole(code: &'static str, detail: impl Into<String>) -> Self {
        Self::at(String::new(), code, detail.into())
    }

    pub fn inside(self, path: &str) -> Self {
        Self::at(format!("/{path}{}", self.pointer), self.code, self.detail)
    }

    fn at(mut pointer: String, code: &'static str, detail: String) -> Self {
        cut(&mut pointer, POINTER_MAX_CHARS);
        // `~` occurs only in `~0` and `~1` (RFC 6901 §3), so a final one is half an escape.
        if pointer.ends_with('~') {
            pointer.pop();
        }
        Self { pointer, code, detail }
    }
}

pub const POINTER_MAX_CHARS: usize = 200;

pub const VIOLATIONS_MAX: usize = 100;

/// The first [`VIOLATIONS_MAX`] violations.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn push(&mut self, violation: Violation) {
        self.extend([violation]);
    }

    /// Does not compute violations for which there is no room.
    pub fn extend(&mut self, violations: impl IntoIterator<Item = Violation>) {
        self.0.extend(violations.into_iter().take(VIOLATIONS_MAX - self.0.len()));
    }

    pub fn is_full(&self) -> bool {
        self.0.len() >= VIOLATIONS_MAX
    }

    pub fn all(&self) -> &[Violation] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<Violation> {
        self.0
    }
}

/// Keeps the first `max` characters of a text.
pub fn cut(text: &mut String, max: usize) {
    if let Some((end, _)) = text.char_indices().nth(max) {
        text.truncate(end);
    }
}

/// The reason of a failure: for the log, never for the client.
pub type Cause = Arc<dyn StdError + Send + Sync>;

const REASON_MAX_CHARS: usize = 200;

impl Error {
    pub fn malformed_json(reason: impl Display) -> Self {
        let mut reason = reason.to_string();
        // A reason may quote the body.
        cut(&mut reason, REASON_MAX_CHARS);
        Self::MalformedJson(reason)
    }

    pub fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }
}

/// Why a command failed, and what the operator can do about it, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OperatorError(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_cut_between_characters_and_between_escapes() {
        let pointer = |field: &str| Violation::of(field, "x", "").pointer;
        assert_eq!(pointer("name"), "/name");
        assert_eq!(pointer(&"ä".repeat(1_000)), format!("/{}", "ä".repeat(199)));
        let escaped = format!("{}~0~1", "x".repeat(196));
        assert_eq!(pointer(&escaped), format!("/{}~0", "x".repeat(196)));
        assert_eq!(pointer(&"~0".repeat(500)), format!("/{}", "~0".repeat(99)));
        let inside = Violation::of("name", "x", "").inside(&"x".repeat(198));
        assert_eq!(inside.pointer, format!("/{}/", "x".repeat(198)));
        assert_eq!(Violation::of_whole("x", "").inside("items/3").pointer, "/items/3");
    }

    #[test]
    fn violations_are_computed_only_while_there_is_room() {
        let mut violations = Violations::default();
        violations.push(Violation::of_whole("x", ""));
        let mut computed = 0;
        violations.extend((0..1_000_000).map(|_| {
            computed += 1;
            Violation::of_whole("x", "")
        }));
        violations.push(Violation::of_whole("x", ""));
        assert_eq!((computed, violations.all().len(), violations.is_full()), (99, 100, true));
    }
}
