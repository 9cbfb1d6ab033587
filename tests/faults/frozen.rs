//! The primary is frozen while clients write. Responses still arrive in time, `/livez` stays fast, and when the node
//! thaws, nothing that it had half done is applied twice.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::experiment::Experiment;
use crate::findings::p99;
use crate::fleet::raw_http;
use crate::fleet::{StopFlag, exclusive_use};
use crate::size;

const FROZEN: Duration = Duration::from_secs(30);
const CALM: Duration = Duration::from_secs(2);
/// The number of writers. It leaves the machine some room, because a busy machine makes `/livez` slow, too.
const WRITERS: usize = 10;
/// The interval between requests of `/livez`.
const PACE: Duration = Duration::from_millis(20);
/// How much slower than a bare thread the 99th percentile of `/livez` may be.
const LIVELY: Duration = Duration::from_millis(50);

#[tokio::test]
async fn responses_come_in_time_while_the_primary_is_frozen() {
    let _exclusive = exclusive_use().await;
    let mut experiment = Experiment::begin("frozen", WRITERS, false).await;
    let rounds = size(1, 10);
    let stop = StopFlag::default();
    let addresses = experiment.service.servers.iter().map(raw_http::address);
    let watches: Vec<_> = addresses.map(|address| watch(address, stop.clone())).collect();
    let control = watch(answer_at_once(), stop.clone());
    let mut failovers = Vec::new();
    for _ in 0..rounds {
        tokio::time::sleep(CALM).await;
        let (primary, secondaries) = experiment.service.set.nodes().await;
        let frozen = Instant::now();
        primary.freeze().await;
        failovers.push(experiment.fail_over(&secondaries, frozen).await);
        tokio::time::sleep(FROZEN.saturating_sub(frozen.elapsed())).await;
        let thawed = Instant::now();
        primary.thaw().await;
        experiment.recover(thawed).await;
        experiment.service.set.repair().await;
    }
    tokio::time::sleep(CALM).await;
    stop.set();
    let times: Vec<_> = watches.into_iter().flat_map(|watch| watch.join().unwrap()).collect();
    let (count, lively, bare) = (times.len(), p99(times), p99(control.join().unwrap()));
    experiment
        .findings
        .check(lively < LIVELY + bare, || format!("/livez p99 {lively:?}, a bare thread {bare:?}"));
    let what = format!(
        "{rounds} times, the database took writes again after {failovers:.1?}, {count} times /livez p99 {lively:.1?} (a \
         bare thread {bare:.1?})"
    );
    experiment.end("primary frozen", &what).await;
}

/// Starts a thread that answers every request at once, to measure the delay of the machine itself. Returns its address.
fn answer_at_once() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut stream, mut request) = (listener.accept().unwrap().0, [0; 1_024]);
        while stream.read(&mut request).is_ok_and(|read| read > 0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    });
    address
}

/// Requests `/livez` in a dedicated thread until `stop`, and returns the duration of each response.
fn watch(address: String, stop: StopFlag) -> JoinHandle<Vec<Duration>> {
    std::thread::spawn(move || {
        let mut times = Vec::new();
        let mut stream = TcpStream::connect(address).unwrap();
        while !stop.is_set() {
            let sent = Instant::now();
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let mut bytes = Vec::new();
            while raw_http::whole(&bytes).is_none() {
                let mut more = [0; 1_024];
                let read = stream.read(&mut more).unwrap();
                assert_ne!(read, 0, "the connection was closed");
                bytes.extend_from_slice(&more[..read]);
            }
            times.push(sent.elapsed());
            assert_eq!(raw_http::whole(&bytes).map(|answer| answer.status), Some(200));
            std::thread::sleep(PACE);
        }
        times
    })
}
