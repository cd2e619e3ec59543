//! Addresses to which no message is sent.

use sea_orm::entity::prelude::*;

/// A row of `suppressed_addresses`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "suppressed_addresses")]
pub struct Model {
    /// The normalised address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub email_key: String,
    /// Time at which an administrator suppressed the address.
    pub created_at: ChronoUnixTimestampMillis,
}

/// No relations: rows of other tables are selected by the id of the account.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
