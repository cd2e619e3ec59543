//! Sign-ins that wait for a second factor.

use sea_orm::entity::prelude::*;

/// A row of `sign_in_challenges`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_challenges")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The SHA-256 of the challenge that the client holds. Unique.
    pub token_hash: Vec<u8>,
    /// The account.
    pub user_id: Uuid,
    /// The token version of the account. With another one, the challenge is void.
    pub token_version: i64,
    /// The first factor, by which the user was authenticated.
    pub method: String,
    /// The SHA-256 of the device and the network of the client.
    pub client_hash: Vec<u8>,
    /// The number of wrong codes.
    pub attempts: i32,
    /// Time of the first factor.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time at which the challenge expires.
    pub expires_at: ChronoUnixTimestampMillis,
    /// The secret of an authenticator app, encrypted as in `totp_secrets`, whose first code completes the sign-in and adds
    /// the app. Null if the account has a second factor.
    pub sealed_secret: Option<Vec<u8>>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
