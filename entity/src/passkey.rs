//! Passkeys: credentials of WebAuthn.

use sea_orm::entity::prelude::*;

/// A row of `passkeys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "passkeys")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account.
    pub user_id: Uuid,
    /// The id of the credential, which the authenticator has chosen. Unique.
    pub credential_id: Vec<u8>,
    /// The RP ID with which the passkey was created.
    pub rp_id: String,
    /// The public key, encoded (COSE).
    pub public_key: Vec<u8>,
    /// The model of the authenticator. Zero if it is hidden.
    pub aaguid: Uuid,
    /// The ways in which browsers can reach the authenticator, separated by spaces.
    pub transports: String,
    /// The number of signatures that the authenticator reported last.
    pub sign_count: i64,
    /// Whether the passkey can be on several devices.
    pub backup_eligible: bool,
    /// Whether a copy of the passkey exists.
    pub backed_up: bool,
    /// The name, which the user can change.
    pub name: String,
    /// Time of creation.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the last use. Null if it was never used.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
