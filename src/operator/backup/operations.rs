//! A backup and a restore, from beginning to end. Must not leave half of either behind.

use std::fmt::Display;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use bson::DateTime;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::archive::{Input, Output, name_of, unwritable};
use super::format::{Header, Reader, Record, Totals, Writer};
use super::store::{Filling, Snapshot};
use crate::clock;
use crate::error::{Error, OperatorError};
use crate::mongo::Db;
use crate::sync::lineage::Lineage;

/// Writes the database, as it is at one moment, to `path`, and says in one line what that was; `-` is standard output.
///
/// # Errors
/// Why there is no backup, as one line; also that `stop` came first.
pub async fn save(
    db: &Db,
    path: &Path,
    now: DateTime,
    stop: &CancellationToken,
) -> Result<String, OperatorError> {
    let began = Instant::now();
    let output = Output::create(path)?;
    let mut snapshot = Snapshot::take(db).await?;
    let bar = bar("writing", Some(snapshot.estimate().await?));
    let header = Header { version: env!("CARGO_PKG_VERSION").to_owned(), at: now };
    let failed = |error| unwritable(path, &error);
    let mut writer = Writer::begin(output, &header).map_err(failed)?;
    for name in snapshot.names() {
        writer.collection(&name).map_err(failed)?;
        let write = |document: &_| {
            go_on(stop)?;
            bar.inc(1);
            writer.document(document).map_err(failed)
        };
        snapshot.read(&name, write).await?;
    }
    let (output, totals) = writer.finish().map_err(failed)?;
    output.keep()?;
    bar.finish_and_clear();
    Ok(format!("backed up {}", summary(totals, began.elapsed())))
}

/// Fills an empty database from `path`, and says in one line what that was; `-` is standard input. A file is read to its end
/// and checked before anything is written; what is loaded from a stream is removed again when the stream turns out to be broken.
/// Until all is done the database has a mark, with which nothing starts on it: see [`Lineage`].
///
/// # Errors
/// Why nothing was restored, as one line; also that `stop` came first.
pub async fn load(
    db: &Db,
    path: &Path,
    now: DateTime,
    stop: &CancellationToken,
) -> Result<String, OperatorError> {
    let began = Instant::now();
    let name = name_of(path, "standard input");
    let mut input = Input::open(path)?;
    let mut filling = Filling::begin(db).await?;
    let checked = check(&mut input, &name, stop)?;
    let source = input.reader().map_err(|error| OperatorError(format!("{name} cannot be read: {error}")))?;
    let reader = Reader::open(source).map_err(|broken| broken.of(&name))?;
    let made = clock::rfc3339(reader.header().at);
    let lineage = Lineage::new(db);
    if !lineage.begin(now).await.map_err(|error| failed(&error))? {
        return Err(OperatorError("the database is being restored already".to_owned()));
    }
    let bar = bar("loading", checked);
    let each = || {
        bar.inc(1);
        go_on(stop)
    };
    let filled = fill(&mut filling, reader, &name, now, each).await;
    bar.finish_and_clear();
    match filled {
        Ok(totals) => {
            // Whether or not it was written, the database is whole or has its mark.
            lineage.finish(now).await.map_err(|error| still_there(&failed(&error)))?;
            Ok(format!("restored, as of {made}: {}", summary(totals, began.elapsed())))
        }
        Err(OperatorError(why)) => {
            filling.undo().await.map_err(|OperatorError(left)| still_there(&format!("{why}; {left}")))?;
            lineage.give_up().await.map_err(|error| still_there(&format!("{why}; {}", failed(&error))))?;
            Err(OperatorError(format!("{why}; what had been loaded is removed again")))
        }
    }
}

/// Loads everything, and changes what a restore has to change.
async fn fill(
    filling: &mut Filling<'_>,
    mut reader: Reader<impl BufRead>,
    name: &str,
    now: DateTime,
    mut each: impl FnMut() -> Result<(), OperatorError>,
) -> Result<Totals, OperatorError> {
    filling.require_no_service().await?;
    loop {
        each()?;
        match reader.record().map_err(|broken| broken.of(name))? {
            Record::Collection(name) => filling.go_on_with(name).await?,
            Record::Document(document) => filling.add(document).await?,
            Record::End(totals) => {
                filling.flush().await?;
                filling.require_no_service().await?;
                filling.end_sessions(now).await?;
                return Ok(totals);
            }
        }
    }
}

fn still_there(why: &impl Display) -> OperatorError {
    OperatorError(format!("{why}; drop the database and restore again: what was loaded is still there"))
}

fn failed(error: &Error) -> OperatorError {
    OperatorError(error.to_string())
}

/// Reads a file to its end, and says how many documents it has; `None` for what can be read only once.
fn check(input: &mut Input, name: &str, stop: &CancellationToken) -> Result<Option<u64>, OperatorError> {
    let Input::File(_) = input else { return Ok(None) };
    let bar = bar("checking", None);
    let source = input.reader().map_err(|error| OperatorError(format!("{name} cannot be read: {error}")))?;
    let reader = Reader::open(source).map_err(|broken| broken.of(name))?;
    let each = || {
        bar.inc(1);
        go_on(stop)
    };
    let totals = reader.check(each, name)?;
    bar.finish_and_clear();
    Ok(u64::try_from(totals.documents).ok())
}

fn go_on(stop: &CancellationToken) -> Result<(), OperatorError> {
    if stop.is_cancelled() { Err(OperatorError("interrupted".to_owned())) } else { Ok(()) }
}

fn summary(totals: Totals, took: Duration) -> String {
    let Totals { collections, documents, bytes } = totals;
    let documents = HumanCount(u64::try_from(documents).unwrap_or(0));
    let (bytes, seconds) = (HumanBytes(bytes), took.as_secs_f64());
    format!(
        "{documents} documents of {collections} collections, {bytes} before compression, in {seconds:.1} s"
    )
}

/// Shows how far it is on a terminal's standard error, and nothing anywhere else.
fn bar(what: &'static str, documents: Option<u64>) -> ProgressBar {
    let (bar, template) = match documents {
        Some(documents) => {
            (ProgressBar::new(documents), "{msg} {wide_bar} {human_pos}/{human_len} documents, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {human_pos} documents, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what)
}
