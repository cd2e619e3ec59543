use std::io;

use tokio::net::TcpListener;

use super::Error;
use crate::config::Config;

/// Binds the address `http.listen`.
///
/// # Errors
/// The address cannot be bound. The error says what to do.
pub(crate) async fn listen(config: &Config) -> Result<TcpListener, Error> {
    let address = config.http.listen;
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => "Another program uses this port; stop it, or choose another port",
            io::ErrorKind::PermissionDenied => "Choose port 1024 or higher",
            _ => "Choose an address of this machine",
        };
        let text = format!("cannot listen on {address}: {error}\n{remedy} (http.listen or --listen).");
        Error::caused(text, error)
    })
}
