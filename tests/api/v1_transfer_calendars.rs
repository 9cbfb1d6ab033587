//! Exports and imports of what calendar clients have written: nothing of it is lost, and a UID stays unique.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::dav::{Dav, NAMESPACES, todo};
use crate::support::{Client, TestApp};
use crate::v1_transfer::{delete_account, export, file, id, import, timeless};

/// The text of every resource by its path below the home.
async fn texts(dav: &Dav) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let lists = dav.propfind(&dav.home, "1", "<D:resourcetype/>").await;
    for list in lists.responses.iter().filter(|list| list.href != dav.home) {
        let members = dav.propfind(&list.href, "1", "<D:getetag/>").await;
        for member in members.responses.iter().filter(|member| member.href != list.href) {
            let text = dav.get(&member.href).await.assert(200).text();
            texts.push((member.href.strip_prefix(&dav.home).unwrap().to_owned(), text));
        }
    }
    texts.sort();
    texts
}

/// A list with a name and properties, and todos of a client: changed since, waiting for a parent, recorded, in the trash.
async fn write_as_a_client(client: &Client, dav: &Dav) {
    let list = dav.list("F00-BAR").await;
    let change = format!(
        "<D:propertyupdate {NAMESPACES} xmlns:T='http://tasks.org'><D:set><D:prop><D:displayname>Home &amp; more</D:displayname>\
         <T:x-calendar-icon a='1'>ho&lt;me<T:b/></T:x-calendar-icon><A:calendar-order>3</A:calendar-order></D:prop></D:set></D:propertyupdate>"
    );
    dav.send("PROPPATCH", &list, &[], &change).await.assert(207);
    let alarm = "X-KEEP;A=b:1|SEQUENCE:4|BEGIN:VALARM|ACTION:DISPLAY|TRIGGER:-PT15M|END:VALARM";
    dav.put(&format!("{list}one%20x.ics"), &todo("one@vm", &format!("SUMMARY:one|{alarm}")))
        .await
        .assert(201);
    dav.put(&format!("{list}two.ics"), &todo("two", "SUMMARY:two|RELATED-TO:one@vm")).await.assert(201);
    dav.put(&format!("{list}three.ics"), &todo("three", "SUMMARY:three|RELATED-TO:comes-later"))
        .await
        .assert(201);
    let rule = "SUMMARY:hourly|RRULE:FREQ=HOURLY;BYSECOND=1|DTSTART:20261128T090000Z|DUE:20261128T100000Z";
    dav.put(&format!("{}inbox/odd.ics", dav.home), &todo("odd", rule)).await.assert(201);
    let daily = "SUMMARY:daily|RRULE:FREQ=DAILY|DTSTART;VALUE=DATE:20261128|DUE;VALUE=DATE:20261128";
    dav.put(&format!("{list}daily.ics"), &todo("daily", daily)).await.assert(201);
    let done = "END:VTODO|BEGIN:VTODO|UID:daily|SUMMARY:daily|STATUS:COMPLETED|RECURRENCE-ID;VALUE=DATE:20261128|\
        DUE;VALUE=DATE:20261128|X-OF-THE-DAY:1";
    dav.put(&format!("{list}daily.ics"), &todo("daily", &format!("{daily}|{done}"))).await.assert(204);
    dav.put(&format!("{list}gone.ics"), &todo("gone", "SUMMARY:gone|X-GONE:1")).await.assert(201);
    dav.send("DELETE", &format!("{list}gone.ics"), &[], "").await.assert(204);
    // Changed twice since the client has sent its text.
    let found = client.get("/v1/todos?q=one").await.json();
    let path = format!("/v1/todos/{}", found["items"][0]["id"].as_str().unwrap());
    for name in ["once", "one, changed"] {
        client.patch(&path, json!({ "name": name })).await.assert(200);
    }
}

#[tokio::test]
async fn calendar_clients_see_the_same_after_export_deletion_and_import() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let dav = Dav::of(&ann, "ann").await;
    write_as_a_client(&ann, &dav).await;
    let (before, shown) = (export(&ann).await, texts(&dav).await);
    assert!(before.contains("X-OF-THE-DAY") && before.contains("X-GONE:1"), "{before}");
    let ann = delete_account(&app, &ann, "ann").await;
    let done = import(&ann, "", before.clone()).await.assert(200).json();
    assert_eq!(done["warning_count"], 0, "{done}");
    assert_eq!(timeless(&export(&ann).await), timeless(&before));
    let dav = Dav::of(&ann, "ann").await;
    assert_eq!(texts(&dav).await, shown);
    assert!(shown.iter().any(|(_, text)| text.contains("SEQUENCE:6")), "{shown:?}");
    let icon = "<D:displayname/><x-calendar-icon xmlns='http://tasks.org'/>";
    let list = dav.propfind(&format!("{}F00-BAR/", dav.home), "0", icon).await;
    assert_eq!(
        (list.only().text("displayname"), list.only().text("x-calendar-icon")),
        ("Home & more".to_owned(), "ho<me".to_owned())
    );
    // The todo that waits for its parent still gets it, and one from the trash keeps its UID.
    let parent = format!("{}F00-BAR/later.ics", dav.home);
    dav.put(&parent, &todo("comes-later", "SUMMARY:later")).await.assert(201);
    let three = ann.get("/v1/todos?q=three").await.json()["items"][0].clone();
    assert!(three["parent_id"].is_string(), "{three}");
    dav.put(&format!("{}F00-BAR/back.ics", dav.home), &todo("gone", "SUMMARY:gone")).await.assert(201);
    let all = ann.get("/v1/todos?q=gone&deleted=any").await.json();
    assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
}

#[tokio::test]
async fn a_uid_and_a_name_stay_unique_when_an_export_is_imported() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let dav = Dav::of(&ann, "ann").await;
    write_as_a_client(&ann, &dav).await;
    let (before, shown) = (export(&ann).await, texts(&dav).await);
    let counted = |json: &Value| json["import"]["todos"]["created"].as_u64().unwrap();
    assert_eq!(counted(&import(&ann, "", before.clone()).await.assert(200).json()), 0);
    // A copy has other UIDs, and everything else of the texts.
    assert_eq!(counted(&import(&ann, "?mode=copy", before.clone()).await.assert(200).json()), 7);
    let copied = texts(&dav).await;
    assert_eq!(copied.len(), 2 * shown.len());
    assert_eq!(copied.iter().filter(|(_, text)| text.contains("X-KEEP;A=b:1")).count(), 2);
    assert!(shown.iter().all(|text| copied.contains(text)));
    // The account has the object under another id.
    let todos = json!([{ "id": id(1), "name": "one", "calendar": { "uid": "one@vm" } },
        { "id": id(2), "name": "new", "parent_id": id(1), "list_id": null, "calendar": { "uid": "new@vm", "name": "one x.ics" } }]);
    let done = import(&ann, "", file(&json!([]), &todos)).await.assert(200).json();
    assert_eq!(
        (&done["import"]["todos"]["created"], &done["warning_count"]),
        (&json!(1), &json!(0)),
        "{done}"
    );
    let new = ann.get(&format!("/v1/todos/{}", id(2))).await.assert(200).json();
    assert_ne!(new["parent_id"], id(1));
    let again = import(&ann, "?mode=copy", file(&json!([]), &todos)).await.assert(200).json();
    assert_eq!(counted(&again), 2);
}

#[tokio::test]
async fn calendar_fields_that_no_client_can_have_written_are_refused() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let todo = |calendar: Value| json!({ "id": id(1), "name": "x", "calendar": calendar });
    let list = |calendar: Value| json!({ "id": id(1), "name": "x", "calendar": calendar });
    let property = |xml: &str| json!({ "properties": [{ "space": "DAV:", "local": "x", "xml": xml }] });
    let large = property(&"x".repeat(17_000));
    for (lists, todos, pointer) in [
        (json!([]), json!([todo(json!("x"))]), "/todos/0/calendar"),
        (json!([]), json!([todo(json!({ "uid": " " }))]), "/todos/0/calendar/uid"),
        (json!([]), json!([todo(json!({ "uid": "x".repeat(1_025) }))]), "/todos/0/calendar/uid"),
        (json!([]), json!([todo(json!({ "name": "a/b" }))]), "/todos/0/calendar/name"),
        (json!([]), json!([todo(json!({ "text": "BEGIN:VCALENDAR" }))]), "/todos/0/calendar/text"),
        (json!([]), json!([todo(json!({ "text_age": -1 }))]), "/todos/0/calendar/text_age"),
        (json!([]), json!([todo(json!({ "hash": 1 }))]), "/todos/0/calendar/hash"),
        (
            json!([]),
            json!([todo(json!({ "uid": "u" })), { "id": id(2), "name": "y", "calendar": { "uid": "u" } }]),
            "/todos/1/calendar/uid",
        ),
        (json!([list(json!({ "name": ".." }))]), json!([]), "/lists/0/calendar/name"),
        (json!([list(property("</D:x>"))]), json!([]), "/lists/0/calendar/properties/0/xml"),
        (json!([list(large)]), json!([]), "/lists/0/calendar/properties"),
    ] {
        let refused = import(&ann, "", file(&lists, &todos)).await.assert(422).json();
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    assert_eq!(ann.send(Method::GET, "/v1/lists", &[], "").await.json()["items"], json!([]));
}

const HOUSEHOLD: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nX-WR-CALNAME:Household\r\n\
    BEGIN:VTODO\r\nUID:child@x\r\nSUMMARY:child\r\nRELATED-TO:parent@x\r\nX-KEEP:child\r\nEND:VTODO\r\n\
    BEGIN:VTODO\r\nUID:parent@x\r\nSUMMARY:parent\r\nDUE;VALUE=DATE:20261201\r\nRRULE:FREQ=HOURLY;BYSECOND=1\r\nEND:VTODO\r\n\
    BEGIN:VTODO\r\nUID:orphan@x\r\nSUMMARY:orphan\r\nRELATED-TO:on-the-server\r\nEND:VTODO\r\n\
    BEGIN:VTODO\r\nSUMMARY:without a UID\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

#[tokio::test]
async fn a_calendar_file_is_imported_once_and_its_texts_are_kept() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let dav = Dav::of(&ann, "ann").await;
    let plan = import(&ann, "?dry_run=true", HOUSEHOLD).await.assert(200).json();
    assert_eq!(plan["preview"]["lists"], json!([{ "name": "Household", "todo_count": 4 }]), "{plan}");
    let done = import(&ann, "", HOUSEHOLD).await.assert(200).json();
    assert_eq!(
        (&done["import"]["format"], &done["import"]["todos"]["created"]),
        (&json!("icalendar"), &json!(4))
    );
    let details: Vec<_> = done["import"]["warnings"].as_array().unwrap().iter().collect();
    assert!(details[0]["detail"].as_str().unwrap().contains("FREQ=HOURLY;BYSECOND=1"), "{done}");
    assert_eq!(details[0]["line"], 11);
    let named = async |name: &str| ann.get(&format!("/v1/todos?q={name}")).await.json()["items"][0].clone();
    assert_eq!(named("child").await["parent_id"], named("parent").await["id"]);
    let shown = texts(&dav).await;
    assert!(
        shown.iter().any(|(_, text)| text.contains("X-KEEP:child") && text.contains("RELATED-TO:parent@x"))
    );
    assert!(shown.iter().any(|(_, text)| text.contains("RRULE:FREQ=HOURLY;BYSECOND=1")), "{shown:?}");
    for _ in 0..2 {
        let again = import(&ann, "", HOUSEHOLD).await.assert(200).json();
        assert_eq!(again["import"]["todos"]["existing"], 4, "{again}");
    }
    // The parent comes later, by the same file or by a client, and is known by its UID.
    dav.put(&format!("{}inbox/p.ics", dav.home), &todo("on-the-server", "SUMMARY:server")).await.assert(201);
    let more = "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:on-the-server\nSUMMARY:x\nEND:VTODO\nBEGIN:VTODO\nUID:new\n\
        RELATED-TO:on-the-server\nSUMMARY:new\nEND:VTODO\nEND:VCALENDAR\n";
    let done = import(&ann, "", more).await.assert(200).json();
    assert_eq!(
        (&done["import"]["todos"]["created"], &done["import"]["todos"]["existing"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(named("new").await["parent_id"], named("server").await["id"]);
    // One object has one UID, whoever writes it next.
    let uploaded =
        dav.put(&format!("{}inbox/again.ics", dav.home), &todo("parent@x", "SUMMARY:parent")).await;
    assert!([201, 403].contains(&uploaded.status.as_u16()), "{}", uploaded.text());
    assert_eq!(ann.get("/v1/todos?q=parent").await.json()["items"].as_array().unwrap().len(), 1);
    let broken =
        import(&ann, "", "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:1\nEND:VCALENDAR\n").await.assert(422).json();
    assert!(broken["errors"][0]["detail"].as_str().unwrap().starts_with("Line 4:"), "{broken}");
}

#[tokio::test]
async fn an_export_for_calendar_apps_brings_todos_to_another_account() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let dav = Dav::of(&ann, "ann").await;
    write_as_a_client(&ann, &dav).await;
    let list = ann.create_list(json!({ "name": "Work; and, more" })).await;
    let parent =
        ann.create_todo(json!({ "name": "own parent", "list_id": list, "tags": ["Home, sweet"] })).await;
    ann.create_todo(json!({ "name": "own child", "parent_id": parent, "priority": "high" })).await;
    let answer = ann.get("/v1/user/export?format=icalendar").await.assert(200);
    assert_eq!(answer.header("content-type"), "text/calendar; charset=utf-8");
    let text = answer.text();
    assert_eq!(text.matches("BEGIN:VCALENDAR").count(), 1);
    assert!(text.ends_with("END:VCALENDAR\r\n") && text.contains("X-KEEP;A=b:1") && !text.contains("X-GONE"));
    // The account has everything, its lists too.
    let again = import(&ann, "", text.clone()).await.assert(200).json();
    assert_eq!(
        (&again["import"]["todos"]["created"], &again["import"]["lists"]["created"]),
        (&json!(0), &json!(0)),
        "{again}"
    );
    let done = import(&ben, "", text.clone()).await.assert(200).json();
    let count = text.matches("BEGIN:VTODO").count();
    assert_eq!(done["import"]["todos"]["created"], count, "{done}");
    let facts = async |client: &Client| {
        let lists = client.get("/v1/lists").await.json();
        let name_of = |id: &Value| {
            lists["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|list| list["id"] == *id)
                .map(|list| list["name"].clone())
        };
        let todos = client.get("/v1/todos?limit=200").await.json();
        let todos = todos["items"].as_array().unwrap();
        let parent =
            |id: &Value| todos.iter().find(|todo| todo["id"] == *id).map(|todo| todo["name"].clone());
        let mut facts: Vec<_> = todos
            .iter()
            .map(|todo| {
                let same =
                    ["name", "description", "completed", "due", "priority", "tags"].map(|field| &todo[field]);
                json!([
                    same,
                    name_of(&todo["list_id"]),
                    parent(&todo["parent_id"]),
                    todo["recurrence"]["rule"]
                ])
                .to_string()
            })
            .collect();
        facts.sort();
        facts
    };
    assert_eq!(facts(&ben).await, facts(&ann).await);
    let again = import(&ben, "", text).await.assert(200).json();
    assert_eq!(again["import"]["todos"]["created"], 0);
}

#[tokio::test]
async fn an_imported_todo_gets_the_subtasks_that_wait_for_it() {
    let app = TestApp::start().await;
    let ann = app.v1_user("ann").await;
    let dav = Dav::of(&ann, "ann").await;
    for (name, parent) in [("milk", "shopping"), ("eggs", "shopping"), ("other", "never")] {
        let lines = format!("SUMMARY:{name}|RELATED-TO:{parent}");
        dav.put(&format!("{}inbox/{name}.ics", dav.home), &todo(name, &lines)).await.assert(201);
    }
    let done = import(&ann, "", todo("shopping", "SUMMARY:shopping")).await.assert(200).json();
    assert_eq!(done["import"]["todos"]["created"], 1, "{done}");
    let found = async |name: &str| ann.get(&format!("/v1/todos?q={name}")).await.json()["items"][0].clone();
    let shopping = found("shopping").await;
    for name in ["milk", "eggs"] {
        let child = found(name).await;
        assert_eq!(child["parent_id"], shopping["id"], "{child}");
        let text = dav.get(&format!("{}inbox/{name}.ics", dav.home)).await.assert(200).text();
        assert!(text.contains(":shopping\r\n"), "{text}");
    }
    assert_eq!(found("other").await["parent_id"], Value::Null);
    // A repetition leaves the parent alone.
    let again = import(&ann, "", todo("shopping", "SUMMARY:shopping")).await.assert(200).json();
    assert_eq!(again["import"]["todos"]["existing"], 1, "{again}");
}

#[tokio::test]
async fn imports_are_listed_and_one_runs_at_a_time() {
    let app = TestApp::start().await;
    let (ann, ben) = (app.v1_user("ann").await, app.v1_user("ben").await);
    let one = |number: usize| file(&json!([]), &json!([{ "id": id(number), "name": "a" }]));
    for number in 1..=2 {
        import(&ann, "", one(number)).await.assert(200);
        app.advance(1);
    }
    // At the same time, another import and another write of the user: each is done or refused as a whole.
    let many: Vec<_> = (10..400).map(|number| format!("x todo {number}\n")).collect();
    let many = many.concat();
    let (large, second) = tokio::join!(import(&ann, "", many.clone()), import(&ann, "", one(3)));
    let statuses = [large.status.as_u16(), second.status.as_u16()];
    assert!(statuses.iter().all(|status| [200, 202, 429].contains(status)), "{statuses:?}");
    for body in [many, one(3)] {
        while import(&ann, "", body.clone()).await.status == 429 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    let listed = ann.get("/v1/imports").await.assert(200).json();
    let found = |import: &Value| import["todos"]["found"].as_u64().unwrap();
    let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(found).collect();
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert_eq!(&listed[2..], [1, 1]);
    assert_eq!(ben.get("/v1/imports").await.json(), json!({ "items": [] }));
}
