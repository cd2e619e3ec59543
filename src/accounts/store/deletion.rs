use entity::{email_proof, user, user_role};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, ExprTrait, Query},
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

/// The accounts that have registered at `before` or earlier, have not verified their address, and have never signed in,
/// the earliest first. Accounts with a link or a code that is valid at `now` are not among them.
pub(in crate::accounts) async fn unverified(
    db: &impl ConnectionTrait,
    before: Timestamp,
    now: Timestamp,
    batch: u64,
) -> Result<Vec<UserId>, DbErr> {
    let proofs = Query::select()
        .column(email_proof::Column::Id)
        .from(email_proof::Entity)
        .and_where(
            Expr::col((email_proof::Entity, email_proof::Column::UserId))
                .equals((user::Entity, user::Column::Id)),
        )
        .and_where(email_proof::Column::UsedAt.is_null())
        .and_where(email_proof::Column::ExpiresAt.gt(Millis(now)))
        .to_owned();
    let unverified = user::Entity::find()
        .select_only()
        .column(user::Column::Id)
        .filter(user::Column::UnverifiedSince.lte(Millis(before)))
        .filter(user::Column::EmailVerified.eq(false))
        .filter(user::Column::Email.is_not_null())
        .filter(user::Column::LastLoginAt.is_null())
        .filter(Expr::exists(proofs).not());
    let ids = unverified.order_by_asc(user::Column::UnverifiedSince).limit(batch);
    Ok(ids.into_tuple::<Uuid>().all(db).await?.into_iter().map(UserId::from_uuid).collect())
}
