//! Who may do what: the roles of a user, and whether the user can log in.

pub mod store;

use crate::auth::token::Role;

/// A change of the access of a user. `None` keeps the value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessPatch {
    pub roles: Option<Vec<Role>>,
    pub disabled: Option<bool>,
}

/// Whether a change may leave no admin who can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastAdmin {
    Stays,
    /// For operators, who can always name another admin.
    MayGo,
}

impl AccessPatch {
    /// Whether an admin who can log in is none afterwards.
    fn removes_an_admin(&self) -> bool {
        self.disabled == Some(true) || self.roles.as_ref().is_some_and(|roles| !roles.contains(&Role::Admin))
    }
}
