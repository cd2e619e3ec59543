//! The migrations of the Portcullis database: one file for each change, which is never edited after a release.
//!
//! To add a migration: add a file `mYYYYMMDD_NNNNNN_subject.rs` with an `up` and a `down` that work on SQLite and on
//! PostgreSQL, and a line at the end of [`Migrator::migrations`]. Add a new table to [`TABLES`]. A replica of the
//! previous release must run on the new schema, because releases are rolled out one replica at a time: do not rename
//! or drop a column that it reads.

#![forbid(unsafe_code)]

use sea_orm_migration::prelude::*;

mod column;
mod m20261123_000001_users;
mod m20261123_000002_sessions;
mod m20261123_000003_signing_keys;
mod m20261123_000004_changes;
mod m20261123_000005_throttle;
mod m20261123_000006_audit_events;
mod m20261124_000001_lists;
mod m20261124_000007_event_order;
mod m20261127_000801_refresh_repetitions;
mod m20261127_000803_key_use;
mod m20261127_000813_change_order;
mod m20261127_000825_cleanup;
mod m20261127_000830_servers;
mod m20261127_000840_token_statuses;
mod m20261127_001200_email;
mod m20261127_001210_displayed_skeleton;
mod m20261128_001220_unverified_since;
mod m20261128_001300_authentication;
mod m20261128_001310_second_factors;
mod m20261128_001320_passkeys;
mod m20261128_001330_personal_access_tokens;
mod m20261128_001350_factor_policy;
mod m20261128_001360_trusted_devices;

pub use sea_orm_migration::{MigrationStatus, MigrationTrait, MigratorTrait, MigratorTraitSelf};

/// The table of the applied migrations. It has not the default name of `SeaORM`, because an application that shares the
/// database may use that one.
pub const MIGRATIONS_TABLE: &str = "portcullis_migrations";

/// The table that earlier releases used: the default of `SeaORM`.
pub const EARLIER_MIGRATIONS_TABLE: &str = "seaql_migrations";

/// All tables that the migrations create.
pub const TABLES: [&str; 20] = [
    "users",
    "user_roles",
    "sessions",
    "signing_keys",
    "changes",
    "throttle",
    "audit_events",
    "task_runs",
    "servers",
    "token_statuses",
    "outgoing_messages",
    "email_proofs",
    "suppressed_addresses",
    "totp_secrets",
    "recovery_codes",
    "sign_in_challenges",
    "passkeys",
    "used_challenges",
    "personal_access_tokens",
    "trusted_devices",
];

/// Applies and reverts the migrations.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_000001_users::Migration),
            Box::new(m20261123_000002_sessions::Migration),
            Box::new(m20261123_000003_signing_keys::Migration),
            Box::new(m20261123_000004_changes::Migration),
            Box::new(m20261123_000005_throttle::Migration),
            Box::new(m20261123_000006_audit_events::Migration),
            Box::new(m20261124_000001_lists::Migration),
            Box::new(m20261124_000007_event_order::Migration),
            Box::new(m20261127_000801_refresh_repetitions::Migration),
            Box::new(m20261127_000803_key_use::Migration),
            Box::new(m20261127_000813_change_order::Migration),
            Box::new(m20261127_000825_cleanup::Migration),
            Box::new(m20261127_000830_servers::Migration),
            Box::new(m20261127_000840_token_statuses::Migration),
            Box::new(m20261127_001200_email::Migration),
            Box::new(m20261127_001210_displayed_skeleton::Migration),
            Box::new(m20261128_001220_unverified_since::Migration),
            Box::new(m20261128_001300_authentication::Migration),
            Box::new(m20261128_001310_second_factors::Migration),
            Box::new(m20261128_001320_passkeys::Migration),
            Box::new(m20261128_001330_personal_access_tokens::Migration),
            Box::new(m20261128_001350_factor_policy::Migration),
            Box::new(m20261128_001360_trusted_devices::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        MIGRATIONS_TABLE.into_iden()
    }
}
