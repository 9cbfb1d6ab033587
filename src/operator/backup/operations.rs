//! The commands `backup` and `restore`.
//!
//! **Invariant:** neither leaves an incomplete result that looks complete. An incomplete backup is deleted, and a
//! database with an incomplete restore is marked, so that no service starts on it.

use std::fmt::Display;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use bson::DateTime;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::archive::{Input, Output, name_of, unreadable, unwritable};
use super::format::{Header, Reader, Record, Summary, Writer};
use super::store::{Loader, Snapshot};
use crate::audit::store::{Audit, Event, RequestContext};
use crate::clock::{self, Clock};
use crate::error::{Error, OperatorError};
use crate::mongo::Db;
use crate::sync::lineage::Lineage;

/// A backup to restore.
pub struct Source<'a> {
    pub path: &'a Path,
    /// The most that the content may have after decompression.
    pub max_bytes: u64,
}

/// Reads a size such as `16GiB`, `500 MB` or `1000000`.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        "tib" => Some(1_u64 << 40),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| "must be a size such as `16GiB` or `500MB`".to_owned())
}

/// `-` is standard output. Returns a one-line summary.
pub async fn save(
    db: &Db,
    path: &Path,
    now: DateTime,
    stop: &CancellationToken,
) -> Result<String, OperatorError> {
    let started = Instant::now();
    let output = Output::create(path)?;
    let mut snapshot = Snapshot::take(db).await?;
    let bar = progress_bar("writing", Some(snapshot.estimate().await?));
    let header = Header { version: env!("CARGO_PKG_VERSION").to_owned(), at: now };
    let failed = |error| unwritable(path, &error);
    let mut writer = Writer::begin(output, &header).map_err(failed)?;
    for name in snapshot.names() {
        writer.collection(&name).map_err(failed)?;
        let write = |document: &_| {
            fail_if_stopped(stop)?;
            bar.inc(1);
            writer.document(document).map_err(failed)
        };
        snapshot.read(&name, write).await?;
    }
    let (output, summary) = writer.finish().map_err(failed)?;
    output.keep()?;
    bar.finish_and_clear();
    // The admin pages show when the last backup was made. The backup is complete even if this fails.
    Audit::new(db, Clock::system()).record(Event::BackedUp, RequestContext::default()).await;
    Ok(format!("backed up {}", describe(summary, started.elapsed())))
}

/// `-` is standard input. Calls `announce` with the size before it writes anything, if the input is a file. Returns a
/// one-line summary.
pub async fn load(
    db: &Db,
    from: Source<'_>,
    now: DateTime,
    stop: &CancellationToken,
    announce: impl Fn(&str),
) -> Result<String, OperatorError> {
    let Source { path, max_bytes } = from;
    let started = Instant::now();
    let name = name_of(path, "standard input");
    let mut input = Input::open(path)?;
    let mut loader = Loader::new(db).await?;
    // A file is verified completely before anything is written. A stream can be read only once, so its documents are
    // removed if it turns out to be corrupted.
    let verified = verify(&mut input, &name, max_bytes, stop)?;
    if let Some(Summary { bytes, .. }) = verified {
        announce(&format!("{name} expands to {}; writing", HumanBytes(bytes)));
    }
    let source = input.reader().map_err(|error| unreadable(&name, &error))?;
    let reader = Reader::open(source, max_bytes).map_err(|error| error.of(&name))?;
    let backup_time = clock::rfc3339(reader.header().at);
    let lineage = Lineage::new(db);
    // Until the restore is complete, this mark keeps services from starting.
    if !lineage.begin(now).await.map_err(|error| failed(&error))? {
        return Err(OperatorError("another restore into the database is running".to_owned()));
    }
    let documents = verified.and_then(|verified| u64::try_from(verified.documents).ok());
    let bar = progress_bar("loading", documents);
    let on_record = || {
        bar.inc(1);
        fail_if_stopped(stop)
    };
    let outcome = load_all(&mut loader, reader, &name, now, on_record).await;
    bar.finish_and_clear();
    match outcome {
        Ok(summary) => {
            // If this write fails, the database is complete, with or without its mark.
            lineage.finish(now).await.map_err(|error| not_removed(&failed(&error)))?;
            Ok(format!("restored the backup of {backup_time}: {}", describe(summary, started.elapsed())))
        }
        Err(OperatorError(why)) => {
            // The mark goes last, so that a service never starts on the documents that are left.
            loader
                .roll_back()
                .await
                .map_err(|OperatorError(error)| not_removed(&format!("{why}; {error}")))?;
            lineage.give_up().await.map_err(|error| not_removed(&format!("{why}; {}", failed(&error))))?;
            Err(OperatorError(format!("{why}; all loaded documents were removed")))
        }
    }
}

async fn load_all(
    loader: &mut Loader<'_>,
    mut reader: Reader<impl BufRead>,
    name: &str,
    now: DateTime,
    mut on_record: impl FnMut() -> Result<(), OperatorError>,
) -> Result<Summary, OperatorError> {
    loader.require_no_service().await?;
    loop {
        on_record()?;
        match reader.record().map_err(|error| error.of(name))? {
            Record::Collection(name) => loader.start_collection(name).await?,
            Record::Document(document) => loader.add(document).await?,
            Record::End(summary) => {
                loader.flush().await?;
                // Once more, because a service may have started while the documents were loaded.
                loader.require_no_service().await?;
                loader.end_sessions(now).await?;
                return Ok(summary);
            }
        }
    }
}

fn not_removed(why: &impl Display) -> OperatorError {
    OperatorError(format!(
        "{why}; the loaded documents were not removed: drop the database and restore again"
    ))
}

fn failed(error: &Error) -> OperatorError {
    OperatorError(error.to_string())
}

/// Reads a whole backup without a database. Returns a one-line summary.
pub fn check(path: &Path, stop: &CancellationToken) -> Result<String, OperatorError> {
    let (started, name) = (Instant::now(), name_of(path, "standard input"));
    let mut input = Input::open(path)?;
    let summary = verify_any(&mut input, &name, u64::MAX, stop)?;
    Ok(format!("{name} is complete: {}", describe(summary, started.elapsed())))
}

/// Returns `None` for a stream, which can be read only once.
fn verify(
    input: &mut Input,
    name: &str,
    max_bytes: u64,
    stop: &CancellationToken,
) -> Result<Option<Summary>, OperatorError> {
    let Input::File(_) = input else { return Ok(None) };
    verify_any(input, name, max_bytes, stop).map(Some)
}

fn verify_any(
    input: &mut Input,
    name: &str,
    max_bytes: u64,
    stop: &CancellationToken,
) -> Result<Summary, OperatorError> {
    let bar = progress_bar("checking", None);
    let source = input.reader().map_err(|error| unreadable(name, &error))?;
    let reader = Reader::open(source, max_bytes).map_err(|error| error.of(name))?;
    let on_record = || {
        bar.inc(1);
        fail_if_stopped(stop)
    };
    let summary = reader.verify(on_record, name)?;
    bar.finish_and_clear();
    Ok(summary)
}

fn fail_if_stopped(stop: &CancellationToken) -> Result<(), OperatorError> {
    if stop.is_cancelled() { Err(OperatorError("interrupted".to_owned())) } else { Ok(()) }
}

fn describe(summary: Summary, duration: Duration) -> String {
    let Summary { collections, documents, bytes } = summary;
    let documents = HumanCount(u64::try_from(documents).unwrap_or(0));
    let (bytes, seconds) = (HumanBytes(bytes), duration.as_secs_f64());
    format!(
        "{documents} documents in {collections} collections, {bytes} before compression, in {seconds:.1} s"
    )
}

fn progress_bar(action: &'static str, documents: Option<u64>) -> ProgressBar {
    // indicatif draws on standard error, and only if that is a terminal.
    let (bar, template) = match documents {
        Some(documents) => {
            (ProgressBar::new(documents), "{msg} {wide_bar} {human_pos}/{human_len} documents, {eta} left")
        }
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {human_pos} documents, {elapsed}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_or_binary_units() {
        for (text, bytes) in [
            ("0", 0),
            ("7b", 7),
            ("16GiB", 16 << 30),
            ("500 MB", 500_000_000),
            (" 2tib ", 2 << 40),
            ("1kB", 1_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for odd in ["", "GiB", "1.5GiB", "-1", "1 G i B", "16XB", "99999999999TiB", "18446744073709551616"] {
            assert!(size(odd).is_err(), "{odd}");
        }
    }
}
