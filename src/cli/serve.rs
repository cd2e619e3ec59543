use std::{error::Error, net::SocketAddr, path::Path};

use clap::Args;
use tokio::{net::TcpListener, signal};
use tokio_util::sync::CancellationToken;

use crate::{app::App, clock::Clock, config, router::router, serve};

/// Runs the server.
#[derive(Args, Default)]
pub(super) struct Serve {
    /// The address and port to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self, config: Option<&Path>) -> Result<(), Box<dyn Error>> {
        let flags: Vec<_> =
            self.listen.map(|listen| ("http.listen", listen.to_string())).into_iter().collect();
        let config = config::load(config, &flags)?.config;
        tracing_subscriber::fmt().with_env_filter(&config.log.filter).with_writer(std::io::stderr).init();
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async move {
            let listener = TcpListener::bind(config.http.listen).await?;
            let address = listener.local_addr()?;
            let app = App::open(config, Clock::system()).await?;
            tracing::info!("GraphQL is at http://{address}/graphql, GraphiQL at http://{address}/");
            let stop = CancellationToken::new();
            let stopper = stop.clone();
            let signalled = async move {
                signal::ctrl_c().await.ok();
                stopper.cancel();
            };
            let (served, ()) =
                tokio::join!(serve::serve(&app, router(&app, app.schema()), listener, stop), signalled);
            Ok(served?)
        })
    }
}
