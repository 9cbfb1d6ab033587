//! The command `healthcheck`, for containers without other programs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::Request;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::OperatorError;

const TIMEOUT: Duration = Duration::from_secs(3);

pub async fn run(config: &Config) -> Result<(), OperatorError> {
    // The service may listen on every address, but nobody can connect to "every address".
    let host = match config.host {
        IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    let address = SocketAddr::new(host, config.port);
    match timeout(TIMEOUT, get_livez(address)).await {
        Ok(Ok(200)) => Ok(()),
        Ok(Ok(status)) => Err(OperatorError(format!("{address} responds with {status}"))),
        Ok(Err(error)) => Err(OperatorError(format!("{address} does not respond: {error}"))),
        Err(_) => Err(OperatorError(format!("{address} does not respond in time"))),
    }
}

async fn get_livez(address: SocketAddr) -> Result<u16, Box<dyn std::error::Error>> {
    let (mut sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let request = Request::get("/livez").header("host", address.to_string());
    let response = sender.send_request(request.body(http_body_util::Empty::<&[u8]>::new())?).await?;
    Ok(response.status().as_u16())
}
