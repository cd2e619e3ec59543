//! The program as its operators see it: it has the commands of the `portcullis` binary, and its own configuration and
//! migrations.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Runs the program in a folder with a password as its input. Returns its exit status and what it has printed.
fn notes(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_notes"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .env("PORTCULLIS_NOTES__MAX_LENGTH", "7")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It fails if the program has ended without reading.
    let _ = program.stdin.take().expect("the input is piped").write_all(b"correct horse battery staple\n");
    let output = program.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

#[test]
fn migrations_of_the_application_are_listed_applied_and_reverted() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let (status, out) = notes(folder.path(), &["migrate", "up"]);
    assert_eq!(status, Some(0), "{out}");
    assert!(out.contains("applied m20261127_000001_notes"), "{out}");
    let (_, out) = notes(folder.path(), &["migrate", "down", "--yes"]);
    assert!(out.contains("reverted m20261127_000001_notes"), "{out}");
    let (status, out) = notes(folder.path(), &["migrate", "status"]);
    assert_eq!(status, Some(3), "{out}");
    assert!(out.contains("pending migrations: 1;"), "{out}");
}

#[test]
fn settings_of_the_application_are_configured_like_those_of_portcullis() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let line = |out: &str| out.lines().find(|line| line.starts_with("notes.")).map(ToOwned::to_owned);
    let (_, out) = notes(folder.path(), &["config"]);
    let words: Vec<String> =
        line(&out).expect("the section is shown").split_whitespace().map(ToOwned::to_owned).collect();
    assert_eq!(words, ["notes.max_length", "7", "PORTCULLIS_NOTES__MAX_LENGTH"]);

    fs::write(folder.path().join("portcullis.toml"), "[notes]\nmax_lenght = 8\n")
        .expect("the file is written");
    let (status, out) = notes(folder.path(), &["config"]);
    assert_eq!(status, Some(1));
    assert!(out.contains("notes.max_lenght is not a key of the configuration"), "{out}");
    assert!(out.contains("did you mean notes.max_length?"), "{out}");

    fs::write(folder.path().join("portcullis.toml"), "[notes]\nmax_length = \"long\"\n")
        .expect("the file is written");
    let (_, out) = notes(folder.path(), &["config", "--config", "portcullis.toml"]);
    assert!(!out.contains("must be"), "the environment overrides the file: {out}");
}

#[test]
fn a_user_is_created_at_the_command_line() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let (status, out) = notes(folder.path(), &["users", "create", "ada", "--role", "admin"]);
    assert_eq!(status, Some(0), "{out}");
    let (_, out) = notes(folder.path(), &["users", "list"]);
    assert!(out.lines().any(|line| line.contains("ada") && line.contains("admin")), "{out}");
}
