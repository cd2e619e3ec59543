//! The second factors of accounts, as far as the policy needs to know them. This is here because modules import lower
//! ranks only, and `second_factors` ranks above `accounts` and `sessions`.

use entity::{passkey, totp_secret, user, user_role};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use crate::{clock::Timestamp, id::UserId};

/// The state of an account under the policy.
pub(in crate::accounts) struct FactorState {
    /// The time at which the grace period began. `None` if it has not begun.
    pub(in crate::accounts) required_since: Option<Timestamp>,
    /// Whether the account has a second factor.
    pub(in crate::accounts) has_factor: bool,
}

/// Reads the state of an account. A missing account has no factor. Only passkeys of the RP ID count; without one, none.
pub(in crate::accounts) async fn factor_state(
    db: &impl ConnectionTrait,
    id: UserId,
    rp_id: Option<String>,
) -> Result<FactorState, DbErr> {
    let of_user = user::Entity::find_by_id(id.uuid())
        .select_only()
        .column(user::Column::FactorRequiredSince)
        .expr_as(Expr::exists(apps()), "has_app")
        .expr_as(Expr::exists(passkeys(rp_id)), "has_passkey");
    let found: Option<(Option<Millis>, bool, bool)> = of_user.into_tuple().one(db).await?;
    let (since, has_app, has_passkey) = found.unwrap_or_default();
    Ok(FactorState { required_since: since.map(|time| time.0), has_factor: has_app || has_passkey })
}

/// Begins the grace period of an account, unless it has begun.
pub(in crate::accounts) async fn begin_factor_grace(
    db: &impl ConnectionTrait,
    id: UserId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let update = user::Entity::update_many()
        .col_expr(user::Column::FactorRequiredSince, Expr::value(Millis(now)))
        .filter(user::Column::Id.eq(id.uuid()))
        .filter(user::Column::FactorRequiredSince.is_null());
    update.exec(db).await.map(|_| ())
}

/// Sets the beginning of the grace period of an account to an earlier time.
pub(in crate::accounts) async fn set_factor_required_since(
    db: &impl ConnectionTrait,
    id: UserId,
    since: Timestamp,
) -> Result<(), DbErr> {
    let is_later = user::Column::FactorRequiredSince.gt(Millis(since));
    let update = user::Entity::update_many()
        .col_expr(user::Column::FactorRequiredSince, Expr::value(Millis(since)))
        .filter(user::Column::Id.eq(id.uuid()))
        .filter(user::Column::FactorRequiredSince.is_null().or(is_later));
    update.exec(db).await.map(|_| ())
}

/// Counts the enabled accounts without a second factor: those with one of the roles, or all.
pub(in crate::accounts) async fn count_without_factor(
    db: &impl ConnectionTrait,
    roles: Option<Vec<String>>,
    rp_id: Option<String>,
) -> Result<u64, DbErr> {
    let mut without = user::Entity::find()
        .filter(user::Column::Disabled.eq(false))
        .filter(Expr::exists(apps()).not())
        .filter(Expr::exists(passkeys(rp_id)).not());
    if let Some(roles) = roles {
        let with_role = Query::select()
            .column(user_role::Column::UserId)
            .from(user_role::Entity)
            .and_where(user_role::Column::Role.is_in(roles))
            .to_owned();
        without = without.filter(user::Column::Id.in_subquery(with_role));
    }
    without.count(db).await
}

/// The confirmed authenticator apps of the account of the outer query.
fn apps() -> SelectStatement {
    let own = (totp_secret::Entity, totp_secret::Column::UserId);
    Query::select()
        .column(totp_secret::Column::Id)
        .from(totp_secret::Entity)
        .and_where(Expr::col(own).equals((user::Entity, user::Column::Id)))
        .and_where(totp_secret::Column::ConfirmedAt.is_not_null())
        .to_owned()
}

/// The passkeys of an RP ID of the account of the outer query.
fn passkeys(rp_id: Option<String>) -> SelectStatement {
    let own = (passkey::Entity, passkey::Column::UserId);
    Query::select()
        .column(passkey::Column::Id)
        .from(passkey::Entity)
        .and_where(Expr::col(own).equals((user::Entity, user::Column::Id)))
        .and_where(passkey::Column::RpId.eq(rp_id))
        .to_owned()
}
