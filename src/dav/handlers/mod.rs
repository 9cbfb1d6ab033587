//! The CalDAV routes. Methods of WebDAV are unknown to the router, so one handler takes them all and chooses by method and
//! address.

mod collection;
mod object;
mod properties;
mod report;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::address::Address;
use super::content_tags::RememberedTags;
use super::extract::Caller;
use super::properties::View;
use super::refusal::{Condition, Refusal};
use super::turns::Turns;
use super::validators::etag_end;
use super::wire::{CLASSES, DAV_HEADER};
use crate::auth::operations::Auth;
use crate::config::public_url::PublicUrl;
use crate::crypto::random_id::RandomId;
use crate::crypto::sealed::Sealer;
use crate::error::Error;
use crate::http::admission::Requester;
use crate::http::body;
use crate::http::preconditions::Preconditions;
use crate::owned::Precondition;
use crate::sync::event_stream::EventSources;
use crate::users::basic_passwords::BasicPasswords;
use crate::workspace::Workspace;

const COLLECTION_METHODS: &str = "PROPFIND, PROPPATCH, REPORT, MKCALENDAR, MKCOL, DELETE, GET, HEAD";
const OBJECT_METHODS: &str = "PROPFIND, GET, HEAD, PUT, DELETE, MOVE";
// The router adds `OPTIONS`.
const OTHER_METHODS: &str = "PROPFIND, PROPPATCH, REPORT";

/// The path that the client asked for, if it was not one below `/dav/`.
#[derive(Clone)]
pub(crate) struct Probed(pub(crate) &'static str);

/// Sends a request with which clients look for the service, such as `PROPFIND /`, to the routes of CalDAV. The other methods
/// of these paths are not theirs.
pub(crate) fn probe(mut request: Request) -> Request {
    let path = match request.uri().path() {
        "/" => "/",
        "/principals" | "/principals/" => "/principals/",
        _ => return request,
    };
    if ["PROPFIND", "REPORT"].contains(&request.method().as_str()) {
        *request.uri_mut() = Uri::from_static("/dav/");
        request.extensions_mut().insert(Probed(path));
    }
    request
}

/// One request, after its caller is known and its body is read.
struct Call<'a> {
    workspace: Workspace,
    view: View<'a>,
    headers: HeaderMap,
    body: Bytes,
    sealer: &'a Sealer,
    remembered_tags: &'a RememberedTags,
    /// Of the database.
    lineage: Option<RandomId>,
}

/// `/.well-known/caldav` (RFC 6764 §5)
pub(crate) async fn well_known() -> Response {
    let mut response = Redirect::permanent("/dav/").into_response();
    *response.status_mut() = super::wire::MOVED;
    response
}

pub(crate) async fn serve(
    State(auth): State<Arc<Auth>>,
    State(passwords): State<Arc<BasicPasswords>>,
    State(sources): State<EventSources>,
    State(remembered_tags): State<Arc<RememberedTags>>,
    State(public_url): State<Arc<PublicUrl>>,
    State(turns): State<Turns>,
    request: Request,
) -> Response {
    let (method, probed) = (request.method().clone(), request.extensions().get::<Probed>().cloned());
    let path = probed.map_or_else(|| request.uri().path().to_owned(), |Probed(path)| path.to_owned());
    let address = Address::of_path(&path);
    if method == Method::OPTIONS {
        return options(address.as_ref());
    }
    let service = Service { auth, passwords, sources, remembered_tags, public_url, turns };
    match Box::pin(service.answer(&method, address, request)).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// The same with and without a token, because clients look here before they ask for a password.
fn options(address: Option<&Address>) -> Response {
    let allow = HeaderValue::from_static(methods(address));
    (StatusCode::OK, [(ALLOW, allow), (DAV_HEADER, CLASSES)]).into_response()
}

fn methods(address: Option<&Address>) -> &'static str {
    match address {
        Some(Address::List(..)) => COLLECTION_METHODS,
        Some(Address::Todo(..)) => OBJECT_METHODS,
        _ => OTHER_METHODS,
    }
}

/// What a request needs of the service.
struct Service {
    auth: Arc<Auth>,
    passwords: Arc<BasicPasswords>,
    sources: EventSources,
    remembered_tags: Arc<RememberedTags>,
    public_url: Arc<PublicUrl>,
    turns: Turns,
}

impl Service {
    async fn answer(
        &self,
        method: &Method,
        address: Option<Address>,
        request: Request,
    ) -> Result<Response, Refusal> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::of(&mut parts, &self.auth, &self.passwords).await?;
        let (headers, requester) = (parts.headers.clone(), Requester::of_request(&parts.extensions));
        let body = body::body(Request::from_parts(parts, body)).await?;
        let Some(address) = address else { return Err(Refusal::not_found()) };
        if address.user().is_some_and(|user| user != caller.user_id) {
            return Err(Refusal::not_found());
        }
        let EventSources { workspaces, hub, seals, .. } = &self.sources;
        let view = View { user: caller.user_id, username: &caller.username, prefix: self.public_url.path() };
        let (workspace, lineage) = (workspaces.of(caller.user_id), hub.lineage().await?);
        let remembered_tags = &*self.remembered_tags;
        let call = Call { workspace, view, headers, body, sealer: seals, remembered_tags, lineage };
        let _turn =
            if call.is_large(method, &address) { Some(self.turns.next(&requester).await?) } else { None };
        call.run(method.as_str(), &address).await
    }
}

fn wrong_method(address: &Address) -> Response {
    let mut response = Refusal::from(Condition::WrongMethod).into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods(Some(address))));
    response
}

impl Call<'_> {
    /// Whether the response has all members of a collection.
    fn is_large(&self, method: &Method, address: &Address) -> bool {
        let of_list = matches!(address, Address::List(..));
        match method.as_str() {
            "REPORT" | "GET" | "HEAD" => of_list,
            "PROPFIND" => of_list && self.is_deep().unwrap_or(false),
            _ => false,
        }
    }

    async fn run(&self, method: &str, address: &Address) -> Result<Response, Refusal> {
        match (method, address) {
            ("PROPFIND", address) => self.find_properties(address).await,
            ("PROPPATCH", address) => self.change_properties(address).await,
            ("REPORT", Address::List(_, list)) => self.report(list).await,
            ("REPORT", address) => self.search_principals(address),
            ("MKCALENDAR" | "MKCOL", Address::List(_, list)) => self.make_collection(method, list).await,
            ("DELETE", Address::List(_, list)) => self.delete_collection(list).await,
            ("GET" | "HEAD", Address::List(_, list)) => self.get_collection(list).await,
            ("GET" | "HEAD", Address::Todo(_, list, name)) => self.get(list, name).await,
            ("PUT", Address::Todo(_, list, name)) => self.put(list, name).await,
            ("DELETE", Address::Todo(_, list, name)) => self.delete(list, name).await,
            ("MOVE", Address::Todo(_, list, name)) => self.move_to(list, name).await,
            ("COPY" | "MOVE" | "MKCOL" | "MKCALENDAR", _) => Err(Condition::NotHere.into()),
            _ => Ok(wrong_method(address)),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the client wants no properties that do not exist.
    fn is_brief(&self) -> bool {
        let minimal = self.header("prefer").is_some_and(|prefer| prefer.contains("return=minimal"));
        minimal || self.header("brief").is_some_and(|brief| brief.trim().eq_ignore_ascii_case("t"))
    }

    fn precondition(&self) -> Result<Precondition, Error> {
        let mut headers = HeaderMap::new();
        for name in [IF_MATCH, IF_NONE_MATCH] {
            for value in self.headers.get_all(&name) {
                // Of an earlier rendering, or not ours: matches nothing.
                let text = value.to_str().unwrap_or("\"-\"").replace(&format!("{}\"", etag_end()), "\"");
                headers
                    .append(&name, HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("\"-\"")));
            }
        }
        Ok(Preconditions::of(&headers)?.0)
    }
}
