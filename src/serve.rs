//! The program at work: requests in front, background tasks behind.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{app::App, config::Cookies, listener::serve_connections, worker};

/// The time that a server which stops waits for the database to record it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers requests with a [`router`](crate::router::router) until `stop` is cancelled; then finishes what is
/// in flight, for as long as `http.shutdown_grace` allows.
pub async fn serve(app: &App, router: Router, listener: TcpListener, stop: CancellationToken) {
    let config = &app.config.http;
    if config.cookies == Cookies::Plain {
        tracing::warn!(
            "http.cookies is plain: browsers send refresh tokens without TLS as well, and pages of other ports \
             of this machine can replace them; this is for development only"
        );
    }
    worker::start(app, &stop);
    let grace_expired = async {
        stop.cancelled().await;
        app.streams.close();
        tokio::time::sleep(config.shutdown_grace).await;
    };
    tokio::select! {
        () = serve_connections(listener, router, config, &stop) => {}
        () = grace_expired => tracing::warn!("requests were cut off after http.shutdown_grace"),
    }
    app.streams.close();
    app.tasks.close();
    if tokio::time::timeout(config.shutdown_grace, app.tasks.wait()).await.is_err() {
        tracing::warn!("operations were cut off after http.shutdown_grace");
    }
    // Nobody waits for a database that is away; the record expires.
    if let Ok(Err(error)) = tokio::time::timeout(LEAVE_TIMEOUT, app.replicas.leave()).await {
        tracing::debug!(%error, "cannot record that this server has stopped");
    }
}
