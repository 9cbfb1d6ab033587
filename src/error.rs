//! What can go wrong, in the domain's words. Must not know HTTP: `problem` and `original::wire` give each its status and text.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

/// Why a request was not fulfilled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The thing does not exist, or is not the caller's: both look the same.
    #[error("{0:?} not found")]
    NotFound(Resource),
    /// The path exists, but not for this method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The body is not JSON, or not JSON that everyone reads alike (duplicate members); says what is wrong where.
    #[error("malformed JSON: {0}")]
    MalformedJson(String),
    /// The body is larger than [`crate::http::body::BODY_LIMIT`].
    #[error("body too large")]
    BodyTooLarge,
    /// The client took too long to send the body.
    #[error("request timeout")]
    RequestTimeout,
    /// The body is of a type that is not read here.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The input breaks a rule: every fault that was found, in the order of the checks.
    #[error("invalid input: {0:?}")]
    Invalid(Vec<Violation>),
    /// The token that the caller presented does not open this door.
    #[error("token refused: {0:?}")]
    Token(TokenRejection),
    /// The username is unknown or the password is wrong; nobody learns which.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The caller is known, and may not do this.
    #[error("forbidden")]
    Forbidden,
    /// Nobody may register here.
    #[error("registration closed")]
    RegistrationClosed,
    /// The thing is in another version than the one that the change was meant for; `current` is its wire form now.
    #[error("version mismatch")]
    VersionMismatch {
        /// The thing as it is now, in the form that this face answers it in.
        current: Box<serde_json::Value>,
    },
    /// Too many attempts; when the next is admitted.
    #[error("throttled for {retry_after:?}")]
    Throttled {
        /// From now.
        retry_after: Duration,
    },
    /// The unique index on usernames refused another user of that name.
    #[error("username taken")]
    UsernameTaken,
    /// An object of another user has the id.
    #[error("id taken")]
    IdTaken,
    /// It is in the trash, where it can be read, restored and removed, but not changed.
    #[error("in the trash")]
    InTrash,
    /// There are as many as a user may have: this many.
    #[error("limit reached: {0}")]
    LimitReached(u64),
    /// The idempotency key stands for another request.
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// The sync token is older than removals are remembered.
    #[error("sync token expired")]
    SyncTokenExpired,
    /// The user has as many streams of events as may be.
    #[error("too many connections")]
    TooManyConnections,
    /// Not now, for a reason that passes: the database is out of reach, start is not over, too much is waiting.
    /// Whether a write happened is unknown, so every write must be safe to repeat.
    #[error("unavailable: {0}")]
    Unavailable(Cause),
    /// A mistake of ours: a stored document that cannot be read, a panic.
    #[error("internal error: {0}")]
    Internal(Cause),
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// No route has this path.
    Path,
    /// A user, by name.
    User,
    /// A session of the caller.
    Session,
    /// The explanation of a problem.
    Problem,
    /// One todo.
    Todo,
    /// One list.
    List,
    /// A tag.
    Tag,
    /// The todos of a caller who has none.
    Todos,
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRejection {
    /// There is no `Authorization` header.
    Missing,
    /// Malformed, forged, not yet valid, or of the other kind.
    Invalid,
    /// Its time is over.
    Expired,
    /// It was logged out, alone or with its session or its user.
    Revoked,
    /// The route asks for a token that came straight from a login.
    NotFresh,
}

/// One broken rule of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a JSON pointer (RFC 6901), such as `/username`.
    pub pointer: String,
    /// Which rule: a stable word for programs, such as `required`.
    pub code: &'static str,
    /// The rule as a sentence for people.
    pub detail: String,
}

impl Violation {
    /// A fault of the top-level member `field`.
    #[must_use]
    pub fn of(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: format!("/{field}"), code, detail: detail.into() }
    }
}

/// What lies behind a failure of ours: for the log, never for the client.
pub type Cause = Arc<dyn StdError + Send + Sync>;

impl Error {
    /// A failure that passes, with the reason that goes to the log.
    #[must_use]
    pub fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(Arc::from(cause.into()))
    }

    /// A mistake of ours, with the reason that goes to the log.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }
}

/// Why the service must not start, and what the operator can do about it: one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OperatorError(pub String);
