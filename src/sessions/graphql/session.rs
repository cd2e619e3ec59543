use async_graphql::{Context, ID, Object};

use crate::{
    accounts::graphql::{User, load_user},
    graphql::{ApiError, DateTime, List, caller, node_id},
    id::{SessionId, UserId},
    sessions::{AuthenticationMethod, Session, Sessions},
    tokens::Caller,
};

/// A session, which is one sign-in on one device.
#[derive(Clone)]
pub struct UserSession {
    session: Session,
    viewer: Caller,
}

impl UserSession {
    /// A session as this viewer sees it.
    #[must_use]
    pub fn new(session: Session, viewer: Caller) -> Self {
        Self { session, viewer }
    }

    /// Finds a session by its id. `None` unless it is the caller's own or the caller has `sessions:read`.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn visible(ctx: &Context<'_>, id: SessionId) -> Result<Option<Self>, ApiError> {
        let viewer = caller(ctx);
        if viewer.claims().is_none() {
            return Ok(None);
        }
        // On the heap, because the future of an object is as large as that of its largest field.
        let session = Box::pin(ctx.data_unchecked::<Sessions>().find(id)).await?;
        let may =
            |session: &Session| viewer.user() == Some(session.user) || viewer.has_scope("sessions:read");
        Ok(session.filter(may).map(|session| Self::new(session, viewer.clone())))
    }
}

/// A session, which is one sign-in on one device.
#[Object(name = "Session")]
impl UserSession {
    /// The ID of the session, equal to the `sid` claim of its access tokens.
    pub async fn id(&self) -> ID {
        node_id(self.session.id)
    }

    /// The user who signed in.
    async fn user(&self, ctx: &Context<'_>) -> Result<User, ApiError> {
        let user = load_user(ctx, self.session.user, &self.viewer).await?;
        // The account can only be missing if it was deleted after the session was read.
        user.ok_or_else(|| ApiError::bad_user_input("The account of this session is being deleted."))
    }

    /// When the user signed in.
    async fn created_at(&self) -> DateTime {
        DateTime(self.session.created_at)
    }

    /// When the user last proved who they are: the sign-in, or a later `reauthenticate` or `changePassword`.
    async fn authenticated_at(&self) -> DateTime {
        DateTime(self.session.authentication.at)
    }

    /// The authentication context class of that proof: `aal1` for one factor. Equal to the `acr` claim of the access
    /// tokens.
    async fn acr(&self) -> &str {
        self.session.authentication.class()
    }

    /// The ways in which the user proved who they are at `authenticatedAt`. Empty if an earlier release opened the
    /// session.
    async fn methods(&self) -> &[AuthenticationMethod] {
        &self.session.authentication.methods
    }

    /// When the session was last refreshed, or otherwise when it was created.
    async fn last_used_at(&self) -> DateTime {
        DateTime(self.session.last_used_at)
    }

    /// When the session expires unless it is refreshed before.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.session.expires_at)
    }

    /// The User-Agent header of the last sign-in or refresh. Null if the client sent none.
    async fn user_agent(&self) -> Option<&str> {
        self.session.user_agent.as_deref()
    }

    /// The IP address of the client at the last sign-in or refresh. Null if it is unknown.
    async fn ip_address(&self) -> Option<&str> {
        self.session.ip_address.as_deref()
    }

    /// When a used refresh token of this session was last accepted again within the grace period. A second
    /// browser tab does this, or a client that lost a response, but also an attacker who has a copy of the
    /// token. If you do not know the address `refreshRepeatedFrom`, revoke the session. Null if it never
    /// happened.
    async fn refresh_repeated_at(&self) -> Option<DateTime> {
        self.session.repeated.as_ref().map(|repeated| DateTime(repeated.at))
    }

    /// The IP address of the client that sent the used refresh token at `refreshRepeatedAt`. Null if it never
    /// happened.
    async fn refresh_repeated_from(&self) -> Option<&str> {
        self.session.repeated.as_ref().map(|repeated| &*repeated.from)
    }

    /// Whether this is the session of your access token.
    async fn current(&self) -> bool {
        self.viewer.session() == Some(self.session.id)
    }
}

/// A list of sessions.
pub type SessionList = List<UserSession, SessionConnectionFields>;

/// The fields of a `SessionConnection` besides its page.
pub struct SessionConnectionFields(pub UserId);

#[Object]
impl SessionConnectionFields {
    /// The number of sessions in the whole list, on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = ctx.data_unchecked::<Sessions>().count(self.0).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}
