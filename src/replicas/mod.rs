//! The servers that run on one database, and a comparison of their settings.
//!
//! Each server records every half minute that it runs, and its settings. Each server, and `portcullis doctor`, compare
//! their own settings with those of the other servers.

mod settings;
mod store;

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

pub use self::settings::Settings;
use crate::{
    clock::{Clock, Timestamp},
    database::Database,
};

/// The time after its last record after which a server counts as stopped. A server records itself every half minute.
const STOPPED_AFTER: Duration = Duration::from_mins(2);

/// This process among the servers of its database.
pub struct Replicas {
    database: Database,
    clock: Clock,
    /// The identifier of this run.
    id: Uuid,
    started_at: Timestamp,
    address: String,
    settings: Settings,
}

/// A server that runs, as it recorded itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address on which it listens.
    pub address: String,
    /// When it started.
    pub started_at: Timestamp,
    settings: Settings,
}

/// A setting that differs between this process and a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The key of the configuration.
    pub key: String,
    /// The value of this process.
    pub here: String,
    /// The value of the server.
    pub there: String,
    /// The server: the address on which it listens, and when it started.
    pub server: String,
}

impl Replicas {
    /// Creates the entry of this process, which is not recorded yet.
    #[must_use]
    pub fn new(database: Database, clock: Clock, address: String, settings: Settings) -> Self {
        let (id, started_at) = (clock.uuid(), clock.now());
        Self { database, clock, id, started_at, address, settings }
    }

    /// Records that this server runs, and deletes the records of stopped servers.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn record(&self) -> Result<(), DbErr> {
        let now = self.clock.now();
        let db = self.database.writer();
        store::upsert(db, self, now).await?;
        // A time far ahead was recorded by a server with a wrong clock.
        store::delete_outside(db, now - STOPPED_AFTER, now + STOPPED_AFTER).await
    }

    /// Deletes the record of this server, because it stops.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn leave(&self) -> Result<(), DbErr> {
        store::delete(self.database.writer(), self.id).await
    }

    /// The other servers that run.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn others(&self) -> Result<Vec<Server>, DbErr> {
        store::others(self.database.reader(), self.id, self.clock.now() - STOPPED_AFTER).await
    }

    /// The settings in which this process differs from another one.
    #[must_use]
    pub fn differences(&self, other: &Server) -> Vec<Difference> {
        let started_at = other.started_at.format("%Y-%m-%dT%H:%M:%SZ");
        let server = format!("{} (started at {started_at})", other.address);
        let difference = |(key, here, there)| Difference { key, here, there, server: server.clone() };
        self.settings.differences(&other.settings).map(difference).collect()
    }
}
