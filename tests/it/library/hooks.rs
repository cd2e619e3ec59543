//! The hooks of an application, and what happens if they fail.

use std::future::pending;

use async_graphql::{Context, Object, Result};
use portcullis::{
    Portcullis,
    graphql::{UserError, UserErrorCode, guarded},
    hooks::{Applicant, AuditAction, AuditEvent, HookResult, Hooks, TokenAdditions, TokenOwner},
    id::UserId,
};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement};
use serde_json::{Value, json};

use tokio::{
    sync::mpsc::{Sender, channel},
    time::timeout,
};

use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, PATIENCE, TestApp, decode};

/// Hooks whose behaviour depends on the name of the user.
struct Shop;

impl Hooks for Shop {
    async fn before_registration(&self, applicant: &Applicant<'_>) -> HookResult<Result<(), UserError>> {
        match applicant.username {
            "mallory" => {
                let refusal = UserError::of_field(UserErrorCode::UsernameInvalid, "username", "Not you.");
                Ok(Err(refusal))
            }
            "failing" => Err("the shop's secret reason".into()),
            "panicking" => panic!("the shop's secret panic"),
            "waiting" => pending().await,
            _ => Ok(Ok(())),
        }
    }

    async fn on_account_deletion(&self, transaction: &DatabaseTransaction, user: UserId) -> HookResult<()> {
        let backend = transaction.get_database_backend();
        let placeholder = if backend == DbBackend::Postgres { "$1" } else { "?" };
        let sql = format!("DELETE FROM pets WHERE owner_id = {placeholder}");
        let statement = Statement::from_sql_and_values(backend, sql, [user.to_string().into()]);
        transaction.execute_raw(statement).await?;
        let left = transaction
            .query_one_raw(Statement::from_string(backend, "SELECT count(*) AS pets FROM pets"))
            .await?
            .ok_or("no row")?;
        let left: i64 = left.try_get("", "pets")?;
        if left > 1 { Err("somebody has too many pets".into()) } else { Ok(()) }
    }

    async fn token_additions(&self, owner: &TokenOwner<'_>) -> HookResult<TokenAdditions> {
        let mut additions = TokenAdditions::default();
        let (claim, value, scope) = match owner.username {
            "forger" => ("sub", json!("user_00000000000000000000000000"), "pets:read"),
            "hoarder" => ("plan", json!("x".repeat(9_000)), "pets:read"),
            "breaker" => ("plan", json!("free"), "two words"),
            _ => ("plan", json!("free"), "pets:read"),
        };
        additions.claims.insert(claim.to_owned(), value);
        additions.scopes.push(scope.to_owned());
        Ok(additions)
    }
}

struct Pets;

#[guarded]
#[Object]
impl Pets {
    /// The number of pets.
    #[requires_scopes("pets:read")]
    async fn pets(&self, ctx: &Context<'_>) -> Result<Option<i32>> {
        Ok(Some(3))
    }
}

async fn shop() -> TestApp {
    let app = TestApp::of(Portcullis::builder().query(Pets).hooks(Shop)).await;
    let table = "CREATE TABLE pets (owner_id TEXT NOT NULL)";
    app.app.database.writer().execute_unprepared(table).await.expect("the table is created");
    app
}

async fn add_pet(app: &TestApp, owner: &str) {
    let sql = format!("INSERT INTO pets (owner_id) VALUES ('{owner}')");
    app.app.database.writer().execute_unprepared(&sql).await.expect("the row is inserted");
}

fn claims_of(client: &Client) -> Value {
    decode(client.token.as_deref().expect("the client has signed in")).1
}

#[tokio::test]
async fn an_application_refuses_a_registration_with_an_error_for_the_user() {
    let app = shop().await;
    let refused = app.anonymous().register("mallory", PASSWORD).await;
    let error = refused.at("/it/errors/0");
    assert_eq!((&error["code"], &error["message"]), (&json!("USERNAME_INVALID"), &json!("Not you.")));
    app.signed_in("ada").await.me().await.assert_done();
}

#[tokio::test]
async fn a_hook_that_fails_panics_or_never_ends_refuses_the_registration_and_reveals_nothing() {
    let app = shop().await;
    for username in ["failing", "panicking", "waiting"] {
        let answer = app.anonymous().register(username, PASSWORD).await;
        assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR", "{username}");
        assert!(!answer.body.to_string().contains("secret"), "{}", answer.body);
        let found = app.app.accounts.find_by_username(username).await.expect("the database query succeeds");
        assert!(found.is_none(), "{username}");
    }
    app.signed_in("ada").await.me().await.assert_done();
}

#[tokio::test]
async fn claims_and_scopes_of_an_application_are_in_each_token() {
    let app = shop().await;
    let mut ada = app.signed_in("ada").await;
    for _ in 0..2 {
        let claims = claims_of(&ada);
        assert_eq!(claims["plan"], "free");
        let scopes = claims["scope"].as_str().expect("a scope");
        assert!(scopes.split(' ').any(|scope| scope == "pets:read"), "{scopes}");
        assert_eq!(ada.ask("{ pets }").await.assert_done().at("/pets"), 3);
        ada.refresh().await.assert_done();
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.mutate("changePassword", change, AUTH).await.assert_done();
    assert_eq!(claims_of(&ada)["plan"], "free");
}

#[tokio::test]
async fn a_hook_cannot_forge_a_claim_of_ours_or_make_a_token_that_is_too_large() {
    let app = shop().await;
    for (username, code) in [
        ("forger", "INTERNAL_SERVER_ERROR"),
        ("breaker", "INTERNAL_SERVER_ERROR"),
        ("hoarder", "OPERATION_LIMIT_EXCEEDED"),
    ] {
        let answer = app.anonymous().register(username, PASSWORD).await;
        assert_eq!(answer.code(), code, "{username}");
        let found = app.app.accounts.find_by_username(username).await.expect("the database query succeeds");
        assert!(found.is_none(), "{username} is rolled back");
    }
}

#[tokio::test]
async fn what_belongs_to_an_account_is_deleted_with_it_or_the_account_stays() {
    let app = shop().await;
    let (ada, bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    for owner in [&ada.user_id, &bob.user_id, &bob.user_id] {
        add_pet(&app, owner).await;
    }
    let delete = format!(
        "mutation {{ deleteAccount(input: {{ password: \"{PASSWORD}\" }}) {{ errors {{ code }} }} }}"
    );
    // Two pets of Bob would stay, which this hook does not permit.
    assert_eq!(ada.ask(&delete).await.code(), "INTERNAL_SERVER_ERROR");
    ada.me().await.assert_done();
    bob.ask(&delete).await.assert_done();
    ada.ask(&delete).await.assert_done();
    let pets =
        Statement::from_string(app.app.database.reader().get_database_backend(), "SELECT owner_id FROM pets");
    let left = app.app.database.reader().query_all_raw(pets).await.expect("the database query succeeds");
    assert!(left.is_empty());
}

/// Notes the events of an application, and fails for each.
struct Notes(Sender<(AuditAction, Option<UserId>)>);

impl Hooks for Notes {
    async fn after_event(&self, event: &AuditEvent) -> HookResult<()> {
        self.0.send((event.action, event.user)).await?;
        Err("the hook fails, and the next event comes all the same".into())
    }
}

#[tokio::test]
async fn an_application_handles_each_event_of_its_server_after_it_was_committed() {
    let (sender, mut events) = channel(16);
    let app = TestApp::of(Portcullis::builder().hooks(Notes(sender))).await;
    let replica = app.replica().await;
    let eve = replica.signed_in("eve").await;
    let ada = app.signed_in("ada").await;
    ada.ask("mutation { logout { errors { code } } }").await.assert_done();
    for action in [AuditAction::UserRegistered, AuditAction::LoginSucceeded, AuditAction::Logout] {
        let event = timeout(PATIENCE, events.recv()).await.expect("an event").expect("the server runs");
        let of = event.1.map(|user| user.to_string());
        assert_eq!((event.0, of.as_ref()), (action, Some(&ada.user_id)));
        assert_ne!(of.as_ref(), Some(&eve.user_id), "the other server has recorded it");
    }
}
