use std::time::Duration;

use portcullis::config::{MailTransport, SmtpEncryption};

use super::{MailServer, Reply, TOKEN, enqueue, reset, until_waiting};
use crate::support::TestApp;

#[tokio::test]
async fn a_response_that_is_injected_before_the_encryption_ends_the_connection() {
    let server = MailServer::start(Reply::InjectAfterStarttls).await;
    let app = TestApp::with(|config| {
        config.mail.transport = MailTransport::Smtp;
        config.mail.send_timeout = Duration::from_secs(20);
        config.mail.smtp.host = Some(server.address.ip().to_string());
        config.mail.smtp.port = Some(server.address.port());
        config.mail.smtp.encryption = SmtpEncryption::Starttls;
    })
    .await;
    app.secrets.add(TOKEN);
    let id = enqueue(&app, reset("ada@example.org")).await;
    let error = until_waiting(&app, id, 1).await.error.expect("a reason");
    // TLS gets the injected bytes, and does not take them for a part of its handshake.
    assert!(error.contains("corrupt message"), "{error}");
    assert_eq!(server.attempts(), 0);
}
