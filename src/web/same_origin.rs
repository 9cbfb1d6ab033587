//! Refuses writes that a page of another origin sends with the cookies of its visitor.

use axum::http::header::{HOST, ORIGIN, REFERER};
use axum::http::{HeaderMap, HeaderName, Method};

use crate::error::Error;
use crate::http::security_headers::Transport;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Cookies with `SameSite` do not suffice, because pages on other ports of a host are of the same site (RFC 6265bis
/// §5.2). Browsers send `Sec-Fetch-Site` over HTTPS and to localhost, and `Origin` with every other form. Text browsers send
/// only `Referer`, which a page can suppress and cannot choose.
pub fn require_same_origin(method: &Method, headers: &HeaderMap, transport: Transport) -> Result<(), Error> {
    if method.is_safe() {
        return Ok(());
    }
    let is_ours = match only(headers, &SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => only(headers, &HOST).is_some_and(|host| {
            let own = format!("{}://{host}", transport.scheme());
            match (only(headers, &ORIGIN), only(headers, &REFERER)) {
                (Some(origin), _) => origin == own,
                (None, Some(referer)) => referer.strip_prefix(&own).is_some_and(|path| path.starts_with('/')),
                (None, None) => false,
            }
        }),
    };
    if is_ours { Ok(()) } else { Err(Error::Forbidden) }
}

/// The value of a header. A header that occurs twice or that is not text has an empty value, which matches nothing.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().unwrap_or_default();
    Some(if values.next().is_some() { "" } else { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(headers: &[(HeaderName, &str)], transport: Transport) -> bool {
        let mut sent = HeaderMap::from_iter([(HOST, "todo.lan:8000".parse().unwrap())]);
        for (name, value) in headers {
            sent.append(name.clone(), value.parse().unwrap());
        }
        require_same_origin(&Method::POST, &sent, transport).is_ok()
    }

    #[test]
    fn only_forms_of_our_own_pages_are_accepted() {
        let allowed = |headers: &[(HeaderName, &str)]| allowed(headers, Transport::Plain);
        assert!(allowed(&[(SEC_FETCH_SITE, "same-origin")]));
        assert!(allowed(&[(ORIGIN, "http://todo.lan:8000")]));
        for site in ["same-site", "cross-site", "none", "", "same-origin, same-origin"] {
            assert!(!allowed(&[(SEC_FETCH_SITE, site), (ORIGIN, "http://todo.lan:8000")]), "{site}");
        }
        for origin in [
            "null",
            "",
            "http://todo.lan",
            "http://todo.lan:8001",
            "https://todo.lan:8000",
            "http://todo.lan:8000.evil.example",
            "http://evil.example",
            "todo.lan:8000",
        ] {
            assert!(!allowed(&[(ORIGIN, origin)]), "{origin}");
        }
        assert!(!allowed(&[]));
        assert!(!allowed(&[(SEC_FETCH_SITE, "same-origin"), (SEC_FETCH_SITE, "cross-site")]));
        assert!(!allowed(&[(ORIGIN, "http://todo.lan:8000"), (ORIGIN, "http://evil.example")]));
    }

    #[test]
    fn the_address_of_the_page_counts_only_without_an_origin() {
        let allowed = |headers: &[(HeaderName, &str)]| allowed(headers, Transport::Plain);
        let own = (REFERER, "http://todo.lan:8000/admin");
        assert!(allowed(std::slice::from_ref(&own)));
        for referer in [
            "http://todo.lan:8001/admin",
            "http://todo.lan:8000.evil.example/",
            "http://todo.lan:8000@evil.example/",
            "http://todo.lan:8000",
            "https://todo.lan:8000/",
            "http://evil.example/http://todo.lan:8000/",
            "",
        ] {
            assert!(!allowed(&[(REFERER, referer)]), "{referer}");
        }
        assert!(!allowed(&[own.clone(), (ORIGIN, "null")]));
        assert!(!allowed(&[own.clone(), (SEC_FETCH_SITE, "same-site")]));
        assert!(!allowed(&[own.clone(), own]));
    }

    #[test]
    fn the_scheme_is_that_of_the_request() {
        assert!(allowed(&[(ORIGIN, "https://todo.lan:8000")], Transport::Tls));
        assert!(!allowed(&[(ORIGIN, "http://todo.lan:8000")], Transport::Tls));
    }

    #[test]
    fn reading_needs_no_origin() {
        let headers = HeaderMap::from_iter([(SEC_FETCH_SITE, "cross-site".parse().unwrap())]);
        for (method, ok) in
            [(Method::GET, true), (Method::HEAD, true), (Method::POST, false), (Method::DELETE, false)]
        {
            assert_eq!(require_same_origin(&method, &headers, Transport::Tls).is_ok(), ok, "{method}");
        }
    }
}
