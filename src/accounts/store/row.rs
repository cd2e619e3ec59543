//! Reads the columns of accounts by position. By name, `SeaORM` allocates and looks up the name of each column of each
//! row, which takes longer than all else for a page of accounts.

use entity::user;
use sea_orm::{
    DbErr, FromQueryResult, QueryResult, QuerySelect, Select, SelectModel, Selector, TryGetable,
    prelude::ChronoUnixTimestampMillis as Millis,
};
use serde_json::Value as Json;
use uuid::Uuid;

use super::Credentials;
use crate::{accounts::Account, id::UserId};

/// The columns of an account, in the order in which `read` reads them.
const COLUMNS: [user::Column; 16] = [
    user::Column::Id,
    user::Column::Username,
    user::Column::DisplayName,
    user::Column::Email,
    user::Column::EmailVerified,
    user::Column::PendingEmail,
    user::Column::Locale,
    user::Column::PictureUrl,
    user::Column::Metadata,
    user::Column::AppMetadata,
    user::Column::Disabled,
    user::Column::TokenVersion,
    user::Column::CreatedAt,
    user::Column::UpdatedAt,
    user::Column::LastLoginAt,
    user::Column::DeletionAt,
];

/// A row with the columns of an account.
pub(super) struct AccountRow(
    /// The account, without its roles.
    pub(super) Account,
);

/// A row with the columns of an account and the hash of its password.
pub(super) struct CredentialsRow(
    /// The account, without its roles, and the hash.
    pub(super) Credentials,
);

/// Selects accounts.
pub(super) fn accounts(query: Select<user::Entity>) -> Selector<SelectModel<AccountRow>> {
    query.select_only().columns(COLUMNS).into_model()
}

/// Selects accounts and the hashes of their passwords.
pub(super) fn credentials(query: Select<user::Entity>) -> Selector<SelectModel<CredentialsRow>> {
    query.select_only().columns(COLUMNS).column(user::Column::PasswordHash).into_model()
}

impl FromQueryResult for AccountRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        read(&mut Columns { row, next: 0 }).map(Self)
    }
}

impl FromQueryResult for CredentialsRow {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        let mut columns = Columns { row, next: 0 };
        let account = read(&mut columns)?;
        Ok(Self(Credentials { account, password_hash: columns.next()? }))
    }
}

/// The columns of a row from left to right.
struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl Columns<'_> {
    fn next<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        self.next += 1;
        self.row.try_get_by_index(self.next - 1)
    }
}

/// Reads the columns of an account.
fn read(columns: &mut Columns<'_>) -> Result<Account, DbErr> {
    Ok(Account {
        id: UserId::from_uuid(columns.next::<Uuid>()?),
        username: columns.next()?,
        display_name: columns.next()?,
        email: columns.next()?,
        email_verified: columns.next()?,
        pending_email: columns.next()?,
        locale: columns.next()?,
        picture_url: columns.next()?,
        metadata: json(columns.next()?),
        app_metadata: json(columns.next()?),
        disabled: columns.next()?,
        token_version: columns.next()?,
        created_at: columns.next::<Millis>()?.0,
        updated_at: columns.next::<Millis>()?.0,
        last_login_at: columns.next::<Option<Millis>>()?.map(|time| time.0),
        deletion_at: columns.next::<Option<Millis>>()?.map(|time| time.0),
        roles: Vec::new(),
    })
}

/// Metadata as it is stored. Only valid JSON is written.
fn json(text: Option<String>) -> Option<Json> {
    text.and_then(|text| serde_json::from_str(&text).ok())
}
