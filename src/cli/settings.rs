use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, builder::OsStringValueParser};

use crate::{
    config::{ConfigError, Flag, LoadedConfig, load},
    server::Application,
};

/// The configuration flags, which every command accepts.
#[derive(Args)]
#[command(next_help_heading = "Configuration")]
pub(super) struct Settings {
    /// The configuration file [default: portcullis.toml, if it exists]
    #[arg(long, global = true, env = "PORTCULLIS_CONFIG", value_name = "FILE", value_parser = OsStringValueParser::new())]
    config: Option<OsString>,
    /// The address and port to listen on (http.listen)
    #[arg(long, global = true, value_name = "ADDRESS:PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// The folder for the embedded database and the master secret (`data_dir`)
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The parts that the application has given to the builder.
    #[arg(skip)]
    pub(super) application: Application,
}

impl Settings {
    /// Loads the configuration with these flags.
    pub(super) fn load(&self) -> Result<LoadedConfig, ConfigError> {
        let listen = self.listen.map(|address| address.to_string());
        let data_dir = self.data_dir.as_ref().map(|path| path.display().to_string());
        let flags = [("--listen", "http.listen", listen), ("--data-dir", "data_dir", data_dir)];
        let given = |(name, key, value): (_, _, Option<String>)| Some(Flag { name, key, value: value? });
        let flags: Vec<Flag> = flags.into_iter().filter_map(given).collect();
        // An empty PORTCULLIS_CONFIG counts as unset, like every other variable.
        let file = self.config.as_ref().filter(|file| !file.is_empty()).map(Path::new);
        load(file, &flags, &self.application.in_code)
    }
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "expected an IP address and a port, such as 127.0.0.1:4000")
}
