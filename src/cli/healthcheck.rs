use std::{
    io::Write,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::http::{Request, StatusCode, header::HOST};
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{error::CliError, settings::Settings};

/// The time for the whole check.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The bytes of the response that are read.
const MAX_BODY: usize = 4096;

#[derive(Args)]
pub(super) struct Healthcheck {
    /// Ask only whether the process responds (/healthz). By default, ask whether it is ready (/readyz)
    #[arg(long)]
    live: bool,
}

impl Healthcheck {
    /// Asks the server at `http.listen`, on this machine.
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let address = local(settings.load()?.config.http.listen);
        let path = if self.live { "/healthz" } else { "/readyz" };
        let refused = |why: String| CliError::refused(format!("http://{address}{path}: {why}"));
        match timeout(TIMEOUT, get(address, path)).await {
            Ok(Ok((StatusCode::OK, body))) => Ok(writeln!(out, "{body}")?),
            Ok(Ok((status, body))) => Err(refused(format!("{status} {body}"))),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(_) => Err(refused(format!("no response within {} seconds", TIMEOUT.as_secs()))),
        }
    }
}

/// The address at which this machine reaches a listener.
fn local(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

async fn get(
    address: SocketAddr,
    path: &str,
) -> Result<(StatusCode, String), Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(HOST, address.to_string()).body(Empty::<Bytes>::new())?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await?.to_bytes();
        Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::select! {
        answer = exchange => answer,
        closed = connection => Err(closed.err().map_or_else(|| "the connection was closed".into(), Into::into)),
    }
}
