//! The JSON of the routes of admins.

use serde::Serialize;
use utoipa::ToSchema;

use super::model::{GivenPassword, ManagedUser, with_user_role};
use crate::audit::store::AuditEntry;
use crate::auth::store::Session;
use crate::auth::token::Role;
use crate::auth::wire::SessionBody;
use crate::crypto::random_id::RandomId;
use crate::error::Violation;
use crate::http::fields::{Fields, FromFields};
use crate::http::preconditions::WithEtag;
use crate::openapi::schema::{Id, SessionId, Time};
use crate::users::access::AccessPatch;
use crate::users::model::{LIMITS, NewUser, password_violations};
use crate::users::wire::UserBody;

/// A user as admins see it.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminUser)]
pub(crate) struct AdminUserBody {
    #[serde(flatten)]
    user: UserBody,
    /// Since when the user cannot log in. Null if the user can.
    disabled_at: Option<Time>,
    /// When a session of the last 90 days was last used.
    last_used_at: Option<Time>,
    /// How many sessions have not ended.
    session_count: i64,
    /// How many todos the user has, without the trash.
    todo_count: u64,
}

impl From<ManagedUser> for WithEtag<AdminUserBody> {
    fn from(managed: ManagedUser) -> Self {
        let ManagedUser { user, last_used_at, session_count, todo_count } = managed;
        let disabled_at = user.disabled_at.map(Time);
        let WithEtag { version, body: user } = user.into();
        let last_used_at = last_used_at.map(Time);
        Self { version, body: AdminUserBody { user, disabled_at, last_used_at, session_count, todo_count } }
    }
}

/// A session of any user.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminSession)]
pub(crate) struct AdminSessionBody {
    #[serde(flatten)]
    session: SessionBody,
    /// Whether the session refuses all its tokens at present.
    blocked: bool,
}

impl AdminSessionBody {
    pub(crate) fn of(session: Session, current: RandomId) -> Self {
        Self { blocked: session.blocked_at.is_some(), session: SessionBody::of(session, current) }
    }
}

/// Something that happened to an account.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditEntryBody {
    /// The id of the entry.
    id: Id,
    /// When it happened.
    at: Time,
    /// A word such as those that the parameter `event` accepts.
    event: String,
    /// The user to whom this happened. `null` for a failed login with an unknown name.
    user_id: Option<Id>,
    /// As it was at that time. For a failed login as the client wrote it.
    username: Option<String>,
    /// The session in which it happened, or that it is about.
    #[schema(value_type = Option<SessionId>)]
    session_id: Option<RandomId>,
    /// The address of the client.
    ip: Option<String>,
    /// The admin who did this. `null` if the user or an operator did.
    by: Option<ActorBody>,
    /// Whether an operator did this with a command. `false` in older entries.
    by_operator: bool,
    /// For `roles_changed`: the roles since then. Otherwise, and in older entries, `null`.
    roles: Option<Vec<Role>>,
}

/// The admin who did something.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub(crate) struct ActorBody {
    /// The id of the admin.
    id: Id,
    /// The username of the admin.
    username: String,
}

impl From<AuditEntry> for AuditEntryBody {
    fn from(AuditEntry { id, at, event, context }: AuditEntry) -> Self {
        Self {
            id: Id(id),
            at: Time(at),
            event,
            user_id: context.user_id.map(Id),
            username: context.username,
            session_id: context.session_id,
            ip: context.ip,
            by: context.by.map(|by| ActorBody { id: Id(by.user_id), username: by.username }),
            by_operator: context.by_operator,
            roles: context.roles,
        }
    }
}

pub(crate) struct NewAccount(pub NewUser);

impl FromFields for NewAccount {
    fn take(input: &mut Fields) -> Option<Self> {
        let (roles, must_change) = (roles(input), must_change_password(input));
        let new = NewUser::take(input)?;
        let roles = roles.unwrap_or_else(|| with_user_role(&[]));
        Some(Self(new.with_access(roles, must_change)))
    }
}

impl FromFields for AccessPatch {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        let disabled = input.flag("disabled");
        if disabled == Some(None) {
            input.reject::<()>(Violation::of("disabled", "required", "This field must not be null."));
        }
        Some(Self { roles: roles(input), disabled: disabled.flatten() })
    }
}

impl FromFields for GivenPassword {
    fn take(input: &mut Fields) -> Option<Self> {
        let (password, must_change) = (input.text("password"), must_change_password(input));
        if let Some(password) = &password {
            // The username is not known here. `Administration::set_password` compares the password with it.
            input.reject_all::<()>(password_violations("password", None, password, LIMITS));
        }
        Some(Self { password: password?.into(), must_change })
    }
}

pub(crate) struct Blocked(pub bool);

impl FromFields for Blocked {
    const IS_MERGE_PATCH: bool = true;

    fn take(input: &mut Fields) -> Option<Self> {
        match input.flag("blocked") {
            Some(Some(blocked)) => Some(Self(blocked)),
            // Another JSON type was reported already, unless the field is absent.
            None if input.has_violation("blocked") => None,
            Some(None) | None => input.reject(Violation::of(
                "blocked",
                "required",
                "This field is required and must be true or false.",
            )),
        }
    }
}

// A role more than once counts once.
const ROLES_MAX: usize = 10;

/// Absence keeps the roles. Every user has the role `user`, whether it is given or not.
fn roles(input: &mut Fields) -> Option<Vec<Role>> {
    const DETAIL: &str = "This field must be an array of `user` and `admin`, with at least one of them.";
    let violation = || Violation::of("roles", "unknown_value", DETAIL);
    match input.array::<Role>("roles", ROLES_MAX, "unknown_value", DETAIL)? {
        Some(given) if !given.is_empty() => Some(with_user_role(&given)),
        _ => input.reject(violation()),
    }
}

fn must_change_password(input: &mut Fields) -> bool {
    input.flag("must_change_password").flatten().unwrap_or_default()
}
