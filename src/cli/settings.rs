use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

use crate::config::{self, ConfigError, Flag, Loaded};

/// The options that every command takes.
#[derive(Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct Settings {
    /// The configuration file; without it, portcullis.toml where it exists
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address and port to listen on (http.listen)
    #[arg(long, global = true, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The folder of the embedded database and the master secret (`data_dir`)
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

impl Settings {
    /// The configuration that counts with these options.
    pub(super) fn load(&self) -> Result<Loaded, ConfigError> {
        let listen = self.listen.map(|address| address.to_string());
        let data_dir = self.data_dir.as_ref().map(|path| path.display().to_string());
        let flags = [("--listen", "http.listen", listen), ("--data-dir", "data_dir", data_dir)];
        let given = |(name, key, value): (_, _, Option<String>)| Some(Flag { name, key, value: value? });
        let flags: Vec<Flag> = flags.into_iter().filter_map(given).collect();
        config::load(self.config.as_deref(), &flags)
    }
}
