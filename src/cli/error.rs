use std::io;

use sea_orm::DbErr;

use crate::{
    app::AppError,
    config::ConfigError,
    database::{ConnectError, reason},
};

/// Why a command failed: what the person who typed it reads.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program does not open.
    #[error(transparent)]
    App(Box<AppError>),
    /// The database does not open.
    #[error("{0}\nIs it running? database.url (or DATABASE_URL) says where it is.")]
    Connect(ConnectError),
    /// The database does not answer.
    #[error("the database: {}", reason(.0))]
    Database(#[from] DbErr),
    /// The answer cannot be written.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
    /// Nobody answers a question.
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    /// The server cannot go on.
    #[error("the server: {0}")]
    Server(io::Error),
    /// Anything else, in whole sentences.
    #[error("{0}")]
    Refused(String),
    /// Migrations are pending, which is a result and no failure.
    #[error("pending migrations: {0}; `portcullis migrate up` or the next start applies them")]
    Pending(usize),
}

impl CliError {
    /// The exit status of the program. Scripts tell pending migrations from a failure by it.
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
            ConnectError::Away { .. } => Self::Connect(error),
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
