//! Accepts connections, and stops in good order. Must not know what is served.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::access_log::PeerAddress;

/// How long a client may take to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long requests under way may take once the stop has begun. The host kills us 30 s after its signal.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// How long the first request of a connection is waited for once the stop has begun.
const FIRST_TIME: Duration = Duration::from_secs(1);

/// How long a connection may stay when nothing that was sent to it is taken.
const TAKING_TIME: Duration = Duration::from_secs(15);
/// The most bytes of the head of a request; a longer one gets a 431.
const HEAD_MAX: usize = 32 * 1024;
/// The most headers of a request; more get a 431.
const HEADERS_MAX: usize = 64;

/// Serves at most `connections_max` connections at a time until `stop` comes; then takes no new connection, and waits for what is under way.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    tasks: TaskTracker,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    http.max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
    let (connections, stopping) = (TaskTracker::new(), CancellationToken::new());
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, most likely: those in use become free again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Closed at once, so that a balancer tries another instance.
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(TAKING_TIME));
        let (router, begun) = (router.clone(), Arc::new(Notify::new()));
        let begins = begun.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            begins.notify_one();
            request.extensions_mut().insert(PeerAddress(peer));
            let answer = router.clone().oneshot(request);
            async move { answer.await.map_err(|never: Infallible| never) }
        });
        let connection = until_stopped(
            http.serve_connection(TokioIo::new(stream), service),
            begun,
            stopping.clone().cancelled_owned(),
        );
        connections.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    tasks.close();
    let drained = timeout(DRAIN_TIME, async {
        connections.wait().await;
        tasks.wait().await;
    });
    if drained.await.is_err() {
        tracing::warn!("stopped with requests still under way");
    }
}

/// Serves a connection to its end; from the stop on, no request but one that is under way, or the first.
async fn until_stopped<S>(
    connection: http1::Connection<TokioIo<TcpStream>, S>,
    begun: Arc<Notify>,
    stop: impl Future<Output = ()>,
) -> hyper::Result<()>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => return ended,
        () = stop => {}
    }
    // Asked to end a connection that it has not read from, hyper closes it, and a request that was sent is lost.
    tokio::select! {
        ended = &mut connection => return ended,
        () = begun.notified() => {}
        () = sleep(FIRST_TIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::SocketAddr;
    use std::task::Poll;

    use super::*;

    /// Whether a connection to `address` has been accepted: until then no process has its other end.
    fn has_accepted(address: SocketAddr) -> bool {
        let (table, port) =
            (std::fs::read_to_string("/proc/net/tcp").unwrap(), format!(":{:04X}", address.port()));
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.any(|row| row[1].ends_with(&port) && row[3] == "01" && row[9] != "0")
    }

    #[tokio::test]
    async fn a_request_that_was_sent_when_the_stop_begins_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let router = Router::new().route("/", axum::routing::get(async || "hello"));
        let stop = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if has_accepted(address) { Poll::Ready(()) } else { Poll::Pending }
        });
        serve(listener, router, 1, TaskTracker::new(), stop).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
    }
}
