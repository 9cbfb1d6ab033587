//! The command line of `todo-api seed`: options, progress bar and messages. A refusal is one line with its reason.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};

use super::model::NUMBER_MAX;
use super::operations::{SeedError, SeedRequest, Seeder, users_needed};
use crate::error::{Error, OperatorError};
use crate::state::AppState;

#[derive(Debug, Args)]
pub struct SeedOptions {
    /// Number of users: demo, demo-2, demo-3, ... [default: one for every 10,000 todos]
    #[arg(long, value_name = "N", value_parser = number_within::<u32>(1, 1_000_000))]
    users: Option<u32>,
    /// Total number of todos, including some in the trash
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = number_within::<u64>(0, 1_000_000_000))]
    todos: u64,
    /// Seed of the random data; the same seed gives the same data
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number_within::<u32>(0, u64::from(NUMBER_MAX)))]
    seed: u32,
    /// Password of every demo user; not a secret, because the command prints it
    #[arg(long, value_name = "TEXT", default_value = "demo password")]
    password: SecretString,
    /// Seed even if the database has other users
    #[arg(long)]
    force: bool,
}

pub async fn run(state: &AppState, options: SeedOptions) -> Result<String, OperatorError> {
    let SeedOptions { users, todos, seed, password, force } = options;
    let users = users.unwrap_or_else(|| u32::try_from(users_needed(todos)).unwrap_or(u32::MAX));
    let request = SeedRequest { seed, users, todos, password, force };
    let bar = progress_bar(todos);
    let seeder = Seeder::new(&state.db, state.hasher.clone());
    let summary = seeder.run(&request, state.workspaces.now(), |written| bar.inc(written)).await;
    bar.finish_and_clear();
    let summary = summary.map_err(|error| refusal(&error, &request))?;
    let duration = bar.elapsed();
    Ok(format!(
        "{}, {} and {} ({} new) in {:.1} s ({} todos/s); log in as `demo` with the password `{}`",
        pluralized(u64::from(users), "user"),
        pluralized(summary.lists, "list"),
        pluralized(todos, "todo"),
        summary.new_todos,
        duration.as_secs_f64(),
        u128::from(todos) * 1_000 / duration.as_millis().max(1),
        request.password.expose_secret(),
    ))
}

fn number_within<T: TryFrom<u64>>(min: u64, max: u64) -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(min..=max)
}

fn progress_bar(todos: u64) -> ProgressBar {
    let template = "{bar:40} {human_pos} of {human_len} todos, {per_sec:0}, {eta} left";
    let bar = ProgressBar::new(todos);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn pluralized(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn refusal(error: &SeedError, request: &SeedRequest) -> OperatorError {
    OperatorError(match error {
        SeedError::OtherUsers => {
            "the database has users other than demo users; to add demo data anyway, use --force".to_owned()
        }
        SeedError::TooFewUsers(needed) => {
            format!("{} todos need at least {needed} users, because a user has at most 10,000", request.todos)
        }
        SeedError::OtherPassword => {
            "the user demo exists with another password; set that password with --password".to_owned()
        }
        SeedError::Error(Error::Invalid(violations)) => {
            violations.iter().map(|violation| violation.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        SeedError::Error(Error::UsernameTaken) => {
            "the name of a demo user is taken, by another user or by a demo user of another --seed".to_owned()
        }
        SeedError::Error(error) => format!("{error}; run the command again to continue"),
    })
}
