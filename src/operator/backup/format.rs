//! The file format of a backup, version 1. Readers and writers hold at most one document in memory.
//!
//! ```text
//! 8 bytes    the text "todo-api"
//! 1 byte     the version, 1
//! ...        one zstd frame (RFC 8878), which contains
//!            records: a letter and a BSON document (bsonspec.org), which starts with its own length:
//!              H {"version": "0.1.0", "at": date}           first: the version of todo-api, and the time of the backup
//!              C {"name": "todos"}                          start of a collection
//!              D {...}                                      one document of the collection, byte for byte as stored
//!              E {"collections": 9, "documents": 100000}    last: the number of C and D records (64 bits)
//! 32 bytes   SHA-256 of all bytes before
//! ```
//!
//! The digest covers the compressed bytes, because some bits of a compressed stream do not affect the decompressed
//! content, and a digest of the content would not detect changes of these bits.
//!
//! **Invariant:** [`Record::End`] is returned only if the counts and the digest are correct and nothing follows. Until
//! then, a caller must treat everything that it has read as unverified.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use bson::{DateTime, RawDocument, RawDocumentBuf, rawdoc};
use indicatif::HumanBytes;

use super::hashing::Hashing;
use crate::error::OperatorError;

const MAGIC: &[u8; 8] = b"todo-api";
const VERSION: u8 = 1;
// The 16 MiB that clients may store, and the 16 KiB that MongoDB allows in addition for internal use.
const DOCUMENT_MAX: usize = 16 * 1024 * 1024 + 16 * 1024;
// The length and the terminating zero of an empty document (bsonspec.org).
const DOCUMENT_MIN: usize = 5;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    pub collections: i64,
    pub documents: i64,
    /// The total length of the documents before compression. Not part of the file.
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub version: String,
    pub at: DateTime,
}

#[derive(Debug, PartialEq)]
pub enum Record {
    Collection(String),
    Document(RawDocumentBuf),
    /// The backup is complete and correct.
    End(Summary),
}

#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("is not a backup of todo-api")]
    NotABackup,
    #[error("has format version {0}, but this todo-api reads only version {VERSION}")]
    UnsupportedVersion(u8),
    #[error("is truncated: the end is missing")]
    Truncated,
    #[error("is corrupted: its content has changed since it was written")]
    Corrupted,
    #[error("expands to more than {}, which is the limit; if the backup is that large, raise `--max-size`", HumanBytes(*.0))]
    TooLarge(u64),
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

impl FormatError {
    pub fn of(&self, name: &str) -> OperatorError {
        OperatorError(format!("{name} {self}"))
    }
}

impl From<io::Error> for FormatError {
    fn from(error: io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::UnexpectedEof, _) => Self::Truncated,
            (_, Some(_)) => Self::Unreadable(error),
            // An error without an OS code comes from zstd: the compressed data is invalid.
            _ => Self::Corrupted,
        }
    }
}

pub struct Writer<W: Write> {
    out: zstd::Encoder<'static, Hashing<W>>,
    summary: Summary,
}

impl<W: Write> Writer<W> {
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        let mut out = Hashing::new(out);
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION])?;
        let out = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        let mut writer = Self { out, summary: Summary::default() };
        writer.record(b'H', &rawdoc! { "version": header.version.as_str(), "at": header.at })?;
        Ok(writer)
    }

    pub fn collection(&mut self, name: &str) -> io::Result<()> {
        self.summary.collections += 1;
        self.record(b'C', &rawdoc! { "name": name })
    }

    pub fn document(&mut self, document: &RawDocument) -> io::Result<()> {
        self.summary.documents += 1;
        self.summary.bytes += document.as_bytes().len() as u64;
        self.record(b'D', document)
    }

    pub fn finish(mut self) -> io::Result<(W, Summary)> {
        let Summary { collections, documents, .. } = self.summary;
        self.record(b'E', &rawdoc! { "collections": collections, "documents": documents })?;
        let Hashing { inner: mut out, digest } = self.out.finish()?;
        out.write_all(digest.finish().as_ref())?;
        Ok((out, self.summary))
    }

    fn record(&mut self, kind: u8, document: &RawDocument) -> io::Result<()> {
        self.out.write_all(&[kind])?;
        self.out.write_all(document.as_bytes())
    }
}

pub struct Reader<R: BufRead> {
    input: zstd::Decoder<'static, Hashing<R>>,
    summary: Summary,
    header: Header,
    /// How many more bytes the records may have, after decompression.
    remaining: u64,
    max_bytes: u64,
}

impl<R: BufRead> Reader<R> {
    /// Fails with [`FormatError::TooLarge`] at the record that passes `max_bytes`.
    pub fn open(input: R, max_bytes: u64) -> Result<Self, FormatError> {
        let mut input = Hashing::new(input);
        let mut start = [0; MAGIC.len() + 1];
        input.read_exact(&mut start)?;
        match start.split_last() {
            Some((&VERSION, magic)) if magic == MAGIC => {}
            Some((&version, magic)) if magic == MAGIC => {
                return Err(FormatError::UnsupportedVersion(version));
            }
            _ => return Err(FormatError::NotABackup),
        }
        let input = zstd::Decoder::with_buffer(input)?.single_frame();
        let header = Header { version: String::new(), at: DateTime::MIN };
        let mut reader = Self { input, summary: Summary::default(), header, remaining: max_bytes, max_bytes };
        let (b'H', header) = reader.raw_record()? else { return Err(FormatError::Corrupted) };
        let version = header.get_str("version").map_err(|_| FormatError::Corrupted)?.to_owned();
        let at = header.get_datetime("at").map_err(|_| FormatError::Corrupted)?;
        reader.header = Header { version, at };
        Ok(reader)
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record. Must not be called again after [`Record::End`].
    pub fn record(&mut self) -> Result<Record, FormatError> {
        let (kind, document) = self.raw_record()?;
        match kind {
            b'C' => {
                self.summary.collections += 1;
                Ok(Record::Collection(
                    document.get_str("name").map_err(|_| FormatError::Corrupted)?.to_owned(),
                ))
            }
            b'D' if self.summary.collections > 0 => {
                self.summary.documents += 1;
                self.summary.bytes += document.as_bytes().len() as u64;
                Ok(Record::Document(document))
            }
            b'E' => self.end(&document),
            _ => Err(FormatError::Corrupted),
        }
    }

    /// Calls `on_record` before each record.
    pub fn verify(
        mut self,
        mut on_record: impl FnMut() -> Result<(), OperatorError>,
        name: &str,
    ) -> Result<Summary, OperatorError> {
        loop {
            on_record()?;
            if let Record::End(summary) = self.record().map_err(|error| error.of(name))? {
                return Ok(summary);
            }
        }
    }

    fn end(&mut self, recorded: &RawDocument) -> Result<Record, FormatError> {
        let count = |key| recorded.get_i64(key).map_err(|_| FormatError::Corrupted);
        let Summary { collections, documents, .. } = self.summary;
        // No bytes may follow the last record inside the frame. Below, no bytes may follow the digest.
        if (count("collections")?, count("documents")?) != (collections, documents)
            || self.input.read(&mut [0])? != 0
        {
            return Err(FormatError::Corrupted);
        }
        let Hashing { inner, digest } = self.input.get_mut();
        let mut expected = [0; SHA256_OUTPUT_LEN];
        inner.read_exact(&mut expected)?;
        if expected == digest.clone().finish().as_ref() && inner.fill_buf()?.is_empty() {
            return Ok(Record::End(self.summary));
        }
        Err(FormatError::Corrupted)
    }

    fn raw_record(&mut self) -> Result<(u8, RawDocumentBuf), FormatError> {
        let mut start = [0; 5];
        self.input.read_exact(&mut start)?;
        let [kind, length @ ..] = start;
        let bytes = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        // The bytes are not verified yet, so a corrupted length must not lead to a huge allocation.
        if !(DOCUMENT_MIN..=DOCUMENT_MAX).contains(&bytes) {
            return Err(FormatError::Corrupted);
        }
        let size = 1 + bytes as u64;
        self.remaining = self.remaining.checked_sub(size).ok_or(FormatError::TooLarge(self.max_bytes))?;
        let mut document = vec![0; bytes];
        let (head, rest) = document.split_at_mut(length.len());
        head.copy_from_slice(&length);
        self.input.read_exact(rest)?;
        Ok((kind, RawDocumentBuf::from_bytes(document).map_err(|_| FormatError::Corrupted)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { version: "1.2.3".to_owned(), at: DateTime::from_millis(1_000) }
    }

    fn backup() -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
        writer.collection("todos").unwrap();
        for number in 0..20 {
            writer.document(&rawdoc! { "_id": number, "name": "milk" }).unwrap();
        }
        writer.collection("lists").unwrap();
        let (bytes, summary) = writer.finish().unwrap();
        assert_eq!((summary.collections, summary.documents), (2, 20));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<Record>), FormatError> {
        let mut reader = Reader::open(bytes, u64::MAX)?;
        let mut records = Vec::new();
        loop {
            let record = reader.record()?;
            let is_end = matches!(record, Record::End(_));
            records.push(record);
            if is_end {
                return Ok((reader.header().clone(), records));
            }
        }
    }

    #[test]
    fn a_written_backup_is_read_back() {
        let (read_header, records) = read(&backup()).unwrap();
        assert_eq!(read_header, header());
        assert_eq!(records.len(), 23);
        assert_eq!(records[0], Record::Collection("todos".to_owned()));
        assert_eq!(records[20], Record::Document(rawdoc! { "_id": 19, "name": "milk" }));
        assert_eq!(records[21], Record::Collection("lists".to_owned()));
        assert!(matches!(records[22], Record::End(Summary { collections: 2, documents: 20, bytes: 1.. })));
    }

    #[test]
    fn a_backup_truncated_anywhere_is_refused() {
        let bytes = backup();
        for length in 0..bytes.len() {
            let result = read(&bytes[..length]);
            assert!(matches!(result, Err(FormatError::Truncated)), "{length}: {result:?}");
        }
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let bytes = backup();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
        assert!(read(&bytes).is_ok());
    }

    #[test]
    fn every_missing_byte_is_detected() {
        let bytes = backup();
        for at in 0..bytes.len() {
            let mut shorter = bytes.clone();
            shorter.remove(at);
            assert!(read(&shorter).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_digest_covers_the_bytes_of_the_file() {
        let bytes = backup();
        let (before, digest) = bytes.split_at(bytes.len() - SHA256_OUTPUT_LEN);
        assert_eq!(digest, aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, before).as_ref());
    }

    #[test]
    fn a_backup_with_trailing_bytes_is_refused() {
        for more in [&b"x"[..], &backup()] {
            assert!(matches!(read(&[&backup(), more].concat()), Err(FormatError::Corrupted)));
        }
    }

    #[test]
    fn other_files_and_later_format_versions_are_distinguished() {
        let mut later = backup();
        later[8] = 2;
        assert!(matches!(read(&later), Err(FormatError::UnsupportedVersion(2))));
        assert!(matches!(read(b"PK\x03\x04 an archive of another kind"), Err(FormatError::NotABackup)));
    }

    #[test]
    fn a_backup_that_expands_to_more_than_the_limit_is_refused_before_its_end() {
        let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
        writer.collection("todos").unwrap();
        for number in 0..1_000 {
            writer.document(&rawdoc! { "_id": number, "name": "x".repeat(1_000) }).unwrap();
        }
        let (bytes, Summary { bytes: expanded, .. }) = writer.finish().unwrap();
        assert!((bytes.len() as u64) < expanded / 50);
        let records = |max| {
            let mut reader = Reader::open(&*bytes, max).unwrap();
            let mut records = 0;
            loop {
                match reader.record() {
                    Ok(Record::End(_)) => return (records, true),
                    Ok(_) => records += 1,
                    Err(FormatError::TooLarge(limit)) => return (records, limit != max),
                    Err(other) => panic!("{other}"),
                }
            }
        };
        assert_eq!(records(2 * expanded), (1_001, true));
        let (read, is_end) = records(expanded / 2);
        assert!((400..=500).contains(&read) && !is_end, "{read}");
        assert!(matches!(Reader::open(&*bytes, 10), Err(FormatError::TooLarge(10))));
    }

    #[test]
    fn an_impossible_document_length_is_refused() {
        for length in [-1_i32, 0, 4, i32::MAX] {
            let mut out = zstd::Encoder::new([MAGIC.as_slice(), &[VERSION]].concat(), 1).unwrap();
            out.write_all(b"H").unwrap();
            out.write_all(&length.to_le_bytes()).unwrap();
            assert!(matches!(read(&out.finish().unwrap()), Err(FormatError::Corrupted)), "{length}");
        }
    }
}
