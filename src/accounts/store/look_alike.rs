use entity::user;
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use uuid::Uuid;

use crate::{
    accounts::{Username, look_alike::Skeletons},
    id::UserId,
};

/// Whether another account than the owner's has the username.
pub(in crate::accounts) async fn is_key_taken(
    db: &impl ConnectionTrait,
    username: &Username,
    owner: UserId,
) -> Result<bool, DbErr> {
    exists(db, user::Column::UsernameKey.eq(username.key()), owner).await
}

/// Whether the username of another account than the owner's has one of these skeletons.
pub(in crate::accounts) async fn has_look_alike(
    db: &impl ConnectionTrait,
    skeletons: &Skeletons,
    owner: UserId,
) -> Result<bool, DbErr> {
    // Two queries, because each reads one index.
    let sorted = skeletons.sorted();
    Ok(exists(db, user::Column::UsernameSkeleton.is_in(sorted.clone()), owner).await?
        || exists(db, user::Column::DisplayedSkeleton.is_in(sorted), owner).await?)
}

async fn exists(db: &impl ConnectionTrait, condition: Expr, owner: UserId) -> Result<bool, DbErr> {
    let query = user::Entity::find().select_only().column(user::Column::Id).filter(condition);
    let others = query.filter(user::Column::Id.ne(owner.uuid())).limit(1);
    Ok(others.into_tuple::<Uuid>().one(db).await?.is_some())
}

/// The accounts without skeletons, with their usernames.
pub(in crate::accounts) async fn without_skeletons(
    db: &impl ConnectionTrait,
    batch: u64,
) -> Result<Vec<(UserId, String)>, DbErr> {
    let query = user::Entity::find().select_only().columns([user::Column::Id, user::Column::Username]);
    let missing = query.filter(user::Column::UsernameSkeleton.is_null()).limit(batch);
    let rows = missing.into_tuple::<(Uuid, String)>().all(db).await?;
    let mut rows: Vec<_> = rows.into_iter().map(|(id, username)| (UserId::from_uuid(id), username)).collect();
    // In one order, so that two servers that update the same rows do not wait for each other.
    rows.sort_unstable_by_key(|(id, _)| id.uuid());
    Ok(rows)
}

/// Sets the skeletons of an account.
pub(in crate::accounts) async fn set_skeletons(
    db: &impl ConnectionTrait,
    id: UserId,
    skeletons: Skeletons,
) -> Result<(), DbErr> {
    let row = user::ActiveModel {
        id: Unchanged(id.uuid()),
        username_skeleton: Set(Some(skeletons.mapped)),
        displayed_skeleton: Set(Some(skeletons.displayed)),
        ..Default::default()
    };
    // The account may have been deleted in the meantime.
    let of_id = user::Column::Id.eq(id.uuid());
    user::Entity::update_many().set(row).filter(of_id).exec(db).await.map(|_| ())
}
