//! The container of a backup, version 1. Must not hold more than one document in memory.
//!
//! ```text
//! 8 bytes    the text "todo-api"
//! 1 byte     the version, 1
//! ...        one zstd frame (RFC 8878), in which there are
//!            records, each a letter and a BSON document (bsonspec.org), which says its own length:
//!              H {"version": "0.1.0", "at": date}           the first: which todo-api made it, and when
//!              C {"name": "todos"}                          a collection begins
//!              D {...}                                      one of its documents, byte for byte as it is stored
//!              E {"collections": 9, "documents": 100000}    the last: how many C and D there were (64 bits)
//! 32 bytes   SHA-256 of all bytes before
//! ```
//!
//! The digest is of the bytes of the file, for in a compressed stream there are bits that change nothing of what it holds. A
//! reader believes nothing before it has seen the end: [`Record::End`] is given out only when everything is right.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use bson::{DateTime, RawDocument, RawDocumentBuf, rawdoc};

use super::hashing::Digested;
use crate::error::OperatorError;

const MAGIC: &[u8; 8] = b"todo-api";
const VERSION: u8 = 1;
/// The longest document: MongoDB's 16 MiB, and what it allows itself on top.
const DOCUMENT_MAX: usize = 16 * 1024 * 1024 + 16 * 1024;
/// The shortest, which is empty.
const DOCUMENT_MIN: usize = 5;

/// What a backup holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// How many collections.
    pub collections: i64,
    /// How many documents.
    pub documents: i64,
    /// The length of the documents, in bytes; not recorded.
    pub bytes: u64,
}

/// Who made a backup, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The version of the service that made it.
    pub version: String,
    /// When it was begun.
    pub at: DateTime,
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub enum Record {
    /// A collection of this name begins.
    Collection(String),
    /// A document of the collection.
    Document(RawDocumentBuf),
    /// That was all, and all of it is right.
    End(Totals),
}

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It does not begin as one.
    #[error("is no backup of todo-api")]
    Foreign,
    /// It is of this version, which is not known here.
    #[error("is of version {0} of the format, and this todo-api reads version {VERSION}")]
    OtherVersion(u8),
    /// The end is missing.
    #[error("is cut off: its end is missing")]
    CutOff,
    /// It is not as it was written.
    #[error("is damaged: it is not as it was written")]
    Damaged,
    /// The operating system cannot read it.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

impl Broken {
    /// The sentence about the file of this name.
    #[must_use]
    pub fn of(&self, name: &str) -> OperatorError {
        OperatorError(format!("{name} {self}"))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::UnexpectedEof, _) => Self::CutOff,
            (_, Some(_)) => Self::Unreadable(error),
            // From the decompression.
            _ => Self::Damaged,
        }
    }
}

/// Writes a backup as it comes.
pub struct Writer<W: Write> {
    out: zstd::Encoder<'static, Digested<W>>,
    totals: Totals,
}

impl<W: Write> Writer<W> {
    /// Begins.
    ///
    /// # Errors
    /// Those of `out`, here and in the other functions.
    pub fn begin(out: W, header: &Header) -> io::Result<Self> {
        let mut out = Digested::new(out);
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION])?;
        let out = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        let mut writer = Self { out, totals: Totals::default() };
        writer.record(b'H', &rawdoc! { "version": header.version.as_str(), "at": header.at })?;
        Ok(writer)
    }

    /// Begins a collection.
    ///
    /// # Errors
    /// See [`Writer::begin`].
    pub fn collection(&mut self, name: &str) -> io::Result<()> {
        self.totals.collections += 1;
        self.record(b'C', &rawdoc! { "name": name })
    }

    /// Adds a document of the collection.
    ///
    /// # Errors
    /// See [`Writer::begin`].
    pub fn document(&mut self, document: &RawDocument) -> io::Result<()> {
        self.totals.documents += 1;
        self.totals.bytes += document.as_bytes().len() as u64;
        self.record(b'D', document)
    }

    /// Ends, and gives back where it was written to.
    ///
    /// # Errors
    /// See [`Writer::begin`].
    pub fn finish(mut self) -> io::Result<(W, Totals)> {
        let Totals { collections, documents, .. } = self.totals;
        self.record(b'E', &rawdoc! { "collections": collections, "documents": documents })?;
        let Digested { inner: mut out, digest } = self.out.finish()?;
        out.write_all(digest.finish().as_ref())?;
        Ok((out, self.totals))
    }

    fn record(&mut self, kind: u8, document: &RawDocument) -> io::Result<()> {
        self.out.write_all(&[kind])?;
        self.out.write_all(document.as_bytes())
    }
}

/// Reads a backup as it comes.
pub struct Reader<R: BufRead> {
    input: zstd::Decoder<'static, Digested<R>>,
    totals: Totals,
    header: Header,
}

impl<R: BufRead> Reader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// [`Broken`], here and in the other functions.
    pub fn open(input: R) -> Result<Self, Broken> {
        let mut input = Digested::new(input);
        let mut start = [0; MAGIC.len() + 1];
        input.read_exact(&mut start)?;
        match start.split_last() {
            Some((&VERSION, magic)) if magic == MAGIC => {}
            Some((&version, magic)) if magic == MAGIC => return Err(Broken::OtherVersion(version)),
            _ => return Err(Broken::Foreign),
        }
        let input = zstd::Decoder::with_buffer(input)?.single_frame();
        let header = Header { version: String::new(), at: DateTime::MIN };
        let mut reader = Self { input, totals: Totals::default(), header };
        let (b'H', header) = reader.raw_record()? else { return Err(Broken::Damaged) };
        let version = header.get_str("version").map_err(|_| Broken::Damaged)?.to_owned();
        let at = header.get_datetime("at").map_err(|_| Broken::Damaged)?;
        reader.header = Header { version, at };
        Ok(reader)
    }

    /// Who made it, and when.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record. Nothing may be asked for behind the end.
    ///
    /// # Errors
    /// See [`Reader::open`].
    pub fn record(&mut self) -> Result<Record, Broken> {
        let (kind, document) = self.raw_record()?;
        match kind {
            b'C' => {
                self.totals.collections += 1;
                Ok(Record::Collection(document.get_str("name").map_err(|_| Broken::Damaged)?.to_owned()))
            }
            b'D' if self.totals.collections > 0 => {
                self.totals.documents += 1;
                self.totals.bytes += document.as_bytes().len() as u64;
                Ok(Record::Document(document))
            }
            b'E' => self.end(&document),
            _ => Err(Broken::Damaged),
        }
    }

    /// Reads everything that is left, and says what it was.
    ///
    /// # Errors
    /// See [`Reader::open`].
    pub fn check(
        mut self,
        mut each: impl FnMut() -> Result<(), OperatorError>,
        name: &str,
    ) -> Result<Totals, OperatorError> {
        loop {
            each()?;
            if let Record::End(totals) = self.record().map_err(|broken| broken.of(name))? {
                return Ok(totals);
            }
        }
    }

    fn end(&mut self, said: &RawDocument) -> Result<Record, Broken> {
        let counted = |key| said.get_i64(key).map_err(|_| Broken::Damaged);
        let Totals { collections, documents, .. } = self.totals;
        // Nothing may follow, inside the frame or behind the digest.
        if (counted("collections")?, counted("documents")?) != (collections, documents)
            || self.input.read(&mut [0])? != 0
        {
            return Err(Broken::Damaged);
        }
        let Digested { inner, digest } = self.input.get_mut();
        let mut written = [0; SHA256_OUTPUT_LEN];
        inner.read_exact(&mut written)?;
        if written == digest.clone().finish().as_ref() && inner.fill_buf()?.is_empty() {
            return Ok(Record::End(self.totals));
        }
        Err(Broken::Damaged)
    }

    fn raw_record(&mut self) -> Result<(u8, RawDocumentBuf), Broken> {
        let mut start = [0; 5];
        self.input.read_exact(&mut start)?;
        let [kind, length @ ..] = start;
        let bytes = usize::try_from(i32::from_le_bytes(length)).unwrap_or(0);
        if !(DOCUMENT_MIN..=DOCUMENT_MAX).contains(&bytes) {
            return Err(Broken::Damaged);
        }
        let mut document = vec![0; bytes];
        let (head, rest) = document.split_at_mut(length.len());
        head.copy_from_slice(&length);
        self.input.read_exact(rest)?;
        Ok((kind, RawDocumentBuf::from_bytes(document).map_err(|_| Broken::Damaged)?))
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
        let (bytes, totals) = writer.finish().unwrap();
        assert_eq!((totals.collections, totals.documents), (2, 20));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<Record>), Broken> {
        let mut reader = Reader::open(bytes)?;
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
    fn what_was_written_is_read() {
        let (read_header, records) = read(&backup()).unwrap();
        assert_eq!(read_header, header());
        assert_eq!(records.len(), 23);
        assert_eq!(records[0], Record::Collection("todos".to_owned()));
        assert_eq!(records[20], Record::Document(rawdoc! { "_id": 19, "name": "milk" }));
        assert_eq!(records[21], Record::Collection("lists".to_owned()));
        assert!(matches!(records[22], Record::End(Totals { collections: 2, documents: 20, bytes: 1.. })));
    }

    #[test]
    fn a_backup_that_is_cut_off_anywhere_is_refused() {
        let bytes = backup();
        for length in 0..bytes.len() {
            let broken = read(&bytes[..length]);
            assert!(matches!(broken, Err(Broken::CutOff)), "{length}: {broken:?}");
        }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let bytes = backup();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&flipped).is_err(), "bit {bit}");
        }
        assert!(read(&bytes).is_ok());
    }

    #[test]
    fn every_byte_that_is_missing_is_found() {
        let bytes = backup();
        for at in 0..bytes.len() {
            let mut shorter = bytes.clone();
            shorter.remove(at);
            assert!(read(&shorter).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_digest_is_of_the_bytes_of_the_file() {
        let bytes = backup();
        let (before, digest) = bytes.split_at(bytes.len() - SHA256_OUTPUT_LEN);
        assert_eq!(digest, aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, before).as_ref());
    }

    #[test]
    fn a_backup_that_something_follows_is_refused() {
        for more in [&b"x"[..], &backup()] {
            assert!(matches!(read(&[&backup(), more].concat()), Err(Broken::Damaged)));
        }
    }

    #[test]
    fn what_is_no_backup_and_what_is_a_later_one_are_told_apart() {
        let mut later = backup();
        later[8] = 2;
        assert!(matches!(read(&later), Err(Broken::OtherVersion(2))));
        assert!(matches!(read(b"PK\x03\x04 an archive of another kind"), Err(Broken::Foreign)));
    }

    #[test]
    fn a_length_that_no_document_has_is_refused() {
        for length in [-1_i32, 0, 4, i32::MAX] {
            let mut out = zstd::Encoder::new([MAGIC.as_slice(), &[VERSION]].concat(), 1).unwrap();
            out.write_all(b"H").unwrap();
            out.write_all(&length.to_le_bytes()).unwrap();
            assert!(matches!(read(&out.finish().unwrap()), Err(Broken::Damaged)), "{length}");
        }
    }
}
