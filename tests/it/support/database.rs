use std::{path::PathBuf, sync::Arc};

use reqwest::Url;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

/// A database of a test's own: a file, or a schema where `TEST_DATABASE_URL` names a PostgreSQL server. It
/// goes with the last server that uses it.
#[derive(Clone)]
pub(crate) struct TestDatabase(Arc<Inner>);

struct Inner {
    folder: TempDir,
    place: Place,
}

enum Place {
    File,
    Schema(Schema),
    /// Somebody else's to drop.
    Server(String),
}

struct Schema {
    server: String,
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = match postgres() {
            Some(server) => {
                let name = format!("portcullis_{}", uuid::Uuid::new_v4().simple());
                execute(&server, &format!("CREATE SCHEMA {name}")).await;
                Place::Schema(Schema { server, name })
            }
            None => Place::File,
        };
        Self(Arc::new(Inner { folder, place }))
    }

    /// A database that is there already, and stays.
    pub(crate) fn of(server: String) -> Self {
        let folder = TempDir::new().expect("a folder");
        Self(Arc::new(Inner { folder, place: Place::Server(server) }))
    }

    /// Where the servers keep what is not in the database.
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.folder.path().to_owned()
    }

    pub(crate) fn url(&self) -> SecretString {
        match &self.0.place {
            Place::File => format!("sqlite:{}", self.0.folder.path().join("test.db").display()),
            Place::Schema(Schema { server, name }) => {
                let join = if server.contains('?') { '&' } else { '?' };
                format!("{}{join}options=-csearch_path%3D{name}", with_password(server))
            }
            Place::Server(server) => server.clone(),
        }
        .into()
    }

    /// A connection past the servers, for what no client can see.
    pub(crate) async fn connect(&self) -> DatabaseConnection {
        Database::connect(self.url().expose_secret()).await.expect("the database answers")
    }
}

/// The same server with a password, which one that trusts us does not ask for, so that it can be told.
fn with_password(server: &str) -> Url {
    let mut url = Url::parse(server).expect("TEST_DATABASE_URL is a URL");
    if url.password().is_none() {
        url.set_password(Some("the-password-of-the-database")).expect("the URL has a host");
    }
    url
}

/// The password in the URL of a database; empty when there is none.
pub(crate) fn password_of(url: &str) -> String {
    let url = Url::parse(url).ok();
    url.and_then(|url| url.password().map(ToOwned::to_owned)).unwrap_or_default()
}

/// The PostgreSQL server to test on.
pub(crate) fn postgres() -> Option<String> {
    variable("TEST_DATABASE_URL")
}

/// The value of an environment variable, unless it is empty.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration file")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn execute(server: &str, sql: &str) {
    let connection = Database::connect(server).await.expect("TEST_DATABASE_URL names a server that answers");
    connection.execute_unprepared(sql).await.expect("the server lets us make schemas");
    connection.close().await.expect("the connection closes");
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        let server = self.server.clone();
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(&server, &sql));
        });
        dropped.join().ok();
    }
}
