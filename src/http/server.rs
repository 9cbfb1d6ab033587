//! Accepts connections of HTTP/1.1, and of HTTP/2 without TLS (RFC 9113 §3.3), within fixed limits, and finishes the requests under way when the service stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use metrics::counter;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::access_log::PeerAddress;
use super::activity::Activity;
use super::connections::{ConnectionLimits, Connections, Place};
use super::exchange::{Exchanges, HEAD_MAX, HEADERS_MAX};
use super::observed_stream::ObservedStream;

/// Requests of one HTTP/2 connection at the same time.
pub const STREAMS_MAX: u32 = 64;
// What a client may send of its bodies before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const SEND_BUFFER: usize = 64 * 1024;
// hyper rejects longer heads itself, without a problem.
const HTTP2_HEAD_MAX: u32 = 64 * 1024;
// Streams that the client has reset before they were served.
const PENDING_RESETS_MAX: usize = 20;
// How long sent bytes may stay unacknowledged before the kernel closes the connection (`TCP_USER_TIMEOUT`, tcp(7)).
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
const ACCEPT_REPORT: Duration = Duration::from_mins(1);
// The host kills the process 30 s after its signal.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
// How long a connection that must close may take to complete a head that has begun to arrive.
const HEAD_GRACE: Duration = Duration::from_millis(25);
const STOP_GRACE: Duration = Duration::from_secs(1);

pub const ACCEPT_ERRORS: &str = "todo_api_accept_errors_total";

/// Serves until `stop` completes, and then waits for the requests under way and for `tasks`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    keep_alive: Duration,
    tasks: TaskTracker,
    stop: impl Future<Output = ()>,
) {
    let server = Server::new(router, limits, keep_alive);
    tokio::select! {
        never = server.accept(listener) => match never {},
        () = stop => {}
    }
    server.drain(&tasks).await;
}

struct Server {
    http: auto::Builder<TokioExecutor>,
    router: Router,
    connections: Connections,
    keep_alive: Duration,
    open: TaskTracker,
    stopping: CancellationToken,
}

impl Server {
    fn new(router: Router, limits: ConnectionLimits, keep_alive: Duration) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        // The limit of hyper would include the time between two requests.
        http.http1().header_read_timeout(None).max_buf_size(HEAD_MAX).max_headers(HEADERS_MAX);
        http.http2()
            .max_concurrent_streams(STREAMS_MAX)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HTTP2_HEAD_MAX)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX);
        let (connections, open) = (Connections::new(limits), TaskTracker::new());
        Self { http, router, connections, keep_alive, open, stopping: CancellationToken::new() }
    }

    async fn accept(&self, listener: TcpListener) -> Infallible {
        let mut errors = AcceptErrors::default();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Without a place the stream is dropped.
                    if let Some(place) = self.connections.place(peer).await {
                        self.spawn(stream, peer, place);
                    }
                }
                Err(error) => {
                    errors.note(&error);
                    // Most likely the process is out of file descriptors, so wait until connections close.
                    self.connections.close_idle();
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Nagle's algorithm would hold back small responses and events.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(SEND_TIMEOUT));
        let (keep_alive, first_request) = (self.keep_alive, Arc::new(Notify::new()));
        let exchanges = Exchanges {
            router: self.router.clone(),
            peer: PeerAddress(peer),
            activity: place.activity.clone(),
            first_request: first_request.clone(),
            announced: HeaderValue::try_from(format!("timeout={}", keep_alive.as_secs())).ok(),
        };
        let service = service_fn(move |request| exchanges.serve(request));
        let stream = ObservedStream::new(stream, place.activity.clone());
        let connection = self.http.serve_connection(TokioIo::new(stream), service).into_owned();
        let stop = self.stopping.clone().cancelled_owned();
        self.open.spawn(async move {
            let closed = until_closed(connection, &place.activity, keep_alive, first_request, stop);
            if let Err(error) = closed.await {
                tracing::debug!(%error, "connection ended early");
            }
        });
    }

    async fn drain(self, tasks: &TaskTracker) {
        self.stopping.cancel();
        self.open.close();
        tasks.close();
        let drained = timeout(DRAIN_TIMEOUT, async {
            self.open.wait().await;
            tasks.wait().await;
        });
        if drained.await.is_err() {
            tracing::warn!("stopped while requests were still under way");
        }
    }
}

type Connection<S> = auto::Connection<'static, TokioIo<ObservedStream<TcpStream>>, S, TokioExecutor>;
type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves a connection to its end. Closes it when it is overdue or must make room, and after `stop`. A request under way
/// is completed first, and after `stop` also one that was already sent.
async fn until_closed<S>(
    connection: Connection<S>,
    activity: &Activity,
    keep_alive: Duration,
    first_request: Arc<Notify>,
    stop: impl Future<Output = ()>,
) -> Ended
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        ended = &mut connection => return ended,
        () = stop => {}
        () = activity.must_close() => return close(connection, activity, HEAD_GRACE).await,
        () = activity.is_overdue(keep_alive) => return close(connection, activity, HEAD_GRACE).await,
    }
    // hyper closes a connection from which it has read nothing, and would lose a request that was already sent.
    tokio::select! {
        ended = &mut connection => return ended,
        () = first_request.notified() => {}
        () = sleep(FIRST_REQUEST_TIMEOUT) => {}
    }
    close(connection, activity, STOP_GRACE).await
}

/// Completes the request under way. A head that has begun to arrive has `grace` to be complete.
async fn close<S>(mut connection: Pin<&mut Connection<S>>, activity: &Activity, grace: Duration) -> Ended
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    connection.as_mut().graceful_shutdown();
    loop {
        match timeout(grace, &mut connection).await {
            Ok(ended) => return ended,
            Err(_) if activity.is_idle() => return Ok(()),
            Err(_) => {}
        }
    }
}

/// Failures to accept a connection, which are logged at most once a minute.
#[derive(Default)]
struct AcceptErrors {
    reported_at: Option<Instant>,
    since_report: u64,
}

impl AcceptErrors {
    fn note(&mut self, error: &std::io::Error) {
        counter!(ACCEPT_ERRORS).increment(1);
        self.since_report += 1;
        if self.reported_at.is_none_or(|at| at.elapsed() >= ACCEPT_REPORT) {
            tracing::warn!(%error, count = self.since_report, "connections could not be accepted");
            (self.reported_at, self.since_report) = (Some(Instant::now()), 0);
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::{Read, Write};
    use std::net::SocketAddr;
    use std::task::Poll;

    use super::*;

    /// Before a connection is accepted, its row in the table has no inode.
    fn has_accepted(address: SocketAddr) -> bool {
        let (table, port) =
            (std::fs::read_to_string("/proc/net/tcp").unwrap(), format!(":{:04X}", address.port()));
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.any(|row| row[1].ends_with(&port) && row[3] == "01" && row[9] != "0")
    }

    #[tokio::test]
    async fn request_sent_before_the_stop_gets_a_response() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let router = Router::new().route("/", axum::routing::get(async || "hello"));
        let stop = std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if has_accepted(address) { Poll::Ready(()) } else { Poll::Pending }
        });
        serve(listener, router, ConnectionLimits::new(1, None, 0), Duration::MAX, TaskTracker::new(), stop)
            .await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
    }
}
