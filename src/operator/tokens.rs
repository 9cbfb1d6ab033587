//! `todo-api token`: creates, lists and ends the personal access tokens of a user.

use std::fmt::Write;

use bson::DateTime;
use bson::oid::ObjectId;
use clap::Subcommand;

use super::users::require;
use crate::access_tokens::model::{AccessToken, NewToken};
use crate::access_tokens::operations::AccessTokens;
use crate::auth::credential::TokenScope;
use crate::clock::rfc3339;
use crate::error::{Error, OperatorError, Resource};
use crate::mongo::object_id;
use crate::owned::text::{INSTANT, NAME};
use crate::state::AppState;
use crate::users::model::User;
use crate::users::operations::ClientInfo;

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it; nothing can show it again
    Create {
        /// Username
        username: String,
        /// A name for the token, which lists show
        #[arg(value_parser = |text: &str| read(NAME.read(text), NAME.detail))]
        name: String,
        /// `todos:read`, `todos:write` (includes reading) or `caldav`; may be repeated
        #[arg(long = "scope", required = true, value_parser = scope)]
        scopes: Vec<TokenScope>,
        /// When the token expires, such as `2027-12-31T00:00:00Z`; without it, never
        #[arg(long, value_parser = |text: &str| read(INSTANT.read(text), INSTANT.detail))]
        expires_at: Option<DateTime>,
    },
    /// List the tokens of a user: id, last four characters, scopes, expiry, last use, name
    List {
        /// Username
        username: String,
    },
    /// End one token of a user, or all of them
    #[command(group = clap::ArgGroup::new("which").required(true))]
    End {
        /// Username
        username: String,
        /// The id of a token, from the list
        #[arg(group = "which", value_parser = |text: &str| read(object_id::parse(text), || "not an id".to_owned()))]
        id: Option<ObjectId>,
        /// End all tokens of the user
        #[arg(long, group = "which")]
        all: bool,
    },
}

fn read<T>(value: Option<T>, detail: impl FnOnce() -> String) -> Result<T, String> {
    value.ok_or_else(detail)
}

fn scope(text: &str) -> Result<TokenScope, String> {
    let known = || format!("not one of {}", TokenScope::ALL.map(TokenScope::name).join(", "));
    TokenScope::find(text).ok_or_else(known)
}

/// Returns the lines to print. Other instances refuse ended tokens within two seconds.
pub async fn run(state: &AppState, command: TokenCommand) -> Result<String, OperatorError> {
    let tokens = &state.access_tokens;
    let done = match command {
        TokenCommand::Create { username, name, scopes, expires_at } => {
            let user = require(state, &username).await?;
            let created = tokens.create_for(&user, NewToken { name, scopes, expires_at }).await;
            created.map(|(_, text)| text.expose().to_owned())
        }
        TokenCommand::List { username } => {
            let user = require(state, &username).await?;
            tokens.list(user.id).await.map(|all| table(&all))
        }
        TokenCommand::End { username, id, .. } => end(tokens, &require(state, &username).await?, id).await,
    };
    done.map_err(|error| refusal(&error))
}

async fn end(tokens: &AccessTokens, user: &User, id: Option<ObjectId>) -> Result<String, Error> {
    let Some(id) = id else {
        let ended = tokens.end_all_of(user.id, ClientInfo::OPERATOR.origin()).await?;
        return Ok(format!("{ended} tokens of {} ended", user.username));
    };
    tokens.end(user, id, ClientInfo::OPERATOR.origin()).await?;
    Ok(format!("token {id} of {} ended", user.username))
}

fn table(tokens: &[AccessToken]) -> String {
    let time = |time: Option<DateTime>| time.map_or("never".to_owned(), |time| rfc3339(time).to_string());
    let mut lines = String::new();
    for token in tokens {
        let scopes = token.scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(",");
        let (expires, used) = (time(token.expires_at), time(token.last_used_at));
        let (id, end, name) = (token.id, &token.last_four, token.name.escape_debug());
        // Writing to a text never fails.
        let _ = writeln!(lines, "{id}  ...{end}  {scopes}  expires {expires}  used {used}  {name}");
    }
    lines.trim_end().to_owned()
}

fn refusal(error: &Error) -> OperatorError {
    OperatorError(match error {
        Error::Invalid(violations) => {
            violations.iter().map(|violation| violation.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Error::NotFound(Resource::User) => "no user has this name".to_owned(),
        Error::NotFound(_) => "the user has no token with this id".to_owned(),
        Error::LimitReached(limit) => format!("the user has {limit} tokens already"),
        error => error.to_string(),
    })
}
