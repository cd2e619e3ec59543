//! The table of personal access tokens.

use entity::personal_access_token::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, Select,
    UpdateMany,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Query},
};

use super::{PersonalAccessToken, secret::TokenHash};
use crate::{
    clock::Timestamp,
    database::PageRequest,
    id::{PersonalAccessTokenId, UserId},
    tokens::Scopes,
};

/// A row that was found by the hash of its token.
pub(super) struct FoundToken {
    pub(super) token: PersonalAccessToken,
    pub(super) is_revoked: bool,
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    token: &PersonalAccessToken,
    hash: &TokenHash,
    kept_until: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(token.id.uuid()),
        user_id: Set(token.user.uuid()),
        name: Set(token.name.clone()),
        scopes: Set(token.scopes.to_string()),
        hint: Set(token.hint.clone()),
        token_hash: Set(hash.to_vec()),
        created_at: Set(Millis(token.created_at)),
        expires_at: Set(Millis(token.expires_at)),
        last_used_at: Set(None),
        revoked_at: Set(None),
        kept_until: Set(Millis(kept_until)),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a token by its hash, also one that has expired or was revoked.
pub(super) async fn find_by_hash(
    db: &impl ConnectionTrait,
    hash: &TokenHash,
) -> Result<Option<FoundToken>, DbErr> {
    let row = Entity::find().filter(Column::TokenHash.eq(hash.to_vec())).one(db).await?;
    Ok(row.map(|row| FoundToken { is_revoked: row.revoked_at.is_some(), token: read(row) }))
}

pub(super) async fn find(
    db: &impl ConnectionTrait,
    id: PersonalAccessTokenId,
    now: Timestamp,
) -> Result<Option<PersonalAccessToken>, DbErr> {
    let active = Entity::find_by_id(id.uuid()).filter(is_active(now));
    Ok(active.one(db).await?.map(read))
}

/// Lists the tokens of a page, nearest to the page's end of the list first. The list has the newest first.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
    page: &PageRequest<PersonalAccessTokenId>,
) -> Result<Vec<PersonalAccessToken>, DbErr> {
    let rows = page.newest_first(active_of_user(user, now), Column::Id).all(db).await?;
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn count(db: &impl ConnectionTrait, user: UserId, now: Timestamp) -> Result<u64, DbErr> {
    active_of_user(user, now).count(db).await
}

/// Revokes a token. Returns `None` if it had already expired or was revoked.
pub(super) async fn revoke(
    db: &impl ConnectionTrait,
    id: PersonalAccessTokenId,
    now: Timestamp,
    kept_until: Timestamp,
) -> Result<Option<PersonalAccessToken>, DbErr> {
    let update = set_revoked(now, kept_until).filter(Column::Id.eq(id.uuid()));
    Ok(update.exec_with_returning(db).await?.pop().map(read))
}

/// Revokes all tokens of an account.
pub(super) async fn revoke_all(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
    kept_until: Timestamp,
) -> Result<Vec<PersonalAccessToken>, DbErr> {
    let update = set_revoked(now, kept_until).filter(Column::UserId.eq(user.uuid()));
    Ok(update.exec_with_returning(db).await?.into_iter().map(read).collect())
}

/// Records a use, unless one after `before` is recorded.
pub(super) async fn record_use(
    db: &impl ConnectionTrait,
    id: PersonalAccessTokenId,
    now: Timestamp,
    before: Timestamp,
) -> Result<(), DbErr> {
    let is_due =
        Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lte(Millis(before)));
    let update = Entity::update_many().col_expr(Column::LastUsedAt, Expr::value(Millis(now)));
    update.filter(Column::Id.eq(id.uuid())).filter(is_due).exec(db).await.map(|_| ())
}

/// Deletes at most `batch` tokens that ended long ago.
pub(super) async fn delete_ended(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::KeptUntil.lte(Millis(now)))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}

fn set_revoked(now: Timestamp, kept_until: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(Millis(now)))
        .col_expr(Column::KeptUntil, Expr::value(Millis(kept_until)))
        .filter(is_active(now))
}

fn active_of_user(user: UserId, now: Timestamp) -> Select<Entity> {
    Entity::find().filter(Column::UserId.eq(user.uuid())).filter(is_active(now))
}

fn is_active(now: Timestamp) -> Condition {
    Condition::all().add(Column::RevokedAt.is_null()).add(Column::ExpiresAt.gt(Millis(now)))
}

fn read(row: Model) -> PersonalAccessToken {
    PersonalAccessToken {
        id: PersonalAccessTokenId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        name: row.name,
        scopes: Scopes::from(row.scopes),
        hint: row.hint,
        created_at: row.created_at.0,
        expires_at: row.expires_at.0,
        last_used_at: row.last_used_at.map(|time| time.0),
    }
}
