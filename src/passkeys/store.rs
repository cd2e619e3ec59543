//! The tables of passkeys and of used challenges.

use entity::{
    passkey::{ActiveModel, Column, Entity, Model},
    used_challenge,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, OnConflict, Query},
};

use super::{
    Challenge, Passkey, models,
    webauthn::{CredentialState, NewCredential},
};
use crate::{
    clock::Timestamp,
    database::PageRequest,
    id::{PasskeyId, UserId},
};

/// A credential as browsers refer to it.
pub(super) struct Credential {
    pub(super) id: Vec<u8>,
    pub(super) transports: Vec<String>,
}

/// A stored passkey, by which a response is verified.
pub(super) struct StoredKey {
    pub(super) passkey: PasskeyId,
    pub(super) user: UserId,
    /// The RP ID with which the passkey was created.
    pub(super) rp_id: String,
    /// The encoded public key (COSE).
    pub(super) public_key: Vec<u8>,
    pub(super) state: CredentialState,
}

/// Stores a passkey. Returns `false` if the id of the credential is already stored, for whichever account.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    passkey: &Passkey,
    rp_id: &str,
    credential: NewCredential,
    transports: &[String],
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        id: Set(passkey.id.uuid()),
        user_id: Set(passkey.user.uuid()),
        credential_id: Set(credential.id),
        rp_id: Set(rp_id.to_owned()),
        public_key: Set(credential.public_key),
        aaguid: Set(credential.aaguid),
        transports: Set(transports.join(" ")),
        sign_count: Set(credential.state.sign_count.into()),
        backup_eligible: Set(credential.state.backup_eligible),
        backed_up: Set(credential.state.backed_up),
        name: Set(passkey.name.clone()),
        created_at: Set(Millis(passkey.created_at)),
        last_used_at: Set(None),
    };
    // A violated constraint would abort a transaction on PostgreSQL.
    let ignore = OnConflict::column(Column::CredentialId).do_nothing().to_owned();
    let inserted = Entity::insert(row).on_conflict(ignore).exec_without_returning(db).await?;
    Ok(inserted > 0)
}

/// The key of the passkey with this credential id.
pub(super) async fn find_key(
    db: &impl ConnectionTrait,
    credential_id: &[u8],
) -> Result<Option<StoredKey>, DbErr> {
    let row = Entity::find().filter(Column::CredentialId.eq(credential_id)).one(db).await?;
    let key = |row: Model| StoredKey {
        passkey: PasskeyId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        rp_id: row.rp_id,
        public_key: row.public_key,
        state: CredentialState {
            sign_count: u32::try_from(row.sign_count).unwrap_or(u32::MAX),
            backup_eligible: row.backup_eligible,
            backed_up: row.backed_up,
        },
    };
    Ok(row.map(key))
}

/// The credentials of an account for an RP ID, the oldest first.
pub(super) async fn credentials_of(
    db: &impl ConnectionTrait,
    user: UserId,
    rp_id: &str,
) -> Result<Vec<Credential>, DbErr> {
    let of_user = Entity::find().filter(Column::UserId.eq(user.uuid())).filter(Column::RpId.eq(rp_id));
    let rows = of_user.order_by_asc(Column::Id).all(db).await?;
    let credential = |row: Model| Credential {
        id: row.credential_id,
        transports: row.transports.split_whitespace().map(ToOwned::to_owned).collect(),
    };
    Ok(rows.into_iter().map(credential).collect())
}

/// Records the use of a passkey. Returns `false` if the passkey was deleted, or if its counter does not increase:
/// another use may have been recorded meanwhile.
pub(super) async fn record_use(
    db: &impl ConnectionTrait,
    id: PasskeyId,
    state: CredentialState,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let count = i64::from(state.sign_count);
    let mut may_count =
        Condition::any().add(Column::BackupEligible.eq(true)).add(Column::SignCount.lt(count));
    if count == 0 {
        may_count = may_count.add(Column::SignCount.eq(0));
    }
    let update = Entity::update_many()
        .col_expr(Column::SignCount, Expr::value(count))
        .col_expr(Column::BackedUp, Expr::value(state.backed_up))
        .col_expr(Column::LastUsedAt, Expr::value(Millis(now)))
        .filter(Column::Id.eq(id.uuid()))
        .filter(may_count);
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Renames a passkey of an account.
pub(super) async fn rename(
    db: &impl ConnectionTrait,
    user: UserId,
    id: PasskeyId,
    name: String,
) -> Result<Option<Passkey>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name))
        .filter(Column::Id.eq(id.uuid()))
        .filter(Column::UserId.eq(user.uuid()));
    Ok(update.exec_with_returning(db).await?.pop().map(read))
}

/// Deletes a passkey of an account. Returns whether it existed.
pub(super) async fn delete(db: &impl ConnectionTrait, user: UserId, id: PasskeyId) -> Result<bool, DbErr> {
    let delete =
        Entity::delete_many().filter(Column::Id.eq(id.uuid())).filter(Column::UserId.eq(user.uuid()));
    Ok(delete.exec(db).await?.rows_affected == 1)
}

/// Deletes all passkeys of an account. Returns their number.
pub(super) async fn delete_of(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    let of_user = Entity::delete_many().filter(Column::UserId.eq(user.uuid()));
    Ok(of_user.exec(db).await?.rows_affected)
}

pub(super) async fn find(db: &impl ConnectionTrait, id: PasskeyId) -> Result<Option<Passkey>, DbErr> {
    Ok(Entity::find_by_id(id.uuid()).one(db).await?.map(read))
}

pub(super) async fn list(
    db: &impl ConnectionTrait,
    user: UserId,
    page: &PageRequest<PasskeyId>,
) -> Result<Vec<Passkey>, DbErr> {
    let of_user = Entity::find().filter(Column::UserId.eq(user.uuid()));
    let rows = page.newest_first(of_user, Column::Id).all(db).await?;
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn count(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user.uuid())).count(db).await
}

/// Marks a challenge as used. Returns `false` if it was used before.
pub(super) async fn use_challenge(db: &impl ConnectionTrait, challenge: &Challenge) -> Result<bool, DbErr> {
    let row = used_challenge::ActiveModel {
        hash: Set(challenge.used_hash().to_vec()),
        expires_at: Set(Millis(challenge.expires_at())),
    };
    let ignore = OnConflict::column(used_challenge::Column::Hash).do_nothing().to_owned();
    let insert = used_challenge::Entity::insert(row).on_conflict(ignore);
    Ok(insert.exec_without_returning(db).await? > 0)
}

/// Whether a challenge was used.
pub(super) async fn is_used(db: &impl ConnectionTrait, challenge: &Challenge) -> Result<bool, DbErr> {
    let hash = challenge.used_hash().to_vec();
    Ok(used_challenge::Entity::find_by_id(hash).one(db).await?.is_some())
}

/// Deletes at most `batch` used challenges that have expired.
pub(super) async fn delete_expired(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let expired = Query::select()
        .column(used_challenge::Column::Hash)
        .from(used_challenge::Entity)
        .and_where(used_challenge::Column::ExpiresAt.lte(Millis(now)))
        .limit(batch)
        .to_owned();
    let delete = used_challenge::Entity::delete_many();
    let deleted = delete.filter(used_challenge::Column::Hash.in_subquery(expired)).exec(db).await?;
    Ok(deleted.rows_affected)
}

fn read(row: Model) -> Passkey {
    Passkey {
        id: PasskeyId::from_uuid(row.id),
        user: UserId::from_uuid(row.user_id),
        name: row.name,
        authenticator: models::name_of(row.aaguid),
        backup_eligible: row.backup_eligible,
        backed_up: row.backed_up,
        created_at: row.created_at.0,
        last_used_at: row.last_used_at.map(|time| time.0),
    }
}
