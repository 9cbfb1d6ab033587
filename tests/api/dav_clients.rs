//! CalDAV: requests as apps send them, from captured traffic and from the apps' sources, and what each app needs of the
//! responses. The objects are those of `tests/icalendar/objects`.

use serde_json::{Value, json};

use crate::support::dav::{Dav, Multistatus, NAMESPACES};
use crate::support::{Client, TestApp};

macro_rules! object {
    ($name:literal) => {
        include_str!(concat!("../icalendar/objects/", $name, ".ics"))
    };
}

async fn ann() -> (TestApp, Client, Dav) {
    let app = TestApp::start().await;
    let client = app.v1_user("ann").await;
    let dav = Dav::of(&client, "ann").await;
    (app, client, dav)
}

/// Sends an XML body as it is.
async fn xml(dav: &Dav, method: &str, path: &str, depth: &str, body: &str) -> Multistatus {
    Multistatus::of(&dav.send(method, path, &[("depth", depth), ("content-type", "text/xml")], body).await)
}

async fn todos(client: &Client) -> Vec<Value> {
    client.get("/v1/todos?sort=position").await.json()["items"].as_array().unwrap().clone()
}

/// A list as an app creates it with extended MKCOL or MKCALENDAR.
async fn make_list(dav: &Dav, method: &str, name: &str) -> String {
    let (root, kind) = match method {
        "MKCOL" => ("D:mkcol", "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"),
        _ => ("C:mkcalendar", ""),
    };
    let path = format!("{}{name}/", dav.home);
    let body = format!(
        "<?xml version='1.0' encoding='UTF-8' ?><{root} {NAMESPACES}><D:set><D:prop>{kind}<D:displayname>Groceries</D:displayname>\
         <A:calendar-color>#43A047FF</A:calendar-color><C:supported-calendar-component-set><C:comp name='VTODO' />\
         </C:supported-calendar-component-set></D:prop></D:set></{root}>"
    );
    dav.send(method, &path, &[], &body).await.assert(201);
    path
}

#[tokio::test]
async fn tasks_org_creates_a_list_fetches_by_tag_and_writes_without_conditions() {
    let (_, client, dav) = ann().await;
    let list = make_list(&dav, "MKCOL", "2f1cb7d8-94ad-4a9e-b4f1-7a9b2a3e7c10").await;
    let home = "<propfind xmlns='DAV:' xmlns:CAL='urn:ietf:params:xml:ns:caldav' xmlns:CS='http://calendarserver.org/ns/' \
        xmlns:APPLE='http://apple.com/ns/ical/' xmlns:T='http://tasks.org'><prop><resourcetype/><displayname/>\
        <CAL:supported-calendar-component-set/><APPLE:calendar-color/><CS:getctag/><current-user-privilege-set/><sync-token/>\
        <T:x-calendar-icon/></prop></propfind>";
    let found = xml(&dav, "PROPFIND", &dav.home, "1", home).await;
    let found = found.at(&list);
    // It stops if the name is missing, and ignores what is no calendar with todos.
    assert_eq!(found.text("displayname"), "Groceries");
    assert!(found.kinds("resourcetype").contains(&"calendar") && found.lacks("x-calendar-icon"));
    assert!(
        found.has("getctag")
            && found.has("sync-token")
            && found.kinds("current-user-privilege-set").len() > 5
    );
    let uid = "7110293847561029384";
    let path = format!("{list}{uid}.ics");
    let created = dav.put(&path, object!("tasks-org-full")).await.assert(201);
    assert_ne!(created.header("etag"), "");
    dav.put(&path, object!("tasks-org-full")).await.assert(204);
    let query = "<CAL:calendar-query xmlns='DAV:' xmlns:CAL='urn:ietf:params:xml:ns:caldav'><prop><getetag/></prop><CAL:filter>\
        <CAL:comp-filter name='VCALENDAR'><CAL:comp-filter name='VTODO'/></CAL:comp-filter></CAL:filter></CAL:calendar-query>";
    let members = xml(&dav, "REPORT", &list, "1", query).await;
    assert_eq!(members.only().href, path);
    let multiget = format!(
        "<CAL:calendar-multiget xmlns='DAV:' xmlns:CAL='urn:ietf:params:xml:ns:caldav'><prop><getcontenttype/><getetag/>\
         <CAL:calendar-data/></prop><href>{path}</href></CAL:calendar-multiget>"
    );
    let object = xml(&dav, "REPORT", &list, "1", &multiget).await;
    // Both must be there, and it reads a resource with exactly one VTODO only.
    assert_eq!(object.only().text("getetag"), members.only().text("getetag"));
    assert_eq!(object.only().text("calendar-data").matches("BEGIN:VTODO").count(), 1);
    let icon = "<propertyupdate xmlns='DAV:' xmlns:T='http://tasks.org'><set><prop><T:x-calendar-icon>shopping_cart</T:x-calendar-icon>\
        </prop></set></propertyupdate>";
    xml(&dav, "PROPPATCH", &list, "0", icon).await;
    assert_eq!(
        xml(&dav, "PROPFIND", &dav.home, "1", home).await.at(&list).text("x-calendar-icon"),
        "shopping_cart"
    );
    // It moves by DELETE and PUT in either order.
    let other = make_list(&dav, "MKCOL", "other").await;
    let id = todos(&client).await[0]["id"].clone();
    dav.send("DELETE", &path, &[], "").await.assert(204);
    dav.put(&format!("{other}{uid}.ics"), object!("tasks-org-full")).await.assert(201);
    dav.send("DELETE", &path, &[], "").await.assert(404);
    assert_eq!(todos(&client).await[0]["id"], id);
}

#[tokio::test]
async fn davx5_syncs_by_token_and_uploads_an_edit_of_a_removed_object_again() {
    let (_, _, dav) = ann().await;
    let list = make_list(&dav, "MKCALENDAR", "6d1f7f52-jtx").await;
    let state = "<propfind xmlns='DAV:' xmlns:CAL='urn:ietf:params:xml:ns:caldav' xmlns:CS='http://calendarserver.org/ns/'><prop>\
        <CAL:max-resource-size/><supported-report-set/><CS:getctag/><sync-token/></prop></propfind>";
    let found = xml(&dav, "PROPFIND", &list, "0", state).await;
    let found = found.only();
    assert!(found.has("supported-report-set") && found.text("max-resource-size").parse::<u32>().is_ok());
    let sync = async |token: &str| {
        let body = format!(
            "<sync-collection xmlns='DAV:'><sync-token>{token}</sync-token><sync-level>1</sync-level><prop><getetag/><resourcetype/></prop>\
             </sync-collection>"
        );
        xml(&dav, "REPORT", &list, "0", &body).await
    };
    let token = sync("").await.sync_token;
    let path = format!("{list}jtx-1.ics");
    let new =
        [("if-none-match", "*"), ("push-dont-notify", "x"), ("content-type", "text/calendar; charset=utf-8")];
    let created = dav.send("PUT", &path, &new, object!("jtx-full")).await.assert(201);
    let etag = created.header("etag").to_owned();
    let changes = sync(&token).await;
    assert_eq!((changes.only().href.as_str(), changes.only().text("getetag")), (path.as_str(), etag.clone()));
    dav.send("PUT", &path, &new, object!("jtx-full")).await.assert(412);
    dav.send("DELETE", &path, &[("if-match", &etag)], "").await.assert(204);
    assert!(sync(&changes.sync_token).await.only().is_gone());
    // With 404 it forgets the entity tag and uploads the object as a new one, with 412 it would drop the edit.
    dav.send("PUT", &path, &[("if-match", &etag)], object!("jtx-full")).await.assert(404);
    dav.send("PUT", &path, &new, object!("jtx-full")).await.assert(201);
    let refused = dav
        .send("REPORT", &list, &[], "<sync-collection xmlns='DAV:'><sync-token>urn:x</sync-token><sync-level>1</sync-level><prop/></sync-collection>")
        .await;
    assert!(refused.assert(403).text().contains("valid-sync-token"), "it starts again after this condition");
}

#[tokio::test]
async fn ios_finds_its_account_and_keeps_its_alarms() {
    let (_, client, dav) = ann().await;
    let first = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:propfind xmlns:A=\"DAV:\"><A:prop><A:current-user-principal/>\
        <A:principal-URL/><A:resourcetype/></A:prop></A:propfind>";
    for path in ["/", "/principals/", "/dav/"] {
        let found = xml(&dav, "PROPFIND", path, "0", first).await;
        let principal = found.only().text("current-user-principal");
        dav.send("OPTIONS", &principal, &[], "").await.assert(200).header("dav").contains("calendar-access");
        assert!(
            xml(&dav, "PROPFIND", &principal, "0", first)
                .await
                .only()
                .kinds("resourcetype")
                .contains(&"principal")
        );
    }
    let list = make_list(&dav, "MKCALENDAR", "5B8A9D7E-3A0C-4A55-93D3-9D1F2A8B7C60").await;
    // A list says who its user is too, otherwise the account is never verified.
    assert!(
        xml(&dav, "PROPFIND", &list, "0", first)
            .await
            .only()
            .text("principal-URL")
            .starts_with("/dav/principals/")
    );
    let appearance = "<A:propertyupdate xmlns:A=\"DAV:\"><A:set><A:prop><D:calendar-color xmlns:D=\"http://apple.com/ns/ical/\" \
        symbolic-color=\"custom\">#FF2968FF</D:calendar-color><D:calendar-order xmlns:D=\"http://apple.com/ns/ical/\">2</D:calendar-order>\
        </A:prop></A:set></A:propertyupdate>";
    let changed = dav.send("PROPPATCH", &list, &[], appearance).await.assert(207).text();
    assert!(changed.contains("200 OK") && !changed.contains(" 403 "), "{changed}");
    for text in
        [object!("ios-alarm"), object!("ios-date-only"), object!("ios-daily"), object!("ios-location")]
    {
        let uid = text.lines().find_map(|line| line.strip_prefix("UID:")).unwrap().trim();
        let path = format!("{list}{uid}.ics");
        let created = dav.send("PUT", &path, &[("if-none-match", "*")], text).await.assert(201);
        assert_ne!(created.header("etag"), "");
        // A reminder whose alarm is dropped is switched off.
        assert_eq!(dav.get(&path).await.text(), text);
    }
    assert_eq!(todos(&client).await.len(), 4);
    // Hrefs come between line breaks.
    let path = xml(&dav, "PROPFIND", &list, "1", first).await.responses[1].href.clone();
    let multiget = format!(
        "<B:calendar-multiget xmlns:B=\"urn:ietf:params:xml:ns:caldav\"><A:prop xmlns:A=\"DAV:\"><A:getetag/><B:calendar-data/></A:prop>\
         <A:href xmlns:A=\"DAV:\">\n    {path}\n  </A:href></B:calendar-multiget>"
    );
    let found = xml(&dav, "REPORT", &list, "1", &multiget).await;
    assert!(found.only().text("calendar-data").contains("STATUS:NEEDS-ACTION"));
}

#[tokio::test]
async fn macos_asks_for_many_properties_briefly() {
    let (_, _, dav) = ann().await;
    let principal = dav.home.replace("lists", "principals");
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><A:propfind xmlns:A=\"DAV:\" xmlns:B=\"urn:ietf:params:xml:ns:caldav\" \
        xmlns:C=\"http://calendarserver.org/ns/\"><A:prop><B:calendar-home-set/><B:calendar-user-address-set/><A:current-user-principal/>\
        <A:displayname/><C:dropbox-home-URL/><C:email-address-set/><C:notification-URL/><A:principal-collection-set/><A:principal-URL/>\
        <A:resource-id/><B:schedule-inbox-URL/><B:schedule-outbox-URL/><A:supported-report-set/></A:prop></A:propfind>";
    let headers = [("brief", "t"), ("prefer", "return=minimal"), ("depth", "0")];
    let found = Multistatus::of(&dav.send("PROPFIND", &principal, &headers, body).await);
    let found = found.only();
    // It takes one home only.
    assert_eq!(
        (found.text("calendar-home-set"), found.kinds("calendar-home-set").len()),
        (dav.home.clone(), 1)
    );
    assert!(
        !found.lacks("dropbox-home-URL") && !found.has("dropbox-home-URL"),
        "what is missing is left out"
    );
    let list = make_list(&dav, "MKCALENDAR", "mac").await;
    for text in [object!("macos-url"), object!("macos-unfloating-utc")] {
        let uid = text.lines().find_map(|line| line.strip_prefix("UID:")).unwrap().trim();
        dav.send("PUT", &format!("{list}{uid}.ics"), &[("if-none-match", "*")], text).await.assert(201);
        assert_eq!(dav.get(&format!("{list}{uid}.ics")).await.text(), text);
    }
}

#[tokio::test]
async fn planify_reads_everything_at_first_and_moves_todos() {
    let (_, client, dav) = ann().await;
    let (list, other) = (make_list(&dav, "MKCOL", "planify").await, make_list(&dav, "MKCOL", "done").await);
    let uid = "5b0f7a1e-97ea-4b49-8d7b-1f4ff4b2f101";
    let path = format!("{list}{uid}.ics");
    dav.put(&path, object!("planify-plain")).await.assert(201);
    dav.put(&format!("{list}hourly.ics"), object!("planify-hourly")).await.assert(201);
    let query = "<cal:calendar-query xmlns:d=\"DAV:\" xmlns:cal=\"urn:ietf:params:xml:ns:caldav\"><d:prop><d:displayname/><d:owner/>\
        <d:getetag/><d:resourcetype/><d:getcontenttype/><cal:calendar-data/></d:prop><cal:filter><cal:comp-filter name=\"VCALENDAR\">\
        <cal:comp-filter name=\"VTODO\"></cal:comp-filter></cal:comp-filter></cal:filter></cal:calendar-query>";
    let found = xml(&dav, "REPORT", &list, "1", query).await;
    assert_eq!(found.responses.len(), 2);
    assert_eq!(found.at(&path).text("calendar-data"), object!("planify-plain"));
    let token = "<d:propfind xmlns:d=\"DAV:\"><d:prop><d:sync-token/></d:prop></d:propfind>";
    let token = xml(&dav, "PROPFIND", &list, "0", token).await.only().text("sync-token");
    let etag = dav.get(&path).await.header("etag").to_owned();
    let moved = format!("http://localhost{other}{uid}.ics");
    dav.send("MOVE", &path, &[("destination", &moved), ("if-match", &etag)], "").await.assert(201);
    assert_eq!(todos(&client).await.len(), 2, "a move makes no copy");
    let body = format!(
        "<d:sync-collection xmlns:d=\"DAV:\"><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level><d:prop><d:getetag/>\
         <d:getcontenttype/></d:prop></d:sync-collection>"
    );
    let changes = xml(&dav, "REPORT", &list, "1", &body).await;
    assert!(changes.at(&path).is_gone());
    assert!(changes.responses.iter().all(crate::support::dav::Response::is_gone), "the subtask moves along");
}

#[tokio::test]
async fn errands_finds_its_list_and_its_todo_again_by_their_own_ids() {
    let (_, client, dav) = ann().await;
    let id = "d2c9c0f0-ac97-11f0-9d6c-00155d012100";
    let list = make_list(&dav, "MKCALENDAR", id).await;
    let kinds =
        "<D:propfind xmlns:D=\"DAV:\"><D:prop><D:resourcetype/><D:displayname/></D:prop></D:propfind>";
    let found = xml(&dav, "PROPFIND", &dav.home, "1", kinds).await;
    assert!(
        found.responses.iter().any(|found| found.href.trim_end_matches('/').rsplit('/').next() == Some(id))
    );
    let uid = "f7ff6a54-ac98-11f0-9d6c-00155d012101";
    let path = format!("{list}{uid}.ics");
    dav.put(&path, object!("errands-plain")).await.assert(201);
    assert_eq!(todos(&client).await[0]["tags"], json!(["home", "car"]), "all tags come in one text");
    let by_uid = format!(
        "<C:calendar-query {NAMESPACES}><D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name=\"VCALENDAR\"><C:comp-filter \
         name=\"VTODO\"><C:prop-filter name=\"UID\"><C:text-match collation=\"i;octet\">{uid}</C:text-match></C:prop-filter></C:comp-filter>\
         </C:comp-filter></C:filter></C:calendar-query>"
    );
    assert_eq!(xml(&dav, "REPORT", &list, "1", &by_uid).await.only().href, path);
}

#[tokio::test]
async fn nextcloud_tasks_completes_a_series_and_everybody_sees_the_next_occurrence() {
    let (_, client, dav) = ann().await;
    let list = make_list(&dav, "MKCALENDAR", "nextcloud").await;
    let done = object!("nextcloud-completed-series");
    let is_of_completion = |line: &&str| {
        ["STATUS:", "COMPLETED", "PERCENT-COMPLETE:"].iter().any(|start| line.starts_with(start))
    };
    let open: String = done.split_inclusive('\n').filter(|line| !is_of_completion(line)).collect();
    let path = format!("{list}series.ics");
    dav.put(&path, &open).await.assert(201);
    let before = todos(&client).await[0]["due"].clone();
    let etag = dav.get(&path).await.header("etag").to_owned();
    let changed = dav.send("PUT", &path, &[("if-match", &etag)], done).await.assert(204);
    assert_eq!(changed.header("etag"), "", "it reads the object again");
    let all = todos(&client).await;
    let series = all.iter().find(|todo| !todo["recurrence"].is_null()).unwrap();
    let record = all.iter().find(|todo| !todo["occurrence_of"].is_null()).unwrap();
    assert_eq!((&series["completed"], &record["completed"]), (&json!(false), &json!(true)));
    assert_eq!(record["due"], before);
    assert_ne!(series["due"], before);
    assert!(dav.get(&path).await.text().contains("RRULE:"));
}

#[tokio::test]
async fn evolution_looks_at_a_range_first_and_writes_without_conditions() {
    let (_, _, dav) = ann().await;
    let list = make_list(&dav, "MKCALENDAR", "evolution").await;
    let privileges = "<propfind xmlns=\"DAV:\"><prop><current-user-privilege-set/></prop></propfind>";
    let found = xml(&dav, "PROPFIND", &list, "0", privileges).await;
    assert!(found.only().kinds("current-user-privilege-set").contains(&"privilege"));
    let path = format!("{list}eds-1.ics");
    let headers = [("if-none-match", "*"), ("prefer", "return=minimal")];
    dav.send("PUT", &path, &headers, object!("evolution-plain")).await.assert(201);
    let query = |range: &str| {
        format!(
            "<calendar-query xmlns=\"urn:ietf:params:xml:ns:caldav\" xmlns:D=\"DAV:\"><D:prop><D:getetag/></D:prop><filter>\
             <comp-filter name=\"VCALENDAR\"><comp-filter name=\"VTODO\">{range}</comp-filter></comp-filter></filter></calendar-query>"
        )
    };
    let range = query("<time-range start=\"20261024T033846Z\" end=\"20270102T033846Z\"/>");
    for body in [range, query("")] {
        assert_eq!(xml(&dav, "REPORT", &list, "1", &body).await.only().href, path);
    }
    dav.put(&path, &object!("evolution-plain").replace("SUMMARY:", "SUMMARY:changed ")).await.assert(204);
    dav.send("DELETE", &path, &[], "").await.assert(204);
}
