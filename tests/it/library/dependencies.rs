//! The dependencies of the crate without the feature `server`.

use std::{collections::BTreeSet, process::Command};

/// Crates that a service which only verifies tokens must not need: databases, password hashing, the command line, and
/// a second cryptographic library.
const FORBIDDEN: [&str; 12] = [
    "sea-orm",
    "sqlx",
    "libsqlite3-sys",
    "argon2",
    "blake2",
    "clap",
    "figment",
    "zxcvbn",
    "ring",
    "openssl-sys",
    "native-tls",
    "portcullis-entity",
];

/// The names of all crates that the library needs with these features.
fn tree(features: &str) -> BTreeSet<String> {
    let cargo = env!("CARGO");
    let arguments = ["tree", "--package=portcullis", "--edges=normal", "--prefix=none", "--format={p}"];
    let output = Command::new(cargo)
        .args(arguments)
        .args(["--no-default-features", "--features", features, "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn a_service_that_only_verifies_tokens_needs_no_database_no_password_hashing_and_no_command_line() {
    for features in ["", "client"] {
        let crates = tree(features);
        assert!(crates.contains("jsonwebtoken"), "{crates:?}");
        assert_eq!(crates.contains("reqwest"), features == "client", "{crates:?}");
        let found: Vec<_> = FORBIDDEN.iter().filter(|name| crates.contains(**name)).collect();
        assert!(found.is_empty(), "{features:?}: {found:?}");
    }
    // The names are right.
    let server = tree("server");
    for name in [
        "sea-orm",
        "sqlx",
        "libsqlite3-sys",
        "argon2",
        "blake2",
        "clap",
        "figment",
        "zxcvbn",
        "portcullis-entity",
    ] {
        assert!(server.contains(name), "{name}");
    }
}
