//! Where people reach the service, if a proxy in front of it adds a path.
//!
//! The proxy removes the path from requests, and the service adds it to the addresses in its responses, and to the paths of
//! cookies. Cookies with the prefix `__Host-` belong to the whole host (RFC 6265bis §4.1.3.2), so their names say to which path.

use std::fmt::Write as _;
use std::str::FromStr;

use axum::http::header::{COOKIE, LINK, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::crypto::sha256::sha256;

/// Without a `/` at the end. Empty if the operator has not set it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicUrl {
    url: String,
    path: String,
    /// What the names of cookies with the prefix `__Host-` end with.
    mark: String,
}

const HOST_PREFIX: &str = "__Host-";
const MARK_BYTES: usize = 6;

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be of the form `https://example.org` or `https://example.org/todo`";
        let text = text.trim().trim_end_matches('/');
        if text.is_empty() {
            return Ok(Self::default());
        }
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let authority = uri.authority().ok_or(FORM)?.as_str();
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_web || authority.contains('@') || uri.query().is_some() || text.contains('#') {
            return Err(FORM);
        }
        let path = uri.path().trim_end_matches('/');
        if path.contains("//") || path.split('/').any(|part| part == "." || part == "..") {
            return Err(FORM);
        }
        Ok(Self { url: text.to_owned(), path: path.to_owned(), mark: mark_of(path) })
    }
}

impl PublicUrl {
    /// For `servers` of the API document: `/` if the operator has not set the URL.
    pub fn server(&self) -> &str {
        if self.url.is_empty() { "/" } else { &self.url }
    }

    /// Empty without a proxy that adds one.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Gives the cookies of a request the names that the service knows, and removes those of services below other paths.
    pub fn accept(&self, headers: &mut HeaderMap) {
        if self.path.is_empty() || !headers.contains_key(COOKIE) {
            return;
        }
        let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).map(str::trim).filter_map(|pair| {
            match pair.split_once('=').filter(|(name, _)| name.starts_with(HOST_PREFIX)) {
                Some((name, value)) => Some(format!("{}={value}", name.strip_suffix(&self.mark)?)),
                None => Some(pair.to_owned()),
            }
        });
        let cookies = HeaderValue::try_from(pairs.collect::<Vec<_>>().join("; "));
        match cookies {
            Ok(cookies) => headers.insert(COOKIE, cookies),
            Err(_) => headers.remove(COOKIE),
        };
    }

    /// Adds the path to the addresses in the headers of a response.
    pub fn correct(&self, headers: &mut HeaderMap) {
        if self.path.is_empty() {
            return;
        }
        self.insert_path(headers, LOCATION, "/");
        self.insert_path(headers, LINK, "</");
        for (name, value) in headers.iter_mut() {
            if name == SET_COOKIE
                && let Some(corrected) = self.cookie(value)
            {
                *value = corrected;
            }
        }
    }

    /// Otherwise the browser would not send the cookie with requests below the path, or would send it to other services too.
    fn cookie(&self, cookie: &HeaderValue) -> Option<HeaderValue> {
        let cookie = cookie.to_str().ok()?;
        if cookie.starts_with(HOST_PREFIX) {
            let (name, rest) = cookie.split_once('=')?;
            return HeaderValue::try_from(format!("{name}{}={rest}", self.mark)).ok();
        }
        let (start, rest) = cookie.split_once("; Path=/")?;
        let is_narrow = !rest.is_empty() && !rest.starts_with(';');
        is_narrow.then(|| HeaderValue::try_from(format!("{start}; Path={}/{rest}", self.path)).ok())?
    }

    fn insert_path(&self, headers: &mut HeaderMap, name: HeaderName, start: &str) {
        let Some(value) = headers.get(&name).and_then(|value| value.to_str().ok()) else { return };
        // Other addresses are relative to the request, or complete.
        let Some(rest) = value.strip_prefix(start).filter(|rest| !rest.starts_with('/')) else { return };
        let corrected = format!("{}{}/{rest}", &start[..start.len() - 1], self.path);
        if let Ok(value) = HeaderValue::try_from(corrected) {
            headers.insert(name, value);
        }
    }
}

fn mark_of(path: &str) -> String {
    if path.is_empty() {
        return String::new();
    }
    sha256(path.as_bytes()).iter().take(MARK_BYTES).fold("-".to_owned(), |mut mark, byte| {
        let _ = write!(mark, "{byte:02x}");
        mark
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corrected(url: &str, name: &HeaderName, value: &str) -> String {
        let mut headers = HeaderMap::from_iter([(name.clone(), HeaderValue::try_from(value).unwrap())]);
        url.parse::<PublicUrl>().unwrap().correct(&mut headers);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn addresses_in_headers_get_the_path_of_the_proxy() {
        let below = "https://example.org/a/todo/";
        assert_eq!(corrected(below, &LOCATION, "/v1/user"), "/a/todo/v1/user");
        assert_eq!(
            corrected(below, &LINK, "</v1/todos?cursor=x>; rel=\"next\""),
            "</a/todo/v1/todos?cursor=x>; rel=\"next\""
        );
        let cookie = |value| corrected(below, &SET_COOKIE, value);
        assert_eq!(cookie("a=b; Path=/web; HttpOnly"), "a=b; Path=/a/todo/web; HttpOnly");
        for other in ["docs/", "https://other.example/x", "//other.example/x"] {
            assert_eq!(corrected(below, &LOCATION, other), other);
        }
        for url in ["", "https://example.org", "http://localhost:8000/"] {
            assert_eq!(corrected(url, &LOCATION, "/v1/user"), "/v1/user");
        }
    }

    #[test]
    fn services_below_two_paths_of_a_host_do_not_share_cookies() {
        let [one, other, root] =
            ["https://example.org/one", "https://example.org/other", "https://example.org"];
        let set = "__Host-a=b=c; Path=/; Secure";
        let cookies = [one, other, root].map(|url| corrected(url, &SET_COOKIE, set));
        assert!(cookies.iter().all(|cookie| cookie.ends_with("=b=c; Path=/; Secure")), "{cookies:?}");
        let names = cookies.each_ref().map(|cookie| cookie.split_once('=').unwrap().0);
        assert!(names[0] != names[1] && names[1] != names[2] && names[2] == "__Host-a", "{names:?}");
        let request = format!("x=1; {}=one; __Host-a=root; {}=other", names[0], names[1]);
        let accepted = |url: &str| {
            let mut headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(&request).unwrap())]);
            url.parse::<PublicUrl>().unwrap().accept(&mut headers);
            headers[COOKIE].to_str().unwrap().to_owned()
        };
        assert_eq!(accepted(one), "x=1; __Host-a=one");
        assert_eq!(accepted(other), "x=1; __Host-a=other");
        assert_eq!(accepted(root), request);
    }

    #[test]
    fn only_addresses_of_the_web_are_accepted() {
        assert_eq!(
            "https://example.org/todo/".parse::<PublicUrl>().unwrap().server(),
            "https://example.org/todo"
        );
        assert_eq!("".parse::<PublicUrl>().unwrap().server(), "/");
        for wrong in [
            "example.org",
            "/todo",
            "ftp://example.org",
            "https://",
            "https://a@b",
            "https://a/?x",
            "https://a/#x",
            "https://a//b",
            "https://a/../b",
            "x y",
        ] {
            assert!(wrong.parse::<PublicUrl>().is_err(), "{wrong}");
        }
    }
}
