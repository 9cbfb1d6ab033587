//! A CalDAV client that follows its user's collections by sync-collection, and writes to them in between. In the end it has
//! the resources and entity tags of the server, and those are the todos of `/v1`.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use todo_api::dav::xml::{Element, parse};
use tokio::time::Instant;

use crate::api_client::ApiClient;
use crate::findings::Findings;
use crate::fleet::instance::{Answer, Instance};
use crate::fleet::{StopFlag, chance, random, random_millis};
use crate::replica::{Objects, version_of};
use crate::two_instances::any;

const NAMESPACES: &str = "xmlns='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'";
const PAUSE: Duration = Duration::from_millis(100);
/// How long reading all collections may take when nobody writes.
const CATCHING_UP: Duration = Duration::from_mins(1);
/// Objects that one client creates.
const OBJECTS: usize = 60;

/// The entity tags of the resources, by their addresses.
type Members = BTreeMap<String, String>;

#[derive(Default)]
struct Collection {
    token: String,
    members: Members,
}

pub(crate) struct CalendarClient {
    name: String,
    findings: Findings,
    /// A personal access token.
    token: String,
    home: String,
    /// By their addresses.
    collections: BTreeMap<String, Collection>,
    created: usize,
}

struct Found {
    href: String,
    status: String,
    etag: Option<String>,
}

impl CalendarClient {
    pub(crate) async fn new(number: usize, caller: &mut ApiClient, instance: &Instance) -> Self {
        let user = caller.call(instance, Method::GET, "/v1/user", &Value::Null).await;
        let home = format!("/dav/lists/{}/", user.body["id"].as_str().unwrap());
        let body = json!({ "name": format!("calendar {number}"), "scopes": ["caldav"] });
        let token = caller.call(instance, Method::POST, "/v1/tokens", &body).await;
        let token = token.body["token"].as_str().expect("a token").to_owned();
        let (name, findings) = (format!("calendar client {number}"), caller.findings.clone());
        Self { name, findings, token, home, collections: BTreeMap::new(), created: 0 }
    }

    /// Syncs and writes until the run stops.
    pub(crate) async fn run(mut self, instances: [Instance; 2], stop: StopFlag) -> Self {
        while !stop.is_set() {
            let instance = any(&instances);
            let collection = self.any_collection();
            match (random(100), collection) {
                (0..10, _) | (_, None) => drop(self.discover(instance).await),
                (10..60, Some(list)) => {
                    let limit = chance(50).then(|| 1 + random(20));
                    self.sync(instance, &list, limit, chance(10)).await;
                }
                (_, Some(list)) => self.write(instance, &list).await,
            }
            tokio::time::sleep(random_millis(150)).await;
        }
        self
    }

    fn any_collection(&self) -> Option<String> {
        let count = self.collections.len();
        (count > 0).then(|| self.collections.keys().nth(random(count)).cloned())?
    }

    /// Finds new collections and forgets those that are gone.
    async fn discover(&mut self, instance: &Instance) -> bool {
        let body = format!("<propfind {NAMESPACES}><prop><resourcetype/></prop></propfind>");
        let Some((found, _)) = self.ask(instance, "PROPFIND", &self.home.clone(), "1", body).await else {
            return false;
        };
        let found: Vec<_> =
            found.into_iter().map(|found| found.href).filter(|href| *href != self.home).collect();
        self.collections.retain(|href, _| found.contains(href));
        for href in found {
            self.collections.entry(href).or_default();
        }
        true
    }

    /// Reads one page, and returns whether there are more, or `None` if the response was lost.
    async fn sync(
        &mut self,
        instance: &Instance,
        list: &str,
        limit: Option<usize>,
        is_lost: bool,
    ) -> Option<bool> {
        let token = self.collections.get(list)?.token.clone();
        let limit =
            limit.map(|limit| format!("<limit><nresults>{limit}</nresults></limit>")).unwrap_or_default();
        let body = format!(
            "<sync-collection {NAMESPACES}><sync-token>{token}</sync-token><sync-level>1</sync-level>{limit}<prop><getetag/></prop>\
             </sync-collection>"
        );
        let (found, token) = self.ask(instance, "REPORT", list, "1", body).await?;
        if is_lost {
            self.findings.count("calendar answers lost", 1);
            return None;
        }
        let collection = self.collections.get_mut(list)?;
        if collection.token.is_empty() {
            collection.members.clear();
        }
        collection.token = token;
        let mut has_more = false;
        for Found { href, status, etag } in found {
            if status.contains(" 507 ") {
                has_more = true;
            } else if status.contains(" 404 ") {
                collection.members.remove(&href);
            } else {
                collection.members.insert(href, etag.expect("an entity tag"));
            }
        }
        self.findings.count("calendar answers", 1);
        Some(has_more)
    }

    async fn write(&mut self, instance: &Instance, list: &str) {
        let members = &self.collections[list].members;
        let known = members.iter().nth(random(members.len().max(1)));
        let known = known.map(|(href, etag)| (href.clone(), etag.clone()));
        match (random(100), known) {
            (0..30, _) | (_, None) if self.created < OBJECTS => {
                self.created += 1;
                let uid = format!("{}-{}", self.name.replace(' ', "-"), self.created);
                let (path, text) = (format!("{list}{uid}.ics"), object(&uid));
                self.change("calendar put new", instance, "PUT", &path, &[("if-none-match", "*")], text)
                    .await;
            }
            (_, None) => {}
            (0..60, Some((href, etag))) => {
                let condition = if chance(50) { vec![("if-match", etag.as_str())] } else { Vec::new() };
                let Some(text) = self.text_of(instance, &href).await else { return };
                let text = text.replace("SUMMARY:", "SUMMARY:x");
                self.change("calendar put", instance, "PUT", &href, &condition, text).await;
            }
            (60..80, Some((href, etag))) => {
                let condition = [("if-match", etag.as_str())];
                self.change("calendar delete", instance, "DELETE", &href, &condition, String::new()).await;
            }
            (_, Some((href, _))) => {
                let Some(other) = self.any_collection() else { return };
                let to = format!("{other}{}", href.rsplit('/').next().unwrap_or_default());
                let destination = [("destination", to.as_str()), ("overwrite", "F")];
                self.change("calendar move", instance, "MOVE", &href, &destination, String::new()).await;
            }
        }
    }

    async fn text_of(&self, instance: &Instance, href: &str) -> Option<String> {
        let answer = self.send(instance, "GET", href, &[], String::new()).await;
        answer.body.as_str().filter(|_| answer.status == 200).map(str::to_owned)
    }

    async fn change(
        &self,
        kind: &'static str,
        instance: &Instance,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) {
        let answer = self.send(instance, method, path, headers, body).await;
        if !answer.is_unavailable() {
            self.findings.write(kind, answer.is_success(), None);
        }
    }

    async fn send(
        &self,
        instance: &Instance,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let of_method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = instance.send(of_method, path, &self.token, headers, body).await;
        self.findings.judge(&answer, || format!("{}: {method} {path} at {}", self.name, instance.number));
        answer
    }

    /// The responses and the sync token of a multistatus. `None` if the collection is gone or the database is unavailable.
    async fn ask(
        &self,
        instance: &Instance,
        method: &str,
        path: &str,
        depth: &str,
        body: String,
    ) -> Option<(Vec<Found>, String)> {
        let answer = self.send(instance, method, path, &[("depth", depth)], body).await;
        let is_expected = matches!(answer.status, 207 | 404) || answer.is_unavailable();
        self.findings.check(is_expected, || {
            format!("{}: {method} {path}: {} {}", self.name, answer.status, answer.body)
        });
        let text = answer.body.as_str().filter(|_| answer.status == 207)?;
        let root = parse(text.as_bytes()).expect("XML");
        let of_name = |name: &'static str| root.children().filter(move |child| child.name.local == name);
        let token = of_name("sync-token").next().map(Element::text).unwrap_or_default();
        Some((of_name("response").map(Found::of).collect(), token))
    }

    /// Brings the client up to date, and reports every difference from the server.
    pub(crate) async fn compare(&mut self, instances: &[Instance; 2], server: &Objects) {
        let began = Instant::now();
        while !self.discover(&instances[0]).await {
            assert!(began.elapsed() < CATCHING_UP, "{} finds no collections", self.name);
            tokio::time::sleep(PAUSE).await;
        }
        for list in self.collections.keys().cloned().collect::<Vec<_>>() {
            while self.sync(any(instances), &list, None, false).await != Some(false) {
                assert!(began.elapsed() < CATCHING_UP, "{} does not catch up", self.name);
                tokio::time::sleep(PAUSE).await;
            }
            let body = format!("<propfind {NAMESPACES}><prop><getetag/></prop></propfind>");
            let Some((found, _)) = self.ask(&instances[1], "PROPFIND", &list, "1", body).await else {
                continue;
            };
            let members: Members = found
                .into_iter()
                .filter(|found| found.href != list)
                .map(|found| (found.href, found.etag.expect("an entity tag")))
                .collect();
            let own = &self.collections[&list].members;
            self.findings.check(*own == members, || {
                let differs = |(href, etag): &(&String, &String)| members.get(*href) != Some(*etag);
                let here: Vec<_> = own.iter().filter(differs).take(5).collect();
                let there: Vec<_> =
                    members.iter().filter(|(href, etag)| own.get(*href) != Some(*etag)).take(5).collect();
                format!("{}: {list} differs: has {here:?}, server {there:?}", self.name)
            });
            self.compare_with_todos(&list, &members, server);
        }
    }

    fn compare_with_todos(&self, list: &str, members: &Members, server: &Objects) {
        let segment = list.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let list_id = if segment == "inbox" { Value::Null } else { json!(segment) };
        let is_here = |todo: &&Value| {
            todo["deleted_at"].is_null() && todo["list_id"] == list_id && todo["priority"].is_string()
        };
        let mut wanted: Vec<_> = server.values().filter(is_here).map(version_of).collect();
        let version =
            |etag: &String| etag.trim_matches('"').split('-').next().unwrap().parse::<i64>().unwrap();
        let mut found: Vec<_> = members.values().map(version).collect();
        wanted.sort_unstable();
        found.sort_unstable();
        self.findings.check(wanted == found, || {
            format!("{}: {list} has the versions {found:?}, and /v1 has {wanted:?}", self.name)
        });
    }
}

impl Found {
    fn of(response: &Element) -> Self {
        fn find<'e>(element: &'e Element, name: &str) -> Option<&'e Element> {
            element
                .children()
                .find_map(|child| if child.name.local == name { Some(child) } else { find(child, name) })
        }
        let text = |name: &str| find(response, name).map(Element::text);
        let status = response.children().find(|child| child.name.local == "status").map(Element::text);
        Self {
            href: text("href").expect("an address"),
            status: status.unwrap_or_default(),
            etag: text("getetag").filter(|etag| !etag.is_empty()),
        }
    }
}

fn object(uid: &str) -> String {
    let lines =
        ["", "PRIORITY:1\r\n", "DUE;VALUE=DATE:20261201\r\nRRULE:FREQ=DAILY\r\n", "STATUS:COMPLETED\r\n"];
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VTODO\r\nUID:{uid}\r\nDTSTAMP:20261128T000000Z\r\n\
         SUMMARY:of a calendar\r\n{}END:VTODO\r\nEND:VCALENDAR\r\n",
        lines[random(lines.len())]
    )
}
