use std::fs;

use crate::cli::Place;

#[test]
fn a_test_message_says_what_the_transport_did() {
    let place = Place::new();
    place.run("migrate up").done();
    let sent = place.run("mail test ada@example.org").done();
    assert!(sent.starts_with("sent to ada@example.org: data/mail/message_"), "{sent}");
    let file = sent.trim().rsplit(' ').next().expect("a path").to_owned();
    let text = fs::read_to_string(place.path(&file)).expect("the message");
    assert!(text.contains("Subject: Test message of Portcullis"), "{text}");
    let json = place.run("mail test ada@example.org --json").json();
    assert_eq!(json["recipient"], "ada@example.org");
    assert!(place.run("mail test nobody").failed().contains("nobody is not an e-mail address"));
}

#[test]
fn a_test_message_to_an_unreachable_server_fails() {
    let place = Place::new()
        .with("PORTCULLIS_MAIL__TRANSPORT", "smtp")
        .with("PORTCULLIS_MAIL__SMTP__HOST", "127.0.0.1")
        .with("PORTCULLIS_MAIL__SMTP__PORT", "1");
    place.run("migrate up").done();
    let error = place.run("mail test ada@example.org").failed();
    assert!(error.contains("the message was not sent: Connection error"), "{error}");
}

#[test]
fn a_preview_needs_no_database() {
    let place = Place::new();
    let text = place.run("mail preview verify_email").done();
    assert!(text.starts_with("Subject: Confirm your e-mail address\n\nHello ada,\n"), "{text}");
    assert!(text.contains("1234 5678") && text.contains("#token=SAMPLE"), "{text}");
    let german = place.run("mail preview verify_email --locale de-CH").done();
    assert!(german.contains("Hallo ada,"), "{german}");
    assert!(place.run("mail preview verify_email --html").done().starts_with("<!doctype html>"));
    let json = place.run("mail preview new_device --json").json();
    assert_eq!(json["subject"], "New sign-in to your account");
    assert_eq!(place.run("mail preview nonsense").code, Some(2));
    assert!(!place.path("data").exists());
}

#[test]
fn addresses_are_suppressed_and_listed() {
    for place in Place::on_each_database() {
        place.run("migrate up").done();
        assert_eq!(
            place.run("mail suppress Ada@Example.org").done(),
            "no message is sent to Ada@Example.org any more\n"
        );
        assert!(place.run("mail suppress ada@example.org").done().contains("already"));
        assert_eq!(place.run("mail suppress --json").json()[0]["address"], "ada@example.org");
        place.run("mail unsuppress ada@example.org").done();
        assert!(place.run("mail unsuppress ada@example.org").failed().contains("is not suppressed"));
        assert_eq!(place.run("mail list --json").json(), serde_json::json!([]));
        assert_eq!(place.run("mail list --state failed").done().lines().count(), 1);
        assert_eq!(
            place.run("mail retry --all").done(),
            "0 messages are due; the server sends them within seconds\n"
        );
        assert!(
            place
                .run("mail retry message_01h455vb4pex5vsknk084sn02q")
                .failed()
                .contains("there is no message")
        );
    }
}

#[test]
fn doctor_checks_the_templates() {
    let place = Place::new();
    place.run("migrate up").done();
    assert!(place.run("doctor").done().contains("all templates can be rendered"));
    fs::create_dir_all(place.path("templates/en/sign_in")).expect("is created");
    place.write("templates/en/sign_in/text.j2", "{{ nonsense }}");
    let place = place.with("PORTCULLIS_MAIL__TEMPLATES", "templates");
    let report = place.run("doctor");
    assert_eq!(report.code, Some(1));
    assert!(report.out.contains("en/sign_in/text.j2"), "{report:?}");
}

#[test]
fn mail_settings_are_checked() {
    for (variables, reason) in [
        (&[("TRANSPORT", "smtp")][..], "mail.smtp.host must be set, because mail.transport is smtp"),
        (&[("FROM", "nobody")], "mail.from must be an e-mail address"),
        (&[("DEFAULT_LOCALE", "en_US")], "mail.default_locale must be a language tag"),
        (&[("SMTP__USERNAME", "ada")], "mail.smtp.username needs a password"),
        (&[("SMTP__PASSWORD", "s3cretOfTheServer")], "mail.smtp.password needs a user name"),
        (
            &[
                ("SMTP__HOST", "mail.example.com"),
                ("SMTP__USERNAME", "ada"),
                ("SMTP__PASSWORD", "s3cretOfTheServer"),
                ("SMTP__ENCRYPTION", "none"),
            ],
            "mail.smtp.encryption must be starttls or tls",
        ),
        (&[("SMTP__ENCRYPTION", "ssl")], "mail.smtp.encryption must be one of"),
    ] {
        let mut place = Place::new();
        for (name, value) in variables {
            place = place.with(&format!("PORTCULLIS_MAIL__{name}"), *value);
        }
        let error = place.run("config").failed();
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("s3cretOfTheServer"), "{error}");
    }
}

#[test]
fn the_password_of_the_mail_server_is_masked() {
    let place = Place::new()
        .with("PORTCULLIS_MAIL__SMTP__USERNAME", "ada")
        .with("PORTCULLIS_MAIL__SMTP__PASSWORD", "s3cretOfTheServer");
    let shown = place.run("config").done();
    assert!(shown.contains("mail.smtp.password") && !shown.contains("s3cretOfTheServer"), "{shown}");
}
