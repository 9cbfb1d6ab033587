//! Accepts connections, and stops in good order. Must not know what is served.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::telemetry::Peer;

/// How long a client may take to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long requests under way may take once the stop has begun. The host kills us 30 s after its signal.
const DRAIN_TIME: Duration = Duration::from_secs(20);

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
    let connections = GracefulShutdown::new();
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
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            let answer = router.clone().oneshot(request);
            async move { answer.await.map_err(|never: Infallible| never) }
        });
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    let drained = timeout(DRAIN_TIME, async {
        connections.shutdown().await;
        tasks.wait().await;
    });
    if drained.await.is_err() {
        tracing::warn!("stopped with requests still under way");
    }
}
