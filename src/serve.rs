//! Runs a server: accepts connections and runs the background tasks until shutdown.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{app::App, config::Cookies, listener::serve_connections, worker};

/// The timeout for deleting this server's record from the database at shutdown.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves a [`router`](crate::router::router) until `stop` is cancelled. Then it finishes the running requests within
/// `http.shutdown_grace`, and aborts the rest (graceful shutdown).
pub async fn serve(app: &App, router: Router, listener: TcpListener, stop: CancellationToken) {
    let config = &app.config.http;
    if config.cookies == Cookies::Plain {
        tracing::warn!(
            "http.cookies is plain: browsers also send refresh tokens without TLS, and pages on other ports of \
             this host can replace them; use plain for development only"
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
        () = grace_expired => tracing::warn!("requests were aborted after http.shutdown_grace"),
    }
    app.streams.close();
    app.tasks.close();
    if tokio::time::timeout(config.shutdown_grace, app.tasks.wait()).await.is_err() {
        tracing::warn!("operations were aborted after http.shutdown_grace");
    }
    // If the database is unavailable, the shutdown does not wait for it, because the record expires anyway.
    if let Ok(Err(error)) = tokio::time::timeout(LEAVE_TIMEOUT, app.replicas.leave()).await {
        tracing::debug!(%error, "cannot record that this server has stopped");
    }
}
