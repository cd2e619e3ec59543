//! An account.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// As its owner writes it.
    pub username: String,
    /// The username as it is compared; unique.
    pub username_key: String,
    /// What to call the person.
    pub display_name: Option<String>,
    /// The display name as it is searched.
    pub display_name_key: Option<String>,
    /// As its owner writes it.
    pub email: Option<String>,
    /// The address as it is compared; unique among the verified ones.
    pub email_key: Option<String>,
    /// Whether its owner has shown that the address is theirs.
    pub email_verified: bool,
    /// A PHC string.
    pub password_hash: String,
    /// Whether signing in is barred.
    pub disabled: bool,
    /// Version of the account's access tokens. It grows with each change that revokes them, and a token carries the
    /// version with which it was issued. The column keeps the name of earlier releases, because their replicas read it
    /// while a release is rolled out.
    #[sea_orm(column_name = "epoch")]
    pub token_version: i64,
    /// When the account was made.
    pub created_at: ChronoUnixTimestampMillis,
    /// When the row last changed by what its owner or an administrator did.
    pub updated_at: ChronoUnixTimestampMillis,
    /// The last sign-in.
    pub last_login_at: Option<ChronoUnixTimestampMillis>,
}

/// What an account has is found by its id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
