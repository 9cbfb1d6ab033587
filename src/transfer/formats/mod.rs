//! The formats that can be imported. Each is a pure function from the bytes of a file to a [`Plan`].

pub mod archive;
pub mod budget;
pub mod dates;
pub mod google;
pub mod html;
pub mod ics;
pub mod lists;
pub mod microsoft;
pub mod own;
pub mod own_calendar;
mod own_fields;
pub mod phrases;
pub mod plain;
pub mod table;
pub mod texts;
pub mod ticktick;
pub mod todoist;
pub mod todotxt;
pub mod vikunja;

use std::borrow::Cow;
use std::io;

use crate::error::{Error, Violation};
use crate::transfer::plan::{Origin, Plan};
use crate::transfer::structure::{self, Care};

/// Why a file cannot be imported.
#[derive(Debug)]
pub enum Refusal {
    /// The file is not JSON, although its format is. Holds the reason.
    Json(String),
    Invalid(Vec<Violation>),
}

impl Refusal {
    #[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
    fn json(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

impl From<Vec<Violation>> for Refusal {
    fn from(violations: Vec<Violation>) -> Self {
        Self::Invalid(violations)
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Json(reason) => Self::malformed_json(reason),
            Refusal::Invalid(violations) => Self::Invalid(violations),
        }
    }
}

type Read = fn(&[u8], Origin) -> Result<Plan, Refusal>;

/// The name of the format of this service, the first of [`FORMATS`].
const OWN: &str = "todo-api";

/// A row of [`FORMATS`].
#[derive(Debug)]
pub struct Format {
    /// The value of the parameter `format`.
    pub name: &'static str,
    care: Care,
    recognises: fn(&[u8]) -> bool,
    read: Read,
}

/// The first that recognises a file reads it.
pub static FORMATS: [Format; 9] = [
    Format { name: OWN, care: Care::Refuse, recognises: is_own, read: own::read },
    repairing("icalendar", ics::recognises, ics::read),
    repairing("ticktick", ticktick::recognises, ticktick::read),
    repairing("todoist", todoist::recognises, todoist::read),
    repairing("google-tasks", |file| contains(head(file), google::KIND), google::read),
    repairing("microsoft-todo", is_microsoft, microsoft::read),
    repairing("vikunja", |_| false, vikunja::read),
    repairing("csv", plain::recognises, plain::read),
    repairing("todo.txt", todotxt::recognises, todotxt::read),
];

const fn repairing(name: &'static str, recognises: fn(&[u8]) -> bool, read: Read) -> Format {
    Format { name, care: Care::Repair, recognises, read }
}

impl Format {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    pub fn of(file: &[u8]) -> Option<&'static Self> {
        FORMATS.iter().find(|format| (format.recognises)(file))
    }

    pub fn names() -> String {
        FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ")
    }
}

/// Reads a file. Without `format`, its content says which format it has.
pub fn read(
    file: &[u8],
    format: Option<&'static Format>,
    origin: Origin,
) -> Result<(&'static Format, Plan), Refusal> {
    let decoded = decoded(file);
    let (format, mut plan) = match opened(&decoded, format)? {
        Opened::File(format, file) => (format, (format.read)(&file, origin)?),
        Opened::OwnExport { name } => {
            let read = |unpacked: &mut dyn io::Read| own::read_stream(unpacked, origin);
            (&FORMATS[0], archive::stream(file, &name, read)?)
        }
    };
    structure::complete(&mut plan, format.care)?;
    if format.care == Care::Repair {
        structure::reopen_parents_of_open_todos(&mut plan);
    }
    Ok((format, plan))
}

/// What is to be read.
enum Opened<'a> {
    /// A file, an archive, or the one file in an archive.
    File(&'static Format, Cow<'a, [u8]>),
    /// The one file in an archive, which is read while it is unpacked, because it can be much larger than its todos in memory.
    OwnExport { name: String },
}

fn opened<'a>(file: &'a [u8], format: Option<&'static Format>) -> Result<Opened<'a>, Refusal> {
    if !archive::is_archive(file) {
        let format = format.or_else(|| Format::of(file)).ok_or_else(unknown)?;
        return Ok(Opened::File(format, Cow::Borrowed(file)));
    }
    let names = archive::names(file)?;
    let tables = names.iter().filter(|name| todoist::is_table(name)).count();
    let of_archive = match () {
        () if names.iter().any(|name| name == vikunja::DATA) => Some("vikunja"),
        () if names.iter().any(|name| google::is_tasks(name)) => Some("google-tasks"),
        () if tables > 1 => Some("todoist"),
        () if names.iter().any(|name| ics::is_calendar(name)) => Some("icalendar"),
        () => None,
    };
    if let Some(whole) = of_archive
        .and_then(Format::by_name)
        .filter(|whole| format.is_none_or(|format| format.name == whole.name))
    {
        return Ok(Opened::File(whole, Cow::Borrowed(file)));
    }
    let single = names.iter().find(|name| is_text_file(name)).ok_or_else(unknown)?;
    let head = archive::head(file, single, HEAD_BYTES)?;
    if is_own(&head) && !head.starts_with(BYTE_ORDER_MARK) && format.is_none_or(|format| format.name == OWN) {
        return Ok(Opened::OwnExport { name: single.clone() });
    }
    let bytes = archive::files(file, |name| name == single)?.pop().map(|file| file.bytes).unwrap_or_default();
    let bytes = into_decoded(bytes);
    let format = format.or_else(|| Format::of(&bytes)).ok_or_else(unknown)?;
    Ok(Opened::File(format, Cow::Owned(bytes)))
}

fn unknown() -> Refusal {
    let detail = format!("The file is in no known format. The formats are: {}.", Format::names());
    Violation::of_whole("unknown_format", detail).into()
}

fn is_text_file(name: &str) -> bool {
    let extension = std::path::Path::new(name).extension().and_then(std::ffi::OsStr::to_str);
    extension.is_some_and(|known| ["json", "csv", "txt"].iter().any(|text| known.eq_ignore_ascii_case(text)))
}

/// The file in UTF-8 without a byte order mark. A file in UTF-16 begins with one.
fn decoded(file: &[u8]) -> Cow<'_, [u8]> {
    let units = |from: fn([u8; 2]) -> u16| {
        let (pairs, _) = file[2..].as_chunks::<2>();
        let text: String = char::decode_utf16(pairs.iter().map(|pair| from(*pair)))
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect();
        Cow::Owned(text.into_bytes())
    };
    match file {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => Cow::Borrowed(file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file)),
    }
}

/// Like [`decoded`], without a copy.
fn into_decoded(mut file: Vec<u8>) -> Vec<u8> {
    let mark = match decoded(&file) {
        Cow::Owned(decoded) => return decoded,
        Cow::Borrowed(text) => file.len() - text.len(),
    };
    file.drain(..mark);
    file
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
// Of the start of a file, which shows its format.
const HEAD_BYTES: usize = 4 * 1024;

fn head(file: &[u8]) -> &[u8] {
    &file[..file.len().min(HEAD_BYTES)]
}

fn contains(text: &[u8], wanted: &str) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted.as_bytes())
}

fn is_own(file: &[u8]) -> bool {
    contains(head(file), own::FORMAT)
}

fn is_microsoft(file: &[u8]) -> bool {
    let head = head(file);
    let is_json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    is_json
        && ["\"displayName\"", "\"dueDateTime\"", "\"importance\"", "graph.microsoft.com"]
            .iter()
            .any(|word| contains(head, word))
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod hostile;
