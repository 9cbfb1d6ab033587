//! HTTP/1.1 as bytes (RFC 9112), for clients that save CPU time or misbehave.

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::process::Server;

/// A complete response.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) status: u16,
    /// The status line and headers, in lower case.
    pub(crate) head: String,
}

pub(crate) fn request(method: &str, path: &str, token: &str, headers: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head, body].concat().into_bytes()
}

pub(crate) fn address(server: &Server) -> String {
    server.url("").trim_start_matches("http://").to_owned()
}

/// Reads a complete response. If the connection ends early, the error holds the received bytes.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> Result<RawResponse, Vec<u8>> {
    let mut bytes = Vec::with_capacity(4_096);
    loop {
        if let Some(answer) = whole(&bytes) {
            return Ok(answer);
        }
        if !stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
            return Err(bytes);
        }
    }
}

/// The response in these bytes, if it is complete.
pub(crate) fn whole(bytes: &[u8]) -> Option<RawResponse> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (bytes.len() >= end + 4 + length).then_some(RawResponse { status, head })
}

/// A TCP connection of this machine, as the kernel lists it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    /// Whether a process owns it. A connection that waits to be accepted has no owner.
    pub(crate) is_accepted: bool,
}

/// Both ends of all established connections.
pub(crate) fn established() -> Vec<Socket> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16).unwrap();
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[3] == "01")
        .map(|row| Socket { local_port: port(row[1]), remote_port: port(row[2]), is_accepted: row[9] != "0" })
        .collect()
}
