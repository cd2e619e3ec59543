use std::io;

use tokio_util::sync::CancellationToken;

use super::Error;

/// Runs `work` until it ends. The first signal cancels the token that `work` receives. The second signal ends `work` at
/// once.
///
/// # Errors
/// The error of `work`, the signals cannot be received, or a second signal was received.
pub(crate) async fn until_signalled<F>(work: impl FnOnce(CancellationToken) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let failed = |error| Error::caused(format!("cannot receive signals: {error}"), error);
    let mut signals = Signals::new().map_err(failed)?;
    let stop = CancellationToken::new();
    let insist = async {
        let signal = signals.next().await;
        tracing::info!("received {signal}: finishing running requests; send it again to stop immediately");
        stop.cancel();
        signals.next().await
    };
    tokio::select! {
        done = work(stop.clone()) => done.inspect(|()| tracing::info!("stopped")),
        signal = insist => {
            Err(Error::new(format!("received {signal} again: stopped with unfinished requests")))
        }
    }
}

/// The signals that stop the server: SIGINT (Ctrl-C), and SIGTERM, which service managers send.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
