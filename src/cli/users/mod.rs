//! `portcullis users`: creates, lists and changes accounts.

mod change;
mod check;
mod create;
mod delete;
mod export;
mod export_one;
mod firebase;
mod import;
mod list;
mod report;

use std::io::Write;

use clap::Subcommand;

use super::{
    error::CliError,
    open::{IfMissing, with_app},
    settings::Settings,
};
use crate::{
    accounts::{Account, AccountError},
    admin::AdminError,
    app::App,
    id::UserId,
};

#[derive(Subcommand)]
pub(super) enum Users {
    /// Create an account. Type the password, or pipe it in as one line
    #[command(after_help = "To create the first administrator: portcullis users create NAME --role admin")]
    Create(create::Create),
    /// List accounts, sorted by username
    List(list::List),
    /// Disable an account: it cannot sign in, and its sessions are revoked
    Disable(change::UserArg),
    /// Enable a disabled account, so that it can sign in again
    Enable(change::UserArg),
    /// Set a new password, revoke the account's sessions, and reset its failed sign-ins. Type the password, or
    /// pipe it in as one line
    SetPassword(change::UserArg),
    /// Remove the authenticator app, the passkeys and the recovery codes of a user who lost their second factors, and revoke
    /// the account's sessions
    ResetSecondFactors(change::UserArg),
    /// Replace the roles of an account
    SetRoles(change::SetRoles),
    /// Delete an account and all its data
    Delete(delete::Delete),
    /// Import accounts from a file: JSON Lines, an export of MongoDB or Firebase, or CSV. Existing accounts stay as they
    /// are, so an interrupted import can be repeated
    #[command(after_help = IMPORT_HELP)]
    Import(import::Import),
    /// Export all accounts with their password hashes to a new file, which `users import` reads
    Export(export::Export),
    /// Export everything about one account as JSON, for its user: the profile, the sessions and the audit events. Without
    /// the password hash
    ExportOne(export_one::ExportOne),
}

const IMPORT_HELP: &str = "\
Fields: username, passwordHash or password, and optionally email, emailVerified, displayName, locale, \
pictureUrl, metadata, appMetadata, roles, disabled, createdAt, updatedAt, lastLoginAt, id. Hashes: Argon2, bcrypt, scrypt, PBKDF2 and Firebase's scrypt, in the encodings of PHC, \
Django, passlib, Werkzeug and ASP.NET Core. The next sign-in replaces a hash by Argon2id. docs/import.md has the details.

The exit status is 1 if a record was refused.";

impl Users {
    pub(super) async fn run(self, settings: &Settings, out: &mut dyn Write) -> Result<(), CliError> {
        let if_missing = match &self {
            Self::Import(import) if import.is_without_database(settings)? => {
                return import.run_without_database(settings, out).await;
            }
            Self::Import(import) => import.if_missing(),
            Self::Create(_) => IfMissing::Create,
            _ => IfMissing::Fail,
        };
        with_app(settings, if_missing, async |app| match self {
            Self::Create(create) => create.run(&app, out).await,
            Self::List(list) => list.run(&app, out).await,
            Self::Disable(user) => change::disable(&app, &user, out).await,
            Self::Enable(user) => change::enable(&app, &user, out).await,
            Self::SetPassword(user) => change::set_password(&app, &user, out).await,
            Self::ResetSecondFactors(user) => change::reset_second_factors(&app, &user, out).await,
            Self::SetRoles(set) => set.run(&app, out).await,
            Self::Delete(delete) => delete.run(&app, out).await,
            Self::Export(export) => export.run(&app, out).await,
            Self::ExportOne(export) => export.run(&app, out).await,
            Self::Import(import) => import.run(&app, out).await,
        })
        .await
    }
}

/// Finds an account by its id (`user_…`), or by its username.
pub(super) async fn find(app: &App, user: &str) -> Result<Account, CliError> {
    let found = match user.parse::<UserId>() {
        Ok(id) => app.accounts.find(id).await?.map(|account| Account::clone(&account)),
        Err(_) => app.accounts.find_by_username(user).await?,
    };
    found.ok_or_else(|| not_found(user))
}

fn not_found(user: &str) -> CliError {
    CliError::refused(format!("there is no user {user:?}; `portcullis users list` shows all users"))
}

/// The error message: why an account was not created or changed, and what to do.
pub(super) fn to_cli_error(error: AdminError, app: &App, user: &str) -> CliError {
    match error {
        AdminError::Account(error) => account_error(error, app, user),
        AdminError::Database(error) => error.into(),
        AdminError::Password(_)
        | AdminError::Hash(_)
        | AdminError::Keyring(_)
        | AdminError::SecondFactor(_)
        | AdminError::PrivilegeEscalation(_)
        | AdminError::SessionRequired
        | AdminError::InsufficientLogin { .. }
        | AdminError::MailOff
        | AdminError::RateLimited { .. }
        | AdminError::OwnAccount { .. } => CliError::refused(error.to_string()),
    }
}

fn account_error(error: AccountError, app: &App, user: &str) -> CliError {
    CliError::refused(match error {
        AccountError::TooManyScopes
        | AccountError::EmailTaken
        | AccountError::EmailRequired
        | AccountError::Unauthenticated(_) => error.to_string(),
        AccountError::UsernameTaken => format!("the username {user:?} is taken; choose another"),
        AccountError::UsernameLooksTaken => {
            format!("the username {user:?} looks like that of another account; choose another")
        }
        AccountError::UsernameReserved => format!("the username {user:?} is reserved; choose another"),
        AccountError::NotFound => return not_found(user),
        AccountError::UnknownRole(role) => {
            let known: Vec<&str> = app.config.roles.keys().map(String::as_str).collect();
            format!("there is no role {role:?}; the configuration ([roles]) has {}", known.join(", "))
        }
        AccountError::LastAdmin => format!(
            "{user} is the last administrator who can sign in\nCreate another one first: \
             `portcullis users set-roles NAME --role admin`."
        ),
        AccountError::Database(error) => return error.into(),
        AccountError::Hook(error) => error.to_string(),
        AccountError::UsernameInvalid(why)
        | AccountError::EmailInvalid(why)
        | AccountError::DisplayNameInvalid(why)
        | AccountError::ProfileInvalid(why) => why.to_owned(),
    })
}

/// The roles of an account, as part of a sentence.
fn roles(account: &Account) -> String {
    match account.roles.as_slice() {
        [] => "no role".to_owned(),
        [role] => format!("the role {role}"),
        roles => format!("the roles {}", roles.join(", ")),
    }
}
