use std::net::{Ipv4Addr, SocketAddr};

use async_graphql::{ObjectType, SubscriptionType};
use tokio_util::sync::CancellationToken;

#[cfg(target_os = "linux")]
use super::systemd;
use super::{error::CliError, log};
use crate::{
    config::LoadedConfig,
    server::{Builder, SchemaData, listen, run_until, until_signalled},
};

/// Runs the server until it receives a signal.
pub(super) async fn run<Q, M, S, D>(
    loaded: LoadedConfig,
    builder: Builder<Q, M, S, D>,
) -> Result<(), CliError>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
    D: SchemaData,
{
    log::start_for_server(&loaded)?;
    for advice in loaded.warnings() {
        tracing::warn!(key = advice.key, "{}", advice.text);
    }
    // Before the database is opened, so that a server that cannot listen changes nothing.
    let listener = listen(&loaded.config).await?;
    let address = listener.local_addr().map_err(CliError::Server)?;
    let banner = banner(&loaded, address);
    let serve = |stop: CancellationToken| async move {
        // A signal must interrupt this, because waiting for the database or for another replica's migrations can take long.
        let Some(portcullis) = stop.run_until_cancelled(builder.open_with(loaded)).await.transpose()? else {
            return Ok(());
        };
        tracing::info!("{banner}");
        let router = portcullis.router();
        let serving = run_until(portcullis, router, listener, stop.clone());
        #[cfg(target_os = "linux")]
        let serving = systemd::announce(&banner, &stop, serving);
        serving.await
    };
    Ok(until_signalled(serve).await?)
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
