use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{client::ClientInfo, id::UserId};

/// The kind of a message, which is also the name of its templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A link and a code that verify an address.
    VerifyEmail,
    /// A link and a code that set a new password.
    ResetPassword,
    /// A link and a code that sign in.
    SignIn,
    /// A code that takes the place of a second factor.
    SecondFactorCode,
    /// A link for the user of an account that an administrator has created.
    Invitation,
    /// Somebody registered with an address that already belongs to an account.
    AddressTaken,
    /// Notice: the password was changed.
    PasswordChanged,
    /// Notice to the previous address: the address was changed. Its link undoes the change.
    EmailChanged,
    /// Notice: a sign-in from a device that the account has not used before.
    NewDevice,
    /// Notice: the account was recovered with a link or code from a message.
    AccountRecovered,
    /// Notice: the account will be deleted, unless its user signs in before.
    DeletionScheduled,
    /// Notice: a second factor was added.
    SecondFactorAdded,
    /// Notice: a second factor was removed.
    SecondFactorRemoved,
    /// Notice: a recovery code was used.
    RecoveryCodeUsed,
    /// Notice: a passkey was added.
    PasskeyAdded,
    /// Notice: a passkey was removed.
    PasskeyRemoved,
    /// Notice: a personal access token was created.
    TokenCreated,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::VerifyEmail,
        Self::ResetPassword,
        Self::SignIn,
        Self::SecondFactorCode,
        Self::Invitation,
        Self::AddressTaken,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::NewDevice,
        Self::AccountRecovered,
        Self::DeletionScheduled,
        Self::SecondFactorAdded,
        Self::SecondFactorRemoved,
        Self::RecoveryCodeUsed,
        Self::PasskeyAdded,
        Self::PasskeyRemoved,
        Self::TokenCreated,
    ];

    /// The name of the templates, and of the kind in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::SignIn => "sign_in",
            Self::SecondFactorCode => "second_factor_code",
            Self::Invitation => "invitation",
            Self::AddressTaken => "address_taken",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::NewDevice => "new_device",
            Self::AccountRecovered => "account_recovered",
            Self::DeletionScheduled => "deletion_scheduled",
            Self::SecondFactorAdded => "second_factor_added",
            Self::SecondFactorRemoved => "second_factor_removed",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyRemoved => "passkey_removed",
            Self::TokenCreated => "token_created",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A message to write to the outbox.
pub struct NewMessage<'a> {
    /// The kind.
    pub kind: MessageKind,
    /// The account that the message is about.
    pub user: Option<UserId>,
    /// The address of the recipient.
    pub recipient: &'a str,
    /// The language: a BCP 47 tag. `None` for the default language.
    pub locale: Option<&'a str>,
    /// Whether the message is only written, and discarded in place of being sent. A request for an unknown address
    /// writes such a message, so that it takes as long as one for a known address.
    pub is_decoy: bool,
    /// The variables of the templates.
    pub variables: Variables,
}

/// The variables of the templates. They are encrypted in the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Variables {
    /// The username of the account.
    pub username: Option<String>,
    /// The display name of the account.
    pub display_name: Option<String>,
    /// The link of the message, with its token in the fragment.
    pub link: Option<String>,
    /// The code of the message.
    pub code: Option<String>,
    /// The time until link and code expire.
    pub expires_in: Option<Duration>,
    /// Another address than the recipient's that the message is about, such as the new address of an account.
    pub address: Option<String>,
    /// The client that caused the message.
    pub client: Option<MessageClient>,
}

/// The client that caused a message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MessageClient {
    /// Its address.
    pub ip_address: IpAddr,
    /// Its User-Agent header.
    pub user_agent: Option<String>,
}

impl From<&ClientInfo> for MessageClient {
    fn from(client: &ClientInfo) -> Self {
        Self { ip_address: client.address, user_agent: client.user_agent.clone() }
    }
}
