//! Tests the generated client with the server at GRAPHQL_URL.

mod operations;

use std::{collections::HashSet, env, error::Error};

use graphql_client::{GraphQLQuery, Response};
use operations::{
    Login, Logout, Me, Refresh, Register, Sessions, login, logout, me, refresh, register, sessions,
};

const PASSWORD: &str = "correct horse battery";

/// Sends an operation, with an access token if there is one.
fn ask<Query: GraphQLQuery>(
    variables: Query::Variables,
    token: Option<&str>,
) -> Result<Response<Query::ResponseData>, Box<dyn Error>> {
    let mut request = ureq::post(env::var("GRAPHQL_URL")?);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    Ok(request.send_json(Query::build_query(variables))?.body_mut().read_json()?)
}

/// Sends an operation and fails unless the response has only data.
fn done<Query: GraphQLQuery>(
    variables: Query::Variables,
    token: Option<&str>,
) -> Result<Query::ResponseData, Box<dyn Error>> {
    let response = ask::<Query>(variables, token)?;
    match (response.data, response.errors) {
        (Some(data), None) => Ok(data),
        (_, errors) => Err(format!("{} failed: {errors:?}", std::any::type_name::<Query>()).into()),
    }
}

/// The reason why the guarded field fails.
fn reason(token: Option<&str>) -> Result<String, Box<dyn Error>> {
    let response = ask::<Me>(me::Variables, token)?;
    assert_eq!(response.data.map(|data| data.me), Some(None), "the field with the error is null");
    let errors = response.errors.unwrap_or_default();
    let extensions = errors.into_iter().next().and_then(|error| error.extensions);
    let reason = extensions.and_then(|extensions| Some(extensions.get("reason")?.as_str()?.to_owned()));
    reason.ok_or_else(|| "no reason".into())
}

/// The text that a program shows for an error. It compiles only if every code has a text.
fn sentence(code: &login::UserErrorCode) -> String {
    use login::UserErrorCode as Code;
    match code {
        Code::InvalidCredentials | Code::AccountDisabled => "You cannot sign in with this.".into(),
        Code::InvalidRefreshToken => "Sign in again.".into(),
        Code::RateLimited => "Wait a moment.".into(),
        Code::UsernameTaken | Code::UsernameInvalid => "Choose another name.".into(),
        Code::EmailInvalid => "This is not an e-mail address.".into(),
        Code::EmailTaken => "This address belongs to another account.".into(),
        Code::EmailNotVerified | Code::InvalidChallenge | Code::InvalidCode | Code::SecondFactorRequired => {
            "Follow the message, or request a new one.".into()
        }
        Code::PasskeyRejected | Code::LastLoginMethod => "Look at your passkeys.".into(),
        Code::PasswordTooShort | Code::PasswordTooLong | Code::PasswordTooWeak => {
            "Choose another password.".into()
        }
        Code::RegistrationClosed => "Ask an administrator for an account.".into(),
        Code::NotFound | Code::UnknownRole => "Not found.".into(),
        Code::LimitReached => "Delete one first.".into(),
        Code::CurrentPasswordRequired => "Enter your current password.".into(),
        Code::LastAdmin => "One administrator must remain.".into(),
        Code::Other(code) => format!("Unknown error {code}: the server is newer than this client."),
    }
}

fn log_in(password: &str) -> Result<login::LoginLogin, Box<dyn Error>> {
    let input = login::LoginInput {
        username: "rust".to_owned(),
        password: password.to_owned(),
        delivery: login::TokenDelivery::Body,
        device_token: None,
    };
    Ok(done::<Login>(login::Variables { input }, None)?.login)
}

fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(reason(None)?, "TOKEN_MISSING");

    let input = register::RegisterInput {
        username: Some("rust".to_owned()),
        password: PASSWORD.to_owned(),
        email: None,
        display_name: None,
        delivery: register::TokenDelivery::Body,
    };
    let registered = done::<Register>(register::Variables { input }, None)?.register;
    let user = registered.user.ok_or("no user")?;
    assert!(user.created_at.timestamp() > 0);

    let wrong = log_in("not this one")?;
    assert_eq!(wrong.access_token, None);
    let sentences: Vec<_> = wrong.errors.iter().map(|error| sentence(&error.code)).collect();
    assert_eq!(sentences, ["You cannot sign in with this."]);

    let input = Some(refresh::RefreshInput { refresh_token: registered.refresh_token });
    let refreshed = done::<Refresh>(refresh::Variables { input }, None)?.refresh;
    let token = refreshed.access_token.ok_or("no access token")?;
    let viewer = done::<Me>(me::Variables, Some(&token))?.me.ok_or("no user")?;
    assert_eq!((viewer.username.as_str(), viewer.roles), ("rust", vec!["user".to_owned()]));

    for _ in 0..2 {
        assert!(log_in(PASSWORD)?.errors.is_empty());
    }
    let (mut seen, mut after) = (HashSet::new(), None);
    loop {
        let data = done::<Sessions>(sessions::Variables { first: Some(2), after }, Some(&token))?;
        let page = data.me.and_then(|me| me.sessions).ok_or("no sessions")?;
        assert_eq!(page.total_count, 3);
        for session in page.nodes {
            assert!(seen.insert(session.id), "a session is listed twice");
        }
        after = page.page_info.end_cursor;
        if !page.page_info.has_next_page {
            break;
        }
    }
    assert_eq!(seen.len(), 3);

    assert!(done::<Logout>(logout::Variables, Some(&token))?.logout.errors.is_empty());
    assert_eq!(reason(Some(&token))?, "TOKEN_REVOKED");
    println!("the Rust client registered, was refused, refreshed, listed sessions and signed out");
    Ok(())
}
