//! `todo-api seed`: its options, its progress bar, its last line. Must say why when it refuses, in one line.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::{ExposeSecret, SecretString};

use super::model::NUMBER_MAX;
use super::operations::{Obstacle, Order, Seeder, users_needed};
use crate::error::{Error, OperatorError};
use crate::state::AppState;

/// How much demo data, and for whom.
#[derive(Debug, Args)]
pub struct SeedOptions {
    /// How many users: demo, demo-2, demo-3 [default: as many as the todos need, 10,000 each]
    #[arg(long, value_name = "N", value_parser = within::<u32>(1, 1_000_000))]
    users: Option<u32>,
    /// How many todos in all, some of them in the trash
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = within::<u64>(0, 1_000_000_000))]
    todos: u64,
    /// Which data: the same seed gives the same
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = within::<u32>(0, u64::from(NUMBER_MAX)))]
    seed: u32,
    /// The password of every demo user, which is no secret: this command prints it
    #[arg(long, value_name = "TEXT", default_value = "demo password")]
    password: SecretString,
    /// Seed even where other users are
    #[arg(long)]
    force: bool,
}

/// Seeds, and says what there is now and how to log in. On a terminal it shows how far it is.
///
/// # Errors
/// Why it was not done, or not to the end, as one line.
pub async fn run(state: &AppState, options: SeedOptions) -> Result<String, OperatorError> {
    let SeedOptions { users, todos, seed, password, force } = options;
    let users = users.unwrap_or_else(|| u32::try_from(users_needed(todos)).unwrap_or(u32::MAX));
    let order = Order { seed, users, todos, password, force };
    let bar = progress_bar(todos);
    let stores = Seeder::new(&state.db, state.hasher.clone());
    let seeded = stores.run(&order, state.workspaces.now(), |written| bar.inc(written)).await;
    bar.finish_and_clear();
    let seeded = seeded.map_err(|obstacle| refusal(&obstacle, &order))?;
    let took = bar.elapsed();
    Ok(format!(
        "{}, {} and {} ({} new) in {:.1} s ({} todos/s); log in as `demo` with the password `{}`",
        counted(u64::from(users), "user"),
        counted(seeded.lists, "list"),
        counted(todos, "todo"),
        seeded.new_todos,
        took.as_secs_f64(),
        u128::from(todos) * 1_000 / took.as_millis().max(1),
        order.password.expose_secret(),
    ))
}

fn within<T: TryFrom<u64>>(first: u64, last: u64) -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(first..=last)
}

/// A bar on standard error, if that is a terminal.
fn progress_bar(todos: u64) -> ProgressBar {
    let template = "{bar:40} {human_pos} of {human_len} todos, {per_sec:0}, {eta} left";
    let bar = ProgressBar::new(todos);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn refusal(obstacle: &Obstacle, order: &Order) -> OperatorError {
    OperatorError(match obstacle {
        Obstacle::OtherUsers => {
            "the database has users who are no demo users; with --force the demo data is put beside theirs"
                .to_owned()
        }
        Obstacle::TooFewUsers(needed) => {
            format!("{} todos need at least {needed} users: a user has at most 10,000", order.todos)
        }
        Obstacle::OtherPassword => {
            "demo is there, with another password: give that one by --password".to_owned()
        }
        Obstacle::Error(Error::Invalid(faults)) => {
            faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join(" ")
        }
        Obstacle::Error(Error::UsernameTaken) => {
            "the name of a demo user is taken: by someone else, or by one of another --seed".to_owned()
        }
        Obstacle::Error(error) => format!("{error}; run it again, and it goes on where it was"),
    })
}
