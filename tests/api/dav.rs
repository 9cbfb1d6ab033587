//! CalDAV: discovery, authentication, collections and resources.

use serde_json::json;

use crate::support::dav::{Dav, Multistatus, NAMESPACES, basic, todo};
use crate::support::tokens::mistyped;
use crate::support::{PASSWORD, TestApp};

async fn ann() -> (TestApp, crate::support::Client, Dav) {
    let app = TestApp::start().await;
    let client = app.v1_user("ann").await;
    let dav = Dav::of(&client, "ann").await;
    (app, client, dav)
}

#[tokio::test]
async fn clients_find_their_lists_from_the_host_name_alone() {
    let (_, client, dav) = ann().await;
    let list = client.post("/v1/lists", json!({ "name": "Garden", "color": "#1e90ff" })).await.json();
    for method in ["GET", "PROPFIND", "OPTIONS"] {
        let moved = dav.send(method, "/.well-known/caldav", &[], "").await.assert(301);
        assert_eq!(moved.header("location"), "/dav/");
    }
    let principal = "<D:current-user-principal/><D:principal-URL/><D:resourcetype/>";
    for path in ["/", "/principals/", "/dav/", &dav.home, &format!("{}inbox/", dav.home)] {
        let found = dav.propfind(path, "0", principal).await;
        let found = found.only();
        assert_eq!(found.href, path);
        assert!(found.text("current-user-principal").starts_with("/dav/principals/"), "{path}");
        assert_eq!(found.text("principal-URL"), found.text("current-user-principal"));
    }
    let root = dav.propfind("/", "0", principal).await;
    let principal = root.only().text("current-user-principal");
    let macos = "<C:calendar-home-set/><C:calendar-user-address-set/><D:displayname/><CS:email-address-set/>\
        <CS:dropbox-home-URL/><D:supported-report-set/>";
    let found = dav.propfind(&principal, "0", macos).await;
    assert_eq!(found.only().text("calendar-home-set"), dav.home);
    assert_eq!(found.only().text("displayname"), "ann");
    assert!(found.only().lacks("email-address-set") && found.only().lacks("dropbox-home-URL"));
    let properties = "<D:resourcetype/><D:displayname/><A:calendar-color/><C:supported-calendar-component-set/>\
        <CS:getctag/><D:sync-token/><D:current-user-privilege-set/><D:supported-report-set/>";
    let lists = dav.propfind(&dav.home, "1", properties).await;
    assert_eq!(lists.responses.len(), 3, "{lists:?}");
    assert_eq!(lists.at(&dav.home).kinds("resourcetype"), ["collection"]);
    let garden = lists.at(&format!("{}{}/", dav.home, list["id"].as_str().unwrap()));
    assert_eq!(garden.kinds("resourcetype"), ["collection", "calendar"]);
    assert_eq!(
        (garden.text("displayname"), garden.text("calendar-color")),
        ("Garden".to_owned(), "#1e90ff".to_owned())
    );
    assert!(garden.has("getctag") && garden.has("sync-token"));
    let inbox = lists.at(&format!("{}inbox/", dav.home));
    assert_eq!((inbox.text("displayname"), inbox.lacks("calendar-color")), ("Inbox".to_owned(), true));
}

#[tokio::test]
async fn only_an_access_token_with_the_scope_and_the_name_of_its_user_opens_caldav() {
    let (app, client, dav) = ann().await;
    let status = async |authorization: &str| {
        let dav = Dav { authorization: authorization.to_owned(), ..dav.clone() };
        let answer = dav.send("PROPFIND", &dav.home.clone(), &[], "").await;
        let challenge = answer.header("www-authenticate").to_owned();
        assert_eq!(
            challenge == "Basic realm=\"todo-api\", charset=\"UTF-8\"",
            answer.status == 401,
            "{challenge}"
        );
        answer.status.as_u16()
    };
    let token = async |scope: &str| {
        let body = json!({ "name": "x", "scopes": [scope] });
        client.post("/v1/tokens", body).await.json()["token"].as_str().unwrap().to_owned()
    };
    let right = token("caldav").await;
    assert_eq!(status(&basic("ann", &right)).await, 207);
    assert_eq!(status(&basic("ANN", &right)).await, 207);
    assert_eq!(status(&format!("Bearer {right}")).await, 207);
    assert_eq!(status(&format!("Bearer {}", client.access.as_ref().unwrap())).await, 207);
    let other = token("todos:write").await;
    assert_eq!(status(&basic("ann", &other)).await, 403);
    for wrong in
        [basic("ben", &right), basic("", &right), basic("ann", PASSWORD), basic("ann", ""), String::new()]
    {
        assert_eq!(status(&wrong).await, 401, "{wrong}");
    }
    assert_eq!(status(&basic("ann", &mistyped(&right))).await, 401);
    // The token opens nothing else, and Basic authentication no other surface.
    assert_eq!(client.with_token(&right).get("/v1/todos").await.status, 403);
    let basic_header = basic("ann", &other);
    let headers = [("authorization", basic_header.as_str())];
    assert_eq!(client.send(axum::http::Method::GET, "/v1/todos", &headers, "").await.status, 401);
    let id = client.get("/v1/tokens").await.json()[0]["id"].clone();
    assert!(id.is_string() || id.is_null());
    // Nothing asks for a password at the front page, where a browser would show a dialog.
    let front = app.anonymous().get("/").await;
    assert_eq!(front.header("www-authenticate"), "");
}

#[tokio::test]
async fn basic_authentication_needs_tls_or_the_same_machine() {
    let (app, _, dav) = ann().await;
    let request = |headers: &[(&str, &str)], peer: [u8; 4]| {
        let peer = todo_api::http::access_log::PeerAddress(std::net::SocketAddr::from((peer, 1)));
        let mut request = axum::http::Request::builder().method("PROPFIND").uri("/dav/").extension(peer);
        request = request.header("authorization", &dav.authorization);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(axum::body::Body::empty()).unwrap()
    };
    let forged = [("x-forwarded-proto", "https"), ("x-forwarded-for", "127.0.0.1")];
    let refused = app.send(request(&forged, [192, 0, 2, 1])).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(app.send(request(&[], [127, 0, 0, 1])).await.status, 207);
    let behind = TestApp::with(app.db.clone(), app.clock.clone(), &[("TRUSTED_PROXY_HOPS", "1")]).await;
    let through = |proto| [("x-forwarded-proto", proto), ("x-forwarded-for", "192.0.2.1")];
    assert_eq!(behind.send(request(&through("https"), [10, 0, 0, 1])).await.status, 207);
    assert_eq!(behind.send(request(&through("http"), [10, 0, 0, 1])).await.status, 403);
}

#[tokio::test]
async fn nobody_sees_the_lists_of_another_user() {
    let (app, _, ann) = ann().await;
    let ben = Dav::of(&app.v1_user("ben").await, "ben").await;
    let list = ann.list("work").await;
    let path = format!("{list}a.ics");
    ann.put(&path, &todo("a", "SUMMARY:secret")).await.assert(201);
    let principal = ann.home.replace("lists", "principals");
    for path in [&ann.home, &list, &path, &principal] {
        for method in ["PROPFIND", "PROPPATCH", "REPORT", "GET", "PUT", "DELETE", "MKCALENDAR", "MOVE"] {
            let answer = ben.send(method, path, &[("destination", &path.replace(".ics", ""))], "").await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
    }
    let own = ben.list("own").await;
    ben.put(&format!("{own}b.ics"), &todo("b", "SUMMARY:b")).await.assert(201);
    let moved =
        ben.send("MOVE", &format!("{own}b.ics"), &[("destination", &format!("{list}b.ics"))], "").await;
    assert_eq!(moved.status, 404);
    let content = format!("<D:prop><C:calendar-data/></D:prop><D:href>{path}</D:href>");
    assert!(ben.report(&own, "C:calendar-multiget", &content).await.only().is_gone());
    // A UID is taken only for its own user.
    ben.put(&format!("{own}a.ics"), &todo("a", "SUMMARY:mine")).await.assert(201);
    ann.get(&path).await.assert(200);
}

#[tokio::test]
async fn clients_create_rename_color_and_delete_lists_under_their_own_addresses() {
    let (_, client, dav) = ann().await;
    let mkcol = format!(
        "<D:mkcol {NAMESPACES}><D:set><D:prop><D:resourcetype><D:collection/><C:calendar/></D:resourcetype>\
         <D:displayname>Tasks &amp; more</D:displayname><A:calendar-color>#1E90FFAA</A:calendar-color>\
         <C:supported-calendar-component-set><C:comp name='VTODO'/></C:supported-calendar-component-set>\
         </D:prop></D:set></D:mkcol>"
    );
    let path = format!("{}F00-BAR/", dav.home);
    dav.send("MKCOL", &path, &[], &mkcol).await.assert(201);
    dav.send("MKCOL", &path, &[], &mkcol).await.assert(405);
    let lists = client.get("/v1/lists").await.json();
    assert_eq!(
        (&lists["items"][0]["name"], &lists["items"][0]["color"]),
        (&json!("Tasks & more"), &json!("#1e90ff"))
    );
    let rename = format!(
        "<D:propertyupdate {NAMESPACES} xmlns:T='http://tasks.org'><D:set><D:prop><D:displayname>Home</D:displayname>\
         <T:x-calendar-icon>home</T:x-calendar-icon><A:calendar-order>3</A:calendar-order></D:prop></D:set></D:propertyupdate>"
    );
    dav.send("PROPPATCH", &path, &[], &rename).await.assert(207);
    let names =
        "<D:displayname/><A:calendar-color/><A:calendar-order/><x-calendar-icon xmlns='http://tasks.org'/>";
    let found = dav.propfind(&path, "0", names).await;
    let texts = ["displayname", "calendar-color", "calendar-order", "x-calendar-icon"]
        .map(|name| found.only().text(name));
    assert_eq!(texts, ["Home", "#1E90FFAA", "3", "home"]);
    let id = lists["items"][0]["id"].as_str().unwrap();
    client
        .send_json(axum::http::Method::PATCH, &format!("/v1/lists/{id}"), &json!({ "color": "#000000" }))
        .await
        .assert(200);
    assert_eq!(dav.propfind(&path, "0", names).await.only().text("calendar-color"), "#000000");
    // One property that cannot be set keeps all from being set.
    let both = format!(
        "<D:propertyupdate {NAMESPACES}><D:set><D:prop><D:displayname>No</D:displayname><D:getetag>x</D:getetag></D:prop></D:set></D:propertyupdate>"
    );
    let refused = dav.send("PROPPATCH", &path, &[], &both).await.text();
    assert!(refused.contains("403 Forbidden") && refused.contains("424 Failed Dependency"), "{refused}");
    let large = format!(
        "<D:propertyupdate {NAMESPACES}><D:set><D:prop><x>{}</x></D:prop></D:set></D:propertyupdate>",
        "y".repeat(todo_api::lists::model::CalendarCollection::PROPERTIES_BYTES_MAX)
    );
    assert!(dav.send("PROPPATCH", &path, &[], &large).await.text().contains(" 507 "));
    assert_eq!(dav.propfind(&path, "0", names).await.only().text("displayname"), "Home");
    dav.send("DELETE", &path, &[], "").await.assert(204);
    dav.send("PROPFIND", &path, &[], "").await.assert(404);
    dav.send("MKCALENDAR", &path, &[], "").await.assert(201);
    let inbox = format!("{}inbox/", dav.home);
    dav.send("DELETE", &inbox, &[], "").await.assert(403);
    assert!(dav.send("PROPPATCH", &inbox, &[], &rename).await.text().contains("403 Forbidden"));
    let events = mkcol.replace("VTODO", "VEVENT");
    let refused = dav.send("MKCOL", &format!("{}events/", dav.home), &[], &events).await.assert(403);
    assert!(refused.text().contains("supported-calendar-component"));
}

#[tokio::test]
async fn an_object_comes_back_byte_for_byte_and_its_todo_is_seen_everywhere() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    let text = todo(
        "75bf@vm",
        "SUMMARY:Call\\, write|DUE;VALUE=DATE:20261201|PRIORITY:2|CATEGORIES:home,work|X-KEEP;A=b:1|BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT15M|END:VALARM",
    );
    // Names and UIDs are independent.
    let path = format!("{list}19f06e25%20x.ics");
    let created = dav.put(&path, &text).await.assert(201);
    let etag = created.header("etag").to_owned();
    let got = dav.get(&path).await.assert(200);
    assert_eq!((got.text(), got.header("etag")), (text.clone(), etag.as_str()));
    let known = dav.send("GET", &path, &[("if-none-match", &etag)], "").await;
    assert_eq!(known.status, 304);
    let todos = client.get("/v1/todos").await.json();
    let seen = &todos["items"][0];
    assert_eq!(seen["name"], "Call, write");
    assert_eq!((&seen["due"], &seen["priority"]), (&json!({ "date": "2026-12-01" }), &json!("high")));
    assert_eq!(seen["tags"], json!(["home", "work"]));
    let todo_path = format!("/v1/todos/{}", seen["id"].as_str().unwrap());
    client.send_json(axum::http::Method::PATCH, &todo_path, &json!({ "completed": true })).await.assert(200);
    let changed = dav.get(&path).await;
    assert!(
        changed.text().contains("STATUS:COMPLETED") && changed.text().contains("X-KEEP;A=b:1"),
        "{}",
        changed.text()
    );
    assert_ne!(changed.header("etag"), etag);
    let stale = dav.send("PUT", &path, &[("if-match", &etag)], &text).await;
    assert_eq!(stale.status, 412);
    let again = dav.send("PUT", &path, &[("if-none-match", "*")], &text).await;
    assert_eq!(again.status, 412);
    dav.put(&path, &text).await.assert(204);
    assert_eq!(client.get(&todo_path).await.json()["completed"], false);
    // Reads of many todos do not bring the text.
    dav.send("DELETE", &path, &[], "").await.assert(204);
    dav.get(&path).await.assert(404);
    let missed = dav.send("PUT", &path, &[("if-match", &etag)], &text).await;
    assert_eq!(missed.status, 404, "the client uploads its edit again, so nothing is lost");
    assert!(client.get(&todo_path).await.json()["deleted_at"].is_string());
}

#[tokio::test]
async fn what_is_no_todo_is_refused_with_the_precondition() {
    let (_, _, dav) = ann().await;
    let list = dav.list("work").await;
    dav.put(&format!("{list}a.ics"), &todo("a", "SUMMARY:a")).await.assert(201);
    let event = todo("e", "SUMMARY:e").replace("VTODO", "VEVENT");
    let large = todo("l", &format!("DESCRIPTION:{}", "x".repeat(200_000)));
    let nested = "BEGIN:VCALENDAR\r\n".repeat(50_000);
    for (body, status, precondition) in [
        ("", 403, "valid-calendar-data"),
        ("x", 403, "valid-calendar-data"),
        (event.as_str(), 403, "supported-calendar-component"),
        (large.as_str(), 413, "max-resource-size"),
        (nested.as_str(), 413, "max-resource-size"),
        (&todo("a", "SUMMARY:a"), 409, "no-uid-conflict"),
    ] {
        let refused = dav.put(&format!("{list}b.ics"), body).await;
        let found = (refused.status.as_u16(), refused.text());
        assert!(found.0 == status && found.1.contains(precondition), "{precondition}: {found:?}");
    }
    dav.put(&format!("{list}a.ics"), &todo("other", "SUMMARY:a")).await.assert(409);
    dav.put(&format!("{}unknown/a.ics", dav.home), &todo("c", "SUMMARY:c")).await.assert(409);
    // Odd dates are no reason to refuse an object, because clients stop syncing then.
    dav.put(&format!("{list}odd.ics"), &todo("odd", "DTSTART;VALUE=DATE:20261202|DUE:20261201T000000Z"))
        .await
        .assert(201);
    for (method, path, status) in [
        ("PUT", list.clone(), 405),
        ("POST", list.clone(), 405),
        ("GET", dav.home.clone(), 405),
        ("COPY", format!("{list}a.ics"), 403),
        ("LOCK", format!("{list}a.ics"), 405),
        ("MKCOL", format!("{}plain/", dav.home), 403),
        ("PROPFIND", "/dav/unknown".to_owned(), 404),
    ] {
        dav.send(method, &path, &[], "").await.assert(status);
    }
    dav.send("PROPFIND", &list, &[("depth", "infinity")], "").await.assert(403);
    let entity = "<!DOCTYPE a [<!ENTITY x 'y'>]><D:propfind xmlns:D='DAV:'><D:prop><D:x>&x;</D:x></D:prop></D:propfind>";
    dav.send("PROPFIND", &list, &[], entity).await.assert(400);
}

#[tokio::test]
async fn subtasks_can_come_before_their_parent() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    dav.put(&format!("{list}child.ics"), &todo("child", "SUMMARY:child|RELATED-TO:parent")).await.assert(201);
    let of_name = async |name: &str| {
        let todos = client.get("/v1/todos").await.json();
        todos["items"].as_array().unwrap().iter().find(|todo| todo["name"] == name).unwrap().clone()
    };
    assert!(of_name("child").await["parent_id"].is_null());
    dav.put(&format!("{list}parent.ics"), &todo("parent", "SUMMARY:parent")).await.assert(201);
    assert_eq!(of_name("child").await["parent_id"], of_name("parent").await["id"]);
    dav.put(&format!("{list}parent.ics"), &todo("parent", "SUMMARY:parent 2")).await.assert(204);
    assert_eq!(of_name("child").await["parent_id"], of_name("parent 2").await["id"]);
    let text = dav.get(&format!("{list}child.ics")).await.text();
    assert!(text.contains("RELATED-TO:parent"), "{text}");
    let id = of_name("parent 2").await["id"].clone();
    let born = client.post("/v1/todos", json!({ "name": "born", "parent_id": id })).await.assert(201).json();
    let born = dav.get(&format!("{list}{}.ics", born["id"].as_str().unwrap())).await.assert(200).text();
    assert!(born.contains("RELATED-TO;RELTYPE=PARENT:parent"), "{born}");
}

#[tokio::test]
async fn a_move_in_any_form_keeps_the_todo() {
    let (_, client, dav) = ann().await;
    let (home, work) = (dav.list("home").await, dav.list("work").await);
    let text = todo("u", "SUMMARY:one|X-KEEP:1");
    dav.put(&format!("{home}u.ics"), &text).await.assert(201);
    let id = client.get("/v1/todos").await.json()["items"][0]["id"].clone();
    let is_same = async |path: &str| {
        let todos = client.get("/v1/todos").await.json();
        assert_eq!(todos["items"].as_array().unwrap().len(), 1, "{todos}");
        assert_eq!(todos["items"][0]["id"], id);
        assert!(dav.get(path).await.assert(200).text().contains("X-KEEP:1"));
    };
    // MOVE
    let (from, to) = (format!("{home}u.ics"), format!("{work}v.ics"));
    dav.send("MOVE", &from, &[("destination", &format!("http://localhost{to}"))], "").await.assert(201);
    dav.get(&from).await.assert(404);
    is_same(&to).await;
    // PUT, then DELETE, as other clients do.
    dav.put(&from, &text).await.assert(201);
    dav.send("DELETE", &to, &[], "").await.assert(404);
    is_same(&from).await;
    // DELETE, then PUT.
    dav.send("DELETE", &from, &[], "").await.assert(204);
    dav.put(&to, &text).await.assert(201);
    is_same(&to).await;
    let other = format!("{work}w.ics");
    dav.put(&other, &todo("w", "SUMMARY:w")).await.assert(201);
    let keep = [("destination", other.as_str()), ("overwrite", "F")];
    dav.send("MOVE", &to, &keep, "").await.assert(412);
    dav.send("MOVE", &to, &keep[..1], "").await.assert(204);
    is_same(&other).await;
}

#[tokio::test]
async fn queries_and_multigets_return_what_clients_ask_for() {
    let (_, client, dav) = ann().await;
    let list = dav.list("work").await;
    dav.put(&format!("{list}a%20b.ics"), &todo("a", "SUMMARY:water|DUE:20261201T100000Z")).await.assert(201);
    dav.put(&format!("{list}c.ics"), &todo("c", "SUMMARY:done|STATUS:COMPLETED|COMPLETED:20261101T000000Z"))
        .await
        .assert(201);
    let list_id = client.get("/v1/lists").await.json()["items"][0]["id"].clone();
    let born = client.post("/v1/todos", json!({ "name": "born", "list_id": list_id })).await.json();
    let born = format!("{list}{}.ics", born["id"].as_str().unwrap());
    let query = async |filter: &str| {
        let filter = format!("<C:filter><C:comp-filter name='VCALENDAR'>{filter}</C:comp-filter></C:filter>");
        let content = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop>{filter}");
        let found: Multistatus = dav.report(&list, "C:calendar-query", &content).await;
        found.responses.len()
    };
    assert_eq!(query("<C:comp-filter name='VTODO'/>").await, 3);
    assert_eq!(query("<C:comp-filter name='VEVENT'/>").await, 0);
    let due = "<C:comp-filter name='VTODO'><C:time-range start='20261201T000000Z' end='20261202T000000Z'/></C:comp-filter>";
    assert_eq!(query(due).await, 2, "the todo without any time is in every range");
    let open = "<C:comp-filter name='VTODO'><C:prop-filter name='COMPLETED'><C:is-not-defined/></C:prop-filter></C:comp-filter>";
    assert_eq!(query(open).await, 2);
    let uid = "<C:comp-filter name='VTODO'><C:prop-filter name='UID'><C:text-match collation='i;octet'>a</C:text-match></C:prop-filter></C:comp-filter>";
    assert!(query(uid).await >= 1);
    let hrefs = [
        format!("{list}a%20b.ics"),
        format!("\n http://localhost{list}c.ics "),
        format!("{list}x.ics"),
        born.clone(),
    ];
    let hrefs = hrefs.map(|href| format!("<D:href>{href}</D:href>")).concat();
    let content = format!("<D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}");
    let found = dav.report(&list, "C:calendar-multiget", &content).await;
    assert_eq!(found.responses.len(), 4);
    assert!(found.at(&format!("{list}a%20b.ics")).text("calendar-data").contains("SUMMARY:water"));
    assert!(found.at(&format!("{list}x.ics")).is_gone());
    let generated = found.at(&born).text("calendar-data");
    assert_eq!(dav.get(&born).await.text(), generated);
    assert_eq!(dav.get(&born).await.header("etag"), found.at(&born).text("getetag"));
    let whole = dav.get(&list).await.assert(200).text();
    assert_eq!((whole.matches("BEGIN:VTODO").count(), whole.matches("BEGIN:VCALENDAR").count()), (3, 1));
    let wrong =
        format!("<C:calendar-query {NAMESPACES}><C:filter><C:comp-filter/></C:filter></C:calendar-query>");
    assert!(dav.send("REPORT", &list, &[], &wrong).await.assert(403).text().contains("valid-filter"));
}

#[tokio::test]
async fn a_completed_occurrence_advances_the_series_for_every_client() {
    let (_, client, dav) = ann().await;
    let list = dav.list("tb").await;
    let master = "SUMMARY:daily|RRULE:FREQ=DAILY|DTSTART;VALUE=DATE:20261128|DUE;VALUE=DATE:20261128";
    let path = format!("{list}tb-1.ics");
    dav.put(&path, &todo("tb-1", master)).await.assert(201);
    // As Thunderbird writes it.
    let done = "END:VTODO|BEGIN:VTODO|UID:tb-1|SUMMARY:daily|STATUS:COMPLETED|RECURRENCE-ID;VALUE=DATE:20261128|\
        DTSTART;VALUE=DATE:20261128|DUE;VALUE=DATE:20261128|COMPLETED:20261128T034521Z|PERCENT-COMPLETE:100";
    let changed = dav.put(&path, &todo("tb-1", &format!("{master}|{done}"))).await.assert(204);
    assert_eq!(changed.header("etag"), "", "the client reads the object again");
    let text = dav.get(&path).await.text();
    assert!(text.contains("DUE;VALUE=DATE:20261129") && !text.contains("RECURRENCE-ID"), "{text}");
    let todos = client.get("/v1/todos?sort=created_at").await.json();
    let all: Vec<_> = todos["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|todo| (&todo["completed"], &todo["due"]["date"]))
        .collect();
    assert_eq!(all, [(&json!(false), &json!("2026-11-29")), (&json!(true), &json!("2026-11-28"))]);
    let record = dav.propfind(&list, "1", "<D:getetag/>").await;
    assert_eq!(record.responses.len(), 3, "the list, the series and the record");
    // As Nextcloud Tasks completes: the whole series, with its rule.
    let series = todo("tb-1", &master.replace("20261128", "20261129"))
        .replace("SUMMARY", "STATUS:COMPLETED\r\nSUMMARY");
    dav.put(&path, &series).await.assert(204);
    assert!(dav.get(&path).await.text().contains("DUE;VALUE=DATE:20261130"));
}
