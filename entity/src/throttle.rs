//! How often something was tried.

use sea_orm::entity::prelude::*;

/// A row of `throttle`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "throttle")]
pub struct Model {
    /// What is counted: a kind and a hash of its subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Tries since the last success or pause.
    pub tries: i64,
    /// No further try is allowed before.
    pub blocked_until: ChronoUnixTimestampMillis,
    /// Whether it was written down that a try was refused since.
    #[sea_orm(column_name = "told")]
    pub logged: bool,
    /// When everything is forgotten.
    pub forget_at: ChronoUnixTimestampMillis,
}

/// A count belongs to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
