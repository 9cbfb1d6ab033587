//! Where a backup is written to and read from: files and standard streams. Must never overwrite a file.

use std::fs::{self, File};
use std::io::{self, BufReader, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::OperatorError;

/// How much is read at a time, in bytes.
const BUFFER: usize = 128 * 1024;

/// Where a backup goes to. A file has `.part` behind its name until it is whole, and is removed when it never is.
pub enum Output {
    /// Standard output.
    Stream(io::Stdout),
    /// A file, and the name that it is to have.
    File(NamedTempFile, PathBuf),
}

impl Output {
    /// Opens `path`; `-` is standard output. Only the owner may read the file: it has the hashes of passwords.
    ///
    /// # Errors
    /// There is such a file, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, OperatorError> {
        if path == Path::new("-") {
            let stdout = io::stdout();
            if stdout.is_terminal() {
                return Err(OperatorError(
                    "standard output is a terminal: lead it to a file or a command".to_owned(),
                ));
            }
            return Ok(Self::Stream(stdout));
        }
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(OperatorError(format!("{shown} is no name of a file")));
        };
        if fs::symlink_metadata(path).is_ok() {
            return Err(taken(path));
        }
        let part =
            tempfile::Builder::new().prefix(name).rand_bytes(0).suffix(".part").tempfile_in(folder(path));
        let part = part.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OperatorError(format!(
                "{shown}.part is there: another backup is writing it, or was cut off; remove it in that case"
            )),
            _ => unwritable(path, &error),
        })?;
        Ok(Self::File(part, path.to_owned()))
    }

    /// Sees to it that all of it is on the disk, and gives the file its name.
    ///
    /// # Errors
    /// It cannot be written, or a file has got that name meanwhile.
    pub fn keep(self) -> Result<(), OperatorError> {
        match self {
            Self::Stream(mut stdout) => stdout.flush().map_err(|error| unwritable(Path::new("-"), &error)),
            Self::File(part, path) => {
                part.as_file().sync_all().map_err(|error| unwritable(&path, &error))?;
                part.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => taken(&path),
                    _ => unwritable(&path, &error.error),
                })?;
                let folder = File::open(folder(&path)).and_then(|folder| folder.sync_all());
                folder.map_err(|error| unwritable(&path, &error))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stdout) => stdout.write(bytes),
            Self::File(part, _) => part.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(stdout) => stdout.flush(),
            Self::File(part, _) => part.flush(),
        }
    }
}

/// Where a backup comes from.
pub enum Input {
    /// A file, which can be read twice.
    File(File),
    /// Standard input, or whatever else can be read only once.
    Stream(Box<dyn Read>),
}

impl Input {
    /// Opens `path`; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OperatorError> {
        if path == Path::new("-") {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                return Err(OperatorError("standard input is a terminal: lead a backup into it".to_owned()));
            }
            return Ok(Self::Stream(Box::new(stdin)));
        }
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.is_file(), file)));
        match opened {
            Ok((true, file)) => Ok(Self::File(file)),
            Ok((false, file)) => Ok(Self::Stream(Box::new(file))),
            Err(error) => Err(OperatorError(format!("{} cannot be read: {error}", path.display()))),
        }
    }

    /// From its beginning, if it is a file.
    ///
    /// # Errors
    /// Those of the file.
    pub fn reader(&mut self) -> io::Result<BufReader<&mut dyn Read>> {
        let source: &mut dyn Read = match self {
            Self::File(file) => {
                file.rewind()?;
                file
            }
            Self::Stream(stream) => stream,
        };
        Ok(BufReader::with_capacity(BUFFER, source))
    }
}

/// What messages call `path`.
#[must_use]
pub fn name_of(path: &Path, standard: &str) -> String {
    if path == Path::new("-") { standard.to_owned() } else { path.display().to_string() }
}

/// That `path` cannot be written, and why.
#[must_use]
pub fn unwritable(path: &Path, error: &io::Error) -> OperatorError {
    OperatorError(format!("{} cannot be written: {error}", name_of(path, "standard output")))
}

fn taken(path: &Path) -> OperatorError {
    OperatorError(format!("{} is there already, and is never overwritten", path.display()))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
