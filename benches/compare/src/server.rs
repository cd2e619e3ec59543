//! The servers that are compared.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::ValueEnum;

use crate::{
    Outcome,
    postgres::{Postgres, run},
    process::{Process, free_port, pinned},
};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Server {
    Portcullis,
    PortcullisPostgres,
    AxumBare,
    AsyncGraphql,
    Mercurius,
    Yoga,
    Apollo,
}

impl Server {
    /// The name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portcullis => "Portcullis on SQLite",
            Self::PortcullisPostgres => "Portcullis on PostgreSQL",
            Self::AxumBare => "bare axum",
            Self::AsyncGraphql => "async-graphql",
            Self::Mercurius => "Fastify, mercurius",
            Self::Yoga => "graphql-yoga",
            Self::Apollo => "Express, Apollo",
        }
    }

    pub(crate) fn is_portcullis(self) -> bool {
        matches!(self, Self::Portcullis | Self::PortcullisPostgres)
    }

    /// The package whose release binary the server is. `None` for a Node server.
    fn package(self) -> Option<&'static str> {
        match self {
            Self::Portcullis | Self::PortcullisPostgres => Some("portcullis"),
            Self::AxumBare => Some("peer-axum-bare"),
            Self::AsyncGraphql => Some("peer-async-graphql"),
            Self::Mercurius | Self::Yoga | Self::Apollo => None,
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Mercurius => "mercurius.js",
            Self::Yoga => "yoga.js",
            _ => "apollo.js",
        }
    }
}

/// The repository, and the folder for the data of the servers.
pub(crate) struct Place {
    pub(crate) repository: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) accounts: PathBuf,
    pub(crate) postgres: Option<Postgres>,
}

impl Place {
    /// Builds the servers. Each package is built alone, because otherwise the features that one needs of a dependency
    /// would be switched on for all.
    pub(crate) fn build(&self, servers: &[Server]) -> Outcome {
        for package in servers.iter().filter_map(|server| server.package()) {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--release", "--locked", "--package", package, "--bin", package]);
            run(cargo.current_dir(&self.repository))?;
        }
        if servers.iter().any(|server| server.package().is_none()) {
            let mut npm = Command::new("npm");
            run(npm.args(["ci", "--loglevel=error", "--no-audit", "--no-fund"]).current_dir(self.node()))?;
        }
        Ok(())
    }

    /// Creates the accounts of Portcullis. The other servers read the file of accounts at their first start.
    pub(crate) fn import_accounts(&self, server: Server) -> Outcome {
        fs::create_dir_all(self.data(server))?;
        if server.is_portcullis() {
            let mut import = self.portcullis(server)?;
            run(import.args(["users", "import", "--allow-role", "admin"]).arg(&self.accounts))?;
        }
        Ok(())
    }

    /// Starts a server on `cores`.
    pub(crate) fn start(&self, server: Server, cores: &str) -> Outcome<Process> {
        let port = free_port()?;
        let mut command = match (server, server.package()) {
            (Server::Portcullis | Server::PortcullisPostgres, _) => {
                let mut command = self.portcullis(server)?;
                command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
                command
            }
            (_, Some(package)) => {
                let mut command = Command::new(self.binary(package));
                command.arg(port.to_string());
                command
            }
            (_, None) => {
                let mut command = Command::new("node");
                command.arg(self.node().join(server.script())).arg(port.to_string());
                command.env("NODE_ENV", "production");
                command
            }
        };
        if !server.is_portcullis() && server != Server::AxumBare {
            command.arg(&self.accounts).arg(self.data(server).join("accounts.db"));
        }
        Process::start(pinned(cores, &command), port, &self.data(server).join("log"))
    }

    /// The size of the binary of Portcullis, bytes.
    pub(crate) fn binary_size(&self) -> Outcome<u64> {
        Ok(fs::metadata(self.binary("portcullis"))?.len())
    }

    fn portcullis(&self, server: Server) -> Outcome<Command> {
        let data = self.data(server);
        let mut command = Command::new(self.binary("portcullis"));
        command.arg("--data-dir").arg(&data).current_dir(&data).env_remove("DATABASE_URL");
        if server == Server::PortcullisPostgres {
            command.env("DATABASE_URL", &self.postgres.as_ref().ok_or("PostgreSQL does not run")?.url);
        }
        Ok(command)
    }

    fn data(&self, server: Server) -> PathBuf {
        self.folder.join(format!("{server:?}"))
    }

    fn binary(&self, package: &str) -> PathBuf {
        self.repository.join("target/release").join(package)
    }

    fn node(&self) -> PathBuf {
        self.repository.join("benches/peers/node")
    }
}

/// The root of the repository, which contains this package.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
