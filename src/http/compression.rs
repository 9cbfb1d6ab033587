//! Compresses responses as `Accept-Encoding` allows (RFC 9110 §12.5.3).
//!
//! **Invariant:** never compresses a stream, because a compressor holds events back. Versions stay the same, so that
//! clients can send the `ETag` of a compressed response in a precondition.

use axum::body::HttpBody;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::Predicate;

/// Shorter responses fit into one packet anyway. In bytes.
pub const COMPRESSED_FROM: u64 = 1_024;

const LEVEL: i32 = 1;

pub fn layer() -> CompressionLayer<Worthwhile> {
    CompressionLayer::new().quality(CompressionLevel::Precise(LEVEL)).compress_when(Worthwhile)
}

#[derive(Clone, Copy)]
pub struct Worthwhile;

impl Predicate for Worthwhile {
    fn should_compress<B: HttpBody>(&self, response: &Response<B>) -> bool {
        // A body without a known size is a stream.
        let is_long = response.body().size_hint().exact().is_some_and(|size| size >= COMPRESSED_FROM);
        is_long && response.headers().get(CONTENT_TYPE).is_some_and(is_text)
    }
}

fn is_text(media_type: &HeaderValue) -> bool {
    let media_type = media_type.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let is_structured = ["json", "xml", "javascript"].iter().any(|suffix| media_type.ends_with(suffix));
    media_type.starts_with("text/") || is_structured
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::stream;

    use super::*;

    fn is_compressed(media_type: &str, body: Body) -> bool {
        Worthwhile.should_compress(&Response::builder().header(CONTENT_TYPE, media_type).body(body).unwrap())
    }

    #[test]
    fn only_long_texts_of_known_size_are_compressed() {
        let long = || Body::from("x".repeat(1_024));
        for text in
            ["application/json", "application/problem+json", "text/html; charset=utf-8", "image/svg+xml"]
        {
            assert!(is_compressed(text, long()), "{text}");
        }
        assert!(!is_compressed("application/json", "x".repeat(1_023).into()));
        assert!(!is_compressed("image/png", long()));
        let parts = [Ok::<_, std::io::Error>("x".repeat(5_000))];
        assert!(!is_compressed("text/event-stream", Body::from_stream(stream::iter(parts))));
    }
}
