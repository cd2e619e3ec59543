//! Counters of attempts.

use sea_orm::entity::prelude::*;

/// A row of `throttle`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttle")]
pub struct Model {
    /// Key of the counter: a kind and a hash of its subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Number of attempts since the last success or pause.
    pub tries: i64,
    /// Time until which further attempts are rejected.
    pub blocked_until: ChronoUnixTimestampMillis,
    /// Whether a refusal has been logged since the block began. The column keeps the name of earlier releases, because
    /// their replicas read it while a release is rolled out.
    #[sea_orm(column_name = "told")]
    pub logged: bool,
    /// Time at which the counter is reset.
    pub forget_at: ChronoUnixTimestampMillis,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
