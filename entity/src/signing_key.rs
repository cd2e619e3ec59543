//! A key that signs access tokens.

use sea_orm::entity::prelude::*;

/// A row of `signing_keys`. Its life: published from `created_at`, signs from `active_from` until
/// `active_until`, published on until `published_until`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// The `kid` of the tokens: the key's RFC 7638 thumbprint.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// The `alg` of the tokens (RFC 7518 §3.1, RFC 8037 §3.1).
    pub algorithm: String,
    /// The private key as PKCS#8 DER, sealed under the master secret.
    #[sea_orm(column_type = "VarBinary(StringLen::None)")]
    pub sealed_private_key: Vec<u8>,
    /// When it was made and first published.
    pub created_at: ChronoUnixTimestampMillis,
    /// When it begins to sign.
    pub active_from: ChronoUnixTimestampMillis,
    /// When it ceases to sign.
    pub active_until: Option<ChronoUnixTimestampMillis>,
    /// When its last token has lapsed.
    pub published_until: Option<ChronoUnixTimestampMillis>,
    /// When it was withdrawn at once, with every token that it signed.
    pub revoked_at: Option<ChronoUnixTimestampMillis>,
    /// When a server last recorded that it signs with it.
    pub last_used_at: Option<ChronoUnixTimestampMillis>,
}

/// Nothing belongs to a key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
