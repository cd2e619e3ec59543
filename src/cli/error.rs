use std::io;

use sea_orm::DbErr;

use crate::{
    app::AppError,
    config::ConfigError,
    database::{ConnectError, reason},
};

/// The error of a command. Its text is printed to standard error.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The app could not be opened.
    #[error(transparent)]
    App(Box<AppError>),
    /// The connection to the database failed.
    #[error("{0}\nCheck that the database is running, and that database.url (or DATABASE_URL) is correct.")]
    Connect(ConnectError),
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

impl From<ConnectError> for CliError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable { .. } => Self::Connect(error),
            ConnectError::Folder { .. } => Self::Refused(format!(
                "{error}\nSet data_dir (--data-dir) to a folder that you may write to."
            )),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl From<AppError> for CliError {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Connect(error) => error.into(),
            error => Self::App(Box::new(error)),
        }
    }
}
