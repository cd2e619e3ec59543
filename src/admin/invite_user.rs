use super::{Admin, AdminError, authorize::Operation};
use crate::{
    accounts::{Account, DisplayName, EmailAddress, NewAccount, Username},
    audit::Actor,
    limits::Decision,
    proofs::Purpose,
};

/// A person whom an administrator invites.
pub struct Invitation {
    /// The address that receives the invitation.
    pub email: EmailAddress,
    /// The username, which the person may replace.
    pub username: Username,
    /// The display name.
    pub display_name: Option<DisplayName>,
    /// The names of the roles.
    pub roles: Vec<String>,
    /// The language of the invitation: a BCP 47 tag.
    pub locale: Option<String>,
}

impl Admin {
    /// Creates an account without a password, and sends its user a link with which they choose one.
    ///
    /// # Errors
    /// If the server sends no e-mail, too many messages were sent to the address, the username is taken, a role is unknown
    /// or exceeds the actor's scopes, or the actor may no longer act.
    pub async fn invite_user(&self, invitation: Invitation, actor: Actor<'_>) -> Result<Account, AdminError> {
        if !self.mail.is_on() {
            return Err(AdminError::MailOff);
        }
        let Invitation { email, username, display_name, roles, locale } = invitation;
        let operation = Operation { target: None, roles: &roles.clone(), own: None, sets_credential: false };
        self.authorize_early(operation, actor).await?;
        if let Some(client) = actor.client()
            && let Decision::Refused { retry_after, .. } =
                self.throttle.try_message(&email.key(), client.address, actor.user()).await?
        {
            return Err(AdminError::RateLimited { retry_after });
        }
        let address = email.as_str().to_owned();
        let new = NewAccount {
            id: self.accounts.generate_id(),
            username,
            password_hash: String::new(),
            email: Some(email),
            display_name,
            roles,
            locale,
        };
        let transaction = self.database.begin_short().await?;
        self.authorize(&transaction, operation, actor).await?;
        let account = self.accounts.create(&transaction, new, actor).await?;
        let recipient = account.recipient(&address, None);
        self.proofs.send(&transaction, Purpose::Invitation, recipient, None).await?;
        self.feed.commit(transaction, &[]).await?;
        self.mail.wake();
        Ok(account)
    }
}
