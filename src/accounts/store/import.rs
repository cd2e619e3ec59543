use std::collections::HashSet;

use entity::{user, user_role};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use super::new_row;
use crate::{
    accounts::{Account, Username},
    id::UserId,
};

/// Inserts accounts with their roles, in three statements however many they are.
pub(in crate::accounts) async fn insert_all(
    db: &impl ConnectionTrait,
    rows: Vec<(Account, &Username, String)>,
) -> Result<(), DbErr> {
    let role =
        |id: UserId| move |role: String| user_role::ActiveModel { user_id: Set(id.uuid()), role: Set(role) };
    let roles: Vec<_> =
        rows.iter().flat_map(|(account, ..)| account.roles.iter().cloned().map(role(account.id))).collect();
    let rows = rows.into_iter().map(|(account, username, hash)| new_row(&account, username, hash));
    user::Entity::insert_many(rows).exec_without_returning(db).await?;
    if !roles.is_empty() {
        user_role::Entity::insert_many(roles).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Filters mapped usernames: returns the ones that accounts have.
pub(in crate::accounts) async fn taken_usernames(
    db: &impl ConnectionTrait,
    keys: Vec<String>,
) -> Result<HashSet<String>, DbErr> {
    let query = user::Entity::find().select_only().column(user::Column::UsernameKey);
    let found = query.filter(user::Column::UsernameKey.is_in(keys)).into_tuple().all(db).await?;
    Ok(found.into_iter().collect())
}

/// Filters mapped addresses: returns the ones that accounts have verified.
pub(in crate::accounts) async fn taken_emails(
    db: &impl ConnectionTrait,
    keys: Vec<String>,
) -> Result<HashSet<String>, DbErr> {
    if keys.is_empty() {
        return Ok(HashSet::new());
    }
    let query = user::Entity::find().select_only().column(user::Column::EmailKey);
    let verified =
        query.filter(user::Column::EmailKey.is_in(keys)).filter(Expr::col(user::Column::EmailVerified));
    Ok(verified.into_tuple::<Option<String>>().all(db).await?.into_iter().flatten().collect())
}

/// Filters ids: returns the ones that accounts have.
pub(in crate::accounts) async fn taken_ids(
    db: &impl ConnectionTrait,
    ids: Vec<UserId>,
) -> Result<HashSet<UserId>, DbErr> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let query = user::Entity::find().select_only().column(user::Column::Id);
    let found = query.filter(user::Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    Ok(found.into_tuple::<Uuid>().all(db).await?.into_iter().map(UserId::from_uuid).collect())
}
