use sea_orm::DbErr;

use super::{files::Secret, report::Report};
use crate::{
    accounts::{Accounts, Filter},
    app::{App, AppError, is_of_another_database},
    cli::output::time,
    clock::Clock,
    config::{ADMIN_ROLE, Config},
    database::{Database, reason},
    replicas::Difference,
    tokens::{KeyInfo, KeyState, Keyring},
};

/// How far the database's clock may differ from ours before somebody should look: replicas may differ by 30 s.
const MAX_CLOCK_DIFFERENCE_SECONDS: i64 = 5;

/// The message if no key signs; opening the program would make one.
const NO_ACTIVE_KEY: &str = "no key signs now, so nobody can sign in: all were retired, or were made while the clock \
    was ahead; a server lets one sign when it starts, or within a minute";

/// Looks at the database and, where it is up to date, at what is in it.
pub(super) async fn examine(config: &Config, secret: Secret, report: &mut Report) {
    let name = config.shown_database();
    if config.sqlite_file().is_some_and(|path| !path.exists()) {
        return match is_of_another_database(config) {
            Some(error) => report.fail("database", error.to_string()),
            None => report.warn("database", format!("there is no {name} yet; the first start makes it")),
        };
    }
    let database = match Database::connect(config).await {
        Ok(database) => database,
        Err(error) => return report.fail("database", error.to_string()),
    };
    let begun = begin(config, &database, report).await;
    database.close().await;
    let is_signing = match begun {
        Ok(Usage::Keys { is_signing }) => is_signing,
        Ok(Usage::Empty) => {
            return if let Some(error) = is_of_another_database(config) {
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
    // Everything is there already, so opening the program makes nothing.
    match Box::pin(App::open(config.clone(), Clock::system())).await {
        Ok(app) => {
            if let Err(error) = contents(&app, report).await {
                report.fail("database", format!("{name}: {}", reason(&error)));
            }
            app.close().await;
        }
        Err(error) => report.fail("start", error.to_string()),
    }
}

/// The use of a database.
enum Usage {
    /// It has signing keys, so that opening the program makes nothing.
    Keys {
        /// Whether one of them, or the one of the file, signs now.
        is_signing: bool,
    },
    /// It holds nothing yet.
    Empty,
    /// Its migrations are pending, or its keys are in a file.
    Unknown,
}

async fn begin(config: &Config, database: &Database, report: &mut Report) -> Result<Usage, DbErr> {
    let is_current = is_current(database, &config.shown_database(), report).await?;
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

/// Which database it is; whether this release has nothing to migrate.
async fn is_current(database: &Database, name: &str, report: &mut Report) -> Result<bool, DbErr> {
    let server = database.server().await?;
    if server.is_supported {
        report.ok("database", format!("{name} ({})", server.name));
    } else {
        report.fail("database", format!("{} is too old; PostgreSQL 14 or later is needed", server.name));
    }
    if let Some(there) = server.clock {
        let difference = (there - Clock::system().now()).num_seconds();
        if difference.abs() > MAX_CLOCK_DIFFERENCE_SECONDS {
            report
                .warn("clock", format!("the database's clock differs by {difference} s; let both keep time"));
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
        count => report.warn("migrations", format!("{count} are pending; the next start applies them")),
    }
    Ok(pending.is_empty())
}

/// The keys and the accounts.
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
                format!("{count} are sealed under the other master secret; run `portcullis keys rewrap`");
            report.warn("signing keys", text);
        }
    }
    if app.keyring.is_rotation_due().await? {
        report.warn("signing keys", "the next one is due; a running server makes it within a minute");
    }
    let admins = Filter { role: Some(ADMIN_ROLE.to_owned()), disabled: Some(false), search: None };
    match app.accounts.count(&admins).await? {
        0 => report.warn(
            "administrators",
            "nobody can administer; make somebody: `portcullis users create NAME --role admin`",
        ),
        count => report.ok("administrators", format!("{count} who can sign in")),
    }
    Ok(())
}

fn keys(keys: &[KeyInfo], report: &mut Report) {
    for key in keys {
        let (kid, algorithm) = (&key.kid, &key.algorithm);
        match key.state {
            KeyState::Active { active_from, .. } => {
                report.ok("signing keys", format!("{kid} ({algorithm}) signs since {}", time(active_from)));
            }
            KeyState::Pending { active_from } => {
                report.ok("signing keys", format!("{kid} ({algorithm}) signs from {} on", time(active_from)));
            }
            KeyState::Retired { .. } | KeyState::Withdrawn { .. } | KeyState::Revoked { .. } => {}
        }
    }
}

/// The keys of the database where a file signs. They are trusted until the last token that they signed has expired.
fn keys_beside_file(kid_of_file: &str, keys: &[KeyInfo], report: &mut Report) {
    for KeyInfo { kid, state, .. } in keys.iter().filter(|key| key.kid != kid_of_file) {
        let until = match state {
            KeyState::Pending { .. } | KeyState::Active { .. } => {
                "for a day after the last server has ceased to sign with it".to_owned()
            }
            KeyState::Retired { published_until, .. } => format!("until {}", time(*published_until)),
            KeyState::Withdrawn { .. } | KeyState::Revoked { .. } => continue,
        };
        let text = format!(
            "tokens.signing_key_file signs, and the key {kid} of the database is trusted {until}; `portcullis keys \
             revoke {kid}` ends that"
        );
        report.warn("signing keys", text);
    }
}

/// The settings of the servers that run, compared with those that the doctor was given.
async fn servers(app: &App, report: &mut Report) -> Result<(), DbErr> {
    let others = app.replicas.others().await?;
    let differences: Vec<Difference> =
        others.iter().flat_map(|other| app.replicas.differences(other)).collect();
    if !others.is_empty() && differences.is_empty() {
        report.ok("servers", format!("{} run, with the same settings as here", others.len()));
    }
    for Difference { key, here, there, server } in differences {
        let text = format!(
            "{key} is {here} here, and {there} at the server {server}; all servers and tools on one database must \
             agree on it"
        );
        report.warn("servers", text);
    }
    Ok(())
}
