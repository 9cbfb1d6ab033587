//! Reports and objects of CalDAV that are made to cost as much as possible.

use std::fmt::Write;

use reqwest::Method;
use serde_json::Value;

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request};
use crate::fleet::account::Account;

/// Connections of the attacker.
const CLIENTS: usize = 12;
/// Objects of about 100 kB.
const LARGE_OBJECTS: usize = 100;
const SMALL_OBJECTS: usize = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reports_over_large_lists() {
    let mut arena = Arena::prepare("reports", &[]).await;
    for (what, objects, description) in [("large", LARGE_OBJECTS, 16_000), ("small", SMALL_OBJECTS, 0)] {
        let mallory = arena.register(&format!("mallory{objects}")).await;
        import(&arena, &mallory, &list(objects, description)).await;
        let home = home(&arena, &mallory).await;
        for (name, body) in reports(objects == LARGE_OBJECTS) {
            let path = format!("{home}inbox/");
            let method =
                Method::from_bytes(if body.contains("propfind") { b"PROPFIND" } else { b"REPORT" }).unwrap();
            arena
                .attack(
                    &format!("dav: {name} over {objects} {what} objects, {CLIENTS} connections"),
                    async |assault| {
                        let clients = vec![assault.attacker(HOSTILE, &mallory.access); CLIENTS];
                        let request = Request { method, path, body: body.into_bytes() };
                        assault.repeat(clients, move |_, _| request.clone()).await;
                    },
                )
                .await;
        }
    }
    arena.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn objects_with_long_series() {
    let mut arena = Arena::prepare("objects", &[]).await;
    let mallory = arena.register("mallory").await;
    let home = home(&arena, &mallory).await;
    arena
        .attack(&format!("dav: objects with 100 overrides, {CLIENTS} connections"), async |assault| {
            let clients = vec![assault.attacker(HOSTILE, &mallory.access); CLIENTS];
            let request = move |client: usize, time: usize| Request {
                method: Method::PUT,
                path: format!("{home}inbox/{client}.ics"),
                body: series(client, time).into_bytes(),
            };
            assault.repeat(clients, request).await;
        })
        .await;
    arena.end().await;
}

async fn home(arena: &Arena, account: &Account) -> String {
    let user = account.call(&arena.hostile_instance(), Method::GET, "/v1/user", &Value::Null).await;
    format!("/dav/lists/{}/", user.body["id"].as_str().unwrap())
}

async fn import(arena: &Arena, account: &Account, file: &str) {
    let path = "/v1/import?format=icalendar";
    let answer =
        arena.hostile_instance().send(Method::POST, path, &account.access, &[], file.to_owned()).await;
    assert!([200, 202].contains(&answer.status), "{} {}", answer.status, answer.body);
}

/// What clients can ask of all objects at once.
fn reports(is_large: bool) -> [(&'static str, String); 2] {
    let names = "xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'";
    let query = |data: &str, filter: &str| {
        format!(
            "<C:calendar-query {names}><D:prop><D:getetag/>{data}</D:prop><C:filter><C:comp-filter name='VCALENDAR'>\
            <C:comp-filter name='VTODO'>{filter}</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
        )
    };
    let range = "start='20260101T000000Z' end='20281231T000000Z'";
    let expand = query(
        &format!("<C:calendar-data><C:expand {range}/></C:calendar-data>"),
        &format!("<C:time-range {range}/>"),
    );
    let properties = format!("<D:propfind {names}><D:allprop/></D:propfind>");
    let other =
        if is_large { ("texts", query("<C:calendar-data/>", "")) } else { ("properties", properties) };
    [("expanded series", expand), other]
}

fn list(objects: usize, description: usize) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_owned();
    for number in 0..objects {
        let _ = write!(
            text,
            "BEGIN:VTODO\r\nUID:{number}\r\nSUMMARY:{number}\r\nDTSTART;TZID=Europe/Berlin:20261201T090000\r\n\
            DUE;TZID=Europe/Berlin:20261201T100000\r\nRRULE:FREQ=DAILY\r\n"
        );
        for line in 0..description / 200 {
            let _ = write!(text, "X-LINE-{line}:{}\r\n", "y".repeat(1_150));
        }
        text += "END:VTODO\r\n";
    }
    text + "END:VCALENDAR\r\n"
}

/// A series of which 100 occurrences are objects of their own, each time other ones.
fn series(number: usize, time: usize) -> String {
    let mut text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:{number}\r\nSUMMARY:{time}\r\n\
        DTSTART:20261201T000000Z\r\nDUE:20261201T000100Z\r\nRRULE:FREQ=MINUTELY;COUNT=100000\r\nEND:VTODO\r\n"
    );
    for minute in 0..100 {
        let (hour, minute, day) = ((minute / 60 + time) % 24, minute % 60, 2 + time / 24 % 20);
        let _ = write!(
            text,
            "BEGIN:VTODO\r\nUID:{number}\r\nRECURRENCE-ID:202612{day:02}T{hour:02}{minute:02}00Z\r\n\
            SUMMARY:moved\r\nDUE:20261224T000000Z\r\nEND:VTODO\r\n"
        );
    }
    text + "END:VCALENDAR\r\n"
}
