use entity::user;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    row::{self, AccountRow},
    with_roles,
};
use crate::{accounts::ExportedAccount, id::UserId};

/// A page of all accounts with their password hashes, in the order of their ids.
pub(in crate::accounts) async fn page_by_id(
    db: &impl ConnectionTrait,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<ExportedAccount>, DbErr> {
    let mut query = user::Entity::find().order_by_asc(user::Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(user::Column::Id.gt(after.uuid()));
    }
    let rows = row::credentials(query).all(db).await?;
    let (rows, hashes): (Vec<_>, Vec<_>) =
        rows.into_iter().map(|row| (AccountRow(row.0.account), row.0.password_hash)).unzip();
    let accounts = with_roles(db, rows).await?;
    let exported = |(account, password_hash)| ExportedAccount { account, password_hash };
    Ok(accounts.into_iter().zip(hashes).map(exported).collect())
}
