use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{net::TcpListener, runtime::Builder};
use tokio_util::sync::CancellationToken;

use super::{error::CliError, log, open::runtime, settings::Settings};
use crate::{
    app::{App, AppError},
    clock::Clock,
    config::{Config, LoadedConfig},
    router::router,
    serve::serve,
};

/// Runs the server until it receives a signal.
pub(super) fn run(settings: &Settings) -> Result<(), CliError> {
    let loaded = settings.load()?;
    log::start_for_server(&loaded)?;
    for advice in loaded.warnings() {
        tracing::warn!(key = advice.key, "{}", advice.text);
    }
    let runtime = runtime(&mut Builder::new_multi_thread())?;
    let served = runtime.block_on(serve_until_stopped(loaded));
    // Tasks that have ignored the shutdown are dropped here.
    runtime.shutdown_background();
    served
}

async fn serve_until_stopped(loaded: LoadedConfig) -> Result<(), CliError> {
    // Before the database is opened, so that a server that cannot listen changes nothing.
    let listener = listen(&loaded.config).await?;
    let address = listener.local_addr().map_err(CliError::Server)?;
    let mut signals = Signals::new().map_err(CliError::Server)?;
    let banner = banner(&loaded, address);
    let stop = CancellationToken::new();
    let work = async {
        // A signal must interrupt this, because waiting for the database or for another replica's migrations can take long.
        let Some(app) = stop.run_until_cancelled(Box::pin(open(loaded.config))).await.transpose()? else {
            return Ok(());
        };
        tracing::info!("{banner}");
        serve(&app, router(&app, app.schema()), listener, stop.clone()).await;
        app.close().await;
        Ok(())
    };
    let insist = async {
        let signal = signals.next().await;
        tracing::info!("received {signal}: finishing running requests; send it again to stop immediately");
        stop.cancel();
        signals.next().await
    };
    tokio::select! {
        served = work => served.inspect(|()| tracing::info!("stopped")),
        signal = insist => {
            Err(CliError::refused(format!("received {signal} again: stopped with unfinished requests")))
        }
    }
}

async fn open(config: Config) -> Result<App, CliError> {
    let app = App::open(config, Clock::system()).await?;
    match app.documents.check(&app.schema()).await {
        Ok(()) => Ok(app),
        Err(error) => {
            app.close().await;
            Err(AppError::from(error).into())
        }
    }
}

async fn listen(config: &Config) -> Result<TcpListener, CliError> {
    let address = config.http.listen;
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => "Another program uses this port; stop it, or choose another port",
            io::ErrorKind::PermissionDenied => "Choose port 1024 or higher",
            _ => "Choose an address of this machine",
        };
        CliError::refused(format!("cannot listen on {address}: {error}\n{remedy} (http.listen or --listen)."))
    })
}

/// One log line with the version, the URLs, the database and the location of the master secret.
fn banner(loaded: &LoadedConfig, mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let config = &loaded.config;
    let url = format!("http://{address}{}", config.http.base_path());
    let playground = if config.graphql.playground { format!(", GraphiQL at {url}/") } else { String::new() };
    let secret = match (&config.secret, &config.secret_file) {
        (Some(_), _) => loaded.source("secret").to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => config.data_dir.join("secret").display().to_string(),
    };
    let database = config.database_name();
    format!(
        "Portcullis {}: GraphQL at {url}/graphql{playground}; database: {database}; master secret: {secret}",
        env!("CARGO_PKG_VERSION")
    )
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
