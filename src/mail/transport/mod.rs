//! The ways in which messages leave the server.

mod folder;
mod smtp;
mod starttls;

use lettre::Message;

use self::{folder::Folder, smtp::Smtp};
use super::{compose::BodyEncoding, error::MailError};
use crate::{
    config::{Config, MailTransport},
    id::MessageId,
};

/// The maximum length of the text of an error, characters.
const MAX_ERROR_CHARS: usize = 300;

/// The way in which messages leave the server.
pub(super) enum Transport {
    Smtp(Box<Smtp>),
    Folder(Folder),
    Off,
}

/// The reason why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The mail server does not accept any message at the moment. All messages wait.
    #[error("{0}")]
    Unavailable(String),
    /// The message was not accepted at the moment.
    #[error("{0}")]
    Temporary(String),
    /// The message will never be accepted.
    #[error("{0}")]
    Permanent(String),
}

impl Transport {
    /// Creates the transport of a configuration. `hello` is the name with which the server introduces itself.
    pub(super) fn new(config: &Config, hello: &str) -> Result<Self, MailError> {
        Ok(match config.mail.transport {
            MailTransport::Smtp => Self::Smtp(Box::new(Smtp::new(&config.mail, hello)?)),
            MailTransport::Folder => Self::Folder(Folder::new(config.mail_folder())),
            MailTransport::Off => Self::Off,
        })
    }

    /// The encoding of messages for this transport.
    pub(super) fn encoding(transport: MailTransport) -> BodyEncoding {
        match transport {
            MailTransport::Folder => BodyEncoding::Readable,
            MailTransport::Smtp | MailTransport::Off => BodyEncoding::Safe,
        }
    }

    /// Sends a message. Returns what the mail server responded, or where the file is.
    pub(super) async fn send(&self, id: MessageId, message: &Message) -> Result<String, SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Folder(folder) => folder.write(id, message).await,
            Self::Off => Err(SendError::Permanent("mail.transport is off".to_owned())),
        }
    }
}

/// A text of a mail server as one line of bounded length.
fn one_line(text: &str) -> String {
    let is_hidden = |c: char| c.is_control() || c.is_whitespace();
    let words: Vec<&str> = text.split(is_hidden).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(MAX_ERROR_CHARS).collect()
}
