//! Cookies of pages. Scripts cannot read them, and pages of other sites do not send them.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::http::security_headers::Transport;

#[derive(Debug, Clone, Copy)]
pub struct CookieKind {
    name: &'static str,
    /// For requests without TLS. The prefix `__Host-` of the others requires `/` (RFC 6265bis §4.1.3.2).
    path: &'static str,
    /// In seconds. `None`: until the browser is closed.
    max_age: Option<u32>,
}

impl CookieKind {
    pub const fn new(name: &'static str, path: &'static str, max_age: Option<u32>) -> Self {
        Self { name, path, max_age }
    }

    /// The first cookie of this name, which is the one with the longest path (RFC 6265bis §5.8.3).
    pub fn read(self, headers: &HeaderMap, transport: Transport) -> Option<&str> {
        let full_name = self.full_name(transport);
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == full_name).map(|(_, value)| value)
    }

    /// `value` must consist of letters, digits and `-_.`.
    pub fn set(self, value: &str, transport: Transport) -> Option<HeaderValue> {
        self.header(value, self.max_age, transport)
    }

    /// As [`CookieKind::set`], for this many seconds.
    pub fn set_for(self, seconds: u32, value: &str, transport: Transport) -> Option<HeaderValue> {
        self.header(value, Some(seconds), transport)
    }

    pub fn clear(self, transport: Transport) -> Option<HeaderValue> {
        self.header("", Some(0), transport)
    }

    fn header(self, value: &str, max_age: Option<u32>, transport: Transport) -> Option<HeaderValue> {
        let (name, lifetime) = (
            self.full_name(transport),
            max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default(),
        );
        let scope = match transport {
            Transport::Plain => format!("Path={}", self.path),
            Transport::Tls => "Path=/; Secure".to_owned(),
        };
        HeaderValue::from_str(&format!("{name}={value}; {scope}; HttpOnly; SameSite=Strict{lifetime}")).ok()
    }

    fn full_name(self, transport: Transport) -> String {
        match transport {
            Transport::Plain => self.name.to_owned(),
            // Neither another host of the domain nor a page without TLS can set such a cookie.
            Transport::Tls => format!("__Host-{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: CookieKind = CookieKind::new("todo_x", "/admin", None);

    #[test]
    fn cookies_are_strict_and_bound_to_the_host_over_tls() {
        let text = |header: Option<HeaderValue>| header.unwrap().to_str().unwrap().to_owned();
        let plain = "todo_x=a.b; Path=/admin; HttpOnly; SameSite=Strict";
        assert_eq!(text(KIND.set("a.b", Transport::Plain)), plain);
        let tls = "__Host-todo_x=a.b; Path=/; Secure; HttpOnly; SameSite=Strict";
        assert_eq!(text(KIND.set("a.b", Transport::Tls)), tls);
        let cleared = "todo_x=; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=0";
        assert_eq!(text(KIND.clear(Transport::Plain)), cleared);
    }

    #[test]
    fn a_cookie_of_another_name_is_not_read() {
        let headers = HeaderMap::from_iter([(
            COOKIE,
            "a=1; todo_x=first; todo_x=second; __Host-todo_x=3".parse().unwrap(),
        )]);
        assert_eq!(KIND.read(&headers, Transport::Plain), Some("first"));
        assert_eq!(KIND.read(&headers, Transport::Tls), Some("3"));
        let headers = HeaderMap::from_iter([(COOKIE, "xtodo_x=1; todo_x2=2; todo_x".parse().unwrap())]);
        assert_eq!(KIND.read(&headers, Transport::Plain), None);
    }
}
