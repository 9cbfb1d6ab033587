//! Who acts as an admin, the users as admins see them, and what admins can ask for.

use bson::DateTime;
use bson::oid::ObjectId;
use secrecy::SecretString;

use crate::auth::token::Role;
use crate::crypto::random_id::RandomId;
use crate::users::model::User;

/// An admin, checked in the database for this request.
#[derive(Debug, Clone)]
pub struct Administrator {
    pub user: User,
    pub session_id: RandomId,
}

/// A user with what an admin may know about the use of the service.
#[derive(Debug, Clone)]
pub struct ManagedUser {
    pub user: User,
    /// Of the sessions that are still stored: for 90 days after a login.
    pub last_used_at: Option<DateTime>,
    pub session_count: i64,
    /// Without the trash.
    pub todo_count: u64,
}

/// A password that an admin sets for another user.
#[derive(Debug, Clone)]
pub struct GivenPassword {
    pub password: SecretString,
    /// Whether the next login must replace it.
    pub must_change: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    Active,
    Disabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserSort {
    #[default]
    Username,
    CreatedAt,
}

/// Filters combine: a user must match all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// A part of the name or of the e-mail address.
    pub search: Option<String>,
    pub role: Option<Role>,
    pub state: Option<AccountState>,
    pub sort: UserSort,
    pub reverse: bool,
}

/// The place of a user in the list, which stays the same while other users come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPosition {
    pub username_key: String,
    pub created_at: DateTime,
    pub id: ObjectId,
}

impl From<&User> for UserPosition {
    fn from(user: &User) -> Self {
        Self { username_key: user.username_key.clone(), created_at: user.created_at, id: user.id }
    }
}

/// Every user has the role `user`.
pub fn with_user_role(given: &[Role]) -> Vec<Role> {
    let admin = given.contains(&Role::Admin).then_some(Role::Admin);
    std::iter::once(Role::User).chain(admin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_has_each_role_once_and_the_role_user() {
        assert_eq!(with_user_role(&[Role::Admin]), [Role::User, Role::Admin]);
        assert_eq!(with_user_role(&[Role::Admin, Role::User, Role::Admin]), [Role::User, Role::Admin]);
        assert_eq!(with_user_role(&[Role::User]), [Role::User]);
    }
}
