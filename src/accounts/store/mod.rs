//! The tables of accounts and their roles.

mod deletion;
mod export;
mod factor_policy;
mod import;
mod list;
mod look_alike;
mod roles;
mod row;

use entity::{personal_access_token, session, user};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, ExprTrait, Order as SqlOrder},
};
use serde_json::Value as Json;
use uuid::Uuid;

pub use self::list::{AccountFilter, Order, OrderBy, UserCursor};
use self::roles::{insert_roles, roles_of, with_own, with_roles};
pub(super) use self::{
    deletion::{count_lasting_with_role, due, unverified},
    export::page_by_id,
    factor_policy::{begin_factor_grace, count_without_factor, factor_state, set_factor_required_since},
    import::{insert_all, taken_emails, taken_ids, taken_usernames},
    list::{count, list},
    look_alike::{has_look_alike, is_key_taken, set_skeletons, without_skeletons},
    roles::{lock_role, replace_roles},
};
use super::{Account, EmailAddress, Username, look_alike::Skeletons, names::search_key};
use crate::{clock::Timestamp, id::UserId, tokens::TokenSource};

/// An account and the hash of its password.
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// The hash, as it is stored.
    pub password_hash: String,
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    account: &Account,
    username: &Username,
    password_hash: String,
    unverified_since: Option<Timestamp>,
) -> Result<(), DbErr> {
    let row = new_row(account, username, password_hash);
    let row = user::ActiveModel { unverified_since: Set(unverified_since.map(Millis)), ..row };
    user::Entity::insert(row).exec_without_returning(db).await?;
    insert_roles(db, account.id, &account.roles).await
}

/// All columns of a new account.
fn new_row(account: &Account, username: &Username, password_hash: String) -> user::ActiveModel {
    let named = with_name(changeable(account), username);
    user::ActiveModel {
        id: Set(account.id.uuid()),
        password_hash: Set(password_hash),
        created_at: Set(Millis(account.created_at)),
        last_login_at: Set(account.last_login_at.map(Millis)),
        ..named
    }
}

/// Adds the columns of a username.
fn with_name(row: user::ActiveModel, username: &Username) -> user::ActiveModel {
    let skeletons = Skeletons::of(username);
    user::ActiveModel {
        username: Set(username.as_str().to_owned()),
        username_key: Set(username.key().to_owned()),
        username_skeleton: Set(Some(skeletons.mapped)),
        displayed_skeleton: Set(Some(skeletons.displayed)),
        ..row
    }
}

/// Returns whether any account exists.
pub(super) async fn exist(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    let all = user::Entity::find().select_only().column(user::Column::Id);
    let first = all.order_by_asc(user::Column::Id).limit(1);
    Ok(first.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// The columns that the owner or an administrator can change.
fn changeable(account: &Account) -> user::ActiveModel {
    user::ActiveModel {
        display_name: Set(account.display_name.clone()),
        display_name_key: Set(account.display_name.as_deref().map(search_key)),
        email: Set(account.email.clone()),
        email_key: Set(account.email.as_deref().map(search_key)),
        email_verified: Set(account.email_verified),
        pending_email: Set(account.pending_email.clone()),
        locale: Set(account.locale.clone()),
        picture_url: Set(account.picture_url.clone()),
        metadata: Set(account.metadata.as_ref().map(Json::to_string)),
        app_metadata: Set(account.app_metadata.as_ref().map(Json::to_string)),
        deletion_at: Set(account.deletion_at.map(Millis)),
        disabled: Set(account.disabled),
        token_version: Set(account.token_version),
        updated_at: Set(Millis(account.updated_at)),
        ..Default::default()
    }
}

pub(super) async fn update(
    db: &impl ConnectionTrait,
    account: &Account,
    password_hash: Option<String>,
    username: Option<&Username>,
) -> Result<(), DbErr> {
    let mut row = user::ActiveModel { id: Unchanged(account.id.uuid()), ..changeable(account) };
    if account.email_verified {
        row.unverified_since = Set(None);
    }
    if let Some(password_hash) = password_hash {
        row.password_hash = Set(password_hash);
    }
    if let Some(username) = username {
        row = with_name(row, username);
    }
    user::Entity::update(row).exec(db).await.map(|_| ())
}

pub(super) async fn delete(db: &impl ConnectionTrait, id: UserId) -> Result<(), DbErr> {
    user::Entity::delete_by_id(id.uuid()).exec(db).await.map(|_| ())
}

/// Finds an account and locks its row until the transaction ends.
pub(super) async fn lock(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Account>, DbErr> {
    let row = row::accounts(user::Entity::find_by_id(id.uuid()).lock_exclusive()).one(db).await?;
    Ok(with_roles(db, row.into_iter().collect()).await?.pop())
}

/// Locks a session or a personal access token of an account until the transaction ends, and returns whether it is
/// active. This is here because modules import lower ranks only, and `sessions` ranks above `accounts`.
pub(super) async fn lock_source(
    db: &impl ConnectionTrait,
    source: TokenSource,
    user: UserId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    Ok(match source {
        TokenSource::Session(id) => {
            let live = session::Entity::find_by_id(id.uuid())
                .filter(session::Column::UserId.eq(user.uuid()))
                .filter(session::Column::RevokedAt.is_null())
                .filter(session::Column::ExpiresAt.gt(Millis(now)));
            live.lock_exclusive().one(db).await?.is_some()
        }
        TokenSource::PersonalAccessToken(id) => {
            let live = personal_access_token::Entity::find_by_id(id.uuid())
                .filter(personal_access_token::Column::UserId.eq(user.uuid()))
                .filter(personal_access_token::Column::RevokedAt.is_null())
                .filter(personal_access_token::Column::ExpiresAt.gt(Millis(now)));
            live.lock_exclusive().one(db).await?.is_some()
        }
    })
}

/// Records a sign-in if the account has not changed, and undoes a deletion that is scheduled and not due yet.
pub(super) async fn record_login(
    db: &impl ConnectionTrait,
    account: &Account,
    now: Timestamp,
    replacement: Option<String>,
) -> Result<bool, DbErr> {
    let mut update = user::Entity::update_many()
        .col_expr(user::Column::LastLoginAt, Expr::value(Millis(now)))
        .col_expr(user::Column::DeletionAt, Expr::value(None::<i64>))
        .col_expr(user::Column::UnverifiedSince, Expr::value(None::<i64>))
        .filter(user::Column::Id.eq(account.id.uuid()))
        .filter(user::Column::TokenVersion.eq(account.token_version))
        .filter(user::Column::Disabled.eq(false))
        .filter(user::Column::DeletionAt.is_null().or(user::Column::DeletionAt.gt(Millis(now))));
    if let Some(hash) = replacement {
        update = update.col_expr(user::Column::PasswordHash, Expr::value(hash));
    }
    Ok(update.exec(db).await?.rows_affected == 1)
}

pub(super) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Account>, DbErr> {
    let row = row::accounts(user::Entity::find_by_id(id.uuid())).one(db).await?;
    Ok(with_roles(db, row.into_iter().collect()).await?.pop())
}

pub(super) async fn find_many(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Account>, DbErr> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = row::accounts(user::Entity::find().filter(user::Column::Id.is_in(ids))).all(db).await?;
    with_roles(db, rows).await
}

pub(super) async fn find_by_username(
    db: &impl ConnectionTrait,
    username: &Username,
) -> Result<Option<Account>, DbErr> {
    Ok(credentials_by_username(db, username).await?.map(|found| found.account))
}

pub(super) async fn credentials_by_username(
    db: &impl ConnectionTrait,
    username: &Username,
) -> Result<Option<Credentials>, DbErr> {
    credentials(db, user::Entity::find().filter(user::Column::UsernameKey.eq(username.key()))).await
}

pub(super) async fn credentials_by_email(
    db: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<Credentials>, DbErr> {
    // The same condition as in the unique index. Otherwise the query would read every account that merely
    // claims the address.
    let verified = user::Entity::find()
        .filter(user::Column::EmailKey.eq(email.key()))
        .filter(Expr::col(user::Column::EmailVerified));
    credentials(db, verified).await
}

/// Which of the accounts that claim an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The first one that was created. Nobody can take the place of an account that exists.
    Oldest,
    /// The last one that was created: the registration that its user has just made.
    Newest,
}

/// Finds an account that claims an address, which it has not verified.
pub(super) async fn find_claim(
    db: &impl ConnectionTrait,
    email: &EmailAddress,
    claim: Claim,
) -> Result<Option<Account>, DbErr> {
    let order = match claim {
        Claim::Oldest => SqlOrder::Asc,
        Claim::Newest => SqlOrder::Desc,
    };
    let claims = user::Entity::find()
        .filter(user::Column::EmailKey.eq(email.key()))
        .filter(Expr::col(user::Column::EmailVerified).not())
        .order_by(user::Column::Id, order)
        .limit(1);
    Ok(credentials(db, claims).await?.map(|found| found.account))
}

pub(super) async fn credentials_of(
    db: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<Credentials>, DbErr> {
    credentials(db, user::Entity::find_by_id(id.uuid())).await
}

async fn credentials(
    db: &impl ConnectionTrait,
    query: Select<user::Entity>,
) -> Result<Option<Credentials>, DbErr> {
    let found = row::credentials(query).one(db).await?.map(|row| row.0);
    // The roles are queried for an unknown name as well, so that it takes as long as a known one.
    let id = found.as_ref().map_or(Uuid::nil(), |found| found.account.id.uuid());
    let roles = roles_of(db, vec![id]).await?;
    Ok(found.map(|found| Credentials { account: with_own(found.account, &roles), ..found }))
}
