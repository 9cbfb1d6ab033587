//! A CalDAV client with an access token in Basic authentication.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::Request;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::json;
use todo_api::dav::xml::{Element, parse};
use todo_api::http::access_log::PeerAddress;

use super::{Answer, Client, TestApp};

#[derive(Clone)]
pub(crate) struct Dav {
    pub(crate) app: TestApp,
    pub(crate) authorization: String,
    /// `/dav/lists/{user}/`
    pub(crate) home: String,
}

impl Dav {
    /// Creates a token for a user that is logged in.
    pub(crate) async fn of(client: &Client, username: &str) -> Self {
        let body = json!({ "name": "calendar", "scopes": ["caldav"] });
        let token = client.post("/v1/tokens", body).await.assert(201).json()["token"].clone();
        let user = client.get("/v1/user").await.json()["id"].as_str().unwrap().to_owned();
        Self {
            app: client.app.clone(),
            authorization: basic(username, token.as_str().unwrap()),
            home: format!("/dav/lists/{user}/"),
        }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let peer = PeerAddress(SocketAddr::from(([127, 0, 0, 1], 4_711)));
        let mut request = Request::builder().method(method).uri(path).extension(peer);
        if !self.authorization.is_empty() {
            request = request.header("authorization", &self.authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.app.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn propfind(&self, path: &str, depth: &str, properties: &str) -> Multistatus {
        let body = format!("<D:propfind {NAMESPACES}><D:prop>{properties}</D:prop></D:propfind>");
        Multistatus::of(&self.send("PROPFIND", path, &[("depth", depth)], &body).await)
    }

    pub(crate) async fn report(&self, path: &str, name: &str, content: &str) -> Multistatus {
        let body = format!("<{name} {NAMESPACES}>{content}</{name}>");
        Multistatus::of(&self.send("REPORT", path, &[("depth", "1")], &body).await)
    }

    /// Creates a list and returns its path.
    pub(crate) async fn list(&self, name: &str) -> String {
        let path = format!("{}{name}/", self.home);
        self.send("MKCALENDAR", &path, &[], "").await.assert(201);
        path
    }

    pub(crate) async fn put(&self, path: &str, text: &str) -> Answer {
        self.send("PUT", path, &[("content-type", "text/calendar; charset=utf-8")], text).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// The changes of a list since a token: present and removed names, and the next token.
    pub(crate) async fn sync(&self, path: &str, token: &str) -> (Vec<String>, Vec<String>, String) {
        self.sync_page(path, token, 1_000).await
    }

    pub(crate) async fn sync_page(
        &self,
        path: &str,
        token: &str,
        limit: usize,
    ) -> (Vec<String>, Vec<String>, String) {
        let content = format!(
            "<D:sync-token>{token}</D:sync-token><D:sync-level>1</D:sync-level>\
             <D:limit><D:nresults>{limit}</D:nresults></D:limit><D:prop><D:getetag/></D:prop>"
        );
        let answer = self.report(path, "D:sync-collection", &content).await;
        let names = |is_gone: bool| -> Vec<String> {
            let members = answer.responses.iter().filter(|found| found.href != path);
            let of_kind = members.filter(|found| found.is_gone() == is_gone);
            let mut names: Vec<_> =
                of_kind.map(|found| found.href.rsplit('/').next().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        (names(false), names(true), answer.sync_token.clone())
    }
}

pub(crate) fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{username}:{password}")))
}

pub(crate) const NAMESPACES: &str = "xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav' \
    xmlns:CS='http://calendarserver.org/ns/' xmlns:A='http://apple.com/ns/ical/'";

/// An object with one todo.
pub(crate) fn todo(uid: &str, lines: &str) -> String {
    let lines = lines.replace('|', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VTODO\r\nUID:{uid}\r\nDTSTAMP:20261128T000000Z\r\n\
         {lines}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    )
}

#[derive(Debug)]
pub(crate) struct Multistatus {
    pub(crate) responses: Vec<Response>,
    pub(crate) sync_token: String,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) href: String,
    status: String,
    found: Vec<Element>,
    missing: Vec<Element>,
}

impl Multistatus {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status.as_u16(), 207, "{}", answer.text());
        let root = parse(&answer.body).unwrap();
        let of_name = |name: &'static str| root.children().filter(move |child| child.name.local == name);
        let sync_token = of_name("sync-token").next().map(Element::text).unwrap_or_default();
        Self { responses: of_name("response").map(Response::of).collect(), sync_token }
    }

    #[track_caller]
    pub(crate) fn only(&self) -> &Response {
        assert_eq!(self.responses.len(), 1, "{self:?}");
        &self.responses[0]
    }

    #[track_caller]
    pub(crate) fn at(&self, href: &str) -> &Response {
        let found = self.responses.iter().find(|response| response.href == href);
        found.unwrap_or_else(|| panic!("no response for {href}: {self:?}"))
    }
}

impl Response {
    fn of(response: &Element) -> Self {
        let text = |element: &Element, name: &str| {
            element.children().find(|child| child.name.local == name).map(Element::text).unwrap_or_default()
        };
        let of_status = |status: &str| -> Vec<Element> {
            let propstats = response.children().filter(|child| child.name.local == "propstat");
            let of_status = propstats.filter(|propstat| text(propstat, "status").contains(status));
            let props =
                of_status.flat_map(|propstat| propstat.children().filter(|child| child.name.local == "prop"));
            props.flat_map(|prop| prop.children().cloned()).collect()
        };
        Self {
            href: text(response, "href"),
            status: text(response, "status"),
            found: of_status(" 200 "),
            missing: of_status(" 404 "),
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.status.contains(" 404 ")
    }

    pub(crate) fn has_status(&self, status: &str) -> bool {
        self.status.contains(status)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|property| property.name.local == name)
    }

    pub(crate) fn lacks(&self, name: &str) -> bool {
        self.missing.iter().any(|property| property.name.local == name)
    }

    /// The text of a property, with that of the elements inside it.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        fn all(element: &Element) -> String {
            element.whole_text() + &element.children().map(all).collect::<String>()
        }
        let found = self.found.iter().find(|property| property.name.local == name);
        all(found.unwrap_or_else(|| panic!("no property {name}: {self:?}")))
    }

    /// The names of the elements in a property.
    #[track_caller]
    pub(crate) fn kinds(&self, name: &str) -> Vec<&str> {
        let found = self.found.iter().find(|property| property.name.local == name);
        found.unwrap().children().map(|child| child.name.local.as_str()).collect()
    }
}
