//! What happened.

use sea_orm::entity::prelude::*;

/// A row of `audit_events`. It keeps the ids of what it speaks of after that is gone.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// UUIDv7, made when the event happened.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of an audit action.
    pub action: String,
    /// When.
    pub at: ChronoUnixTimestampMillis,
    /// Who did it, where somebody was signed in.
    pub actor_id: Option<Uuid>,
    /// Whose account it concerns.
    pub user_id: Option<Uuid>,
    /// The session that it concerns.
    pub session_id: Option<Uuid>,
    /// The client's address.
    pub ip_address: Option<String>,
    /// The client's User-Agent header.
    pub user_agent: Option<String>,
    /// Where the event stands among all, and by its id among those of the same position. The database fills it in.
    pub position: i64,
}

/// An event outlives what it speaks of.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
