//! The responses that hyper sends itself, when it cannot read the head of a request.

use axum::body::Bytes;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderValue};

use super::access_log::{REQUEST_ID, RequestId, log_unread_request};
use super::error_code::ErrorCode;
use super::problem::{PROBLEM_JSON, Problem};
use super::security_headers::{self, Transport};
use crate::error::Error;

// The response of hyper has a status line and two or three short headers.
const BYTES_MAX: usize = 256;

/// The same response with a request id and a problem, if `written` is a response of hyper.
///
/// Every response of this service has a request id, and no text that contains the end of a line can be at the beginning
/// of a JSON document or a page.
pub fn with_problem(written: &[u8]) -> Option<Bytes> {
    if written.len() > BYTES_MAX || !written.starts_with(b"HTTP/1.1 4") || !written.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(written).ok()?;
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let status_line = lines.next()?;
    let status: u16 = status_line.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines.map(|line| line.split_once(':').unwrap_or_default()).collect();
    let has = |name: &str| headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    if has(REQUEST_ID.as_str()) || has(CONTENT_TYPE.as_str()) || !has(CONTENT_LENGTH.as_str()) {
        return None;
    }
    let date = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("date"));
    Some(response(status_line, status, date.map(|(_, date)| date.trim())))
}

fn response(status_line: &str, status: u16, date: Option<&str>) -> Bytes {
    let is_too_large = status == ErrorCode::of(&Error::HeadTooLarge).status.as_u16();
    let malformed = Error::MalformedRequest("the head cannot be read");
    let error = if is_too_large { Error::HeadTooLarge } else { malformed };
    let id = RequestId::random();
    log_unread_request(&id, status);
    let body = serde_json::to_vec(&Problem::new(&error, Some(&id.0))).unwrap_or_default();
    let mut headers = HeaderMap::from_iter([
        (CONTENT_TYPE, PROBLEM_JSON),
        (CONTENT_LENGTH, HeaderValue::from(body.len())),
        (CONNECTION, HeaderValue::from_static("close")),
    ]);
    headers.extend(HeaderValue::from_str(&id.0).ok().map(|id| (REQUEST_ID, id)));
    headers.extend(date.and_then(|date| HeaderValue::from_str(date).ok()).map(|date| (DATE, date)));
    security_headers::insert(&mut headers, Transport::Plain);
    let mut text = format!("{status_line}\r\n").into_bytes();
    for (name, value) in &headers {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    text.extend(body);
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_of_the_parser_gets_an_id_and_a_problem() {
        let sent = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
            date: Fri, 27 Nov 2026 10:00:00 GMT\r\n\r\n";
        let response = with_problem(sent.as_bytes()).unwrap();
        let text = std::str::from_utf8(&response).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 431 Request"), "{head}");
        assert!(head.contains("date: Fri, 27 Nov") && head.contains("x-request-id: "), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&"head_too_large".into(), &431.into()));
        for other in [
            "HTTP/1.1 404 Not Found\r\nx-request-id: x\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 4\r\n\r\n",
            "{}",
        ] {
            assert_eq!(with_problem(other.as_bytes()), None, "{other}");
        }
    }
}
