//! `todo-api export` and `todo-api import`: the data of a user to a file, and from a file of this or another service.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures_util::StreamExt;
use tempfile::NamedTempFile;

use super::users::require;
use crate::error::{Error, OperatorError, Resource};
use crate::state::AppState;
use crate::transfer::formats::Format;
use crate::transfer::model::{Import, ImportState};
use crate::transfer::operations::{Imported, Wanted};
use crate::transfer::preparation::Mode;
use crate::transfer::render::{RENDERINGS, Rendering};
use crate::users::model::User;

const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub struct ExportOptions {
    /// Username
    username: String,
    /// The file, which must not exist yet
    file: PathBuf,
    /// `todo-api` (can be imported again without loss), `icalendar`, `csv` or `todo.txt`
    #[arg(long, default_value = "todo-api", value_parser = rendering)]
    format: &'static Rendering,
}

#[derive(Debug, Args)]
pub struct ImportOptions {
    /// Username
    username: String,
    /// The file: an export of this service, or what another service exports
    file: PathBuf,
    /// The format, if the content of the file does not say it
    #[arg(long, value_parser = format)]
    format: Option<&'static Format>,
    /// Give every object a new id, instead of adding only what is missing
    #[arg(long)]
    copy: bool,
    /// Write nothing, and say what would be written
    #[arg(long)]
    dry_run: bool,
}

fn rendering(name: &str) -> Result<&'static Rendering, String> {
    let names = || RENDERINGS.iter().map(|rendering| rendering.name).collect::<Vec<_>>().join(", ");
    Rendering::by_name(name).ok_or_else(|| format!("not one of {}", names()))
}

fn format(name: &str) -> Result<&'static Format, String> {
    Format::by_name(name).ok_or_else(|| format!("not one of {}", Format::names()))
}

/// Returns the line to print.
pub async fn export(state: &AppState, options: ExportOptions) -> Result<String, OperatorError> {
    let ExportOptions { username, file, format } = options;
    let user = require(state, &username).await?;
    let cannot_write = |error: &dyn std::fmt::Display| OperatorError(format!("{}: {error}", file.display()));
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let new = NamedTempFile::new_in(folder).map_err(|error| cannot_write(&error))?;
    let mut to = BufWriter::new(new);
    let (account, mut append, parts) =
        state.transfers.export(user.id, format).await.map_err(|error| refusal(&error))?;
    let mut parts = std::pin::pin!(parts);
    let mut chunk = (format.head)(account).map_err(|error| refusal(&error))?;
    let mut objects = 0;
    while let Some(batch) = parts.next().await {
        for part in batch.map_err(|error| refusal(&error))? {
            append(&mut chunk, part).map_err(|error| refusal(&error))?;
            objects += 1;
        }
        to.write_all(&chunk).map_err(|error| cannot_write(&error))?;
        chunk.clear();
    }
    to.write_all(format.tail).map_err(|error| cannot_write(&error))?;
    let new = to.into_inner().map_err(|error| cannot_write(&error))?;
    new.as_file().sync_all().map_err(|error| cannot_write(&error))?;
    new.persist_noclobber(&file).map_err(|error| cannot_write(&error.error))?;
    // One part separates lists from todos.
    Ok(format!("exported {} lists and todos of {} to {}", objects - 1, user.username, file.display()))
}

/// Returns the lines to print.
pub async fn import(state: &AppState, options: ImportOptions) -> Result<String, OperatorError> {
    let user = require(state, &options.username).await?;
    let path = options.file.display();
    let file = std::fs::read(&options.file).map_err(|error| OperatorError(format!("{path}: {error}")))?;
    let mode = if options.copy { Mode::Copy } else { Mode::Missing };
    let wanted = Wanted { format: options.format, mode, is_dry_run: options.dry_run };
    let imported = state.transfers.import(user.id, file, wanted).await.map_err(|error| refusal(&error))?;
    let Imported { mut import, warning_count, .. } = imported;
    while import.state == ImportState::Running {
        tokio::time::sleep(POLL).await;
        import = state.transfers.progress(user.id, import.id).await.map_err(|error| refusal(&error))?;
    }
    if import.state == ImportState::Interrupted {
        return Err(OperatorError(
            "the import was interrupted; repeat the command, which adds the rest".to_owned(),
        ));
    }
    Ok(report(&import, warning_count, &user))
}

fn report(import: &Import, warning_count: usize, user: &User) -> String {
    let verb = if import.state == ImportState::Planned { "would import" } else { "imported" };
    let (lists, todos) = (import.lists, import.todos);
    let mut text = format!(
        "{verb} {} of {} lists and {} of {} todos for {} (format {}); the others exist already",
        lists.created, lists.found, todos.created, todos.found, user.username, import.format
    );
    for warning in &import.warnings {
        // Writing to a text never fails.
        let _ = write!(text, "\nline {}: {}", warning.line, warning.detail.escape_debug());
    }
    if warning_count > import.warnings.len() {
        let _ = write!(text, "\nand {} more warnings", warning_count - import.warnings.len());
    }
    text
}

fn refusal(error: &Error) -> OperatorError {
    OperatorError(match error {
        Error::Invalid(violations) => {
            let line = |pointer: &str, detail: &str| format!("{pointer} {detail}").trim().to_owned();
            let lines = violations.iter().map(|violation| line(&violation.pointer, &violation.detail));
            format!("nothing was imported: {}", lines.collect::<Vec<_>>().join("; "))
        }
        Error::MalformedJson(reason) => format!("nothing was imported: the file is not valid JSON: {reason}"),
        Error::LimitReached(limit) => format!("nothing was imported: the user may have at most {limit}"),
        Error::TrashFull(limit) => format!("nothing was imported: at most {limit} fit in the trash"),
        Error::NotFound(Resource::User) => "no user has this name".to_owned(),
        error => error.to_string(),
    })
}
