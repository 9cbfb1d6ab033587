//! Registrations without an account: names that are expensive to normalize, and bodies with very many errors.

use std::fmt::Write;

use crate::arena::Arena;
use crate::attacker::{HOSTILE, Request, one_of_many};

/// U+FDFA becomes eighteen characters in Unicode NFKC, more than any other.
const EXPENSIVE: &str = "\u{FDFA}";
const CHARACTERS: usize = 170_000;
const CONNECTIONS: usize = 8;
/// The body of unknown fields has 1 MiB at most.
const BODY: usize = 1_048_576;
const READERS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn registrations_with_an_expensive_name() {
    let mut arena = Arena::prepare("expensive_names", &[]).await;
    arena
        .attack(&format!("register {CHARACTERS} x U+FDFA"), async |assault| {
            let client = assault.attacker(HOSTILE, "");
            assault.repeat(vec![client; CONNECTIONS], |_, _| expensive()).await;
        })
        .await;
    arena.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bodies_of_unknown_fields() {
    let mut arena = Arena::prepare("unknown_fields", &[]).await;
    arena
        .attack(&format!("{READERS} slow readers of many errors"), async |assault| {
            assault.read_slowly(unknown_fields().map(|(number, body)| (one_of_many(number), body))).await;
        })
        .await;
    arena.end().await;
}

pub(crate) fn expensive() -> Request {
    let name = EXPENSIVE.repeat(CHARACTERS);
    Request::post("/v1/register", format!(r#"{{"username":"{name}","password":"correct horse battery"}}"#))
}

/// The same bytes for every reader.
pub(crate) fn unknown_fields() -> impl Iterator<Item = (usize, Vec<u8>)> {
    let mut body = "{".to_owned();
    for field in 0.. {
        if body.len() + 16 > BODY {
            break;
        }
        write!(body, r#""{field:x}":0,"#).unwrap();
    }
    body.pop();
    body.push('}');
    let head = format!(
        "POST /v1/register HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let request = [head, body].concat().into_bytes();
    (0..READERS).map(move |number| (number, request.clone()))
}
