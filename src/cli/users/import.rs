//! `portcullis users import`.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    check,
    firebase::Firebase,
    report::{Entry, Outcome, Report},
    to_cli_error,
};
use crate::{
    accounts::ImportConflict,
    admin::{Admin, ImportOutcome},
    app::App,
    cli::{error::CliError, log, open::IfMissing, settings::Settings},
    clock::Clock,
    config::Config,
    import::{AccountReader, Field, Format, Mapping, NewImport, Records, Refusal, Seen},
    passwords::{Argon2Cost, HashBounds},
};

/// The number of records that are imported in one transaction.
const BATCH: usize = 500;

#[derive(Args)]
pub(crate) struct Import {
    /// The file, or - for standard input
    #[arg(required_unless_present = "check")]
    file: Option<PathBuf>,
    /// The format [default: csv for a file that ends in .csv, otherwise recognised by its first bytes]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// A field that has another name in the file, such as username=login or email=emails.0.address; repeat the flag for
    /// several fields. An empty name ignores the field
    #[arg(long = "map", value_name = "FIELD=NAME")]
    mappings: Vec<String>,
    /// A role that imported accounts may have, beside the default ones; repeat the flag for several roles
    #[arg(long = "allow-role", value_name = "ROLE")]
    allowed_roles: Vec<String>,
    /// Hash each `password` that is not a hash itself. The password policy does not apply
    #[arg(long)]
    plain_passwords: bool,
    /// A file with the password hash parameters of a Firebase project, as its console shows them
    #[arg(long, value_name = "FILE")]
    firebase_config: Option<PathBuf>,
    /// Check everything and write no account
    #[arg(long)]
    dry_run: bool,
    /// Write a line of JSON to a new file for each record that is not imported
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Ask for the password of this user and verify it against the hash in the file, or, without a file, in the database.
    /// Imports nothing
    #[arg(long, value_name = "USERNAME", conflicts_with_all = ["dry_run", "report"])]
    check: Option<String>,
}

/// An import that runs.
struct Running<'a> {
    /// `None` for a dry run before there is a database.
    admin: Option<&'a Admin>,
    is_dry_run: bool,
    reader: AccountReader,
    seen: Seen,
    report: Report,
    progress: ProgressBar,
}

/// A record that was read.
struct Pending {
    line: u64,
    username: Option<String>,
    account: Result<NewImport, Refusal>,
}

impl Import {
    /// Whether the database is not read: to check a password against a file, or for a dry run before there is a database.
    pub(super) fn is_without_database(&self, settings: &Settings) -> Result<bool, CliError> {
        let config = settings.load()?.config;
        let is_missing = config.sqlite_file().is_some_and(|path| !path.exists());
        Ok(self.file.is_some() && (self.check.is_some() || (self.dry_run && is_missing)))
    }

    /// The action if the embedded database does not exist.
    pub(super) fn if_missing(&self) -> IfMissing {
        if self.file.is_some() { IfMissing::Create } else { IfMissing::Fail }
    }

    pub(super) async fn run_without_database(
        &self,
        settings: &Settings,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let loaded = settings.load()?;
        log::start_for_command(&loaded)?;
        self.import(None, Arc::new(loaded.config), Clock::system(), out).await
    }

    pub(super) async fn run(&self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        match (&self.check, &self.file) {
            (Some(username), None) => check::stored(app, username, out).await,
            _ => self.import(Some(app), app.config.clone(), app.clock.clone(), out).await,
        }
    }

    async fn import(
        &self,
        app: Option<&App>,
        config: Arc<Config>,
        clock: Clock,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let reader = self.account_reader(config, clock)?;
        let Some(path) = &self.file else { return Err(CliError::refused("there is no file")) };
        if self.check.is_some() && path == Path::new("-") {
            return Err(CliError::refused(
                "--check reads the password from standard input, so the file cannot be there",
            ));
        }
        let (file, len) = open(path)?;
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let format = self.format.or(is_csv.then_some(Format::Csv));
        let mut records = Records::open(file, format).map_err(|error| unreadable(path, &error))?;
        if let Some(username) = &self.check {
            return check::in_file(&reader, &mut records, username, path, out).await;
        }
        let mut running = Running {
            admin: app.map(|app| &*app.admin),
            is_dry_run: self.dry_run,
            reader,
            seen: Seen::default(),
            report: Report::open(self.report.as_deref())?,
            progress: progress(len),
        };
        let done = running.run(&mut records).await;
        running.progress.finish_and_clear();
        let refused = running.report.finish(self.dry_run, out)?;
        // The summary comes first, because what was imported stays.
        done.map_err(|error| match (error, app) {
            (Stopped::File(error), _) => unreadable(path, &error),
            (Stopped::Admin(error), Some(app)) => to_cli_error(error, app, ""),
            (Stopped::Admin(error), None) => CliError::refused(error.to_string()),
            (Stopped::Cli(error), _) => error,
        })?;
        if refused == 0 { Ok(()) } else { Err(CliError::NotImported(refused)) }
    }

    fn account_reader(&self, config: Arc<Config>, clock: Clock) -> Result<AccountReader, CliError> {
        let mut mapping = Mapping::default();
        for text in &self.mappings {
            mapping.add(text).map_err(|error| CliError::refused(format!("--map {text}: {error}")))?;
        }
        if let Some(role) = self.allowed_roles.iter().find(|role| !config.roles.contains_key(*role)) {
            let known: Vec<&str> = config.roles.keys().map(String::as_str).collect();
            return Err(CliError::refused(format!(
                "there is no role {role:?}; the configuration ([roles]) has {}",
                known.join(", ")
            )));
        }
        let passwords = &config.passwords;
        let cost = Argon2Cost::new(passwords.memory_kib, passwords.iterations, passwords.parallelism);
        let cost = cost.map_err(|error| CliError::refused(error.to_string()))?;
        Ok(AccountReader {
            bounds: HashBounds::new(&cost, passwords.imported_memory_kib),
            clock,
            mapping,
            allowed_roles: self.allowed_roles.clone(),
            firebase: self.firebase_config.as_deref().map(Firebase::read).transpose()?,
            plain_passwords: self.plain_passwords,
            config,
        })
    }
}

/// The reason why an import stopped before the end of its file.
enum Stopped {
    File(crate::import::ReadError),
    Admin(crate::admin::AdminError),
    Cli(CliError),
}

impl Running<'_> {
    async fn run(&mut self, records: &mut Records) -> Result<(), Stopped> {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let record = match records.read() {
                Ok(Some(record)) => record,
                Ok(None) => return self.flush(&mut batch).await,
                Err(error) => {
                    self.flush(&mut batch).await?;
                    return Err(Stopped::File(error));
                }
            };
            let line = record.line;
            let username = self.reader.username(&record).map(|name| name.as_str().to_owned());
            let account = self.reader.read(record);
            let account = account.and_then(|new| self.seen.add(line, &new).map(|()| new));
            batch.push(Pending { line, username, account });
            if batch.len() == BATCH {
                self.flush(&mut batch).await?;
                self.progress.set_position(records.bytes_read());
            }
        }
    }

    /// Imports the accounts of a batch, and reports its records in their order.
    async fn flush(&mut self, batch: &mut Vec<Pending>) -> Result<(), Stopped> {
        let (mut accounts, mut entries) = (Vec::new(), Vec::new());
        for Pending { line, username, account } in batch.drain(..) {
            let outcome = match account {
                Ok(new) => {
                    self.report.count_dropped_id(new.drops_id);
                    accounts.push(new);
                    Outcome::Imported
                }
                Err(refusal) => Outcome::Refused(refusal.to_string()),
            };
            entries.push(Entry { line, username, outcome });
        }
        let outcomes = match self.admin {
            Some(admin) if self.is_dry_run => admin.check_import(&accounts).await.map_err(Stopped::Admin)?,
            Some(admin) => admin.import_users(&accounts).await.map_err(Stopped::Admin)?,
            None => vec![ImportOutcome::Imported; accounts.len()],
        };
        let slots = entries.iter_mut().filter(|entry| entry.outcome == Outcome::Imported);
        slots.zip(outcomes).for_each(|(entry, outcome)| entry.outcome = to_outcome(outcome));
        entries.iter().try_for_each(|entry| self.report.add(entry)).map_err(Stopped::Cli)
    }
}

fn to_outcome(outcome: ImportOutcome) -> Outcome {
    let refused =
        |field: Field, whose: &str| Outcome::Refused(format!("another account has {whose} {field}"));
    match outcome {
        ImportOutcome::Imported => Outcome::Imported,
        ImportOutcome::Conflict(ImportConflict::Username) => Outcome::Exists,
        ImportOutcome::Conflict(ImportConflict::Email) => refused(Field::Email, "verified the"),
        ImportOutcome::Conflict(ImportConflict::Id) => refused(Field::Id, "the"),
    }
}

fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), CliError> {
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let len = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((Box::new(file), len))
}

pub(super) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::refused(format!("cannot read {}: {error}", path.display()))
}

/// A progress bar on standard error, if that is a terminal.
fn progress(len: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let Some(len) = len else { return ProgressBar::new_spinner() };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {bytes} of {total_bytes}, {eta} left");
    ProgressBar::new(len).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
