use sea_orm::DbErr;

use super::{files::Secret, report::Report};
use crate::{
    accounts::{AccountFilter, Accounts},
    app::{App, AppError, check_empty_database},
    cli::output::time,
    clock::Clock,
    config::{ADMIN_ROLE, Config},
    database::{Database, reason},
    replicas::Difference,
    server::Application,
    tokens::{KeyInfo, KeyState, Keyring},
};

/// The difference between the clocks of the database and this machine that causes a warning. Replicas tolerate 30 s.
const MAX_CLOCK_DIFFERENCE_SECONDS: i64 = 5;

/// The message if no key is active. The app is not opened in that case, because that would create a key.
const NO_ACTIVE_KEY: &str = "no signing key is active, so no user can sign in: all keys were retired, or were created \
    while the clock was ahead; start a server, which activates a key within a minute";

/// Checks the database and, if it is up to date, its contents.
pub(super) async fn examine(config: &Config, application: &Application, secret: Secret, report: &mut Report) {
    let name = config.database_name();
    if config.sqlite_file().is_some_and(|path| !path.exists()) {
        match check_empty_database(config) {
            Err(error) => report.fail("database", error.to_string()),
            Ok(()) => {
                report.warn("database", format!("{name} does not exist yet; the first start creates it"));
            }
        }
        return;
    }
    let database = match Database::connect(config, application.parts.migrations).await {
        Ok(database) => database,
        Err(error) => return report.fail("database", error.to_string()),
    };
    let begun = begin(config, &database, report).await;
    database.close().await;
    let is_signing = match begun {
        Ok(Usage::Keys { is_signing }) => is_signing,
        Ok(Usage::Empty) => {
            return if let Err(error) = check_empty_database(config) {
                report.fail("master secret", error.to_string());
            };
        }
        Ok(Usage::Unknown) => return,
        Err(error) => return report.fail("database", format!("{name}: {}", reason(&error))),
    };
    match secret {
        Secret::Usable => {}
        Secret::Absent => return report.fail("master secret", AppError::SecretMissing { name }.to_string()),
        Secret::Unusable => return,
    }
    if !is_signing {
        return report.fail("signing keys", NO_ACTIVE_KEY);
    }
    // The database has its secret and its keys, so opening the app creates nothing.
    let opened = App::open_with(config.clone(), application.parts.clone());
    match Box::pin(opened).await {
        Ok(app) => {
            if let Err(error) = contents(&app, report).await {
                report.fail("database", format!("{name}: {}", reason(&error)));
            }
            app.close().await;
        }
        Err(error) => report.fail("start", error.to_string()),
    }
}

/// The contents of a database, as far as the next check needs them.
enum Usage {
    /// It has signing keys, so opening the app creates nothing.
    Keys {
        /// Whether one of them, or the key of `tokens.signing_key_file`, signs now.
        is_signing: bool,
    },
    /// It has no data yet.
    Empty,
    /// Its migrations are pending, or it has accounts or a key file but no keys of its own.
    Unknown,
}

async fn begin(config: &Config, database: &Database, report: &mut Report) -> Result<Usage, DbErr> {
    let is_current = is_current(database, &config.database_name(), report).await?;
    if database.migrations().await?.applied.is_empty() {
        return Ok(Usage::Empty);
    }
    if !is_current {
        return Ok(Usage::Unknown);
    }
    if !Keyring::is_empty(database).await? {
        let is_signing = config.tokens.signing_key_file.is_some()
            || Keyring::has_active(database, Clock::system().now()).await?;
        return Ok(Usage::Keys { is_signing });
    }
    let needs_no_keys = config.tokens.signing_key_file.is_some() || Accounts::exist(database).await?;
    Ok(if needs_no_keys { Usage::Unknown } else { Usage::Empty })
}

/// Reports the database server and the migrations. Returns whether no migration is pending.
async fn is_current(database: &Database, name: &str, report: &mut Report) -> Result<bool, DbErr> {
    let version = database.version().await?;
    if version.is_supported {
        report.ok("database", format!("{name} ({})", version.name));
    } else {
        report.fail("database", format!("{} is not supported; use PostgreSQL 14 or later", version.name));
    }
    if let Some(there) = version.clock {
        let difference = (there - Clock::system().now()).num_seconds();
        if difference.abs() > MAX_CLOCK_DIFFERENCE_SECONDS {
            report.warn(
                "clock",
                format!("the database's clock differs by {difference} s; synchronize both clocks (NTP)"),
            );
        }
    }
    let pending = database.migrations().await?.pending;
    let missing = if pending.is_empty() { None } else { database.missing_privilege().await? };
    if let Some(reason) = missing {
        report.fail("migrations", reason);
        return Ok(false);
    }
    match pending.len() {
        0 => report.ok("migrations", "the database is up to date"),
        count => report.warn("migrations", format!("{count} pending; the next start applies them")),
    }
    Ok(pending.is_empty())
}

/// Checks the keys, the other servers and the administrators.
async fn contents(app: &App, report: &mut Report) -> Result<(), DbErr> {
    match app.keyring.kid_of_file() {
        Some(kid) => keys_beside_file(kid, &app.keyring.list().await?, report),
        None => keys(&app.keyring.list().await?, report),
    }
    if let Err(error) = app.keyring.signer() {
        report.fail("signing keys", error.to_string());
    }
    servers(app, report).await?;
    match app.keyring.count_under_old_secret().await? {
        0 => {}
        count => {
            let text =
                format!("{count} encrypted with the secondary master secret; run `portcullis keys rewrap`");
            report.warn("signing keys", text);
        }
    }
    match app.second_factors.count_under_old_secret().await? {
        0 => {}
        count => {
            let text =
                format!("{count} encrypted with the secondary master secret; run `portcullis keys rewrap`");
            report.warn("authenticator apps", text);
        }
    }
    if app.keyring.is_rotation_due().await? {
        report
            .warn("signing keys", "a rotation is due; a running server creates the next key within a minute");
    }
    if let Some(count) = app.accounts.count_without_factor().await? {
        let text = match count {
            0 => "every account that factors.required concerns has one".to_owned(),
            count => format!("{count} accounts that factors.required concerns have none yet"),
        };
        report.ok("second factors", text);
    }
    let admins = AccountFilter { role: Some(ADMIN_ROLE.to_owned()), disabled: Some(false), search: None };
    match app.accounts.count(&admins).await? {
        0 => report.warn(
            "administrators",
            "no account has the role admin; create one: `portcullis users create NAME --role admin`",
        ),
        count => report.ok("administrators", format!("{count} enabled")),
    }
    Ok(())
}

fn keys(keys: &[KeyInfo], report: &mut Report) {
    for key in keys {
        let (kid, algorithm) = (&key.kid, &key.algorithm);
        match key.state {
            KeyState::Active { active_from, .. } => {
                report
                    .ok("signing keys", format!("{kid} ({algorithm}) is active since {}", time(active_from)));
            }
            KeyState::Pending { active_from } => {
                report.ok(
                    "signing keys",
                    format!("{kid} ({algorithm}) becomes active at {}", time(active_from)),
                );
            }
            KeyState::Retired { .. } | KeyState::Withdrawn { .. } | KeyState::Revoked { .. } => {}
        }
    }
}

/// The keys of the database if a key file is configured. Each is trusted until the last token that it signed has expired.
fn keys_beside_file(kid_of_file: &str, keys: &[KeyInfo], report: &mut Report) {
    for KeyInfo { kid, state, .. } in keys.iter().filter(|key| key.kid != kid_of_file) {
        let until = match state {
            KeyState::Pending { .. } | KeyState::Active { .. } => {
                "for one day after the last server stops signing with it".to_owned()
            }
            KeyState::Retired { published_until, .. } => format!("until {}", time(*published_until)),
            KeyState::Withdrawn { .. } | KeyState::Revoked { .. } => continue,
        };
        let text = format!(
            "tokens.signing_key_file is the active key, but the key {kid} of the database is still trusted {until}; \
             `portcullis keys revoke {kid}` ends that"
        );
        report.warn("signing keys", text);
    }
}

/// Compares the settings of the running servers with those of this command.
async fn servers(app: &App, report: &mut Report) -> Result<(), DbErr> {
    let others = app.replicas.others().await?;
    let differences: Vec<Difference> =
        others.iter().flat_map(|other| app.replicas.differences(other)).collect();
    if !others.is_empty() && differences.is_empty() {
        report.ok("servers", format!("{} running, with the same settings as this command", others.len()));
    }
    for Difference { key, here, there, server } in differences {
        let text = format!(
            "{key} is {here} here, but {there} on the server {server}; it must be the same for all servers and \
             commands on one database"
        );
        report.warn("servers", text);
    }
    Ok(())
}
