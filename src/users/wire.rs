//! The JSON and the query parameters of accounts.

use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{DEVICE_MAX_CHARS, LIMITS, NewUser, User, UserPatch, password_violations};
use crate::auth::token::Role;
use crate::error::{Error, Violation};
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::http::query::{FromParams, Params};
use crate::openapi::schema::{Id, Time};
use crate::owned::Conflict;

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserBody {
    /// The id of the user.
    id: Id,
    /// The name to log in with.
    username: String,
    /// The e-mail address. Null if the user has given none.
    email: Option<String>,
    /// What the user may do.
    roles: Vec<Role>,
    /// The IANA time zone in which dates are compared.
    time_zone: String,
    /// When the user was registered.
    created_at: Time,
    /// Grows with every change. It is the `ETag`, and the value for `If-Match`.
    version: i64,
}

impl From<User> for WithEtag<UserBody> {
    fn from(user: User) -> Self {
        let version = user.version;
        let body = UserBody {
            id: Id(user.id),
            username: user.username,
            email: user.email,
            roles: user.roles,
            time_zone: user.time_zone,
            created_at: Time(user.created_at),
            version,
        };
        Self { version, body }
    }
}

impl From<Conflict<User>> for Error {
    fn from(conflict: Conflict<User>) -> Self {
        match conflict {
            Conflict::Stale(Some(current)) => WithEtag::<UserBody>::from(*current).mismatch(),
            Conflict::Stale(None) => Self::VersionMismatch { current: Box::default() },
            Conflict::Error(error) => error,
        }
    }
}

impl FromFields for NewUser {
    fn take(input: &mut Fields) -> Option<Self> {
        let (username, password) = (input.text("username"), input.text("password"));
        let email = input.optional_text("email").flatten();
        match (username, password) {
            (Some(username), Some(password)) => Self::parse(username, password, email, LIMITS)
                .map_or_else(|violations| input.reject_all(violations), Some),
            (username, password) => {
                let violations =
                    Self::violations(username.as_deref(), password.as_deref(), email.as_deref(), LIMITS);
                input.reject_all(violations)
            }
        }
    }
}

pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: SecretString,
    pub(crate) new_password: Option<SecretString>,
    pub(crate) device: Option<String>,
}

impl FromFields for Login {
    fn take(input: &mut Fields) -> Option<Self> {
        let (username, password) = (input.text("username"), input.text("password"));
        let new_password = input.optional_text("new_password").flatten();
        if let Some(new) = &new_password {
            // Before the password is checked, so that the response reveals nothing about it.
            input.reject_all::<()>(password_violations("new_password", username.as_deref(), new, LIMITS));
        }
        let device = input.optional_text("device").flatten();
        if device.as_ref().is_some_and(|device| device.chars().count() > DEVICE_MAX_CHARS) {
            let detail = format!("The device name must have at most {DEVICE_MAX_CHARS} characters.");
            return input.reject(Violation::of("device", "too_long", detail));
        }
        let new_password = new_password.map(SecretString::from);
        Some(Self { username: username?, password: password?.into(), new_password, device })
    }
}

pub(crate) struct PasswordChange {
    pub(super) current: SecretString,
    pub(super) new: SecretString,
    /// Whether to end the personal access tokens too.
    pub(super) end_tokens: bool,
}

impl FromFields for PasswordChange {
    fn take(input: &mut Fields) -> Option<Self> {
        let (current, new) = (input.text("current_password"), input.text("new_password"));
        if let Some(new) = &new {
            // The username is not known here. `Accounts::change_password` compares the password with it.
            input.reject_all::<()>(password_violations("new_password", None, new, LIMITS));
        }
        let end_tokens = input.flag("end_tokens").flatten().unwrap_or_default();
        Some(Self { current: current?.into(), new: new?.into(), end_tokens })
    }
}

impl FromFields for UserPatch {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        let (email, zone) = (input.optional_text("email"), input.optional_text("time_zone"));
        let zone = input.not_null("time_zone", zone);
        Self::parse(email, zone).map_or_else(|violations| input.reject_all(violations), Some)
    }
}

pub(crate) struct SessionsToEnd {
    pub(super) except_current: bool,
}

impl SessionsToEnd {
    pub(super) fn violation() -> Violation {
        // This route reports every fault of its query as this violation, and has done so since its first release.
        Violation::of("except", "unknown_value", "The query must be empty or `except=current`.")
    }
}

impl FromParams for SessionsToEnd {
    fn take(params: &mut Params) -> Option<Self> {
        let is_current = |value: &str| (value == "current").then_some(());
        let except_current = params.parse("except", is_current, Self::violation).is_some();
        Some(Self { except_current })
    }
}
