use async_graphql::{Context, ID, Object};

use crate::{
    graphql::{ApiError, DateTime, List, caller, node_id},
    id::{PasskeyId, UserId},
    passkeys::{Passkey, Passkeys},
};

/// A passkey, with which the user of an account signs in without a password.
pub struct PasskeyObject(Passkey);

impl PasskeyObject {
    /// A passkey of the viewer's own account.
    #[must_use]
    pub fn new(passkey: Passkey) -> Self {
        Self(passkey)
    }

    /// Finds a passkey by its id. `None` unless it is the caller's own.
    ///
    /// # Errors
    /// If a database query fails.
    pub async fn visible(ctx: &Context<'_>, id: PasskeyId) -> Result<Option<Self>, ApiError> {
        let Some(user) = caller(ctx).user() else { return Ok(None) };
        // On the heap, because the future of an object is as large as that of its largest field.
        let passkey = Box::pin(ctx.data_unchecked::<Passkeys>().find(id)).await?;
        Ok(passkey.filter(|passkey| passkey.user == user).map(Self))
    }
}

/// A passkey, with which the user of an account signs in without a password.
#[Object(name = "Passkey")]
impl PasskeyObject {
    /// The ID of the passkey. It is not the ID of the credential.
    pub async fn id(&self) -> ID {
        node_id(self.0.id)
    }

    /// The name, which you can change.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The authenticator's model, such as a password manager. Null if it is hidden or unknown.
    async fn authenticator(&self) -> Option<&str> {
        self.0.authenticator
    }

    /// Whether the passkey can be on several devices.
    async fn backup_eligible(&self) -> bool {
        self.0.backup_eligible
    }

    /// Whether a copy of the passkey exists, as its authenticator reported at the last use.
    async fn backed_up(&self) -> bool {
        self.0.backed_up
    }

    /// When the passkey was added to the account.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the passkey was last used. Null if it was never used.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }
}

/// A list of passkeys.
pub type PasskeyList = List<PasskeyObject, PasskeyConnectionFields>;

/// The fields of a `PasskeyConnection` besides its page.
pub struct PasskeyConnectionFields(pub UserId);

#[Object]
impl PasskeyConnectionFields {
    /// The number of passkeys in the whole list, on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32, ApiError> {
        let count = ctx.data_unchecked::<Passkeys>().count(self.0).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}
