//! The digest of what passes, written or read. Must not hold anything back.

use std::io::{self, BufRead, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};

/// Bytes on their way, of which a digest is made.
pub(super) struct Digested<T> {
    /// Where they come from or go to.
    pub(super) inner: T,
    /// Of those that have passed.
    pub(super) digest: Context,
}

impl<T> Digested<T> {
    /// None have passed yet.
    pub(super) fn new(inner: T) -> Self {
        Self { inner, digest: Context::new(&SHA256) }
    }
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: BufRead> Read for Digested<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Digested<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        // What is consumed has been seen, so it is there, and is not read again.
        if let Ok(buffer) = self.inner.fill_buf() {
            self.digest.update(buffer.get(..count).unwrap_or(buffer));
        }
        self.inner.consume(count);
    }
}
