//! Second factors: authenticator apps, recovery codes, and sign-ins with several steps.

mod admin_step_up;
mod attacks;
mod email_code;
mod enrolment;
mod passkey;
mod policy;
mod policy_attacks;
mod recovery;
mod sign_in;
mod step_up;
mod trusted_devices;

use std::time::Duration;

use serde_json::{Value, json};
use totp_rs::{Secret, Totp};

use crate::support::{AUTH, Answer, Client, PASSWORD, TestApp, decode};

/// The fields of a sign-in that may miss a second factor.
const STEPS: &str = "challenge { token expiresAt methods } accessToken refreshToken expiresIn user { id username } \
                     session { id } errors { code message field retryAfter }";

/// The time after which each code is another one and no earlier code is accepted.
const TWO_STEPS: Duration = Duration::from_secs(61);

/// A user with an authenticator app, and recovery codes on paper.
struct Enrolled {
    client: Client,
    app: Totp,
    recovery_codes: Vec<String>,
}

impl Enrolled {
    /// Registers an account and adds an authenticator app.
    async fn new(app: &TestApp, username: &str) -> Self {
        let client = app.signed_in(username).await;
        let totp = start(&client).await;
        let confirmed = confirm(&client, &code(&totp, app)).await;
        let codes = confirmed.assert_done().at("/it/codes").as_array().expect("recovery codes");
        let recovery_codes = codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect();
        // The code of the enrolment is used.
        app.wait(TWO_STEPS);
        Self { client, app: totp, recovery_codes }
    }
}

/// Creates a secret, and reads it as an authenticator app does.
async fn start(client: &Client) -> Totp {
    let answer = client.ask("mutation { it: startTotp { secret uri errors { code message field } } }").await;
    let uri = answer.assert_done().at("/it/uri").as_str().expect("a URI").to_owned();
    let totp = Totp::from_url(&uri).expect("a URI that an app can read");
    let secret = answer.at("/it/secret").as_str().expect("a secret");
    assert_eq!(totp.secret(), &Secret::try_from_base32(secret).expect("base32"));
    totp
}

async fn confirm(client: &Client, code: &str) -> Answer {
    let selection =
        "codes recoveryCodes { total remaining createdAt } errors { code message field retryAfter }";
    client.mutate("confirmTotp", json!({ "code": code }), selection).await
}

/// The code that an app shows at the time of the server.
fn code(totp: &Totp, app: &TestApp) -> String {
    let seconds = u64::try_from(app.clock().now().timestamp()).expect("a time after 1970");
    totp.generate(seconds).to_string()
}

/// A code that the app shows neither now nor in the next steps.
fn wrong_code(totp: &Totp, app: &TestApp) -> String {
    let seconds = u64::try_from(app.clock().now().timestamp()).expect("a time after 1970");
    let shown: Vec<_> = (0..20).map(|step| totp.generate(seconds - 60 + 30 * step).to_string()).collect();
    let mut others = (0..1_000_000).map(|number| format!("{number:06}"));
    others.find(|code| !shown.contains(code)).expect("another code")
}

/// Proves the password. The sign-in needs a second factor.
async fn first_step(client: &Client, username: &str) -> String {
    let input = json!({ "username": username, "password": PASSWORD });
    let answer = client.mutate("login", input, STEPS).await;
    answer.assert_refused("SECOND_FACTOR_REQUIRED");
    for nothing in ["accessToken", "refreshToken", "expiresIn", "user", "session"] {
        assert_eq!(answer.at(&format!("/it/{nothing}")), &Value::Null, "{nothing}");
    }
    answer.at("/it/challenge/token").as_str().expect("a challenge").to_owned()
}

/// Completes a sign-in, and keeps the tokens.
async fn second_step(client: &mut Client, challenge: &str, factor: Value) -> Answer {
    let input = json!({ "challenge": challenge, "factor": factor });
    let answer = client.mutate("verifySecondFactor", input, STEPS).await;
    client.keep(answer)
}

async fn reauthenticate(client: &mut Client, proof: Value) -> Answer {
    let answer = client.mutate("reauthenticate", json!({ "proof": proof }), AUTH).await;
    client.keep(answer)
}

/// The claims of the access token.
fn claims(client: &Client) -> Value {
    decode(client.token.as_deref().expect("a token")).1
}

/// The factors as their user sees them.
async fn factors(client: &Client) -> Value {
    let query =
        "{ me { totp { createdAt lastUsedAt } recoveryCodes { total remaining } secondFactorRequired } }";
    client.ask(query).await.assert_done().at("/me").clone()
}
