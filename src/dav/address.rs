//! The addresses of the CalDAV resources.

use std::fmt::Write;

use bson::oid::ObjectId;

use crate::mongo::object_id;

/// The collection of the todos without a list.
pub const INBOX: &str = "inbox";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `/`, `/principals/`, `/dav/` and the folders that contain only the folder of a user. Holds the path.
    Folder(&'static str),
    Principal(ObjectId),
    Home(ObjectId),
    List(ObjectId, String),
    Todo(ObjectId, String, String),
}

const FOLDERS: [&str; 5] = ["/", "/principals/", "/dav/", "/dav/principals/", "/dav/lists/"];

impl Address {
    /// Reads a path, with or without `/` at its end. `None` if no resource can have it.
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        if let Some(folder) = FOLDERS.iter().find(|folder| folder.trim_end_matches('/') == path) {
            return Some(Self::Folder(folder));
        }
        let mut parts = path.strip_prefix("/dav/")?.split('/');
        let kind = parts.next()?;
        let user = object_id::parse(parts.next()?)?;
        let parts: Vec<String> = parts.map(decoded).collect::<Option<_>>()?;
        match (kind, parts.as_slice()) {
            ("principals", []) => Some(Self::Principal(user)),
            ("lists", []) => Some(Self::Home(user)),
            ("lists", [list]) => Some(Self::List(user, list.clone())),
            ("lists", [list, name]) => Some(Self::Todo(user, list.clone(), name.clone())),
            _ => None,
        }
    }

    /// Reads an `href` of a body or the header `Destination`: a path or a complete address, below `prefix` or not, because
    /// a proxy can rewrite headers only.
    pub fn of_href(href: &str, prefix: &str) -> Option<Self> {
        let path = match href.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
            None => href,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self::of_path(path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path))
    }

    /// Whose it is. `None` for the folders, which are the same for everybody.
    pub fn user(&self) -> Option<ObjectId> {
        match self {
            Self::Folder(_) => None,
            Self::Principal(user) | Self::Home(user) | Self::List(user, _) | Self::Todo(user, ..) => {
                Some(*user)
            }
        }
    }

    pub fn path(&self) -> String {
        match self {
            Self::Folder(path) => (*path).to_owned(),
            Self::Principal(user) => format!("/dav/principals/{user}/"),
            Self::Home(user) => format!("/dav/lists/{user}/"),
            Self::List(user, list) => format!("/dav/lists/{user}/{}/", encoded(list)),
            Self::Todo(user, list, name) => format!("/dav/lists/{user}/{}/{}", encoded(list), encoded(name)),
        }
    }
}

/// In bytes, of a segment of a path that a client chooses.
pub const NAME_MAX: usize = 255;

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|name| is_possible_name(name))
}

/// Whether a resource can have this name.
pub fn is_possible_name(name: &str) -> bool {
    let is_segment = !name.is_empty() && name.len() <= NAME_MAX && name != "." && name != "..";
    is_segment && !name.contains(['/', '\0'])
}

fn encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        // The unreserved characters, and those that may stand in a segment as they are (RFC 3986 §3.3). Python and
        // JavaScript clients compare addresses as text and do not encode `@`.
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "6b01676ced65d6cc747c3412";

    #[test]
    fn every_address_is_read_back() {
        let user = ObjectId::parse_str(USER).unwrap();
        let list = |name: &str| Address::List(user, name.to_owned());
        let todo = |name: &str| Address::Todo(user, "my list".to_owned(), name.to_owned());
        let mut all = vec![
            Address::Principal(user),
            Address::Home(user),
            list("inbox"),
            list("ä/b".trim_end_matches("/b")),
        ];
        all.extend(["a b.ics", "75bf@vm.ics", "100%.ics", "ä?#.ics", "a+b&c.ics"].map(todo));
        all.extend(FOLDERS.map(Address::Folder));
        for address in all {
            let path = address.path();
            assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path}");
            assert_eq!(Address::of_path(&path), Some(address.clone()), "{path}");
            assert_eq!(Address::of_path(path.trim_end_matches('/')), Some(address), "{path}");
        }
    }

    #[test]
    fn an_href_may_be_complete_encoded_or_below_the_path_of_a_proxy() {
        let wanted = Address::of_path(&format!("/dav/lists/{USER}/inbox/a%20b.ics"));
        assert!(wanted.is_some());
        for start in
            ["", "https://example.org", "http://example.org:8000", "/todo", "https://example.org/todo"]
        {
            for end in ["/a%20b.ics", "/a b.ics", "/%61%20b.ics", "/a%20b.ics?x=1"] {
                let href = format!("{start}/dav/lists/{USER}/inbox{end}");
                assert_eq!(Address::of_href(&href, "/todo"), wanted, "{href}");
            }
        }
        assert_eq!(Address::of_href("https://example.org", ""), Some(Address::Folder("/")));
    }

    #[test]
    fn impossible_paths_have_no_address() {
        let below = |rest: &str| format!("/dav/lists/{USER}/{rest}");
        for path in [
            "/dav/x".to_owned(),
            "/dav/lists/ann/".to_owned(),
            "/dav/x/6b01676ced65d6cc747c3412/".to_owned(),
            below("a/b/c"),
            below("a//"),
            below("../b"),
            below("a/%2e%2e"),
            below("a/%2F"),
            below("a/%zz"),
            below("a/%f"),
            below("a/%ff"),
            below("a/%00"),
            below(&"x".repeat(NAME_MAX + 1)),
            "dav".to_owned(),
        ] {
            assert_eq!(Address::of_path(&path), None, "{path}");
        }
    }
}
