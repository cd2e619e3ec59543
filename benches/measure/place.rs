use std::{net::SocketAddr, path::PathBuf};

use portcullis::{app::App, clock::Clock, config::Config};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

use crate::{Outcome, seed::Hashing};

/// Where a measurement keeps its data.
pub(crate) struct Place {
    pub(crate) data_dir: PathBuf,
    pub(crate) url: String,
    folder: Option<TempDir>,
    schema: Option<Schema>,
}

/// A schema on a PostgreSQL server.
struct Schema {
    server: String,
    name: String,
}

impl Place {
    /// A place that stays.
    pub(crate) fn given(data_dir: PathBuf, database: Option<String>) -> Outcome<Self> {
        std::fs::create_dir_all(&data_dir)?;
        let embedded = || format!("sqlite:{}", data_dir.join("portcullis.db").display());
        let url = database.unwrap_or_else(embedded);
        Ok(Self { data_dir, url, folder: None, schema: None })
    }

    /// A place for the time of a measurement: a folder, and a schema where a server is named.
    pub(crate) async fn temporary(server: Option<&str>) -> Outcome<Self> {
        let folder = TempDir::new()?;
        let mut place = Self::given(folder.path().to_owned(), None)?;
        if let Some(server) = server {
            let name = format!("measure_{}", Clock::system().uuid().simple());
            execute(server, &format!("CREATE SCHEMA {name}")).await?;
            let join = if server.contains('?') { '&' } else { '?' };
            place.url = format!("{server}{join}options=-csearch_path%3D{name}");
            place.schema = Some(Schema { server: server.to_owned(), name });
        }
        place.folder = Some(folder);
        Ok(place)
    }

    /// Everything that a server consists of, for what takes no request.
    pub(crate) async fn open(&self, hashing: Hashing) -> Outcome<App> {
        let mut config = Config::default();
        config.data_dir.clone_from(&self.data_dir);
        config.database.url = Some(self.url.clone().into());
        config.http.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        if let Hashing::Cheap = hashing {
            config.passwords.memory_kib = 8;
            config.passwords.iterations = 1;
        }
        Ok(Box::pin(App::open(config, Clock::system())).await?)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (server, sql) = (self.server.clone(), format!("DROP SCHEMA {} CASCADE", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server, &sql))
        });
        dropped.join().ok();
    }
}

async fn execute(server: &str, sql: &str) -> Outcome {
    let connection = Database::connect(server).await?;
    connection.execute_unprepared(sql).await?;
    Ok(connection.close().await?)
}
