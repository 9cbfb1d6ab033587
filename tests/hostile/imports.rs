//! Files to import that are made to cost as much as possible, from more users than there are places for imports.

use std::fmt::Write;
use std::io::{Cursor, Write as _};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::arena::Arena;
use crate::attacker::{Attacker, Request, one_of_many};
use crate::fleet::account::Account;

const USERS: usize = 5;
/// Just below the limit of a file, in bytes.
const LARGE: usize = 16_000_000;
/// Below the limit on unpacked files, in bytes.
const UNPACKED: usize = 44_000_000;
/// Of one file.
const TODOS_MAX: usize = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn files_that_take_long_to_read() {
    let mut arena = Arena::prepare("imports", &[]).await;
    let users = users(&arena).await;
    let files: [(&str, Vec<u8>); 6] = [
        ("a million rows", format!("name,due\n{}", "a,tomorrow\n".repeat(LARGE / 11)).into()),
        (
            "millions of objects",
            format!(r#"{{"kind":"tasks#taskLists","items":[{}{{}}]}}"#, "{},".repeat(LARGE / 3 - 20)).into(),
        ),
        ("large calendar", calendar(TODOS_MAX, 380).into()),
        ("large calendar in an archive", zipped("a.ics", &calendar(UNPACKED / 3_300, 2_980))),
        ("large export in an archive", zipped("a.json", &export(UNPACKED / 6_100))),
        ("a line", format!("BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:{}", "\\n".repeat(LARGE / 2 - 20)).into()),
    ];
    for (what, file) in files {
        arena
            .attack(&format!("import: {what}, {USERS} users"), async |assault| {
                let clients = users
                    .iter()
                    .enumerate()
                    .map(|(number, user)| assault.attacker(one_of_many(number), &user.access));
                let clients: Vec<Attacker> = clients.collect();
                let request = Request::post("/v1/import?dry_run=true", file.clone());
                assault.repeat(clients, move |_, _| request.clone()).await;
            })
            .await;
    }
    arena.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn imports_and_exports_of_whole_accounts() {
    let mut arena = Arena::prepare("transfers", &[]).await;
    let users = users(&arena).await;
    let file = calendar(9_000, 380);
    arena
        .attack(&format!("import and export of 9,000 todos, {USERS} users"), async |assault| {
            let clients = users
                .iter()
                .enumerate()
                .map(|(number, user)| assault.attacker(one_of_many(number), &user.access));
            let clients: Vec<Attacker> = clients.collect();
            let import = Request::post("/v1/import", file.clone());
            let exports = ["todo-api", "icalendar"]
                .map(|format| Request::get(format!("/v1/user/export?format={format}")));
            let request = move |_: usize, time: usize| {
                if time.is_multiple_of(4) { import.clone() } else { exports[time % 2].clone() }
            };
            assault.repeat(clients, request).await;
        })
        .await;
    arena.end().await;
}

async fn users(arena: &Arena) -> Vec<Account> {
    let mut users = Vec::new();
    for number in 0..USERS {
        users.push(arena.register(&format!("mover{number}")).await);
    }
    users
}

/// Todos of 320 bytes and a description, with rules, exceptions and zones.
fn calendar(todos: usize, description: usize) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_owned();
    for number in 0..todos {
        let _ = write!(
            text,
            "BEGIN:VTODO\r\nUID:{number}\r\nSUMMARY:Todo {number}\r\nRELATED-TO:{}\r\nDTSTART;TZID=Europe/Berlin:20261201T090000\r\n\
             DUE;TZID=Europe/Berlin:20261201T100000\r\nRRULE:FREQ=DAILY;COUNT=999\r\nEXDATE;TZID=Europe/Berlin:20261202T090000,20261203T090000\r\n\
             CATEGORIES:a{0},b,c\r\nDESCRIPTION:{}\r\nEND:VTODO\r\n",
            number / 10,
            "x".repeat(description),
        );
    }
    text + "END:VCALENDAR\r\n"
}

/// Todos of 6,100 bytes.
fn export(todos: usize) -> String {
    let todo = |number: usize| {
        format!(r#"{{"id":"{number:024x}","name":"{number}","description":"{}"}}"#, "x".repeat(6_000))
    };
    let todos: Vec<_> = (0..todos).map(todo).collect();
    format!(r#"{{"format":"todo-api/export","version":1,"todos":[{}]}}"#, todos.join(","))
}

fn zipped(name: &str, text: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}
