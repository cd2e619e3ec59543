use std::path::PathBuf;

use sea_orm::{ConnectionTrait, Database};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::clock::Clock;

/// A database of a test's own.
pub(super) struct TestDatabase {
    folder: TempDir,
    /// The URL of the PostgreSQL server and the name of the schema on it.
    schema: Option<(SecretString, String)>,
}

impl TestDatabase {
    /// A file in a temporary folder. SQLite's databases in memory have no write-ahead log, so their readers would wait
    /// for the writer.
    pub(super) fn sqlite() -> Self {
        Self { folder: folder(), schema: None }
    }

    pub(super) async fn postgres(server: &str) -> Self {
        let name = format!("portcullis_test_{}", Clock::system().uuid().simple());
        execute(server, &format!("CREATE SCHEMA {name}")).await;
        Self { folder: folder(), schema: Some((SecretString::from(server), name)) }
    }

    /// The folder of the server's files.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(super) fn url(&self) -> SecretString {
        match &self.schema {
            None => format!("sqlite:{}", self.folder.path().join("test.db").display()),
            Some((server, name)) => {
                let server = server.expose_secret();
                let join = if server.contains('?') { '&' } else { '?' };
                format!("{server}{join}options=-csearch_path%3D{name}")
            }
        }
        .into()
    }

    /// Drops the schema, if the database is one.
    pub(super) async fn drop_schema(self) {
        if let Some((server, name)) = self.schema {
            execute(server.expose_secret(), &format!("DROP SCHEMA {name} CASCADE")).await;
        }
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be created")
}

async fn execute(server: &str, sql: &str) {
    let connection = Database::connect(server).await.expect("the URL names a server that answers");
    connection.execute_unprepared(sql).await.expect("the role may create and drop schemas");
    connection.close().await.expect("the connection closes");
}
