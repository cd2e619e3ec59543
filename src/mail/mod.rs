//! Messages by e-mail: the outbox, the templates and the transports.
//!
//! Invariants: a message is a row that is written in the transaction that causes it, and one server sends it after the
//! commit. Tokens and codes are encrypted in the row, deleted once the message was sent, and never logged. No text that
//! an anonymous client has written gets into a message, because the client could address its own text to anybody.
//!
//! To add a kind of message, add a variant to [`MessageKind`], its templates in each language to `templates`, and its
//! name to the list in `templates.rs`.

mod compose;
mod context;
mod deliver;
mod device;
mod error;
mod message;
mod records;
mod secrets;
mod store;
mod templates;
mod transport;

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Notify;

pub(crate) use self::device::device_of;
use self::{compose::Composer, context::Context, templates::Templates, transport::Transport};
pub use self::{
    deliver::Delivery,
    error::MailError,
    message::{MessageClient, MessageKind, NewMessage, Variables},
    records::{MessageFilter, MessageRecord, MessageState},
    templates::{RenderedMessage, TemplateError},
    transport::SendError,
};
use crate::{
    clock::Clock,
    config::{Config, MailConfig, MailTransport},
    database::Database,
    id::MessageId,
    secret::Sealers,
};

/// The outbox.
#[derive(Clone)]
pub struct Mail(Arc<Shared>);

/// The resources that the clones of the outbox share.
struct Shared {
    database: Database,
    clock: Clock,
    sealers: Sealers,
    config: MailConfig,
    templates: Templates,
    composer: Composer,
    transport: Transport,
    /// Wakes the task that sends messages.
    queued: Notify,
}

impl Mail {
    /// Opens the outbox of a database: compiles the templates, and reads the files of the transport.
    ///
    /// # Errors
    /// A template is invalid, or a file cannot be used.
    pub(crate) fn open(
        config: &Config,
        database: Database,
        sealers: Sealers,
        clock: Clock,
    ) -> Result<Self, MailError> {
        let templates = Templates::load(&config.mail)?;
        let composer = Composer::new(&config.mail, Transport::encoding(config.mail.transport))?;
        let transport = Transport::new(config, composer.domain())?;
        let (config, queued) = (config.mail.clone(), Notify::new());
        Ok(Self(Arc::new(Shared {
            database,
            clock,
            sealers,
            config,
            templates,
            composer,
            transport,
            queued,
        })))
    }

    /// Checks the templates and the files of a configuration.
    ///
    /// # Errors
    /// A template is invalid, or a file cannot be used.
    pub fn check(config: &Config) -> Result<(), MailError> {
        Templates::load(&config.mail)?;
        let composer = Composer::new(&config.mail, Transport::encoding(config.mail.transport))?;
        Transport::new(config, composer.domain()).map(|_| ())
    }

    /// Writes a message to the outbox, in the transaction that causes it. With the transport `off` it writes nothing.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn enqueue(
        &self,
        transaction: &impl ConnectionTrait,
        message: &NewMessage<'_>,
    ) -> Result<MessageId, DbErr> {
        let id = MessageId::generate(&self.0.clock);
        if self.0.config.transport != MailTransport::Off {
            let sealed = self.seal(id, &message.variables)?;
            store::insert(transaction, id, message, sealed, self.0.clock.now()).await?;
        }
        Ok(id)
    }

    /// Whether messages are sent.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.config.transport != MailTransport::Off
    }

    /// The name of the service: the name of the sender, or the domain of its address.
    pub(crate) fn service_name(&self) -> &str {
        self.0.composer.service()
    }

    /// Wakes the task that sends messages, after the commit.
    pub fn wake(&self) {
        self.0.queued.notify_one();
    }

    /// Sends a test message at once, past the outbox. Returns what the mail server responded, or where the file is.
    ///
    /// # Errors
    /// If the message was not accepted.
    pub async fn send_test(&self, recipient: &str) -> Result<String, SendError> {
        let service = self.0.composer.service();
        let text = format!("This is a test message of {service}. Messages by e-mail work.\n");
        let rendered = RenderedMessage {
            subject: format!("Test message of {service}"),
            html: format!("<!doctype html><p>{}</p>\n", minijinja::HtmlEscape(text.trim_end())),
            text,
        };
        let (id, now) = (MessageId::generate(&self.0.clock), self.0.clock.now());
        let composed = self.0.composer.compose(id, recipient, rendered, now);
        let message = composed.map_err(|error| SendError::Permanent(error.to_string()))?;
        self.0.transport.send(id, &message).await
    }

    fn seal(&self, id: MessageId, variables: &Variables) -> Result<Vec<u8>, DbErr> {
        let json = serde_json::to_vec(variables).map_err(|error| DbErr::Custom(error.to_string()))?;
        self.0.sealers.seal(&json, &id.to_string()).map_err(|error| DbErr::Custom(error.to_string()))
    }
}

/// The messages of a configuration with sample values.
pub struct Preview {
    templates: Templates,
    composer: Composer,
}

impl Preview {
    /// Compiles the templates.
    ///
    /// # Errors
    /// A template is invalid.
    pub fn new(config: &Config) -> Result<Self, MailError> {
        let composer = Composer::new(&config.mail, Transport::encoding(config.mail.transport))?;
        Ok(Self { templates: Templates::load(&config.mail)?, composer })
    }

    /// Renders a message with sample values, in the best language for a tag.
    ///
    /// # Errors
    /// If a template cannot be rendered.
    pub fn render(&self, kind: MessageKind, locale: Option<&str>) -> Result<RenderedMessage, MailError> {
        let context = Context::sample(self.composer.service());
        Ok(self.templates.render(kind, locale, context)?)
    }
}
