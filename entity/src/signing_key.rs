//! Keys that sign access tokens.

use sea_orm::entity::prelude::*;

/// A row of `signing_keys`. The key is published from `created_at` until `published_until`, and signs from
/// `active_from` until `active_until`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// The `kid` of the tokens: the key's RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// The `alg` of the tokens (RFC 7518 §3.1, RFC 8037 §3.1).
    pub algorithm: String,
    /// The private key as PKCS#8 DER, sealed with the master secret.
    #[sea_orm(column_type = "VarBinary(StringLen::None)")]
    pub sealed_private_key: Vec<u8>,
    /// Time at which the key was created and first published.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time at which the key becomes active.
    pub active_from: ChronoUnixTimestampMillis,
    /// Time at which the key stops signing. Null if no successor is scheduled.
    pub active_until: Option<ChronoUnixTimestampMillis>,
    /// Time at which the last token of the key expires.
    pub published_until: Option<ChronoUnixTimestampMillis>,
    /// Time at which the key and all its tokens were revoked.
    pub revoked_at: Option<ChronoUnixTimestampMillis>,
    /// Time at which a server last recorded that it signs with the key.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
