//! A stream that tells its connection what arrives, completes the responses of the parser, and closes in a way that lets
//! the client read its last response.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;
use super::parser_response;

/// How long, and for how many bytes, a connection goes on reading after its last response. If it closed with unread bytes,
/// the kernel would reset it, and the client could lose the response (RFC 9112 §9.6).
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
pub const LINGER_BYTES: usize = 8 * 1024 * 1024;

// No method of HTTP/1.1 begins like the preface of HTTP/2 (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI";

pub struct ObservedStream<T> {
    stream: T,
    activity: Arc<Activity>,
    first_bytes: Vec<u8>,
    /// What is written in place of the last response of the parser.
    replacement: Bytes,
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<T> ObservedStream<T> {
    pub fn new(stream: T, activity: Arc<Activity>) -> Self {
        Self { stream, activity, first_bytes: Vec::new(), replacement: Bytes::new(), lingering: None }
    }

    fn note(&mut self, arrived: &[u8]) {
        let missing = HTTP2_PREFACE.len() - self.first_bytes.len();
        if missing > 0 {
            self.first_bytes.extend(arrived.iter().take(missing));
            if self.first_bytes == HTTP2_PREFACE {
                self.activity.note_http2();
            }
        }
        self.activity.note_arrival();
    }
}

impl<T: AsyncWrite + Unpin> ObservedStream<T> {
    /// Writes the replacement of `bytes`, if there is one, and returns their length when it has been written.
    fn poll_replace(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Option<Result<usize>>> {
        if self.replacement.is_empty() {
            // Only between two requests, because the parser fails before a request begins.
            let replacement = self.activity.is_idle().then(|| parser_response::with_problem(bytes)).flatten();
            let Some(replacement) = replacement else { return Poll::Ready(None) };
            self.replacement = replacement;
            self.activity.linger();
        }
        while !self.replacement.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, &self.replacement)) {
                Ok(written) => drop(self.replacement.split_to(written)),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        Poll::Ready(Some(Ok(bytes.len())))
    }
}

impl<T: AsyncRead + Unpin> ObservedStream<T> {
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (until, left) =
            self.lingering.get_or_insert_with(|| (Box::pin(sleep(LINGER_TIMEOUT)), LINGER_BYTES));
        let mut scratch = [0; 4096];
        while *left > 0 && until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => *left = left.saturating_sub(buffer.filled().len()),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ObservedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.note(&buffer.filled()[before..]);
        }
        polled
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ObservedStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        if let Some(replaced) = ready!(self.poll_replace(context, bytes)) {
            return Poll::Ready(replaced);
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.activity.lingers() {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if let [only] = slices
            && let Some(replaced) = ready!(self.poll_replace(context, only))
        {
            return Poll::Ready(replaced);
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
