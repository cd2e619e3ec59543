//! `portcullis users import --check`: proves that a user can sign in with the imported hash.

use std::{io::Write, num::NonZeroUsize, path::Path, sync::Arc};

use aws_lc_rs::rand::SystemRandom;
use secrecy::ExposeSecret;

use super::{import::unreadable, not_found};
use crate::{
    accounts::Username,
    app::App,
    cli::{ask, error::CliError},
    import::{AccountReader, Records},
    passwords::{
        Argon2Cost, HashError, Hasher, ImportedPassword, NewPassword, PasswordAttempt, VerificationResult,
    },
};

/// Verifies a password against the hash in the database. There is no session, and the hash is not replaced.
pub(super) async fn stored(app: &App, username: &str, out: &mut dyn Write) -> Result<(), CliError> {
    let account = super::find(app, username).await?;
    let found = app.accounts.find_credentials_by_id(account.id).await?.ok_or_else(|| not_found(username))?;
    let attempt = PasswordAttempt::new(ask::current_password()?.expose_secret());
    let result = app.admin.hasher.verify(&attempt, Some(&found.password_hash)).await;
    verdict(result, &account.username, out)?;
    if account.disabled {
        return Err(CliError::refused("the account is disabled, so it cannot sign in"));
    }
    Ok(())
}

/// Verifies a password against the hash in a file.
pub(super) async fn in_file(
    reader: &AccountReader,
    records: &mut Records,
    username: &str,
    path: &Path,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let invalid = |_| CliError::refused(format!("{username:?} is not a username"));
    let wanted = Username::parse(username).map_err(invalid)?;
    let new = loop {
        let record = records.read().map_err(|error| unreadable(path, &error))?;
        let Some(record) = record else {
            return Err(CliError::refused(format!("{} has no user {username:?}", path.display())));
        };
        if reader.username(&record).is_some_and(|found| found.key() == wanted.key()) {
            let line = record.line;
            let refused = |refusal| CliError::refused(format!("line {line}: {refusal}"));
            break reader.read(record).map_err(refused)?;
        }
    };
    let hasher = hasher(reader)?;
    let attempt = PasswordAttempt::new(ask::current_password()?.expose_secret());
    let stored = match &new.password {
        ImportedPassword::Hash(hash) => hash.as_str().to_owned(),
        ImportedPassword::Plain(password) => hash(&hasher, password).await?,
    };
    verdict(hasher.verify(&attempt, Some(&stored)).await, new.account.username.as_str(), out)?;
    if new.account.disabled {
        return Err(CliError::refused("the account is disabled, so it cannot sign in"));
    }
    Ok(())
}

async fn hash(hasher: &Hasher, password: &NewPassword) -> Result<String, CliError> {
    hasher.hash(password).await.map_err(|error| CliError::refused(error.to_string()))
}

fn hasher(reader: &AccountReader) -> Result<Hasher, CliError> {
    let one = NonZeroUsize::MIN;
    let cost = Argon2Cost::default();
    let hasher = Hasher::start(cost, reader.bounds, one, one, Arc::new(SystemRandom::new()));
    hasher.map_err(|error| CliError::refused(error.to_string()))
}

fn verdict(
    result: Result<VerificationResult, HashError>,
    username: &str,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    match result {
        Ok(VerificationResult::Match { replacement: Some(_) }) => {
            Ok(writeln!(out, "the password of {username} is right; the next sign-in replaces its hash")?)
        }
        Ok(VerificationResult::Match { replacement: None }) => {
            Ok(writeln!(out, "the password of {username} is right")?)
        }
        Ok(VerificationResult::Mismatch) => {
            Err(CliError::refused(format!("this is not the password of {username}")))
        }
        Err(HashError::Malformed(why)) => Err(CliError::refused(format!("the hash of {username}: {why}"))),
        Err(error) => Err(CliError::refused(error.to_string())),
    }
}
