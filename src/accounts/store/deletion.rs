use entity::{user, user_role};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis, sea_query::Query,
};
use uuid::Uuid;

use crate::{clock::Timestamp, id::UserId};

/// Counts the accounts that have a role, are enabled and will not be deleted.
pub(in crate::accounts) async fn count_lasting_with_role(
    db: &impl ConnectionTrait,
    role: &str,
) -> Result<u64, DbErr> {
    let with_role = Query::select()
        .column(user_role::Column::UserId)
        .from(user_role::Entity)
        .and_where(user_role::Column::Role.eq(role))
        .to_owned();
    let lasting = user::Entity::find()
        .filter(user::Column::Disabled.eq(false))
        .filter(user::Column::DeletionAt.is_null())
        .filter(user::Column::Id.in_subquery(with_role));
    lasting.count(db).await
}

/// The accounts whose scheduled deletion is due, the earliest first.
pub(in crate::accounts) async fn due(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<Vec<UserId>, DbErr> {
    let due = user::Entity::find().select_only().column(user::Column::Id);
    let due = due.filter(user::Column::DeletionAt.lte(Millis(now))).order_by_asc(user::Column::DeletionAt);
    let ids = due.limit(batch).into_tuple::<Uuid>().all(db).await?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}
