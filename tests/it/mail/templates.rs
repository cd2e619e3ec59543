use std::fs;

use portcullis::mail::{MessageKind, MessageState, NewMessage};
use tempfile::tempdir;

use super::{MailServer, Reply, enqueue, reset, until, with_smtp};
use crate::support::TestApp;

#[tokio::test]
async fn a_template_of_the_operator_replaces_a_built_in_one() {
    let folder = tempdir().expect("a folder");
    let kind = folder.path().join("fr/reset_password");
    fs::create_dir_all(&kind).expect("is created");
    fs::write(kind.join("subject.j2"), "Nouveau mot\n de passe\n").expect("is written");
    fs::write(kind.join("text.j2"), "{{ username }}: {{ link }} {{ expires_in_minutes }} min")
        .expect("is written");
    fs::write(kind.join("html.j2"), "<p>{{ username }}").expect("is written");
    let app = TestApp::with(|config| config.mail.templates = Some(folder.path().to_owned())).await;
    app.secrets.add(super::TOKEN);
    let mut variables = super::variables();
    variables.username = Some("<b>ada</b>".to_owned());
    let message = NewMessage { locale: Some("fr-CA"), variables, ..reset("ada@example.org") };
    let id = enqueue(&app, message).await;
    until(&app, id, MessageState::Sent).await;
    let file = app.app.config.mail_folder().join(format!("{id}.eml"));
    let text = fs::read_to_string(file).expect("it is text");
    for part in
        ["Subject: Nouveau mot de passe\r\n", "<b>ada</b>: https", "30 min", "<p>&lt;b&gt;ada&lt;&#x2f;b&gt;"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[tokio::test]
async fn an_invalid_template_prevents_the_start() {
    for (path, text, reason) in [
        ("en/verify_email/text.j2", "{{ link", "en/verify_email/text.j2"),
        ("en/verify_email/text.j2", "{{ lnik }}", "undefined"),
        (
            "en/verify_email/text.j2",
            "{% for a in range(1000) %}{% for b in range(1000) %}x{% endfor %}{% endfor %}",
            "fuel",
        ),
        ("en/verify_email/text.j2", "{% include '/etc/passwd' %}", "/etc/passwd"),
        ("en/verify_email/text.j2", "", "it renders no text"),
        ("en/verify_mail/text.j2", "text", "is not the folder of a kind of message"),
        ("en/verify_email/text.txt", "text", "is not a part of a message"),
        ("fr/verify_email/text.j2", "text", "fr/verify_email/subject.j2"),
        ("english language/a", "text", "is neither layout.html.j2"),
    ] {
        let folder = tempdir().expect("a folder");
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().expect("a folder")).expect("is created");
        fs::write(&file, text).expect("is written");
        let error = TestApp::refused(|config| config.mail.templates = Some(folder.path().to_owned())).await;
        assert!(error.starts_with("mail.templates: ") && error.contains(reason), "{path}: {error}");
    }
}

#[tokio::test]
async fn every_message_is_sent_in_each_language() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    for kind in MessageKind::ALL {
        for locale in [None, Some("de"), Some("xx")] {
            let id = enqueue(&app, NewMessage { kind, locale, ..reset("ada@example.org") }).await;
            until(&app, id, MessageState::Sent).await;
        }
    }
    for (_, text) in server.accepted() {
        assert!(!text.contains("http://") && !text.contains("<img"), "no part loads anything\n{text}");
    }
}

#[tokio::test]
async fn hostile_names_add_no_header_and_no_line() {
    let server = MailServer::start(Reply::Accept).await;
    let app = with_smtp(server.address).await;
    for name in [
        "ada\r\nBcc: eve@example.org\r\n\r\n.\r\nMAIL FROM:<eve@example.org>",
        "ada\n.\n",
        "\u{202e}ada",
        "a\0b",
    ] {
        let mut variables = super::variables();
        variables.username = Some(name.to_owned());
        variables.display_name = Some(name.to_owned());
        let id = enqueue(&app, NewMessage { variables, ..reset("ada@example.org") }).await;
        until(&app, id, MessageState::Sent).await;
    }
    let hostile = enqueue(&app, reset("ada@example.org\r\nBcc: eve@example.org")).await;
    let failed = until(&app, hostile, MessageState::Failed).await;
    assert_eq!(failed.error.as_deref(), Some("the address of the recipient is invalid"));
    let accepted = server.accepted();
    assert_eq!(accepted.len(), 4);
    for (recipient, text) in accepted {
        assert_eq!(recipient, "ada@example.org");
        assert!(!text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("MAIL")), "{text}");
    }
}
