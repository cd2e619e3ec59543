use async_graphql::{Enum, resolver_utils::EnumType};

use crate::{
    clock::Timestamp,
    id::{EventId, SessionId, UserId},
};

/// The kinds of events in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[non_exhaustive]
pub enum AuditAction {
    /// A user registered an account.
    UserRegistered,
    /// An administrator created an account.
    UserCreated,
    /// The display name or the e-mail address of an account changed.
    UserUpdated,
    /// The user of an account has proven that its e-mail address is theirs.
    EmailVerified,
    /// The password of an account was reset by a link or a code that was sent to its e-mail address.
    PasswordReset,
    /// A change of the e-mail address was undone from the previous address.
    EmailChangeUndone,
    /// An account was disabled, so that it cannot sign in.
    UserDisabled,
    /// A disabled account was enabled again.
    UserEnabled,
    /// An account was deleted.
    UserDeleted,
    /// A user deleted their account, and can undo that by signing in.
    UserDeletionScheduled,
    /// A user signed in, which undid the deletion of their account.
    UserDeletionCancelled,
    /// A user signed in to an account.
    LoginSucceeded,
    /// A sign-in failed: unknown account, wrong password, rejected passkey or disabled account.
    LoginFailed,
    /// A sign-in was rejected because of too many earlier attempts.
    LoginThrottled,
    /// A user who was signed in has proven again who they are.
    Reauthenticated,
    /// A second factor was added to an account.
    SecondFactorAdded,
    /// A second factor of an account was removed by its user or an administrator.
    SecondFactorRemoved,
    /// A second factor was wrong: the first factor of the sign-in had been correct.
    SecondFactorFailed,
    /// A recovery code was used in place of a second factor.
    RecoveryCodeUsed,
    /// New recovery codes were created, which void the previous ones.
    RecoveryCodesCreated,
    /// A session ended, because its account had no second factor by the end of the grace period.
    SecondFactorOverdue,
    /// A user trusted a device, on which they sign in without a second factor for some time.
    DeviceTrusted,
    /// A user revoked the trust in a device.
    DeviceRevoked,
    /// A user added a passkey to their account.
    PasskeyAdded,
    /// A passkey of an account was removed.
    PasskeyRemoved,
    /// A passkey was rejected, because its signature counter did not increase. There may be a copy of it.
    PasskeyCloned,
    /// A user signed out of a session.
    Logout,
    /// The password of an account was changed by its owner or an administrator.
    PasswordChanged,
    /// The roles of an account changed.
    RolesChanged,
    /// A session was revoked by its owner, by an administrator, or by a change of the password.
    SessionRevoked,
    /// A used refresh token was accepted again within the grace period, from another IP address than before.
    RefreshTokenRepeated,
    /// A used refresh token was presented again, so its session was revoked.
    RefreshTokenReused,
    /// A user created a personal access token.
    TokenCreated,
    /// A personal access token was revoked by its owner, by an administrator, or by an event that ends all sessions of
    /// the account.
    TokenRevoked,
    /// The signing keys of access tokens changed: a key was created, imported or retired.
    KeysRotated,
    /// A signing key was revoked, together with all tokens that it had signed.
    KeyRevoked,
    /// A message by e-mail was accepted by the mail server.
    MessageSent,
    /// A message by e-mail was given up, because the mail server refused it or could not be reached.
    MessageFailed,
}

impl AuditAction {
    /// The name in the schema and in the database.
    ///
    /// ```
    /// # #[cfg(feature = "server")] {
    /// use portcullis::audit::AuditAction;
    ///
    /// assert_eq!(AuditAction::LoginFailed.name(), "LOGIN_FAILED");
    /// # }
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::items().iter().find(|item| item.value == self).map_or("", |item| item.name)
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::items().iter().find(|item| item.name == name).map(|item| item.value)
    }
}

/// An event in the audit log.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{
///     Portcullis,
///     audit::{AuditAction, AuditEvent},
///     hooks::{HookResult, Hooks},
///     testing::TestServer,
/// };
/// use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
///
/// struct Forward(UnboundedSender<AuditEvent>);
///
/// impl Hooks for Forward {
///     async fn after_event(&self, event: &AuditEvent) -> HookResult<()> {
///         Ok(self.0.send(event.clone())?)
///     }
/// }
///
/// let (sender, mut events) = unbounded_channel();
/// let server = TestServer::start(Portcullis::builder().hooks(Forward(sender))).await;
/// let ada = server.sign_in("ada", &[]).await;
/// let event = events.recv().await.ok_or("the server has ended")?;
/// assert_eq!((event.action, event.user), (AuditAction::UserCreated, Some(ada.id)));
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent {
    /// The identifier. It sorts by the clock of the replica that wrote it; the position has the order of
    /// writing.
    pub id: EventId,
    /// The kind of event.
    pub action: AuditAction,
    /// The time of the event.
    pub at: Timestamp,
    /// The account that performed the action. `None` if it was not signed in.
    pub actor: Option<UserId>,
    /// The account affected.
    pub user: Option<UserId>,
    /// The session affected.
    pub session: Option<SessionId>,
    /// The client's address.
    pub ip_address: Option<String>,
    /// The client's User-Agent header.
    pub user_agent: Option<String>,
}
