use std::io;

use sea_orm::DbErr;

use crate::{
    app::AppError,
    config::ConfigError,
    database::{ConnectError, reason},
    server::Error,
};

/// The error of a command. Its text is printed to standard error.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration is invalid, or the server cannot be opened.
    #[error(transparent)]
    Start(#[from] Error),
    /// A database query failed.
    #[error("database error: {}", reason(.0))]
    Database(#[from] DbErr),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Standard input could not be read.
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    /// The server failed.
    #[error("server error: {0}")]
    Server(io::Error),
    /// Any other error, with its complete text.
    #[error("{0}")]
    Refused(String),
    /// An import refused records, which it has printed.
    #[error("{0} records were refused")]
    NotImported(u64),
    /// Migrations are pending. This is the result of `migrate status`, and not a failure.
    #[error("pending migrations: {0}; `portcullis migrate up` or the next start applies them")]
    Pending(usize),
}

impl CliError {
    /// The exit status of the program. Scripts can distinguish pending migrations from a failure.
    pub(super) fn status(&self) -> u8 {
        match self {
            Self::Pending(_) => 3,
            _ => 1,
        }
    }

    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self::Start(error.into())
    }
}

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        Self::Start(error.into())
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        Self::Start(error.into())
    }
}

impl From<CliError> for Error {
    fn from(error: CliError) -> Self {
        let status = error.status();
        match error {
            CliError::Start(error) => error,
            error => Self::caused(error.to_string(), error).with_exit_status(status),
        }
    }
}
