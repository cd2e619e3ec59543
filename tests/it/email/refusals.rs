//! A sign-in by a link that is refused opens no session, and does not use the link.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis::{
    Portcullis,
    config::{Config, LimitsConfig},
    hooks::{HookResult, Hooks, TokenAdditions, TokenOwner},
};
use serde_json::{Value, json};

use super::{ADDRESS, assert_failed, by_token, request, with_verified_address};
use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER};

/// The wait after the sign-ins that are free.
const DELAY: Duration = Duration::from_mins(5);

/// The mutations that sign in by a link.
const WAYS: [&str; 3] = ["acceptInvitation", "resetPassword", "loginWithEmail"];

/// A hook that fails while the test requires it.
struct Failing(Arc<AtomicBool>);

impl Hooks for Failing {
    async fn token_additions(&self, _: &TokenOwner<'_>) -> HookResult<TokenAdditions> {
        if self.0.load(Ordering::SeqCst) { Err("out of order".into()) } else { Ok(TokenAdditions::default()) }
    }
}

fn by_e_mail(config: &mut Config) {
    config.accounts.email_sign_in = true;
}

/// An account of ada with a link, by which she can sign in in this way.
struct Linked {
    app: TestApp,
    root: Client,
    way: &'static str,
    user: Value,
    token: String,
}

impl Linked {
    async fn new(app: TestApp, way: &'static str) -> Self {
        let root = app.admin().await;
        if way == "acceptInvitation" {
            let input = json!({ "username": "ada", "email": ADDRESS });
            root.mutate("inviteUser", input, USER).await.assert_done();
        } else {
            with_verified_address(&app, "ada", ADDRESS).await;
            let message = if way == "resetPassword" { "requestPasswordReset" } else { "requestLoginEmail" };
            request(&app.anonymous(), message, ADDRESS).await;
        }
        let user = root.ask("{ user(username: \"ada\") { id } }").await.at("/user/id").clone();
        let token = app.newest_message(ADDRESS).await.token;
        Self { app, root, way, user, token }
    }

    async fn sign_in(&self) -> Answer {
        let input = match self.way {
            "acceptInvitation" => json!({ "token": self.token, "password": OTHER_PASSWORD }),
            "resetPassword" => json!({ "proof": by_token(&self.token), "newPassword": OTHER_PASSWORD }),
            _ => json!({ "proof": by_token(&self.token) }),
        };
        self.app.anonymous().mutate(self.way, input, AUTH).await
    }

    /// The state that a refused sign-in must not change.
    async fn state(&self) -> Value {
        let query = "query($id: ID!) { node(id: $id) { ... on User { \
            username emailVerified lastLoginAt updatedAt sessions { nodes { id } } } } \
            auditEvents(first: 1, filter: { actions: [LOGIN_SUCCEEDED, PASSWORD_CHANGED, SESSION_REVOKED] }) \
            { nodes { id } } }";
        let answer = self.root.ask_with(query, json!({ "id": self.user })).await;
        answer.assert_done();
        answer.body["data"].clone()
    }

    async fn disable(&self, is_disabled: bool) {
        let input = json!({ "id": self.user, "disabled": is_disabled });
        self.root.mutate("updateUser", input, USER).await.assert_done();
    }
}

#[tokio::test]
async fn a_disabled_account_signs_in_by_no_link_and_its_link_works_once_it_is_enabled() {
    for way in WAYS {
        let linked = Linked::new(TestApp::with(by_e_mail).await, way).await;
        linked.disable(true).await;
        let before = linked.state().await;
        assert_failed(&linked.sign_in().await, "INVALID_CHALLENGE");
        assert_eq!(linked.state().await, before, "{way}");
        linked.disable(false).await;
        linked.sign_in().await.assert_done();
    }
}

#[tokio::test]
async fn an_account_whose_deletion_is_due_signs_in_by_no_link() {
    for way in ["resetPassword", "loginWithEmail"] {
        let app = TestApp::with(|config| {
            by_e_mail(config);
            config.accounts.delete_after = Duration::from_mins(10);
        })
        .await;
        let linked = Linked::new(app, way).await;
        let mut ada = linked.app.anonymous();
        ada.log_in("ada", PASSWORD).await.assert_done();
        let input = json!({ "password": PASSWORD });
        ada.mutate("deleteAccount", input, "deletedId errors { code }").await.assert_done();
        linked.app.wait(Duration::from_mins(10));
        let before = linked.state().await;
        assert_failed(&linked.sign_in().await, "INVALID_CHALLENGE");
        assert_eq!(linked.state().await, before, "{way}");
        assert_failed(&linked.app.anonymous().log_in("ada", OTHER_PASSWORD).await, "INVALID_CREDENTIALS");
    }
}

#[tokio::test]
async fn a_hook_that_fails_refuses_the_sign_in_and_the_link_works_afterwards() {
    for way in WAYS {
        let fails = Arc::new(AtomicBool::new(false));
        let builder = Portcullis::builder().hooks(Failing(fails.clone()));
        let linked = Linked::new(TestApp::of_with(builder, by_e_mail).await, way).await;
        let before = linked.state().await;
        fails.store(true, Ordering::SeqCst);
        assert_eq!(linked.sign_in().await.code(), "INTERNAL_SERVER_ERROR", "{way}");
        fails.store(false, Ordering::SeqCst);
        assert_eq!(linked.state().await, before, "{way}");
        linked.sign_in().await.assert_done();
    }
}

#[tokio::test]
async fn a_sign_in_that_is_one_too_many_does_not_use_the_link() {
    for way in ["resetPassword", "loginWithEmail"] {
        let app = TestApp::with(|config| {
            by_e_mail(config);
            config.limits = LimitsConfig::default();
            config.limits.logins.free_attempts = 2;
            (config.limits.logins.initial_delay, config.limits.logins.max_delay) = (DELAY, DELAY);
        })
        .await;
        let linked = Linked::new(app, way).await;
        // The second one after the registration.
        linked.app.anonymous().log_in("ada", PASSWORD).await.assert_done();
        let before = linked.state().await;
        assert_failed(&linked.sign_in().await, "RATE_LIMITED");
        assert_eq!(linked.state().await, before, "{way}");
        linked.app.wait(DELAY);
        linked.sign_in().await.assert_done();
    }
}
