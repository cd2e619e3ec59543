//! The audit log in the schema.

use async_graphql::{Context, ID, InputObject, Object, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::{Audit, AuditAction, Event, Filter, FollowError};
use crate::{
    accounts::graphql::{User, load_user},
    graphql::{
        ApiError, DateTime, InTurn, LastEventId, List, PageRequest, TokenCheck, caller, expect_id, guarded,
        node_id,
    },
    id::EventId,
    sessions::graphql::UserSession,
    tokens::Caller,
};

/// Something that happened and matters to security.
pub struct AuditEvent {
    event: Event,
    viewer: Caller,
}

impl AuditEvent {
    /// The event of this id, when the caller may see it: with `audit:read`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn visible(ctx: &Context<'_>, id: EventId) -> Result<Option<Self>, ApiError> {
        let viewer = caller(ctx);
        if !viewer.has_scope("audit:read") {
            return Ok(None);
        }
        let event = ctx.data_unchecked::<Audit>().find(id).await?;
        Ok(event.map(|event| Self { event, viewer }))
    }

    /// Whether the viewer may know who did it, and from where. Whoever follows their own account hears of what an
    /// administrator does to it, but not of the administrator.
    fn tells_of_actor(&self) -> bool {
        let is_own = |actor| self.viewer.user() == Some(actor);
        self.viewer.has_scope("audit:read") || self.event.actor.is_none_or(is_own)
    }
}

/// Something that happened and matters to security.
#[guarded]
#[Object]
impl AuditEvent {
    /// The event's id. Ids sort by time; who follows events gets them in the order in which they were written.
    pub async fn id(&self) -> ID {
        node_id(self.event.id)
    }

    /// What happened.
    async fn action(&self) -> AuditAction {
        self.event.action
    }

    /// When.
    async fn at(&self) -> DateTime {
        DateTime(self.event.at)
    }

    /// Who did it; null where nobody was signed in, the account is gone, or you may not see it.
    #[nullable]
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        match self.event.actor {
            Some(id) if self.tells_of_actor() => load_user(ctx, id, &self.viewer).await,
            _ => Ok(None),
        }
    }

    /// Whose account it concerns; null where there was none, or it is gone.
    #[nullable]
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>, ApiError> {
        match self.event.user {
            Some(id) => load_user(ctx, id, &self.viewer).await,
            None => Ok(None),
        }
    }

    /// The session that it concerns; null where there was none, it is over, or you may not see it.
    #[nullable]
    async fn session(&self, ctx: &Context<'_>) -> Result<Option<UserSession>, ApiError> {
        match self.event.session {
            Some(id) => UserSession::visible(ctx, id).await,
            None => Ok(None),
        }
    }

    /// The client's address; null for what was done on the server itself, or by an account that you may not see.
    async fn ip_address(&self) -> Option<&str> {
        self.event.ip_address.as_deref().filter(|_| self.tells_of_actor())
    }

    /// The client's User-Agent header; null as `ipAddress` is.
    async fn user_agent(&self) -> Option<&str> {
        self.event.user_agent.as_deref().filter(|_| self.tells_of_actor())
    }
}

/// A list of events.
pub type AuditEventList = List<AuditEvent>;

/// Which events. What is left out does not matter.
#[derive(Default, InputObject)]
pub struct AuditEventFilter {
    /// Those of this account.
    user: Option<ID>,
    /// Those of these kinds.
    actions: Option<Vec<AuditAction>>,
    /// Those at or after this time.
    since: Option<DateTime>,
    /// Those before this time.
    until: Option<DateTime>,
}

impl AuditEventFilter {
    fn parse(self) -> Result<Filter, ApiError> {
        let user = self.user.map(|id| expect_id(&id, "filter.user")).transpose()?;
        Ok(Filter {
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
    /// What happened, the newest first.
    #[requires_scopes("audit:read")]
    #[expect(clippy::too_many_arguments, reason = "Relay's four and a filter")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, from the start: 0 to 100, 25 when neither first nor last is given.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many, from the end: 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which events.")] filter: Option<AuditEventFilter>,
    ) -> Result<Option<AuditEventList>, ApiError> {
        let page = PageRequest::<EventId>::parse(first, after, last, before)?;
        let filter = filter.unwrap_or_default().parse()?;
        let (audit, filter) = (ctx.data_unchecked::<Audit>(), &filter);
        let page = page.read(ctx, |page| async move { audit.list(filter, &page).await }).await?;
        let viewer = caller(ctx);
        let node = |event| AuditEvent { event, viewer: viewer.clone() };
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
    /// What happens to your own account, as it happens: sign-ins, other devices that sign out, a new password,
    /// other roles. When your session ends, so does the subscription, and says why.
    #[authenticated]
    async fn account_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the last event that you know: first comes what has happened since.")]
        after: Option<ID>,
    ) -> Result<impl Stream<Item = Result<InTurn<AuditEvent>, ApiError>>, ApiError> {
        let filter = Filter { user: caller(ctx).user(), ..Filter::default() };
        follow(ctx, filter, after).await
    }

    /// The same for every account, and for what concerns none.
    #[requires_scopes("audit:read")]
    async fn audit_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events.")] filter: Option<AuditEventFilter>,
        #[graphql(desc = "The id of the last event that you know: first comes what has happened since.")]
        after: Option<ID>,
    ) -> Result<impl Stream<Item = Result<InTurn<AuditEvent>, ApiError>>, ApiError> {
        follow(ctx, filter.unwrap_or_default().parse()?, after).await
    }
}

/// The events as the caller sees them, behind the one of this id or of the header Last-Event-ID.
async fn follow(
    ctx: &Context<'_>,
    filter: Filter,
    after: Option<ID>,
) -> Result<impl Stream<Item = Result<InTurn<AuditEvent>, ApiError>> + use<>, ApiError> {
    // Whoever connects anew by itself repeats the operation as it was, and tells in the header what has come since.
    let after = ctx.data_opt::<LastEventId>().map(|last| ID(last.0.clone())).or(after);
    let after = after.map(|id| expect_id(&id, "after")).transpose()?;
    let events = ctx.data_unchecked::<Audit>().follow(filter, after).await.map_err(|error| match error {
        FollowError::UnknownEvent => ApiError::bad_user_input(
            "after must be the id of an event that you could have followed and that is kept.",
        ),
        FollowError::Database(error) => error.into(),
    })?;
    let viewer = caller(ctx);
    let token = ctx.data_opt::<TokenCheck>().cloned();
    let event = move |event| {
        // Checked for each event, because the subscription can outlive its token.
        token.as_ref().map_or(Ok(()), TokenCheck::check).map_err(ApiError::unauthenticated)?;
        Ok(InTurn(AuditEvent { event: event?, viewer: viewer.clone() }))
    };
    Ok(until_failure(events.map(event)))
}

/// The items up to the first failure, which is the last item.
fn until_failure<T>(
    items: impl Stream<Item = Result<T, ApiError>>,
) -> impl Stream<Item = Result<T, ApiError>> {
    stream::unfold(Some(Box::pin(items)), |items| async {
        let mut items = items?;
        let item = items.next().await?;
        let rest = item.is_ok().then_some(items);
        Some((item, rest))
    })
}
