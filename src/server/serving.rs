use std::fmt;

use axum::Router;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Error, Portcullis, listen::listen, signals::until_signalled};
use crate::serve::serve;

/// A server that starts when it is awaited, and ends after a graceful shutdown. By default, SIGINT (Ctrl-C) and SIGTERM
/// stop it.
///
/// [`Portcullis::serve_router`] creates one.
///
/// ```no_run
/// use portcullis::{Error, Portcullis};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     let server = Portcullis::builder().open().await?;
///     server.serve_router(server.router()).await
/// }
/// ```
#[must_use = "the server starts when this is awaited"]
pub struct Serving {
    portcullis: Portcullis,
    router: Router,
    listener: Option<TcpListener>,
    shutdown: Option<BoxFuture<'static, ()>>,
}

impl Serving {
    pub(super) fn new(portcullis: Portcullis, router: Router) -> Self {
        Self { portcullis, router, listener: None, shutdown: None }
    }

    /// Serves the connections of this listener, and not those of `http.listen`.
    pub fn with_listener(self, listener: TcpListener) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// Stops the server when `signal` completes, and ignores SIGINT and SIGTERM. Running requests are finished within
    /// `http.shutdown_grace`.
    pub fn with_graceful_shutdown(self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { shutdown: Some(Box::pin(signal)), ..self }
    }

    async fn run(self) -> Result<(), Error> {
        let Self { portcullis, router, listener, shutdown } = self;
        let listener = match listener {
            Some(listener) => listener,
            None => listen(portcullis.config()).await?,
        };
        let work = |stop| run_until(portcullis, router, listener, stop);
        match shutdown {
            None => until_signalled(work).await,
            Some(signal) => {
                let stop = CancellationToken::new();
                let cancel = async {
                    signal.await;
                    stop.cancel();
                };
                let ((), served) = tokio::join!(cancel, work(stop.clone()));
                served
            }
        }
    }
}

/// Serves connections and runs the application's tasks until `stop` is cancelled. Then it closes the database.
pub(crate) async fn run_until(
    portcullis: Portcullis,
    router: Router,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), Error> {
    for task in portcullis.tasks() {
        task.start(&portcullis, &stop);
    }
    serve(portcullis.app(), router, listener, stop).await;
    portcullis.close().await;
    Ok(())
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").finish_non_exhaustive()
    }
}

impl IntoFuture for Serving {
    type Output = Result<(), Error>;
    type IntoFuture = BoxFuture<'static, Result<(), Error>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
