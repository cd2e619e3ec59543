//! The table of the audit log.

use std::collections::BTreeSet;

use entity::audit_event::{ActiveModel, Column, Entity, Model};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::{AuditAction, AuditEvent};
use crate::{
    clock::Timestamp,
    database::{Direction, PageRequest},
    id::{EventId, SessionId, UserId},
};

/// Filters for audit events. All given conditions must match.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Only events that affect this account.
    pub user: Option<UserId>,
    /// Only events of these kinds.
    pub actions: Option<Vec<AuditAction>>,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
}

impl EventFilter {
    /// Returns whether an event matches.
    #[must_use]
    pub fn admits(&self, event: &AuditEvent) -> bool {
        self.user.is_none_or(|user| event.user == Some(user))
            && self.actions.as_ref().is_none_or(|actions| actions.contains(&event.action))
            && self.since.is_none_or(|since| event.at >= since)
            && self.until.is_none_or(|until| event.at < until)
    }
}

/// The position of an event in the order in which subscribers receive events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogPosition {
    pub(super) number: i64,
    id: Uuid,
}

impl LogPosition {
    /// The end of a position number: after all its events, and before those of the next number.
    pub(super) const fn end_of(number: i64) -> Self {
        Self { number, id: Uuid::max() }
    }
}

/// An event and its position. The event is `None` if a later release wrote it and this one does not know its
/// kind.
#[derive(Clone, Debug)]
pub(super) struct PositionedEvent {
    pub(super) position: LogPosition,
    pub(super) user: Option<UserId>,
    pub(super) event: Option<AuditEvent>,
}

impl From<Model> for PositionedEvent {
    fn from(row: Model) -> Self {
        let position = LogPosition { number: row.position, id: row.id };
        Self { position, user: row.user_id.map(UserId::from_uuid), event: read(row) }
    }
}

/// The maximum difference between the time of an event and the time in its id, in milliseconds.
const MARGIN_MS: i64 = 1000;

/// The smallest id that carries this time plus an offset. It turns a range of times into a range of the
/// primary key.
fn first_id_at(time: Timestamp, later_ms: i64) -> Uuid {
    let milliseconds = u64::try_from(time.timestamp_millis().saturating_add(later_ms)).unwrap_or(0);
    Uuid::from_u128(u128::from(Ord::min(milliseconds, 0xffff_ffff_ffff)) << 80)
}

pub(super) async fn insert(db: &impl ConnectionTrait, events: &[AuditEvent]) -> Result<(), DbErr> {
    let row = |event: &AuditEvent| ActiveModel {
        id: Set(event.id.uuid()),
        action: Set(event.action.name().to_owned()),
        at: Set(Millis(event.at)),
        actor_id: Set(event.actor.map(UserId::uuid)),
        user_id: Set(event.user.map(UserId::uuid)),
        session_id: Set(event.session.map(SessionId::uuid)),
        ip_address: Set(event.ip_address.clone()),
        user_agent: Set(event.user_agent.clone()),
        position: NotSet,
    };
    Entity::insert_many(events.iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

pub(super) async fn find(db: &impl ConnectionTrait, id: EventId) -> Result<Option<AuditEvent>, DbErr> {
    Ok(Entity::find_by_id(id.uuid()).one(db).await?.and_then(read))
}

/// Finds an event by its id, with its position.
pub(super) async fn find_with_position(
    db: &impl ConnectionTrait,
    id: EventId,
) -> Result<Option<PositionedEvent>, DbErr> {
    Ok(Entity::find_by_id(id.uuid()).one(db).await?.map(PositionedEvent::from))
}

/// The highest position in the log.
pub(super) async fn newest_position(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let newest = Entity::find().order_by_desc(Column::Position).order_by_desc(Column::Id).one(db).await?;
    Ok(newest.map_or(0, |row| row.position))
}

/// Resets all positions to 0, so that existing events sort before new ones.
pub(super) async fn reset_positions(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::Position, Expr::val(0_i64));
    update.filter(Column::Position.gt(0)).exec(db).await.map(|_| ())
}

/// Lists the next events after a position, of one account or of all, up to the first position of a
/// transaction that is still in progress.
pub(super) async fn events_after(
    db: &impl ConnectionTrait,
    user: Option<UserId>,
    after: LogPosition,
    first_open: i64,
    limit: u64,
) -> Result<Vec<PositionedEvent>, DbErr> {
    let position = Expr::tuple([Expr::col(Column::Position), Expr::col(Column::Id)]);
    let bound = Expr::tuple([Expr::val(after.number), Expr::val(after.id)]);
    let mut query =
        Entity::find().filter(position.gt(bound)).filter(Column::Position.lt(first_open)).limit(limit);
    if let Some(user) = user {
        query = query.filter(Column::UserId.eq(user.uuid()));
    }
    let rows = query.order_by_asc(Column::Position).order_by_asc(Column::Id).all(db).await?;
    Ok(rows.into_iter().map(PositionedEvent::from).collect())
}

/// Lists the events of a page, nearest to the page's end of the list first. The list has the newest first.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    filter: &EventFilter,
    page: &PageRequest<EventId>,
) -> Result<Vec<AuditEvent>, DbErr> {
    let Some(actions) = &filter.actions else {
        let rows = matching(filter, page).all(db).await?;
        return Ok(rows.into_iter().filter_map(read).collect());
    };
    // The index has the events of each kind in order, but not those of several kinds, so the page is merged.
    let names: BTreeSet<_> = actions.iter().map(|action| action.name()).collect();
    let mut rows = Vec::new();
    for name in names {
        rows.extend(matching(filter, page).filter(Column::Action.eq(name)).all(db).await?);
    }
    rows.sort_unstable_by_key(|row| row.id);
    if page.direction == Direction::Forward {
        rows.reverse();
    }
    let limit = usize::try_from(page.limit()).unwrap_or(usize::MAX);
    Ok(rows.into_iter().take(limit).filter_map(read).collect())
}

/// The query for the events of a page, of any kind.
fn matching(filter: &EventFilter, page: &PageRequest<EventId>) -> Select<Entity> {
    let mut query = Entity::find();
    if let Some(user) = filter.user {
        query = query.filter(Column::UserId.eq(user.uuid()));
    }
    if let Some(since) = filter.since {
        query = query
            .filter(Column::At.gte(Millis(since)))
            .filter(Column::Id.gte(first_id_at(since, -MARGIN_MS)));
    }
    if let Some(until) = filter.until {
        query =
            query.filter(Column::At.lt(Millis(until))).filter(Column::Id.lt(first_id_at(until, MARGIN_MS)));
    }
    page.newest_first(query, Column::Id)
}

/// Deletes at most `batch` events from before `time`.
pub(super) async fn delete_before(
    db: &impl ConnectionTrait,
    time: Timestamp,
    batch: u64,
) -> Result<u64, DbErr> {
    let old = Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Id.lt(first_id_at(time, 0)))
        .limit(batch)
        .to_owned();
    let deleted = Entity::delete_many().filter(Column::Id.in_subquery(old)).exec(db).await?;
    Ok(deleted.rows_affected)
}

/// Reads a row. `None` if a later release wrote it and this one does not know its kind.
fn read(row: Model) -> Option<AuditEvent> {
    Some(AuditEvent {
        id: EventId::from_uuid(row.id),
        action: AuditAction::from_name(&row.action)?,
        at: row.at.0,
        actor: row.actor_id.map(UserId::from_uuid),
        user: row.user_id.map(UserId::from_uuid),
        session: row.session_id.map(SessionId::from_uuid),
        ip_address: row.ip_address,
        user_agent: row.user_agent,
    })
}
