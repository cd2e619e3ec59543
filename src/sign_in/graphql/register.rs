//! The GraphQL mutations that create an account for the client.

use async_graphql::{Context, InputObject, Object};
use secrecy::SecretString;

use super::{SignIn, failed, must_verify};
use crate::{
    accounts::{AccountError, Accounts, DisplayName, EmailAddress, Username},
    client::ClientInfo,
    graphql::{ApiError, UserError, guarded},
    passkeys::{
        PasskeyName, Passkeys,
        graphql::{RegistrationResponseJson, StartPasskeyPayload},
    },
    sessions::graphql::{AuthPayload, TokenDelivery},
    sign_in::{FirstCredential, Registered, Registration},
};

/// The input of the `register` mutation.
#[derive(InputObject)]
struct RegisterInput {
    /// The username to sign in with: 1 to 64 letters, digits and signs such as . _ - without spaces. Upper
    /// and lower case are the same name. If the server does not require one, your e-mail address is the username
    /// without it, and another name must not contain @.
    username: Option<String>,
    /// The password, which must meet the `passwordPolicy` of the server and be hard to guess.
    password: SecretString,
    /// An optional e-mail address. Several accounts may claim the same address until one of them verifies it.
    email: Option<String>,
    /// An optional display name for you.
    display_name: Option<String>,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The input of the `startPasskeyRegistration` mutation.
#[derive(InputObject)]
struct StartPasskeyRegistrationInput {
    /// The username of the account to create, as for `register`.
    username: Option<String>,
    /// The e-mail address of the account to create.
    email: Option<String>,
    /// The display name, which the authenticator shows beside the username.
    display_name: Option<String>,
}

/// The input of the `registerWithPasskey` mutation.
#[derive(InputObject)]
struct RegisterWithPasskeyInput {
    /// The `challenge` of `startPasskeyRegistration`.
    challenge: SecretString,
    /// The response of the authenticator: the `toJSON()` of the new credential.
    credential: RegistrationResponseJson,
    /// The username, as for `register`.
    username: Option<String>,
    /// An optional e-mail address, with which you can recover the account if you lose the passkey.
    email: Option<String>,
    /// An optional display name for you.
    display_name: Option<String>,
    /// A name for the passkey, of at most 64 characters. Without one, it has the name of the authenticator's model.
    passkey_name: Option<String>,
    /// How the refresh token is delivered to you.
    #[graphql(default_with = "TokenDelivery::Body")]
    delivery: TokenDelivery,
}

/// The mutations that create an account for the client.
#[derive(Default)]
pub struct RegistrationMutation;

#[guarded]
#[Object]
impl RegistrationMutation {
    /// Creates an account and signs you in.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create for you.")] input: RegisterInput,
    ) -> Result<AuthPayload, ApiError> {
        let profile = Profile::parse(
            ctx,
            input.username.as_deref(),
            input.email.as_deref(),
            input.display_name.as_deref(),
        );
        let credential = FirstCredential::Password(input.password);
        register(ctx, profile, credential, input.delivery, "password").await
    }

    /// Starts the creation of an account with a passkey and without a password.
    async fn start_passkey_registration(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create for you.")] input: StartPasskeyRegistrationInput,
    ) -> Result<StartPasskeyPayload, ApiError> {
        if let Err(error) = ctx.data_unchecked::<SignIn>().ensure_registration_open() {
            return Ok(StartPasskeyPayload::failure(vec![error.into_user_error("username")?]));
        }
        match Profile::parse(
            ctx,
            input.username.as_deref(),
            input.email.as_deref(),
            input.display_name.as_deref(),
        ) {
            Ok(Profile { username, display_name, .. }) => {
                let display_name = display_name.as_ref().map(DisplayName::as_str);
                let passkeys = ctx.data_unchecked::<Passkeys>();
                StartPasskeyPayload::of(passkeys.start_sign_up(username.as_str(), display_name))
            }
            Err(errors) => Ok(StartPasskeyPayload::failure(user_errors(errors)?)),
        }
    }

    /// Creates an account with the passkey that your authenticator has created, and signs you in. The account has no
    /// password.
    async fn register_with_passkey(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create for you, and its passkey.")] input: RegisterWithPasskeyInput,
    ) -> Result<AuthPayload, ApiError> {
        let name = match input.passkey_name.as_deref().map(PasskeyName::parse).transpose() {
            Ok(name) => name.flatten(),
            Err(error) => return Ok(AuthPayload::failure(vec![error.into_user_error()?])),
        };
        let profile = Profile::parse(
            ctx,
            input.username.as_deref(),
            input.email.as_deref(),
            input.display_name.as_deref(),
        );
        let (challenge, response) = (input.challenge, input.credential.0);
        let credential = FirstCredential::Passkey { challenge, response, name };
        register(ctx, profile, credential, input.delivery, "credential").await
    }
}

/// The names of the account to create.
struct Profile {
    username: Username,
    email: Option<EmailAddress>,
    display_name: Option<DisplayName>,
}

impl Profile {
    /// Parses the names of a form. Returns all errors of the form at once.
    fn parse(
        ctx: &Context<'_>,
        username: Option<&str>,
        email: Option<&str>,
        display_name: Option<&str>,
    ) -> Result<Self, Vec<AccountError>> {
        let accounts = ctx.data_unchecked::<Accounts>();
        let email = email.map(EmailAddress::parse).transpose();
        let address = email.as_ref().ok().and_then(Option::as_ref);
        let username = accounts.registration_username(username, address);
        let display_name = display_name.map(DisplayName::parse).transpose();
        match (username, email, display_name) {
            (Ok(username), Ok(email), Ok(display_name)) => {
                Ok(Self { username, email, display_name: display_name.flatten() })
            }
            (username, email, display_name) => {
                // Without a valid address, an address that is missing is not a second error.
                let is_second =
                    |error: &AccountError| email.is_err() && matches!(error, AccountError::EmailInvalid(_));
                let username = username.err().filter(|error| !is_second(error));
                Err([username, email.err(), display_name.err()].into_iter().flatten().collect())
            }
        }
    }
}

async fn register(
    ctx: &Context<'_>,
    profile: Result<Profile, Vec<AccountError>>,
    credential: FirstCredential,
    delivery: TokenDelivery,
    field: &str,
) -> Result<AuthPayload, ApiError> {
    delivery.ensure_supported(ctx)?;
    let Profile { username, email, display_name } = match profile {
        Ok(profile) => profile,
        Err(errors) => return Ok(AuthPayload::failure(user_errors(errors)?)),
    };
    let form = Registration { username, credential, email, display_name };
    let (sign_in, client) = (ctx.data_unchecked::<SignIn>(), ctx.data_unchecked::<ClientInfo>());
    // On the heap, because the future of an object is as large as that of its largest field.
    match Box::pin(sign_in.register(form, client)).await {
        Ok(Registered::SignedIn { signed_in, recovery_codes }) => {
            Ok(AuthPayload::success(ctx, *signed_in, delivery)?.with_recovery_codes(recovery_codes))
        }
        Ok(Registered::MustVerify { challenge, recovery_codes }) => {
            Ok(must_verify(Some(challenge)).with_recovery_codes(recovery_codes))
        }
        Err(error) => failed(error, field),
    }
}

fn user_errors(errors: Vec<AccountError>) -> Result<Vec<UserError>, ApiError> {
    errors.into_iter().map(AccountError::into_user_error).collect()
}
