//! The indexes of sessions in the status lists.

use sea_orm::entity::prelude::*;

/// A row of `token_statuses`. It outlives its session, so that its index is not reused while a token has it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "token_statuses")]
pub struct Model {
    /// The index. A random number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub idx: i32,
    /// The session whose access tokens have the index.
    pub session_id: Uuid,
    /// The account of the session.
    pub user_id: Uuid,
    /// The version of the tokens. Tokens of a later version have another index.
    pub token_version: i64,
    /// Whether no further token gets the index.
    pub is_released: bool,
    /// The time at which a released index may be reused. Otherwise the time at which the cleanup checks whether the
    /// session has ended.
    pub kept_until: ChronoUnixTimestampMillis,
}

/// No relations: a row may refer to a session that was deleted.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
