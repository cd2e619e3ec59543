//! The table of roles.

use entity::user_role;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::row::AccountRow;
use crate::{accounts::Account, id::UserId};

/// Gives an account these roles in place of all others.
pub(in crate::accounts) async fn replace_roles(
    db: &impl ConnectionTrait,
    id: UserId,
    roles: &[String],
) -> Result<(), DbErr> {
    let of_user = user_role::Column::UserId.eq(id.uuid());
    user_role::Entity::delete_many().filter(of_user).exec(db).await?;
    insert_roles(db, id, roles).await
}

pub(super) async fn insert_roles(
    db: &impl ConnectionTrait,
    id: UserId,
    roles: &[String],
) -> Result<(), DbErr> {
    if roles.is_empty() {
        return Ok(());
    }
    let row = |role: &String| user_role::ActiveModel { user_id: Set(id.uuid()), role: Set(role.clone()) };
    user_role::Entity::insert_many(roles.iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

/// Locks the rows of a role until the transaction ends. Other transactions that lock the role wait.
pub(in crate::accounts) async fn lock_role(db: &impl ConnectionTrait, role: &str) -> Result<(), DbErr> {
    let rows = user_role::Entity::find().filter(user_role::Column::Role.eq(role));
    rows.order_by_asc(user_role::Column::UserId).lock_exclusive().all(db).await.map(|_| ())
}

/// Reads the roles and returns the rows as accounts, in the same order.
pub(super) async fn with_roles(
    db: &impl ConnectionTrait,
    rows: Vec<AccountRow>,
) -> Result<Vec<Account>, DbErr> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.0.id.uuid()).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let roles = roles_of(db, ids).await?;
    Ok(rows.into_iter().map(|row| with_own(row.0, &roles)).collect())
}

/// The roles of these accounts, each with the id of its account.
pub(super) async fn roles_of(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<Vec<(Uuid, String)>, DbErr> {
    let roles = user_role::Entity::find().filter(user_role::Column::UserId.is_in(ids));
    // A tuple is read by position.
    roles.into_tuple().all(db).await
}

/// The account with those of the roles that it has.
pub(super) fn with_own(account: Account, roles: &[(Uuid, String)]) -> Account {
    let own = roles.iter().filter(|(id, _)| *id == account.id.uuid());
    let mut own: Vec<String> = own.map(|(_, role)| role.clone()).collect();
    own.sort_unstable();
    Account { roles: own, ..account }
}
