//! The file or standard stream that a backup is written to or read from.
//!
//! **Invariant:** an existing file is never overwritten.

use std::fs::{self, File};
use std::io::{self, BufReader, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::OperatorError;

const READ_BUFFER: usize = 128 * 1024;

/// The destination of a backup. An incomplete file has the suffix `.part`, and is deleted when the value is dropped.
pub enum Output {
    Stdout(io::Stdout),
    /// The incomplete file, and its final path.
    File(NamedTempFile, PathBuf),
}

impl Output {
    /// `-` is standard output.
    pub fn create(path: &Path) -> Result<Self, OperatorError> {
        if path == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                return Err(OperatorError(
                    "standard output is a terminal; redirect it to a file or pipe it to a command".to_owned(),
                ));
            }
            return Ok(Self::Stdout(stdout));
        }
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(OperatorError(format!("{shown} is not a file name")));
        };
        if fs::symlink_metadata(path).is_ok() {
            return Err(already_exists(path));
        }
        // A temporary file can be read only by its owner (mode 0600), because a backup contains password hashes.
        let part =
            tempfile::Builder::new().prefix(name).rand_bytes(0).suffix(".part").tempfile_in(folder(path));
        let part = part.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OperatorError(format!(
                "{shown}.part exists, so another backup is running or was interrupted; if none is running, delete \
                 {shown}.part"
            )),
            _ => unwritable(path, &error),
        })?;
        Ok(Self::File(part, path.to_owned()))
    }

    pub fn keep(self) -> Result<(), OperatorError> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(|error| unwritable(Path::new("-"), &error)),
            Self::File(part, path) => {
                // Before the rename, so that the final name never stands for incomplete content, even after a crash.
                part.as_file().sync_all().map_err(|error| unwritable(&path, &error))?;
                // Another process may have created the file after `create` looked for it.
                part.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => already_exists(&path),
                    _ => unwritable(&path, &error.error),
                })?;
                // The new name is durable only after its folder is synced, too.
                let folder = File::open(folder(&path)).and_then(|folder| folder.sync_all());
                folder.map_err(|error| unwritable(&path, &error))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(part, _) => part.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(part, _) => part.flush(),
        }
    }
}

pub enum Input {
    /// A regular file, which can be read twice.
    File(File),
    /// Standard input, a pipe or a device, which can be read only once.
    Stream(Box<dyn Read>),
}

impl Input {
    /// Opens `path`; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, OperatorError> {
        if path == Path::new("-") {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(OperatorError(
                    "standard input is a terminal; redirect it from a backup".to_owned(),
                ));
            }
            return Ok(Self::Stream(Box::new(stdin)));
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.is_file(), file)));
        match opened {
            Ok((true, file)) => Ok(Self::File(file)),
            Ok((false, file)) => Ok(Self::Stream(Box::new(file))),
            Err(error) => Err(unreadable(&path.display().to_string(), &error)),
        }
    }

    /// A reader, which starts at the beginning if the source is a file.
    pub fn reader(&mut self) -> io::Result<BufReader<&mut dyn Read>> {
        let source: &mut dyn Read = match self {
            Self::File(file) => {
                file.rewind()?;
                file
            }
            Self::Stream(stream) => stream,
        };
        Ok(BufReader::with_capacity(READ_BUFFER, source))
    }
}

/// The name of `path` in messages; `standard_stream` stands for `-`.
pub fn name_of(path: &Path, standard_stream: &str) -> String {
    if path == Path::new("-") { standard_stream.to_owned() } else { path.display().to_string() }
}

pub fn unreadable(name: &str, error: &io::Error) -> OperatorError {
    OperatorError(format!("{name} cannot be read: {error}"))
}

pub fn unwritable(path: &Path, error: &io::Error) -> OperatorError {
    OperatorError(format!("{} cannot be written: {error}", name_of(path, "standard output")))
}

fn already_exists(path: &Path) -> OperatorError {
    OperatorError(format!("{} already exists; choose another file name", path.display()))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
