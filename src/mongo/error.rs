//! What the driver's errors mean. Must not show their text to clients.

use mongodb::error::{Error as DriverError, ErrorKind, WriteFailure};

use crate::error::{Error, OperatorError};

/// Why the database could not be made ready.
#[derive(Debug)]
pub enum PrepareError {
    /// It will not get better by waiting: an operator must act.
    Refused(OperatorError),
    /// It cannot be reached, or not in time, for this reason: try again.
    Unavailable(String),
}

impl From<DriverError> for PrepareError {
    fn from(error: DriverError) -> Self {
        let passing = match &*error.kind {
            ErrorKind::Authentication { .. } => false,
            // NotYetInitialized, elections, shutdowns, time limits: the driver marks what may be tried again.
            ErrorKind::Command(_) | ErrorKind::Write(_) => {
                error.contains_label("RetryableWriteError")
                    || matches!(
                        code(&error),
                        Some(50 | 64 | 89 | 91 | 94 | 189 | 262 | 10107 | 11600 | 11602 | 13435 | 13436)
                    )
            }
            _ => {
                !matches!(*error.kind, ErrorKind::InvalidArgument { .. } | ErrorKind::BsonDeserialization(_))
            }
        };
        if passing {
            Self::Unavailable(plain(&error))
        } else {
            Self::Refused(OperatorError(format!("MongoDB refused to be made ready: {}", plain(&error))))
        }
    }
}

/// The server's code for a value that a unique index has already.
pub const DUPLICATE_KEY: i32 = 11_000;

/// Whether a unique index refused the write.
#[must_use]
pub fn is_duplicate_key(error: &DriverError) -> bool {
    code(error) == Some(DUPLICATE_KEY)
}

/// The server's code of an error, if the server gave one.
#[must_use]
pub fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => many.write_errors.as_ref()?.first().map(|write| write.code),
        _ => None,
    }
}

/// An error as one plain line.
#[must_use]
pub fn plain(error: &DriverError) -> String {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => write.message.clone(),
        ErrorKind::Command(command) => command.message.clone(),
        kind => kind.to_string().replace('\n', " "),
    }
}

/// What the database cannot do now it may do soon; a document that cannot be read or written is a mistake of ours.
impl From<DriverError> for Error {
    fn from(error: DriverError) -> Self {
        match &*error.kind {
            ErrorKind::BsonDeserialization(_)
            | ErrorKind::BsonSerialization(_)
            | ErrorKind::Bson(_)
            | ErrorKind::InvalidArgument { .. } => Self::internal(error),
            _ => Self::unavailable(error),
        }
    }
}
