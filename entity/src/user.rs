//! Accounts.

use sea_orm::entity::prelude::*;

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// UUIDv7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The username as the user entered it.
    pub username: String,
    /// The normalised username. Unique.
    pub username_key: String,
    /// The skeleton of the normalised username (UTS #39). Names with equal skeletons look alike. Null in rows of earlier
    /// releases until the worker has computed it.
    pub username_skeleton: Option<String>,
    /// The skeleton of the username as it is displayed.
    pub displayed_skeleton: Option<String>,
    /// The display name. Null if the user has not set one.
    pub display_name: Option<String>,
    /// The normalised display name, for searches.
    pub display_name_key: Option<String>,
    /// The e-mail address as the user entered it.
    pub email: Option<String>,
    /// The normalised e-mail address. Unique among the verified ones.
    pub email_key: Option<String>,
    /// Whether the user has proven that they own the address.
    pub email_verified: bool,
    /// A new address that replaces `email` once the user has proven that they own it.
    pub pending_email: Option<String>,
    /// The password hash: a PHC string, or an imported hash in the canonical encoding of its scheme. Empty if the
    /// account has no password.
    pub password_hash: String,
    /// The language for messages: a BCP 47 tag. Null if the user has chosen none.
    pub locale: Option<String>,
    /// The URL of a picture of the user.
    pub picture_url: Option<String>,
    /// JSON object of metadata that the user writes.
    pub metadata: Option<String>,
    /// JSON object of metadata that only administrators write.
    pub app_metadata: Option<String>,
    /// Whether the account is disabled, so that its user cannot sign in.
    pub disabled: bool,
    /// Version of the account's access tokens. It grows with each change that revokes them, and a token carries the
    /// version with which it was issued. The column keeps the name of earlier releases, because their replicas read it
    /// while a release is rolled out.
    #[sea_orm(column_name = "epoch")]
    pub token_version: i64,
    /// Time at which the account was created.
    pub created_at: ChronoUnixTimestampMillis,
    /// Time of the last change by the user or an administrator.
    pub updated_at: ChronoUnixTimestampMillis,
    /// Time of the last sign-in. Null if there was none.
    pub last_login_at: Option<ChronoUnixTimestampMillis>,
    /// Time at which the account will be deleted. Null unless the user has deleted it and can still undo that.
    pub deletion_at: Option<ChronoUnixTimestampMillis>,
    /// Time of the registration, while its user must verify the address before the first sign-in. Null after either, and
    /// for an account that was created otherwise.
    pub unverified_since: Option<ChronoUnixTimestampMillis>,
    /// Time at which the grace period began in which the account may be used without a second factor. Never cleared, so
    /// that no later change begins a new one. Null if no policy has required a factor of it.
    pub factor_required_since: Option<ChronoUnixTimestampMillis>,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
