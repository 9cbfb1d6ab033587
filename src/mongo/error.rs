//! The meaning of the driver's errors: MongoDB's error codes, which errors another attempt may overcome, and the
//! conversions to the errors of this crate.
//!
//! **Invariant:** the driver's text reaches logs and operators, never clients.

use bson::Document;
use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

use crate::error::{Error, OperatorError};

/// The error codes that this crate reacts to, by their names in MongoDB's `error_codes.yml`.
pub mod codes {
    pub const HOST_UNREACHABLE: i32 = 6;
    pub const HOST_NOT_FOUND: i32 = 7;
    pub const UNAUTHORIZED: i32 = 13;
    pub const AUTHENTICATION_FAILED: i32 = 18;
    pub const NAMESPACE_NOT_FOUND: i32 = 26;
    pub const INDEX_NOT_FOUND: i32 = 27;
    pub const MAX_TIME_MS_EXPIRED: i32 = 50;
    pub const WRITE_CONCERN_TIMEOUT: i32 = 64;
    pub const INDEX_OPTIONS_CONFLICT: i32 = 85;
    pub const INDEX_KEY_SPECS_CONFLICT: i32 = 86;
    pub const NETWORK_TIMEOUT: i32 = 89;
    pub const SHUTDOWN_IN_PROGRESS: i32 = 91;
    pub const NOT_YET_INITIALIZED: i32 = 94;
    pub const PRIMARY_STEPPED_DOWN: i32 = 189;
    pub const SNAPSHOT_TOO_OLD: i32 = 239;
    pub const SNAPSHOT_UNAVAILABLE: i32 = 246;
    pub const INVALID_RESUME_TOKEN: i32 = 260;
    pub const EXCEEDED_TIME_LIMIT: i32 = 262;
    pub const CHANGE_STREAM_FATAL_ERROR: i32 = 280;
    pub const CHANGE_STREAM_HISTORY_LOST: i32 = 286;
    pub const SOCKET_EXCEPTION: i32 = 9_001;
    pub const NOT_WRITABLE_PRIMARY: i32 = 10_107;
    pub const DUPLICATE_KEY: i32 = 11_000;
    pub const INTERRUPTED_AT_SHUTDOWN: i32 = 11_600;
    pub const INTERRUPTED_DUE_TO_REPL_STATE_CHANGE: i32 = 11_602;
    pub const NOT_PRIMARY_NO_SECONDARY_OK: i32 = 13_435;
    pub const NOT_PRIMARY_OR_SECONDARY: i32 = 13_436;
}

// The primary changes or a node shuts down. Another attempt may reach another node.
const FAILOVER: [i32; 9] = [
    codes::NETWORK_TIMEOUT,
    codes::SHUTDOWN_IN_PROGRESS,
    codes::PRIMARY_STEPPED_DOWN,
    codes::EXCEEDED_TIME_LIMIT,
    codes::NOT_WRITABLE_PRIMARY,
    codes::INTERRUPTED_AT_SHUTDOWN,
    codes::INTERRUPTED_DUE_TO_REPL_STATE_CHANGE,
    codes::NOT_PRIMARY_NO_SECONDARY_OK,
    codes::NOT_PRIMARY_OR_SECONDARY,
];
// A node cannot reach another node.
const NODE_UNREACHABLE: [i32; 3] = [codes::HOST_UNREACHABLE, codes::HOST_NOT_FOUND, codes::SOCKET_EXCEPTION];
// The replica set is being formed or is too slow at this moment.
const NOT_READY: [i32; 3] =
    [codes::MAX_TIME_MS_EXPIRED, codes::WRITE_CONCERN_TIMEOUT, codes::NOT_YET_INITIALIZED];

/// Whether a write that failed with this code may be repeated. The write may have been applied nevertheless.
pub(super) fn is_retryable_write(code: i32) -> bool {
    // The codes of MongoDB's specification "Retryable Writes", section "Determining Retryable Errors".
    // Time limits (NOT_READY) are absent: the caller of a write has no time left for another attempt.
    FAILOVER.contains(&code) || NODE_UNREACHABLE.contains(&code)
}

/// Whether waiting may overcome a write error with this code.
pub(super) fn is_transient_write(code: i32) -> bool {
    is_retryable_write(code) || NOT_READY.contains(&code)
}

/// Whether waiting may overcome an error with this code while the database is prepared.
fn is_transient_in_preparation(code: i32) -> bool {
    // NODE_UNREACHABLE is absent: unless the driver labels the error as retryable, an operator must see that the nodes
    // cannot reach each other.
    FAILOVER.contains(&code) || NOT_READY.contains(&code)
}

// A server that requires TLS closes other connections without an answer.
const NEEDS_TLS: &str = "If MongoDB requires TLS, add tls=true to MONGODB_URI";
const WRONG_NAME: &str = "MONGODB_URI and the replica set must name the hosts as the certificate does";
// Parts of the driver's messages.
const ADVICE: [(&str, &str); 6] = [
    ("unexpected end of file", NEEDS_TLS),
    ("Connection reset", NEEDS_TLS),
    ("connection closed", NEEDS_TLS),
    ("UnknownIssuer", "If the certificate is from a private CA, add tlsCAFile=FILE to MONGODB_URI"),
    ("not valid for name", WRONG_NAME),
    ("NotValidForName", WRONG_NAME),
];

#[derive(Debug)]
pub enum PrepareError {
    /// Waiting does not help: an operator must act.
    Refused(OperatorError),
    /// Another attempt may succeed. Holds the reason.
    Unavailable(String),
}

impl From<DriverError> for PrepareError {
    fn from(error: DriverError) -> Self {
        let is_transient = match &*error.kind {
            ErrorKind::Authentication { .. }
            | ErrorKind::InvalidArgument { .. }
            | ErrorKind::BsonDeserialization(_) => false,
            ErrorKind::Command(_) | ErrorKind::Write(_) => {
                error.contains_label("RetryableWriteError")
                    || error_code(&error).is_some_and(is_transient_in_preparation)
            }
            _ => true,
        };
        let why = one_line(&error);
        if let Some(advice) = access_advice(&error) {
            Self::Refused(OperatorError(format!("{advice} (MongoDB says: {why})")))
        } else if !is_transient {
            Self::Refused(OperatorError(format!("the database cannot be prepared: {why}")))
        } else {
            match ADVICE.iter().find(|(part, _)| why.contains(part)) {
                Some((_, advice)) => Self::Unavailable(format!("{why}. {advice}")),
                None => Self::Unavailable(why),
            }
        }
    }
}

/// What to do about a missing or wrong login, or missing rights.
fn access_advice(error: &DriverError) -> Option<&'static str> {
    let is_authentication = matches!(*error.kind, ErrorKind::Authentication { .. });
    match error_code(error) {
        Some(codes::UNAUTHORIZED) if one_line(error).contains("requires authentication") => {
            Some("MongoDB requires a login; add a user and a password to MONGODB_URI")
        }
        Some(codes::UNAUTHORIZED) => {
            Some("the user in MONGODB_URI lacks rights; grant the role `readWrite` on this database")
        }
        code if is_authentication || code == Some(codes::AUTHENTICATION_FAILED) => Some(
            "MongoDB refuses the user or the password in MONGODB_URI. If the user was created in another database, name this \
             database, such as authSource=admin",
        ),
        _ => None,
    }
}

pub fn is_duplicate_key(error: &DriverError) -> bool {
    error_code(error) == Some(codes::DUPLICATE_KEY)
}

pub fn error_code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => many.write_errors.as_ref()?.first().map(|write| write.code),
        _ => None,
    }
}

pub fn one_line(error: &DriverError) -> String {
    // The driver's own `Display` shows the debug form of these two.
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.message.clone(),
        ErrorKind::Command(command) => command.message.clone(),
        ErrorKind::ServerSelection { message, .. } => unselected(message),
        kind => kind.to_string().replace('\n', " "),
    }
}

/// The message contains the debug form of the whole topology.
fn unselected(message: &str) -> String {
    let servers = message.split("Address: ").skip(1).map(|server| {
        let address = server.split(',').next().unwrap_or_default();
        let error = server.split_once("Error: Kind: ").and_then(|(_, error)| error.split(", labels").next());
        let kind = server.split_once("Type: ").and_then(|(_, kind)| kind.split([',', ' ']).next());
        format!("{address} ({})", error.or(kind).unwrap_or("unknown"))
    });
    let servers = servers.collect::<Vec<_>>().join(", ").replace('\n', " ");
    format!("no primary is available: {servers}")
}

/// The code of the first error in a reply to a write.
pub(super) fn reply_code(reply: &Document) -> Option<i32> {
    // A command with failed writes replies `ok: 1`, so the driver reports no error.
    let error = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
    let error = error.or_else(|| reply.get_document("writeConcernError").ok())?;
    Some(error.get_i32("code").unwrap_or_default())
}

pub(super) fn may_have_been_applied(error: &DriverError) -> bool {
    let is_network_error = matches!(*error.kind, ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. });
    is_network_error || error_code(error).is_some_and(is_retryable_write)
}

impl From<DriverError> for Error {
    fn from(error: DriverError) -> Self {
        match &*error.kind {
            // A document that cannot be read or written is a defect of this service. Every other failure of the
            // database may pass.
            ErrorKind::BsonDeserialization(_)
            | ErrorKind::BsonSerialization(_)
            | ErrorKind::Bson(_)
            | ErrorKind::InvalidArgument { .. } => Self::internal(error),
            _ => Self::unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn servers_that_do_not_respond_are_named_with_their_errors() {
        let message = "Server selection timeout: No available servers. Topology: { Type: ReplicaSetNoPrimary, Servers: [ { Address: \
                       a:27017, Type: Unknown, Error: Kind: I/O error: Connection refused (os error 111), labels: {\"x\"}, source: \
                       None }, { Address: b:27017, Type: RsSecondary } ] }";
        let said = "no primary is available: a:27017 (I/O error: Connection refused (os error 111)), b:27017 (RsSecondary)";
        assert_eq!(unselected(message), said);
    }

    #[test]
    fn waiting_and_repeating_are_different_answers_to_some_codes() {
        let all = (0..20_000).filter(|code| is_retryable_write(*code) || is_transient_in_preparation(*code));
        let only_writes = all.clone().filter(|code| !is_transient_in_preparation(*code));
        let only_preparation = all.clone().filter(|code| !is_retryable_write(*code));
        assert!(only_writes.eq([6, 7, 9_001]));
        assert!(only_preparation.eq([50, 64, 94]));
        assert_eq!(all.count(), 15);
    }

    #[test]
    fn the_code_of_an_error_is_read_from_a_reply() {
        assert_eq!(reply_code(&doc! { "n": 1, "ok": 1.0 }), None);
        assert_eq!(
            reply_code(&doc! { "n": 0, "writeErrors": [{ "index": 0, "code": 11_000 }] }),
            Some(11_000)
        );
        assert_eq!(reply_code(&doc! { "n": 1, "writeConcernError": { "code": 64 } }), Some(64));
    }
}
