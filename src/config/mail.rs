use std::{net::IpAddr, path::PathBuf, time::Duration};

use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure, ensure_between, masked};

/// `[mail]`: messages by e-mail.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct MailConfig {
    /// The way in which messages leave the server.
    pub transport: MailTransport,
    /// The sender of all messages: an address, or a name and an address in angle brackets. The name is also the name of
    /// the service in the built-in messages.
    pub from: String,
    /// The address to which replies go. Without it, they go to the sender.
    pub reply_to: Option<String>,
    /// The folder of the transport `folder`. Default: `mail` in `data_dir`.
    pub folder: Option<PathBuf>,
    /// A folder with templates that replace built-in ones.
    pub templates: Option<PathBuf>,
    /// The language of messages to users who have chosen none: a BCP 47 tag.
    pub default_locale: String,
    /// The maximum time of one attempt to send a message, with connecting.
    #[serde(with = "super::duration")]
    pub send_timeout: Duration,
    /// The time after which the server gives up a message that it cannot send.
    #[serde(with = "super::duration")]
    pub give_up_after: Duration,
    /// The time for which records of messages that were sent or given up are retained.
    #[serde(with = "super::duration")]
    pub retention: Duration,
    /// The mail server of the transport `smtp`.
    pub smtp: SmtpConfig,
}

/// The way in which messages leave the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MailTransport {
    /// To a mail server (SMTP).
    Smtp,
    /// To files in a folder, for development.
    Folder,
    /// Not at all: messages are discarded.
    Off,
}

/// `[mail.smtp]`: the mail server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SmtpConfig {
    /// The host name or address of the mail server.
    pub host: Option<String>,
    /// The port. Default: 587 with STARTTLS, 465 with TLS, 25 without encryption.
    pub port: Option<u16>,
    /// The encryption of connections to the mail server.
    pub encryption: SmtpEncryption,
    /// The name with which the server signs in to the mail server.
    pub username: Option<String>,
    /// The password. Prefer `password_file`.
    #[serde(serialize_with = "masked")]
    pub password: Option<SecretString>,
    /// The file that contains the password.
    pub password_file: Option<PathBuf>,
    /// A file with certificates of authorities (PEM) that is trusted in place of the authorities of the system.
    pub ca_file: Option<PathBuf>,
}

/// The encryption of connections to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SmtpEncryption {
    /// The connection begins unencrypted and must be upgraded by STARTTLS (RFC 3207) before anything is sent.
    Starttls,
    /// The connection is encrypted from its beginning (implicit TLS, RFC 8314).
    Tls,
    /// The connection is not encrypted.
    None,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            transport: MailTransport::Folder,
            from: DEFAULT_FROM.to_owned(),
            reply_to: None,
            folder: None,
            templates: None,
            default_locale: "en".to_owned(),
            send_timeout: Duration::from_secs(30),
            give_up_after: Duration::from_hours(24),
            retention: Duration::from_hours(30 * 24),
            smtp: SmtpConfig::default(),
        }
    }
}

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            encryption: SmtpEncryption::Starttls,
            username: None,
            password: None,
            password_file: None,
            ca_file: None,
        }
    }
}

/// The sender until the operator sets one. No mail server outside of this machine accepts it.
const DEFAULT_FROM: &str = "Portcullis <no-reply@localhost>";

/// The maximum length of a language tag, characters.
const MAX_LOCALE_CHARS: usize = 35;

const MAILBOX: &str =
    "must be an e-mail address such as no-reply@example.com or Example <no-reply@example.com>";

impl MailConfig {
    /// Whether the sender is the default, which is an address of this machine.
    pub(crate) fn is_sent_from_default(&self) -> bool {
        self.from == DEFAULT_FROM
    }

    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        ensure(is_mailbox(&self.from), "mail.from", MAILBOX)?;
        ensure(self.reply_to.as_deref().is_none_or(is_mailbox), "mail.reply_to", MAILBOX)?;
        ensure(
            is_locale(&self.default_locale),
            "mail.default_locale",
            "must be a language tag such as en or pt-BR (BCP 47)",
        )?;
        let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
        ensure_between(self.send_timeout, Duration::from_secs(1), 5 * minute, "mail.send_timeout")?;
        ensure_between(self.give_up_after, minute, 7 * day, "mail.give_up_after")?;
        ensure_between(self.retention, Duration::from_hours(1), 4000 * day, "mail.retention")?;
        self.smtp.check(self.transport == MailTransport::Smtp)
    }
}

impl SmtpConfig {
    /// The port, or the default port of the encryption.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.encryption {
            SmtpEncryption::Starttls => 587,
            SmtpEncryption::Tls => 465,
            SmtpEncryption::None => 25,
        })
    }

    /// Whether the mail server is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let host = self.host.as_deref().unwrap_or_default();
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    fn check(&self, is_used: bool) -> Result<(), InvalidValue> {
        let is_host =
            |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
        ensure(
            self.host.as_deref().is_none_or(is_host),
            "mail.smtp.host",
            "must be a host name or an address, without scheme and port",
        )?;
        ensure(
            !is_used || self.host.is_some(),
            "mail.smtp.host",
            "must be set, because mail.transport is smtp",
        )?;
        ensure(self.port != Some(0), "mail.smtp.port", "must be between 1 and 65535")?;
        ensure(
            self.password.is_none() || self.password_file.is_none(),
            "mail.smtp.password",
            "and mail.smtp.password_file are both set; keep only one of them",
        )?;
        let has_password = self.password.is_some() || self.password_file.is_some();
        ensure(
            has_password || self.username.is_none(),
            "mail.smtp.username",
            "needs a password; set mail.smtp.password_file",
        )?;
        ensure(
            !has_password || self.username.is_some(),
            if self.password.is_some() { "mail.smtp.password" } else { "mail.smtp.password_file" },
            "needs a user name; set mail.smtp.username",
        )?;
        ensure(
            !has_password || self.encryption != SmtpEncryption::None || self.is_local(),
            "mail.smtp.encryption",
            "must be starttls or tls, because the password would cross the network unencrypted",
        )
    }
}

/// Whether a text is one mailbox: an address, or a name and an address.
fn is_mailbox(text: &str) -> bool {
    !text.contains(char::is_control) && text.parse::<Mailbox>().is_ok()
}

/// Whether a text has the form of a language tag (RFC 5646 §2.1).
pub(crate) fn is_locale(text: &str) -> bool {
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    text.len() <= MAX_LOCALE_CHARS
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && text.split('-').all(is_subtag)
}
