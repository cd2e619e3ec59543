//! The rows of the proofs.

use entity::email_proof::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use super::Purpose;
use crate::{clock::Timestamp, id::UserId};

/// A proof that was sent, and neither used nor voided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub(super) id: Uuid,
    /// The account.
    pub user: UserId,
    /// The address to which the message was sent.
    pub email: String,
}

/// The record of a valid proof. It has no token and no code.
#[derive(Clone, Debug)]
pub struct ProofRecord {
    /// The name of its purpose.
    pub purpose: String,
    /// The address to which the message was sent.
    pub email: String,
    /// The time at which it was created.
    pub created_at: Timestamp,
    /// The time at which it expires.
    pub expires_at: Timestamp,
}

/// A proof to store.
pub(super) struct NewProof<'a> {
    pub(super) id: Uuid,
    pub(super) purpose: Purpose,
    /// `None` if no account has the address.
    pub(super) user: Option<UserId>,
    pub(super) email: &'a str,
    pub(super) email_key: String,
    pub(super) token_hash: Vec<u8>,
    pub(super) challenge_hash: Option<Vec<u8>>,
    pub(super) code_hash: Option<Vec<u8>>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn insert(db: &impl ConnectionTrait, new: NewProof<'_>) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(new.id),
        purpose: Set(new.purpose.name().to_owned()),
        user_id: Set(new.user.map(UserId::uuid)),
        email: Set(new.email.to_owned()),
        email_key: Set(new.email_key),
        token_hash: Set(new.token_hash),
        challenge_hash: Set(new.challenge_hash),
        code_hash: Set(new.code_hash),
        attempts: Set(0),
        created_at: Set(Millis(new.created_at)),
        expires_at: Set(Millis(new.expires_at)),
        used_at: NotSet,
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Voids the unused proofs of a purpose: those of the account, or those of the address if it belongs to no account.
pub(super) async fn void(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    user: Option<UserId>,
    email_key: &str,
) -> Result<(), DbErr> {
    let subject = match user {
        Some(user) => Column::UserId.eq(user.uuid()),
        None => Column::EmailKey.eq(email_key).and(Column::UserId.is_null()),
    };
    let unused = Entity::delete_many().filter(Column::Purpose.eq(purpose.name())).filter(subject);
    unused.filter(Column::UsedAt.is_null()).exec(db).await.map(|_| ())
}

/// Voids the unused proofs of an account, except those that undo a change of its address.
pub(super) async fn void_all(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    let of_user = Entity::delete_many().filter(Column::UserId.eq(user.uuid()));
    let others = of_user.filter(Column::Purpose.ne(Purpose::UndoEmailChange.name()));
    others.filter(Column::UsedAt.is_null()).exec(db).await.map(|_| ())
}

/// Voids the proofs that undo changes of an account's address after the one that `id` undoes.
pub(super) async fn void_later_undos(db: &impl ConnectionTrait, user: UserId, id: Uuid) -> Result<(), DbErr> {
    let of_user = Entity::delete_many().filter(Column::UserId.eq(user.uuid()));
    let undos = of_user.filter(Column::Purpose.eq(Purpose::UndoEmailChange.name()));
    undos.filter(Column::Id.gt(id)).exec(db).await.map(|_| ())
}

/// Deletes all proofs of an account.
pub(super) async fn delete_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.uuid())).exec(db).await.map(|_| ())
}

/// Lists the valid proofs of an account, the newest first.
pub(super) async fn list_valid(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Timestamp,
    max: u64,
) -> Result<Vec<ProofRecord>, DbErr> {
    let valid = Entity::find()
        .filter(Column::UserId.eq(user.uuid()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(Millis(now)));
    let rows = valid.order_by_desc(Column::Id).limit(max).all(db).await?;
    let record = |row: Model| ProofRecord {
        purpose: row.purpose,
        email: row.email,
        created_at: row.created_at.0,
        expires_at: row.expires_at.0,
    };
    Ok(rows.into_iter().map(record).collect())
}

/// The valid proof with this token.
pub(super) async fn find_by_token(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    token_hash: Vec<u8>,
    now: Timestamp,
) -> Result<Option<Proof>, DbErr> {
    let row = valid(purpose, now).filter(Column::TokenHash.eq(token_hash)).one(db).await?;
    Ok(row.as_ref().and_then(proof))
}

/// A valid proof with a code, whose row is locked until the transaction ends.
pub(super) struct LockedCode {
    /// `None` if no account has the address.
    pub(super) proof: Option<Proof>,
    pub(super) id: Uuid,
    pub(super) code_hash: Vec<u8>,
}

/// The address that a challenge is about. `None` unless the challenge is valid.
pub(super) async fn address_of_challenge(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    challenge_hash: Vec<u8>,
    now: Timestamp,
) -> Result<Option<String>, DbErr> {
    let row = valid(purpose, now).filter(Column::ChallengeHash.eq(challenge_hash)).one(db).await?;
    Ok(row.map(|row| row.email_key))
}

/// Locks the valid proof with this challenge, if fewer than `max_attempts` wrong codes were tried.
pub(super) async fn lock_by_challenge(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    challenge_hash: Vec<u8>,
    max_attempts: i32,
    now: Timestamp,
) -> Result<Option<LockedCode>, DbErr> {
    let with_challenge = valid(purpose, now)
        .filter(Column::ChallengeHash.eq(challenge_hash))
        .filter(Column::Attempts.lt(max_attempts));
    let row = with_challenge.lock_exclusive().one(db).await?;
    let locked = |row: Model| {
        let proof = proof(&row);
        row.code_hash.map(|code_hash| LockedCode { proof, id: row.id, code_hash })
    };
    Ok(row.and_then(locked))
}

/// Counts a wrong code.
pub(super) async fn count_attempt(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1));
    update.filter(Column::Id.eq(id)).exec(db).await.map(|_| ())
}

/// Marks a proof as used. Returns `false` unless it was valid.
pub(super) async fn consume(db: &impl ConnectionTrait, id: Uuid, now: Timestamp) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(Millis(now)))
        .filter(Column::Id.eq(id))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(Millis(now)));
    Ok(update.exec(db).await?.rows_affected == 1)
}

/// Deletes proofs that have expired, at most `batch`.
pub(super) async fn delete_expired(
    db: &impl ConnectionTrait,
    now: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let expired = Entity::find().select_only().column(Column::Id).filter(Column::ExpiresAt.lte(Millis(now)));
    let ids: Vec<Uuid> = expired.order_by_asc(Column::ExpiresAt).limit(batch).into_tuple().all(db).await?;
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(Entity::delete_many().filter(Column::Id.is_in(ids)).exec(db).await?.rows_affected)
}

fn valid(purpose: Purpose, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(Column::Purpose.eq(purpose.name()))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(Millis(now)))
}

fn proof(row: &Model) -> Option<Proof> {
    let user = UserId::from_uuid(row.user_id?);
    Some(Proof { id: row.id, user, email: row.email.clone() })
}
