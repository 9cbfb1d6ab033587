//! Tables in CSV: columns by name, any of the usual separators, and the line of each row.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, StringRecordsIntoIter, Trim};

use super::Refusal;
use crate::error::Violation;

// Rows before the header, which TickTick writes.
const PREAMBLE_MAX: usize = 20;

/// Of a table.
pub const COLUMNS_MAX: usize = 1_000;

pub struct Table<'a> {
    file: &'a [u8],
    columns: HashMap<String, usize>,
    rows: StringRecordsIntoIter<&'a [u8]>,
}

pub struct Row<'t> {
    pub line: usize,
    columns: &'t HashMap<String, usize>,
    record: StringRecord,
}

impl<'a> Table<'a> {
    /// The table whose header has all of these columns, whatever their case.
    pub fn read(file: &'a [u8], required: &[&str]) -> Result<Self, Refusal> {
        let separator = separator(file);
        assert_few_columns(file, separator)?;
        let mut reader = ReaderBuilder::new();
        reader.has_headers(false).flexible(true).trim(Trim::None).delimiter(separator);
        let mut rows = reader.from_reader(file).into_records();
        for _ in 0..PREAMBLE_MAX {
            let Some(row) = rows.next() else { break };
            let row = row.map_err(|error| malformed(&error))?;
            let columns: HashMap<String, usize> =
                row.iter().enumerate().map(|(index, name)| (key(name), index)).collect();
            if required.iter().all(|name| columns.contains_key(&key(name))) {
                return Ok(Self { file, columns, rows });
            }
        }
        let detail = format!("The table has no header with the columns {}.", required.join(", "));
        Err(Violation::of_whole("malformed", detail).into())
    }

    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(&key(name))
    }

    /// The next row that is not blank.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Refusal> {
        for row in self.rows.by_ref() {
            let record = row.map_err(|error| malformed(&error))?;
            if record.iter().any(|cell| !cell.trim().is_empty()) {
                let line = record.position().map_or(0, |position| line_of(self.file, position));
                return Ok(Some(Row { line, columns: &self.columns, record }));
            }
        }
        Ok(None)
    }
}

impl Row<'_> {
    /// Empty if there is no such column.
    pub fn get(&self, name: &str) -> &str {
        self.columns.get(&key(name)).and_then(|index| self.record.get(*index)).unwrap_or_default().trim()
    }

    /// The first of these columns that is not empty.
    pub fn first(&self, names: &[&str]) -> &str {
        names.iter().map(|name| self.get(name)).find(|cell| !cell.is_empty()).unwrap_or_default()
    }
}

/// A row is read as a whole, and each of its cells takes as much memory as eight bytes of text.
fn assert_few_columns(file: &[u8], separator: u8) -> Result<(), Refusal> {
    let (mut columns, mut line, mut is_quoted, mut before) = (0, 1, false, b'\n');
    // Whether the byte before ended a quotation, which another quote goes on with.
    let mut is_closed = false;
    for byte in file {
        let begins = before == separator || before == b'\n' || before == b'\r';
        let is_turn = *byte == b'"' && (is_quoted || begins || is_closed);
        is_closed = is_turn && is_quoted;
        is_quoted ^= is_turn;
        match byte {
            b'\n' if !is_quoted => columns = 0,
            byte if *byte == separator && !is_quoted => columns += 1,
            _ => {}
        }
        if columns >= COLUMNS_MAX {
            let detail = format!("Line {line}: A table can have at most {COLUMNS_MAX} columns.");
            return Err(Violation::of_whole("too_many", detail).into());
        }
        line += usize::from(*byte == b'\n');
        before = *byte;
    }
    Ok(())
}

fn line_of(file: &[u8], position: &csv::Position) -> usize {
    // After CRLF, the reader begins a row at the LF.
    let start = usize::try_from(position.byte()).ok().and_then(|byte| file.get(byte));
    usize::try_from(position.line()).unwrap_or(0) + usize::from(start == Some(&b'\n'))
}

fn key(name: &str) -> String {
    name.trim().trim_start_matches('\u{feff}').to_lowercase()
}

/// The most frequent of the usual separators in the first line.
pub fn separator(file: &[u8]) -> u8 {
    let line = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| line.split(|byte| *byte == wanted).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|separator| count(*separator)).unwrap_or(b',')
}

fn malformed(error: &csv::Error) -> Refusal {
    let line = error.position().map_or(0, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8. Save the table as UTF-8".to_owned(),
        _ => error.to_string(),
    };
    Violation::of_whole("malformed", format!("Line {line} cannot be read: {why}.")).into()
}
