//! More idle connections from one address than the service has.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::arena::Arena;
use crate::assault::Assault;
use crate::attacker::HOSTILE;

const SETTINGS: [(&str, &str); 1] = [("MAX_CONNECTIONS", "100")];
const CONNECTIONS: usize = 110;
/// The pause before a closed connection is opened again.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn idle_connections_of_one_address() {
    let mut arena = Arena::prepare("connections", &SETTINGS).await;
    arena.attack(&format!("{CONNECTIONS} idle connections"), async |assault| hold(&assault).await).await;
    arena.end().await;
}

/// Keeps connections open, and opens each again when the service closes it. Counts them as broken.
pub(crate) async fn hold(assault: &Assault) {
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let assault = assault.clone();
        tasks.spawn(async move {
            while !assault.stop.is_set() {
                if let Ok(mut stream) = connect(assault.address).await {
                    tokio::select! {
                        _ = stream.read_u8() => assault.tally.count(0),
                        () = assault.stop.sleep(Duration::from_hours(1)) => {}
                    }
                }
                assault.stop.sleep(PAUSE).await;
            }
        });
    }
    tasks.join_all().await;
}

async fn connect(server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(HOSTILE, 0))?;
    socket.connect(server).await
}
