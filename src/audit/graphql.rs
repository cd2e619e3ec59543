//! The GraphQL fields of the audit log.

use async_graphql::{Context, ID, InputObject, Object, Subscription};
use futures_util::{Stream, StreamExt};

use super::{Audit, AuditAction, AuditEvent, EventFilter, SubscribeError};
use crate::{
    accounts::graphql::{User, load_user},
    database::PageRequest,
    graphql::{ApiError, DateTime, LastEventId, List, Queued, caller, guarded, node_id, parse_id, user_id},
    id::EventId,
    sessions::graphql::UserSession,
    tokens::Caller,
};

/// A security-relevant event in the audit log.
pub struct AuditEventObject {
    event: AuditEvent,
    viewer: Caller,
}

impl AuditEventObject {
    /// Finds an event by its id. `None` unless the caller has `audit:read`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn visible(ctx: &Context<'_>, id: EventId) -> Result<Option<Self>, ApiError> {
        let viewer = caller(ctx);
        if !viewer.has_scope("audit:read") {
            return Ok(None);
        }
        // On the heap, because the future of an object is as large as that of its largest field.
        let event = Box::pin(ctx.data_unchecked::<Audit>().find(id)).await?;
        Ok(event.map(|event| Self { event, viewer: viewer.clone() }))
    }

    /// Whether the viewer may see the actor and the client's address. A user who subscribes to their own
    /// account receives events of administrators, but does not learn who the administrator is.
    fn may_see_actor(&self) -> bool {
        let is_own = |actor| self.viewer.user() == Some(actor);
        self.viewer.has_scope("audit:read") || self.event.actor.is_none_or(is_own)
    }
}

/// A security-relevant event in the audit log.
#[guarded]
#[Object(name = "AuditEvent")]
impl AuditEventObject {
    /// The ID of the event. IDs sort by time. A subscription delivers events in the order in which they were
    /// written.
    pub async fn id(&self) -> ID {
        node_id(self.event.id)
    }

    /// The kind of event that occurred.
    async fn action(&self) -> AuditAction {
        self.event.action
    }

    /// When the event occurred.
    async fn at(&self) -> DateTime {
        DateTime(self.event.at)
    }

    /// The user who performed the action. Null if no user was signed in, the account was deleted, or you may
    /// not see the user.
    #[nullable]
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        match self.event.actor {
            Some(id) if self.may_see_actor() => load_user(ctx, id, &self.viewer).await,
            _ => Ok(None),
        }
    }

    /// The account affected. Null if there was none or it has been deleted.
    #[nullable]
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        match self.event.user {
            Some(id) => load_user(ctx, id, &self.viewer).await,
            None => Ok(None),
        }
    }

    /// The session affected. Null if there was none, it has ended, or you may not see it.
    #[nullable]
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<UserSession>, ApiError> {
        match self.event.session {
            Some(id) => UserSession::visible(ctx, id).await,
            None => Ok(None),
        }
    }

    /// The IP address of the client. Null if the action was performed on the server itself, or by a user whom
    /// you may not see.
    async fn ip_address(&self) -> Option<&str> {
        self.event.ip_address.as_deref().filter(|_| self.may_see_actor())
    }

    /// The User-Agent header of the client. Null if the client sent none, or if `ipAddress` is null.
    async fn user_agent(&self) -> Option<&str> {
        self.event.user_agent.as_deref().filter(|_| self.may_see_actor())
    }
}

/// A list of events.
pub type AuditEventList = List<AuditEventObject>;

/// Filters for audit events. All given conditions must match.
#[derive(Default, InputObject)]
pub struct AuditEventFilter {
    /// Only events that affect the account with this ID.
    user: Option<ID>,
    /// Only events of these kinds.
    actions: Option<Vec<AuditAction>>,
    /// Only events at or after this time.
    since: Option<DateTime>,
    /// Only events before this time.
    until: Option<DateTime>,
}

impl AuditEventFilter {
    fn parse(self) -> Result<EventFilter, ApiError> {
        let user = self.user.map(|id| parse_id(&id, "filter.user")).transpose()?;
        Ok(EventFilter {
            user,
            actions: self.actions,
            since: self.since.map(|time| time.0),
            until: self.until.map(|time| time.0),
        })
    }
}

/// The queries about the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[guarded]
#[Object]
impl AuditQuery {
    /// The events of the audit log, newest first.
    #[requires_scopes("audit:read")]
    #[expect(clippy::too_many_arguments, reason = "Relay's four and a filter")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start: 0 to 100. The default is 25 without `last`.")]
        first: Option<i32>,
        #[graphql(desc = "Only items after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Conditions that the events must meet.")] filter: Option<AuditEventFilter>,
    ) -> Result<Option<AuditEventList>, ApiError> {
        let page = PageRequest::<EventId>::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default().parse()?;
        let (audit, filter) = (ctx.data_unchecked::<Audit>(), &filter);
        let page = page.read(ctx, |page| async move { audit.list(filter, &page).await }).await?;
        let viewer = caller(ctx);
        let node = |event| AuditEventObject { event, viewer: viewer.clone() };
        let extra = async_graphql::connection::EmptyFields;
        Ok(Some(page.list(extra, |event| event.id, node)))
    }
}

/// The subscriptions to the audit log.
#[derive(Default)]
pub struct AuditSubscription;

#[guarded]
#[Subscription]
impl AuditSubscription {
    /// Events that affect your own account, as they occur: sign-ins, sign-outs on other devices, a changed
    /// password, changed roles. When your session ends, the subscription ends with an error that gives the
    /// reason.
    #[authenticated]
    async fn account_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID of the last event that you received. Later events are delivered first.")]
        after: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Queued<AuditEventObject>, ApiError>>, ApiError> {
        let filter = EventFilter { user: Some(user_id(ctx)?), ..EventFilter::default() };
        subscribe(ctx, filter, after).await
    }

    /// Events of all accounts as they occur, and events that affect no account.
    #[requires_scopes("audit:read")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions that the events must meet.")] filter: Option<AuditEventFilter>,
        #[graphql(desc = "The ID of the last event that you received. Later events are delivered first.")]
        after: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Queued<AuditEventObject>, ApiError>>, ApiError> {
        subscribe(ctx, filter.unwrap_or_default().parse()?, after).await
    }
}

/// Subscribes to the events as the caller sees them, after the event with this id or that of the header
/// Last-Event-ID.
async fn subscribe(
    ctx: &Context<'_>,
    filter: EventFilter,
    after: Option<ID>,
) -> Result<impl Stream<Item = Result<Queued<AuditEventObject>, ApiError>> + use<>, ApiError> {
    // A client that reconnects automatically repeats the operation unchanged and sends the last event id in
    // the header, which therefore takes precedence.
    let after = ctx.data_opt::<LastEventId>().map(|last| ID(last.0.clone())).or(after);
    let after = after.map(|id| parse_id(&id, "after")).transpose()?;
    let events =
        ctx.data_unchecked::<Audit>().subscribe(filter, after).await.map_err(|error| match error {
            SubscribeError::UnknownEvent => ApiError::bad_user_input(
                "after must be the id of an event that you may see and that the log still has.",
            ),
            SubscribeError::Database(error) => error.into(),
        })?;
    let viewer = caller(ctx).clone();
    Ok(events.map(move |event| Ok(Queued(AuditEventObject { event: event?, viewer: viewer.clone() }))))
}
