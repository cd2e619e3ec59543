//! Messages in the format of the Internet (RFC 5322, MIME).

use std::time::SystemTime;

use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use url::Host;

use super::RenderedMessage;
use crate::{clock::Timestamp, config::MailConfig, id::MessageId};

/// An error of composing a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ComposeError {
    #[error("the address of the recipient is invalid")]
    Recipient,
    #[error("the message has an invalid header")]
    Header,
}

/// The encoding of the parts of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEncoding {
    /// The encoding that each mail server accepts.
    Safe,
    /// None, so that a person can read the file and copy the link.
    Readable,
}

/// The sender of all messages.
pub(super) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    encoding: BodyEncoding,
}

impl Composer {
    /// Creates the composer of a configuration that was checked.
    pub(super) fn new(config: &MailConfig, encoding: BodyEncoding) -> Result<Self, ComposeError> {
        let mailbox = |text: &str| {
            let mailbox: Mailbox = text.parse().map_err(|_| ComposeError::Header)?;
            let address = ascii_domain(mailbox.email.as_ref()).ok_or(ComposeError::Header)?;
            Ok(Mailbox::new(mailbox.name, address))
        };
        let reply_to = config.reply_to.as_deref().map(mailbox).transpose()?;
        Ok(Self { from: mailbox(&config.from)?, reply_to, encoding })
    }

    /// The name of the service: the name of the sender, or the domain of its address.
    pub(super) fn service(&self) -> &str {
        self.from.name.as_deref().unwrap_or_else(|| self.from.email.domain())
    }

    /// The domain of the sender.
    pub(super) fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Composes a message. All attempts to send it have the same Message-ID, so that a mailbox can recognize a message
    /// that it has received twice.
    pub(super) fn compose(
        &self,
        id: MessageId,
        recipient: &str,
        rendered: RenderedMessage,
        date: Timestamp,
    ) -> Result<Message, ComposeError> {
        let recipient = ascii_domain(recipient).ok_or(ComposeError::Recipient)?;
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(rendered.subject)
            .date(SystemTime::from(date))
            .message_id(Some(format!("<{id}@{}>", self.domain())))
            // Programs that reply automatically do not reply to such a message (RFC 3834 §5).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &self.reply_to {
            message = message.reply_to(reply_to.clone());
        }
        let parts = MultiPart::alternative()
            .singlepart(self.part(ContentType::TEXT_PLAIN, rendered.text))
            .singlepart(self.part(ContentType::TEXT_HTML, rendered.html));
        message.multipart(parts).map_err(|_| ComposeError::Header)
    }

    fn part(&self, content_type: ContentType, mut text: String) -> SinglePart {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let part = SinglePart::builder().header(content_type);
        match self.encoding {
            BodyEncoding::Safe => part.body(text),
            BodyEncoding::Readable => {
                let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
                part.body(Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::EightBit))
            }
        }
    }
}

/// Parses an address, and writes its domain in ASCII (RFC 5891), which all mail servers understand.
fn ascii_domain(address: &str) -> Option<Address> {
    let (user, domain) = address.rsplit_once('@')?;
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else {
        match Host::parse(domain).ok()? {
            Host::Domain(domain) => domain,
            Host::Ipv4(_) | Host::Ipv6(_) => return None,
        }
    };
    let is_safe = |text: &str| !text.contains(|c: char| c.is_control() || c.is_whitespace());
    if is_safe(user) && is_safe(&domain) { Address::new(user, domain).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(subject: &str) -> RenderedMessage {
        RenderedMessage { subject: subject.to_owned(), text: "Text".to_owned(), html: "<p>HTML".to_owned() }
    }

    fn compose(recipient: &str, subject: &str) -> Result<String, ComposeError> {
        let config = MailConfig {
            from: "Zoë & Söhne <no-reply@bücher.example>".to_owned(),
            ..MailConfig::default()
        };
        let composer = Composer::new(&config, BodyEncoding::Safe)?;
        let id = MessageId::from_uuid(uuid::Uuid::nil());
        let message = composer.compose(id, recipient, rendered(subject), Timestamp::UNIX_EPOCH)?;
        Ok(String::from_utf8(message.formatted()).expect("it is text"))
    }

    #[test]
    fn a_message_has_the_headers_of_an_automatic_one() {
        let message = compose("ada@example.com", "Grüße").expect("valid");
        for header in [
            "To: ada@example.com\r\n",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
            "Message-ID: <message_00000000000000000000000000@xn--bcher-kva.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "no-reply@xn--bcher-kva.example",
        ] {
            assert!(message.contains(header), "{header} is missing in\n{message}");
        }
        let (headers, _) = message.split_once("\r\n\r\n").expect("a body");
        assert!(headers.is_ascii(), "{headers}");
    }

    #[test]
    fn an_international_address_keeps_its_name_and_has_an_ascii_domain() {
        let message = compose("ädä@bücher.example", "Hello").expect("valid");
        assert!(message.contains("To: ädä@xn--bcher-kva.example\r\n"), "{message}");
    }

    #[test]
    fn no_text_adds_a_header() {
        for hostile in [
            "ada@example.com\r\nBcc: eve@example.com",
            "ada@example.com\nBcc: eve@example.com",
            "\"ada\r\nBcc: eve\"@example.com",
            "ada@exa\r\nmple.com",
            "ada@example.com,eve@example.com",
            "ada@example.com>,<eve@example.com",
            "",
        ] {
            assert_eq!(compose(hostile, "Hello").err(), Some(ComposeError::Recipient), "{hostile:?}");
        }
        let message = compose("ada@example.com", "Hi\r\nBcc: eve@example.com\r\n\r\nbody").expect("encoded");
        assert!(!message.contains("\nBcc:"), "{message}");
    }
}
