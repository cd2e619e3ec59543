//! Events of the audit log.

use sea_orm::entity::prelude::*;

/// A row of `audit_events`. It keeps the ids of accounts and sessions after these have been deleted.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_events")]
pub struct Model {
    /// UUIDv7, with the time of the event.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of an audit action.
    pub action: String,
    /// Time of the event.
    pub at: ChronoUnixTimestampMillis,
    /// The account that acted. Null if the caller was not signed in.
    pub actor_id: Option<Uuid>,
    /// The affected account.
    pub user_id: Option<Uuid>,
    /// The affected session.
    pub session_id: Option<Uuid>,
    /// The client's address.
    pub ip_address: Option<String>,
    /// The client's User-Agent header.
    pub user_agent: Option<String>,
    /// Position in the order of all events. Events with the same position are ordered by id. The database sets it.
    pub position: i64,
}

/// No relations, because an event outlives the objects that it refers to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
