use std::{fs, path::PathBuf};

use portcullis::{
    config::MailTransport,
    mail::{MessageState, NewMessage},
};

use super::{TOKEN, enqueue, reset, rows, until};
use crate::support::{TestApp, eventually};

fn files(app: &TestApp) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(app.app.config.mail_folder()) else { return Vec::new() };
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[tokio::test]
async fn a_fresh_server_writes_each_message_to_a_readable_and_private_file() {
    let app = TestApp::start().await;
    app.secrets.add(TOKEN);
    let id = enqueue(&app, NewMessage { locale: Some("de-AT"), ..reset("ädä@bücher.example") }).await;
    until(&app, id, MessageState::Sent).await;
    let files = files(&app);
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(file.file_name().and_then(|name| name.to_str()), Some(format!("{id}.eml").as_str()));
    let text = fs::read_to_string(file).expect("it is text");
    let link = format!("https://id.example.com/account/reset-password#token={TOKEN}");
    assert_eq!(text.matches(&link).count(), 1, "the text part has the link once, in one piece\n{text}");
    for part in
        ["To: ädä@xn--bcher-kva.example", "Auto-Submitted: auto-generated", "für Ihr Konto", "7351 9284"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
        assert_eq!((mode(file), mode(&app.app.config.mail_folder())), (0o600, 0o700));
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_loses_no_message() {
    let app = TestApp::start().await;
    app.secrets.add(TOKEN);
    // A file is in the way.
    let folder = app.app.config.mail_folder();
    fs::write(&folder, "").expect("is written");
    let id = enqueue(&app, reset("ada@example.org")).await;
    super::until_waiting(&app, id, 1).await;
    fs::remove_file(&folder).expect("is deleted");
    app.wait(std::time::Duration::from_mins(2));
    until(&app, id, MessageState::Sent).await;
}

#[tokio::test]
async fn without_a_transport_no_message_is_written() {
    let app = TestApp::with(|config| config.mail.transport = MailTransport::Off).await;
    enqueue(&app, reset("ada@example.org")).await;
    assert!(rows(&app).await.is_empty());
}

#[tokio::test]
async fn messages_that_were_queued_are_discarded_once_the_transport_is_off() {
    let app = TestApp::with(|config| config.mail.templates = None).await;
    app.stop().await;
    let id = enqueue(&app, reset("ada@example.org")).await;
    let other = app.replica_with(|config| config.mail.transport = MailTransport::Off).await;
    let failed = until(&other, id, MessageState::Failed).await;
    assert_eq!(failed.error.as_deref(), Some("mail.transport is off"));
    eventually(async || rows(&other).await.iter().all(|row| row.trim() == "mail.transport is off")).await;
}
