//! `portcullis users export`.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    accounts::ExportedAccount,
    app::App,
    cli::error::CliError,
    clock::Timestamp,
    id::UserId,
    passwords::ImportedHash,
    secret::{create_private, sync_folder},
};

/// The number of accounts that are read at a time.
const PAGE: u64 = 1000;

#[derive(Args)]
pub(crate) struct Export {
    /// The file to create
    file: PathBuf,
    /// The format [default: csv for a file that ends in .csv, otherwise jsonl]
    #[arg(long, value_enum)]
    format: Option<ExportFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// One JSON object on each line (JSON Lines)
    Jsonl,
    /// A table with a header line
    Csv,
}

/// An account in the file. The names are those of `import::Field`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<R, M> {
    id: UserId,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    locale: Option<String>,
    picture_url: Option<String>,
    metadata: M,
    app_metadata: M,
    roles: R,
    disabled: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
    password_hash: String,
    password_normalization: Option<&'static str>,
}

enum Writer {
    Jsonl(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
}

impl Export {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let failed = |error: &dyn std::fmt::Display| {
            CliError::refused(format!("cannot write {}: {error}", self.file.display()))
        };
        let file = create_private(&self.file).map_err(|error| failed(&error))?;
        let written = write(app, self.writer(file)).await;
        if written.is_err() {
            // An incomplete file must not look like a complete one.
            fs::remove_file(&self.file).ok();
        }
        let count = match written {
            Err(CliError::Output(error)) => return Err(failed(&error)),
            written => written?,
        };
        sync_folder(&self.file).map_err(|error| failed(&error))?;
        Ok(writeln!(
            out,
            "exported {count} accounts to {}, with their password hashes: keep the file secret, and delete it",
            self.file.display()
        )?)
    }

    fn writer(&self, file: File) -> Writer {
        let is_csv =
            Path::new(&self.file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        match self.format {
            Some(ExportFormat::Csv) => Writer::Csv(Box::new(csv::Writer::from_writer(file))),
            None if is_csv => Writer::Csv(Box::new(csv::Writer::from_writer(file))),
            _ => Writer::Jsonl(BufWriter::new(file)),
        }
    }
}

async fn write(app: &App, mut writer: Writer) -> Result<u64, CliError> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = app.accounts.export(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.account.id);
        for exported in page {
            count += 1;
            writer.write(exported)?;
        }
    }
    writer.finish()?;
    Ok(count)
}

impl Writer {
    fn write(&mut self, exported: ExportedAccount) -> io::Result<()> {
        match self {
            Self::Jsonl(file) => {
                serde_json::to_writer(&mut *file, &row(exported, |roles| roles, |metadata| metadata))?;
                file.write_all(b"\n")
            }
            Self::Csv(table) => {
                let text = |metadata: Option<Json>| metadata.map(|metadata| metadata.to_string());
                Ok(table.serialize(row(exported, |roles| roles.join(","), text))?)
            }
        }
    }

    fn finish(self) -> io::Result<()> {
        let file = match self {
            Self::Jsonl(file) => file.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Csv(table) => table.into_inner().map_err(|error| io::Error::other(error.to_string()))?,
        };
        file.sync_all()
    }
}

fn row<R, M>(
    exported: ExportedAccount,
    roles: impl Fn(Vec<String>) -> R,
    metadata: impl Fn(Option<Json>) -> M,
) -> Row<R, M> {
    let ExportedAccount { account, password_hash } = exported;
    Row {
        id: account.id,
        username: account.username,
        display_name: account.display_name,
        email: account.email,
        email_verified: account.email_verified,
        locale: account.locale,
        picture_url: account.picture_url,
        metadata: metadata(account.metadata),
        app_metadata: metadata(account.app_metadata),
        roles: roles(account.roles),
        disabled: account.disabled,
        created_at: account.created_at,
        updated_at: account.updated_at,
        last_login_at: account.last_login_at,
        password_normalization: ImportedHash::is_normalised(&password_hash).then_some("NFKC"),
        password_hash,
    }
}
