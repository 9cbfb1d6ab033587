//! Why a request of a CalDAV client is refused: an error that every API surface knows, or one of the preconditions that
//! WebDAV and CalDAV name in their error bodies (RFC 4918 §16).

use super::xml::{CALDAV, DAV};
use crate::error::{Error, Resource};
use crate::icalendar;
use crate::owned::{Conflict, Owned};

#[derive(Debug)]
pub(crate) enum Refusal {
    Error(Error),
    Condition(Condition),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    TlsRequired,
    MalformedXml(String),
    FiniteDepth,
    ProtectedProperty,
    ResourceMustBeNull,
    /// A collection that cannot be created, deleted or copied.
    NotHere,
    ValidSyncToken,
    SupportedReport,
    SupportedFilter(String),
    ValidFilter(String),
    SupportedCollation,
    TooManyMatches,
    Object(icalendar::Refusal),
    /// The address of the resource that has the UID.
    UidTaken(String),
    InvalidProperties,
    LimitReached(u64),
    WrongMethod,
    PreconditionFailed,
    TooManyProperties,
    Parents,
}

impl Condition {
    /// The element of the error body, if WebDAV or CalDAV define one.
    pub(crate) fn element(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::FiniteDepth => (DAV, "propfind-finite-depth"),
            Self::ProtectedProperty => (DAV, "cannot-modify-protected-property"),
            Self::ResourceMustBeNull => (DAV, "resource-must-be-null"),
            Self::ValidSyncToken => (DAV, "valid-sync-token"),
            Self::SupportedReport => (DAV, "supported-report"),
            Self::SupportedFilter(_) => (CALDAV, "supported-filter"),
            Self::SupportedCollation => (CALDAV, "supported-collation"),
            Self::ValidFilter(_) => (CALDAV, "valid-filter"),
            Self::TooManyMatches => (DAV, "number-of-matches-within-limits"),
            Self::Object(refusal) => (CALDAV, refusal.precondition()),
            Self::UidTaken(_) => (CALDAV, "no-uid-conflict"),
            Self::LimitReached(_) | Self::TooManyProperties => (DAV, "quota-not-exceeded"),
            Self::TlsRequired
            | Self::MalformedXml(_)
            | Self::NotHere
            | Self::InvalidProperties
            | Self::WrongMethod
            | Self::PreconditionFailed
            | Self::Parents => {
                return None;
            }
        })
    }

    /// For the person who reads the log of the client.
    pub(crate) fn detail(&self) -> String {
        let text = match self {
            Self::TlsRequired => {
                "Basic authentication needs https. Behind a proxy, set TRUSTED_PROXY_HOPS and X-Forwarded-Proto."
            }
            Self::MalformedXml(reason) => {
                return format!("The body is not the XML of this request: {reason}.");
            }
            Self::FiniteDepth => "Send the header Depth with 0 or 1.",
            Self::ProtectedProperty => "The service computes this property.",
            Self::ResourceMustBeNull => "There is a resource at this address already.",
            Self::NotHere => "This collection can be neither created nor deleted nor copied here.",
            Self::ValidSyncToken => "Start again without a sync token.",
            Self::SupportedReport => "Reports: sync-collection, calendar-query, calendar-multiget.",
            Self::SupportedFilter(what) | Self::ValidFilter(what) => return what.clone(),
            Self::SupportedCollation => "Collations: i;ascii-casemap, i;octet, i;unicode-casemap.",
            Self::TooManyMatches => "Ask for less at a time.",
            Self::Object(refusal) => return refusal.detail(),
            Self::UidTaken(_) => "Another resource has this UID.",
            Self::InvalidProperties => "A property has an invalid value.",
            Self::LimitReached(limit) => return format!("There can be at most {limit}. Delete some first."),
            Self::WrongMethod => "This resource does not allow the method.",
            Self::PreconditionFailed => "The resource has changed since the client has read it.",
            Self::TooManyProperties => "The properties of a list have too many bytes.",
            Self::Parents => "The collection of this resource does not exist.",
        };
        text.to_owned()
    }
}

impl Refusal {
    /// With the path of the proxy in its addresses.
    pub(crate) fn below(self, prefix: &str) -> Self {
        match self {
            Self::Condition(Condition::UidTaken(path)) => {
                Self::Condition(Condition::UidTaken(format!("{prefix}{path}")))
            }
            other => other,
        }
    }

    /// Also for what belongs to another user, because clients must not be able to tell the two apart.
    pub(crate) fn not_found() -> Self {
        Self::Error(Error::NotFound(Resource::Path))
    }
}

impl From<Condition> for Refusal {
    fn from(condition: Condition) -> Self {
        Self::Condition(condition)
    }
}

impl From<icalendar::Refusal> for Refusal {
    fn from(refusal: icalendar::Refusal) -> Self {
        Self::Condition(Condition::Object(refusal))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::LimitReached(limit) | Error::TrashFull(limit) => Condition::LimitReached(limit).into(),
            error => Self::Error(error),
        }
    }
}

impl<T: Owned> From<Conflict<T>> for Refusal {
    fn from(conflict: Conflict<T>) -> Self {
        match conflict {
            Conflict::Stale(_) => Condition::PreconditionFailed.into(),
            Conflict::Error(error) => error.into(),
        }
    }
}
