//! The password hash parameters of a Firebase project.

use std::path::Path;

use crate::{cli::error::CliError, passwords::FirebaseParameters, secret::read_private_file};

/// A file with the text that the console of Firebase shows: `hash_config { algorithm: SCRYPT, … }`.
pub(super) struct Firebase;

impl Firebase {
    /// Reads the parameters.
    pub(super) fn read(path: &Path) -> Result<FirebaseParameters, CliError> {
        let text = read_private_file(path).map_err(|error| CliError::refused(error.to_string()))?;
        parse(&text).ok_or_else(|| {
            CliError::refused(format!(
                "{} must contain base64_signer_key, base64_salt_separator, rounds and mem_cost, as the console of \
                 Firebase shows them",
                path.display()
            ))
        })
    }
}

fn parse(text: &str) -> Option<FirebaseParameters> {
    let value = |name: &str| {
        let line = text.split([',', '\n', '{', '}']).find_map(|part| {
            let (key, value) = part.split_once(':')?;
            (key.trim().trim_matches('"') == name).then(|| value.trim().trim_matches('"').to_owned())
        });
        line.filter(|value| !value.is_empty())
    };
    Some(FirebaseParameters {
        signer_key: value("base64_signer_key")?.into(),
        salt_separator: value("base64_salt_separator")?,
        rounds: value("rounds")?.parse().ok()?,
        memory_cost: value("mem_cost")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_text_of_the_console_and_json_are_read() {
        for text in [
            "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: a+b/c==,\n  base64_salt_separator: Bw==,\n  \
             rounds: 8,\n  mem_cost: 14,\n}\n",
            "{\"base64_signer_key\": \"a+b/c==\", \"base64_salt_separator\": \"Bw==\", \"rounds\": 8, \"mem_cost\": 14}",
        ] {
            let read = parse(text).expect("parameters");
            assert_eq!(read.signer_key.expose_secret(), "a+b/c==");
            assert_eq!((read.salt_separator.as_str(), read.rounds, read.memory_cost), ("Bw==", 8, 14));
        }
        assert!(parse("rounds: 8").is_none());
    }
}
