//! What an operator does to users from the command line: above all the first admin. Must ask for passwords where no
//! list of processes and no shell history shows them.

use std::io::{BufRead, IsTerminal};

use clap::{Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use crate::auth::token::Role;
use crate::error::{Error, OperatorError, Resource};
use crate::state::AppState;
use crate::users::model::{LIMITS, NewUser, User};
use crate::users::operations::ClientInfo;

/// An act on one user.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a user; the password is asked for, or read from standard input
    Create {
        /// The name
        username: String,
        /// Let the user manage others
        #[arg(long)]
        admin: bool,
    },
    /// Set a new password and end every session; the password is asked for, or read from standard input
    SetPassword {
        /// The name
        username: String,
    },
    /// Set what a user may do, and end every session
    Grant {
        /// The name
        username: String,
        /// `admin`, or `user` to take that away
        role: GrantedRole,
    },
    /// Keep a user from logging in, and end every session
    Disable {
        /// The name
        username: String,
    },
    /// Let a disabled user log in again
    Enable {
        /// The name
        username: String,
    },
}

/// The role that `grant` leaves a user with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GrantedRole {
    /// Their own things only.
    User,
    /// Managing others, too.
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

/// Does it, and says what was done. Other instances refuse the tokens of ended sessions within two seconds.
///
/// # Errors
/// Why it was not done, as one line.
pub async fn run(state: &AppState, command: UserCommand) -> Result<String, OperatorError> {
    let accounts = &state.accounts;
    let (user, done) = match command {
        UserCommand::Create { username, admin } => {
            let password = ask_password()?.expose_secret().to_owned();
            let new = NewUser::parse(username, password, None, LIMITS)
                .map_err(|faults| refusal(&Error::Invalid(faults)))?;
            let user = accounts.create(new, &ClientInfo::default()).await.map_err(|error| refusal(&error))?;
            let granted = if admin { grant(state, &user.username, GrantedRole::Admin).await? } else { user };
            (granted, "was made")
        }
        UserCommand::SetPassword { username } => {
            let password = ask_password()?;
            let user = accounts.set_password(&username, &password).await;
            (user.map_err(|error| refusal(&error))?, "has a new password and no sessions")
        }
        UserCommand::Grant { username, role } => {
            (grant(state, &username, role).await?, "has the role and no sessions")
        }
        UserCommand::Disable { username } => {
            let user = accounts.set_disabled(&username, true).await;
            (user.map_err(|error| refusal(&error))?, "is disabled and has no sessions")
        }
        UserCommand::Enable { username } => {
            let user = accounts.set_disabled(&username, false).await;
            (user.map_err(|error| refusal(&error))?, "may log in again")
        }
    };
    Ok(format!("{} ({}) {done}", user.username, user.id))
}

async fn grant(state: &AppState, username: &str, role: GrantedRole) -> Result<User, OperatorError> {
    state.accounts.set_roles(username, &role.roles()).await.map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> OperatorError {
    OperatorError(match error {
        Error::Invalid(faults) => {
            faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Error::NotFound(Resource::User) => "there is no user of that name".to_owned(),
        Error::UsernameTaken => "there is a user of that name already".to_owned(),
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
