//! A thousand clients that send half a request and stop. Their connections are closed in time, and others are not
//! affected.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::findings::Findings;
use crate::fleet::account::Account;
use crate::fleet::exclusive_use;
use crate::fleet::raw_http;
use crate::service::Service;
use crate::size;

const SOCKETS: usize = 1_000;
/// How long an idle client may keep a connection.
const HELD: Duration = Duration::from_secs(15);
/// How often others read during that time, and how long a read may take.
const READS: usize = 50;
const READ_TIME: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_thousand_slow_connections_do_not_harm_others() {
    let _exclusive = exclusive_use().await;
    let service = Service::start("slow", 1, &[]).await;
    let (instance, findings) = (service.instances.to(0), Findings::default());
    let ann = Account::register("ann", &instance).await;
    ann.make(&instance, &json!({ "name": "to read" })).await;
    let address = raw_http::address(&service.servers[0]);
    let whole = raw_http::request("POST", "/v1/todos", &ann.access, "", &json!({ "name": "n".repeat(100) }));
    let texts = [b"GET /v1/todos HTTP/1.1\r\n".to_vec(), whole[..whole.len() - 100].to_vec()];
    let (rounds, mut longest) = (size(1, 3), Duration::ZERO);
    for _ in 0..rounds {
        let slow = join_all((0..SOCKETS).map(|number| sent(&address, &texts[number % 2]))).await;
        for _ in 0..READS {
            let answer = ann.call(&instance, Method::GET, "/v1/todos", &Value::Null).await;
            findings.judge(&answer, || "GET /v1/todos".to_owned());
            let is_unharmed = answer.status == 200 && answer.took() < READ_TIME;
            findings.check(is_unharmed, || format!("{} after {:?}", answer.status, answer.took()));
        }
        let held = join_all(slow.into_iter().map(until_closed)).await;
        longest = held.into_iter().max().unwrap().max(longest);
        findings.check(longest < HELD, || format!("a connection was held for {longest:?}"));
    }
    let figures = format!(
        "{SOCKETS} connections {rounds} times, held for {longest:.1?} at most; slowest of {READS} reads of others {:.1?}",
        findings.slowest(),
    );
    findings.conclude("slow sockets", &figures, &service);
}

async fn sent(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Waits until the server closes the connection, and returns how long that took.
async fn until_closed(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    let closed = tokio::time::timeout(2 * HELD, stream.read_to_end(&mut Vec::new())).await;
    assert!(closed.is_ok(), "the connection was not closed");
    began.elapsed()
}
