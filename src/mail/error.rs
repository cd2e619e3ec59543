use std::path::PathBuf;

use super::{compose::ComposeError, templates::TemplateError};
use crate::secret::PrivateFileError;

/// The reason why the server cannot send messages, so that it does not start.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A template is invalid.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The file of `mail.smtp.password_file` cannot be used.
    #[error("mail.smtp.password_file: {0}")]
    PasswordFile(PrivateFileError),
    /// The file of `mail.smtp.ca_file` cannot be used.
    #[error("mail.smtp.ca_file: cannot use {path}: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// TLS cannot be configured.
    #[error("mail.smtp: {0}")]
    Tls(String),
    /// The sender is invalid.
    #[error("mail.from or mail.reply_to is not an e-mail address")]
    Sender,
}

impl From<ComposeError> for MailError {
    fn from(_: ComposeError) -> Self {
        Self::Sender
    }
}
