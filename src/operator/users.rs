//! `todo-api user`: creates the first admin, and changes users in an emergency.
//!
//! **Invariant:** passwords are read from the terminal or standard input and are never arguments, because arguments appear
//! in process lists and shell histories.

use std::io::{BufRead, IsTerminal};

use bson::oid::ObjectId;
use clap::{Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use crate::admin::model::GivenPassword;
use crate::auth::token::Role;
use crate::error::{Error, OperatorError, Resource};
use crate::state::AppState;
use crate::users::access::{AccessPatch, LastAdmin};
use crate::users::model::{LIMITS, NewUser, User};
use crate::users::operations::ClientInfo;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user; the password is prompted for, or read from standard input
    Create {
        /// Username
        username: String,
        /// Give the user the role `admin`, which may manage other users
        #[arg(long)]
        admin: bool,
    },
    /// Set a new password and end all sessions; the password is prompted for, or read from standard input
    SetPassword {
        /// Username
        username: String,
    },
    /// Set the role of a user, and end all sessions
    Grant {
        /// Username
        username: String,
        /// `admin`, or `user` to take that role away
        role: GrantedRole,
    },
    /// Prevent a user from logging in, and end all sessions
    Disable {
        /// Username
        username: String,
    },
    /// Allow a disabled user to log in again
    Enable {
        /// Username
        username: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GrantedRole {
    /// May use only their own data.
    User,
    /// May also manage other users.
    Admin,
}

impl GrantedRole {
    fn roles(self) -> Vec<Role> {
        match self {
            Self::User => vec![Role::User],
            Self::Admin => vec![Role::User, Role::Admin],
        }
    }
}

/// Returns one line that says what was done. Other instances reject the tokens of ended sessions within two seconds.
pub async fn run(state: &AppState, command: UserCommand) -> Result<String, OperatorError> {
    let accounts = &state.accounts;
    let (user, done) = match command {
        UserCommand::Create { username, admin } => {
            let password = ask_password()?.expose_secret().to_owned();
            let new = NewUser::parse(username, password, None, LIMITS)
                .map_err(|violations| refusal(&Error::Invalid(violations)))?;
            let role = if admin { GrantedRole::Admin } else { GrantedRole::User };
            let new = new.with_access(role.roles(), false);
            let user = accounts.create(new, &ClientInfo::OPERATOR).await.map_err(|error| refusal(&error))?;
            (user, "was created")
        }
        UserCommand::SetPassword { username } => {
            let given = GivenPassword { password: ask_password()?, must_change: false };
            let id = id_of(state, &username).await?;
            let user = state.administration.set_password(id, &given, None, &ClientInfo::OPERATOR).await;
            (
                user.map_err(|conflict| refusal(&conflict.into()))?,
                "has a new password, and all sessions ended",
            )
        }
        UserCommand::Grant { username, role } => {
            let patch = AccessPatch { roles: Some(role.roles()), disabled: None };
            (change(state, &username, &patch).await?, "has the role, and all sessions ended")
        }
        UserCommand::Disable { username } => {
            let patch = AccessPatch { roles: None, disabled: Some(true) };
            (change(state, &username, &patch).await?, "is disabled, and all sessions ended")
        }
        UserCommand::Enable { username } => {
            let patch = AccessPatch { roles: None, disabled: Some(false) };
            (change(state, &username, &patch).await?, "may log in again")
        }
    };
    Ok(format!("{} ({}) {done}", user.username, user.id))
}

async fn change(state: &AppState, username: &str, patch: &AccessPatch) -> Result<User, OperatorError> {
    let id = id_of(state, username).await?;
    let operator = &ClientInfo::OPERATOR;
    let changed = state.administration.set_access(id, patch, None, LastAdmin::MayGo, operator).await;
    changed.map_err(|conflict| refusal(&conflict.into()))
}

async fn id_of(state: &AppState, username: &str) -> Result<ObjectId, OperatorError> {
    state.administration.id_of(username).await.map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> OperatorError {
    OperatorError(match error {
        Error::Invalid(violations) => {
            violations.iter().map(|violation| violation.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Error::NotFound(Resource::User) => "no user has this name".to_owned(),
        Error::UsernameTaken => "a user with this name already exists".to_owned(),
        error => error.to_string(),
    })
}

fn ask_password() -> Result<SecretString, OperatorError> {
    let stdin = std::io::stdin();
    let read = if stdin.is_terminal() {
        rpassword::prompt_password("Password: ")
    } else {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).map(|_| line.trim_end_matches(['\r', '\n']).to_owned())
    };
    read.map(SecretString::from)
        .map_err(|error| OperatorError(format!("the password cannot be read: {error}")))
}
