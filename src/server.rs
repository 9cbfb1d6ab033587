//! Accepts connections, and stops in good order. Must not know what is served.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::telemetry::Peer;

/// How long a client may take to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long requests under way may take once the stop has begun. The host kills us 30 s after its signal.
const DRAIN_TIME: Duration = Duration::from_secs(20);

/// Serves until `stop` comes; then takes no new connection, and waits for what is under way.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tasks: TaskTracker,
    stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
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
        let _ = stream.set_nodelay(true);
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
