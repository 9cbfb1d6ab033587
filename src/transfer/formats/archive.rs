//! Zip archives: the texts in them, within limits of number and size.

use std::io::{self, BufReader, Cursor, Read};

use zip::ZipArchive;
use zip::read::ZipFile;

use super::Refusal;
use crate::error::Violation;

/// Of all files that are read, after decompression.
pub const UNPACKED_MAX: u64 = 64 * 1024 * 1024;
/// Files in an archive.
pub const ENTRIES_MAX: u16 = 10_000;

const START: &[u8] = b"PK\x03\x04";
// The end of central directory record (APPNOTE 4.3.16) has 22 bytes and a comment of up to 64 KiB.
const END: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
const COMMENT_MAX: usize = 65_535;

pub fn is_archive(file: &[u8]) -> bool {
    file.starts_with(START)
}

pub struct TextFile {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The names of the files.
pub fn names(archive: &[u8]) -> Result<Vec<String>, Refusal> {
    let zip = open(archive)?;
    Ok(zip.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned).collect())
}

fn open(archive: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, Refusal> {
    if entries(archive).is_none_or(|entries| entries > ENTRIES_MAX) {
        return Err(refused(format!("The archive is damaged, or has more than {ENTRIES_MAX} files.")));
    }
    ZipArchive::new(Cursor::new(archive)).map_err(damaged)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn damaged(error: zip::result::ZipError) -> Refusal {
    refused(format!("The archive cannot be read: {error}."))
}

/// The files whose names `is_wanted` accepts. What is not wanted is not unpacked.
pub fn files(archive: &[u8], is_wanted: impl Fn(&str) -> bool) -> Result<Vec<TextFile>, Refusal> {
    let mut files = Vec::new();
    each(archive, is_wanted, |file| {
        files.push(file);
        Ok(())
    })?;
    Ok(files)
}

/// Like [`files`], one after the other.
pub fn each(
    archive: &[u8],
    is_wanted: impl Fn(&str) -> bool,
    mut take: impl FnMut(TextFile) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut zip = open(archive)?;
    let mut left = UNPACKED_MAX;
    for index in 0..zip.len() {
        let file = zip.by_index(index).map_err(damaged)?;
        let name = file.name().map_err(damaged)?.into_owned();
        if name.ends_with('/') || !is_wanted(&name) {
            continue;
        }
        // The size in the archive may be a lie.
        let mut bytes = Vec::with_capacity(usize::try_from(file.size().min(left)).unwrap_or_default());
        let read = file.take(left + 1).read_to_end(&mut bytes);
        let read = read.map_err(|error| cannot_unpack(&name, &error))?;
        left = left.checked_sub(read as u64).ok_or_else(too_large)?;
        take(TextFile { name, bytes })?;
    }
    Ok(())
}

/// The first bytes of a file, at most `max`.
pub fn head(archive: &[u8], name: &str, max: usize) -> Result<Vec<u8>, Refusal> {
    let mut zip = open(archive)?;
    let mut head = Vec::new();
    let read = by_name(&mut zip, name)?.take(max as u64).read_to_end(&mut head);
    read.map_err(|error| cannot_unpack(name, &error))?;
    Ok(head)
}

/// Gives a file to `read` while it is unpacked, so that it is never in memory as a whole.
pub fn stream<T>(
    archive: &[u8],
    name: &str,
    read: impl FnOnce(&mut dyn Read) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let mut zip = open(archive)?;
    let file = by_name(&mut zip, name)?;
    // Reading fails if the file is larger than the archive says.
    if file.size() > UNPACKED_MAX {
        return Err(too_large());
    }
    read(&mut BufReader::new(file))
}

fn by_name<'a, 'b>(
    zip: &'a mut ZipArchive<Cursor<&'b [u8]>>,
    name: &str,
) -> Result<ZipFile<'a, Cursor<&'b [u8]>>, Refusal> {
    zip.by_name(name).map_err(damaged)
}

fn cannot_unpack(name: &str, error: &io::Error) -> Refusal {
    refused(format!("`{name}` cannot be unpacked: {error}."))
}

fn too_large() -> Refusal {
    let detail = format!(
        "The files in the archive have more than {UNPACKED_MAX} bytes. An operator can import each of them, \
         whatever its size, with `todo-api import`."
    );
    Violation::of_whole("too_large", detail).into()
}

/// The number of files that the archive says it has.
fn entries(archive: &[u8]) -> Option<u16> {
    let from = archive.len().saturating_sub(END_BYTES + COMMENT_MAX);
    let tail = &archive[from..];
    let end = (0..tail.len().saturating_sub(END_BYTES - 1)).rev().find(|at| tail[*at..].starts_with(END))?;
    Some(u16::from_le_bytes([tail[end + 10], tail[end + 11]]))
}

fn refused(detail: String) -> Refusal {
    Violation::of_whole("malformed", detail).into()
}
