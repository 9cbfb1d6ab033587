//! Bodies of responses that drop a guard when they have been sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// The body drops `guard` when its last bytes have been written to the connection, or when the connection ends.
pub fn guarded<G: Send + Sync + Unpin + 'static>(body: Body, guard: G) -> Body {
    Body::new(GuardedBody { body, guard: Some(guard) })
}

struct GuardedBody<G> {
    body: Body,
    guard: Option<G>,
}

/// hyper drops the bytes of a body after they have been written, and the body before.
struct LastBytes<G> {
    bytes: Bytes,
    _guard: G,
}

impl<G> AsRef<[u8]> for LastBytes<G> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<G: Send + Sync + Unpin + 'static> HttpBody for GuardedBody<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        // A stream does not know its last bytes in advance, so its guard is dropped with the body.
        if !self.body.is_end_stream() {
            return Poll::Ready(Some(Ok(frame)));
        }
        let guard = self.guard.take();
        Poll::Ready(Some(Ok(frame.map_data(|bytes| match guard {
            Some(guard) => Bytes::from_owner(LastBytes { bytes, _guard: guard }),
            None => bytes,
        }))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn guard_of_complete_bytes_lives_as_long_as_they_do() {
        let guard = Arc::new(());
        let mut body = guarded(Body::from("hello"), guard.clone());
        assert_eq!(body.size_hint().exact(), Some(5));
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        drop(body);
        assert_eq!((&*bytes, Arc::strong_count(&guard)), (&b"hello"[..], 2));
        drop(bytes);
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[tokio::test]
    async fn guard_of_a_stream_lives_as_long_as_the_stream() {
        let guard = Arc::new(());
        let parts = ["a", "b"].map(|part| Ok::<_, axum::Error>(Bytes::from(part)));
        let mut body = guarded(Body::from_stream(stream::iter(parts)), guard.clone());
        drop(body.frame().await);
        assert_eq!(Arc::strong_count(&guard), 2);
        drop(body);
        assert_eq!(Arc::strong_count(&guard), 1);
    }

    #[tokio::test]
    async fn guard_of_a_body_that_is_never_sent_is_dropped() {
        let guard = Arc::new(());
        drop(guarded(Body::from("hello"), guard.clone()));
        assert_eq!(Arc::strong_count(&guard), 1);
    }
}
