//! A reader or writer that computes the SHA-256 digest of the bytes that pass through.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};

pub(super) struct Hashing<T> {
    pub(super) inner: T,
    /// Covers the bytes that were written or consumed, not the bytes that a reader has only buffered.
    pub(super) digest: Context,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, digest: Context::new(&SHA256) }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: BufRead> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Hashing<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // The caller has seen these bytes, so they are buffered and this `fill_buf` does not read.
        if let Ok(buffer) = self.inner.fill_buf() {
            self.digest.update(buffer.get(..count).unwrap_or(buffer));
        }
        self.inner.consume(count);
    }
}
