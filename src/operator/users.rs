//! `todo-api user`: creates the first admin, shows users, and changes them in an emergency.
//!
//! **Invariant:** passwords are read from the terminal or standard input and are never arguments, because arguments appear
//! in process lists and shell histories.

use std::fmt::Write;
use std::io::{BufRead, IsTerminal};

use bson::DateTime;
use clap::{Subcommand, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use crate::admin::model::{GivenPassword, ManagedUser, UserPosition, UserQuery};
use crate::auth::token::Role;
use crate::clock::rfc3339;
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
    /// List all users: name, roles, state, time of registration
    List,
    /// Show one user: id, roles, state, number of sessions, tokens and todos, last use
    Show {
        /// Username
        username: String,
    },
    /// Delete a user with all lists, todos, sessions and tokens
    Delete {
        /// Username
        username: String,
        /// Do not ask; needed unless the command runs on a terminal
        #[arg(long)]
        yes: bool,
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

// A page of the list that is read at a time.
const LISTED_AT_A_TIME: i64 = 500;

/// Returns the lines to print. Other instances reject the tokens of ended sessions within two seconds.
pub async fn run(state: &AppState, command: UserCommand) -> Result<String, OperatorError> {
    let (user, done) = match command {
        UserCommand::Create { username, admin } => (create(state, username, admin).await?, "was created"),
        UserCommand::SetPassword { username } => {
            (set_password(state, &username).await?, "has a new password, and all sessions ended")
        }
        UserCommand::Grant { username, role } => grant(state, &username, &role.roles()).await?,
        UserCommand::Disable { username } => {
            let patch = AccessPatch { roles: None, disabled: Some(true) };
            (change(state, &username, &patch).await?, "is disabled, and all sessions and tokens ended")
        }
        UserCommand::Enable { username } => {
            let patch = AccessPatch { roles: None, disabled: Some(false) };
            (change(state, &username, &patch).await?, "may log in again")
        }
        UserCommand::Delete { username, yes } => {
            (delete(state, &username, yes).await?, "was deleted with all data")
        }
        UserCommand::List => return list(state).await.map_err(|error| refusal(&error)),
        UserCommand::Show { username } => {
            let user = require(state, &username).await?;
            return show(state, user).await.map_err(|error| refusal(&error));
        }
    };
    Ok(format!("{} ({}) {done}", user.username, user.id))
}

async fn create(state: &AppState, username: String, admin: bool) -> Result<User, OperatorError> {
    let password = ask_password()?.expose_secret().to_owned();
    let new = NewUser::parse(username, password, None, LIMITS)
        .map_err(|violations| refusal(&Error::Invalid(violations)))?;
    let role = if admin { GrantedRole::Admin } else { GrantedRole::User };
    let new = new.with_access(role.roles(), false);
    state.accounts.create(new, &ClientInfo::OPERATOR).await.map_err(|error| refusal(&error))
}

async fn set_password(state: &AppState, username: &str) -> Result<User, OperatorError> {
    // First, so that nobody types a password for a user who does not exist.
    let id = require(state, username).await?.id;
    let given = GivenPassword { password: ask_password()?, must_change: false };
    let changed = state.administration.set_password(id, &given, None, &ClientInfo::OPERATOR).await;
    changed.map_err(|conflict| refusal(&conflict.into()))
}

async fn grant(
    state: &AppState,
    username: &str,
    roles: &[Role],
) -> Result<(User, &'static str), OperatorError> {
    let user = require(state, username).await?;
    if user.roles == roles {
        // Ends nothing, unless an earlier command was interrupted after it had set the role.
        let ended = state.auth.end_sessions_before_epoch(user.id, user.epoch, "roles").await;
        ended.map_err(|error| refusal(&error))?;
        return Ok((user, "already has the role; nothing was changed"));
    }
    let patch = AccessPatch { roles: Some(roles.to_vec()), disabled: None };
    Ok((change(state, username, &patch).await?, "has the role, and all sessions ended"))
}

async fn change(state: &AppState, username: &str, patch: &AccessPatch) -> Result<User, OperatorError> {
    let id = require(state, username).await?.id;
    let operator = &ClientInfo::OPERATOR;
    let changed = state.administration.set_access(id, patch, None, LastAdmin::MayGo, operator).await;
    changed.map_err(|conflict| refusal(&conflict.into()))
}

async fn delete(state: &AppState, username: &str, yes: bool) -> Result<User, OperatorError> {
    let user = require(state, username).await?;
    if !yes {
        confirm(&user.username)?;
    }
    state.accounts.delete(&user, &ClientInfo::OPERATOR).await.map_err(|error| refusal(&error))?;
    Ok(user)
}

async fn list(state: &AppState) -> Result<String, Error> {
    let (mut lines, mut last) = (String::new(), None::<UserPosition>);
    loop {
        let page = state.administration.page(&UserQuery::default(), last.as_ref(), LISTED_AT_A_TIME).await?;
        let Some(user) = page.last() else { return Ok(lines.trim_end().to_owned()) };
        last = Some(user.into());
        for user in &page {
            let (name, roles, state) = (&user.username, roles(user), access(user));
            // Writing to a text never fails.
            let _ = writeln!(lines, "{name}  {roles}  {state}  registered {}", rfc3339(user.created_at));
        }
    }
}

async fn show(state: &AppState, user: User) -> Result<String, Error> {
    let tokens = state.access_tokens.list(user.id).await?.len();
    let ManagedUser { user, last_used_at, session_count, todo_count } =
        state.administration.managed_one(user).await?;
    let time = |time: Option<DateTime>| time.map_or("never".to_owned(), |time| rfc3339(time).to_string());
    let (id, name, email) = (user.id, &user.username, user.email.as_deref().unwrap_or("none"));
    let (roles, access, registered) = (roles(&user), access(&user), rfc3339(user.created_at));
    let last_used = time(last_used_at);
    Ok(format!(
        "username    {name}\nid          {id}\nemail       {email}\nroles       {roles}\nstate       {access}\nregistered  \
         {registered}\nlast used   {last_used}\nsessions    {session_count}\ntokens      {tokens}\ntodos       {todo_count}"
    ))
}

fn roles(user: &User) -> &'static str {
    if user.roles.contains(&Role::Admin) { "admin" } else { "user" }
}

fn access(user: &User) -> &'static str {
    if user.disabled_at.is_some() { "disabled" } else { "active" }
}

pub(super) async fn require(state: &AppState, username: &str) -> Result<User, OperatorError> {
    let found = state.accounts.find_by_name(username).await;
    let user = found.and_then(|user| user.ok_or(Error::NotFound(Resource::User)));
    user.map_err(|error| refusal(&error))
}

fn refusal(error: &Error) -> OperatorError {
    OperatorError(match error {
        Error::Invalid(violations) => {
            violations.iter().map(|violation| violation.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Error::NotFound(Resource::User) => "no user has this name".to_owned(),
        Error::UsernameTaken => "a user with this name already exists".to_owned(),
        Error::LastAdmin => {
            "this is the last admin; grant another user the role first, or take the role away with \
             `todo-api user grant NAME user`"
                .to_owned()
        }
        error => error.to_string(),
    })
}

fn ask_password() -> Result<SecretString, OperatorError> {
    let stdin = std::io::stdin();
    let unreadable = |error| OperatorError(format!("the password cannot be read: {error}"));
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).map_err(unreadable)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    let password = rpassword::prompt_password("Password: ").map_err(unreadable)?;
    // Nobody sees a typing error.
    let again = rpassword::prompt_password("Password again: ").map_err(unreadable)?;
    if password == again {
        Ok(password.into())
    } else {
        Err(OperatorError("the passwords differ".to_owned()))
    }
}

/// Asks on the terminal for the username.
#[expect(clippy::print_stderr, reason = "a question on the terminal")]
fn confirm(username: &str) -> Result<(), OperatorError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(OperatorError(format!("add --yes to delete {username} with all data")));
    }
    eprint!("This deletes {username} with all lists and todos. Type the username to confirm: ");
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if read.is_ok() && line.trim() == username {
        Ok(())
    } else {
        Err(OperatorError("nothing was deleted".to_owned()))
    }
}
