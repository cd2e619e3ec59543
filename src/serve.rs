//! The program at work: requests in front, background tasks behind.

use std::{io, net::SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{app::App, worker};

/// Answers requests with a [`router`](crate::router::router) until `stop` is cancelled; then finishes what is in flight, for as long as
/// `http.shutdown_grace` allows.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    app: &App,
    router: Router,
    listener: TcpListener,
    stop: CancellationToken,
) -> io::Result<()> {
    worker::start(app, &stop);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let grace = app.config.http.shutdown_grace;
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    let served = tokio::select! {
        served = server => served,
        () = overdue => {
            tracing::warn!("requests were cut off after http.shutdown_grace");
            Ok(())
        }
    };
    stop.cancel();
    app.tasks.close();
    if tokio::time::timeout(grace, app.tasks.wait()).await.is_err() {
        tracing::warn!("operations were cut off after http.shutdown_grace");
    }
    served
}
