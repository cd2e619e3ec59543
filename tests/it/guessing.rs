//! An attacker guesses passwords, while the user of the account signs in.

use std::time::Duration;

use portcullis::config::{Backoff, Config, LimitsConfig};
use serde_json::{Value, json};

use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, TestApp, USER, spawn_all};

const HOME: &str = "198.51.100.7";

/// An account's password may be guessed five times, from anywhere; then a minute passes before the next.
fn few_for_an_account(config: &mut Config) {
    let minute = Duration::from_mins(1);
    let account = Backoff {
        free_attempts: 5,
        initial_delay: minute,
        max_delay: minute,
        forget_after: Duration::from_hours(1),
    };
    config.limits = LimitsConfig::default();
    config.limits.account = account;
}

/// Guesses from a new address each time until the account has to wait.
async fn guess_everywhere(app: &TestApp, name: &str) {
    for number in 0..5 {
        let mut guesser = app.anonymous().behind(&format!("203.0.113.{number}"));
        guesser.log_in(name, "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
}

fn at(app: &TestApp, address: &str) -> Client {
    app.anonymous().behind(address)
}

#[tokio::test]
async fn nobody_is_locked_out_who_signs_in_from_where_they_did_before() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    at(&app, "2001:db8:7::1").log_in("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    at(&app, "203.0.113.99").log_in("ada", "wrong").await.assert_refused("RATE_LIMITED");
    at(&app, "203.0.113.99").log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    for address in [HOME, "2001:db8:7::2"] {
        let mut ada = at(&app, address);
        ada.log_in("ada", OTHER_PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
        ada.log_in("ada", PASSWORD).await.assert_done();
    }
    let mut ada = at(&app, HOME);
    for _ in 0..2 {
        ada.log_in("ada", PASSWORD).await.assert_done();
        let change = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        ada.keep(ada.mutate("changePassword", change, AUTH).await).assert_done();
    }
}

#[tokio::test]
async fn the_owners_successes_win_the_guesser_nothing() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    for _ in 0..5 {
        at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
    }
    at(&app, "203.0.113.99").log_in("ada", "wrong").await.assert_refused("RATE_LIMITED");
}

#[tokio::test]
async fn a_known_address_is_no_licence_to_guess() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    for _ in 0..5 {
        at(&app, HOME).log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    at(&app, HOME).log_in("nobody", "wrong").await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn an_address_is_known_for_one_account_and_for_a_while() {
    let app = TestApp::with(|config| {
        few_for_an_account(config);
        config.limits.known_for = Duration::from_hours(24);
    })
    .await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    at(&app, "192.0.2.1").register("bob", PASSWORD).await.assert_done();
    guess_everywhere(&app, "bob").await;
    at(&app, HOME).log_in("bob", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    at(&app, HOME).log_in("bob", PASSWORD).await.assert_refused("RATE_LIMITED");
    app.wait(Duration::from_hours(25));
    guess_everywhere(&app, "ada").await;
    at(&app, HOME).log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    app.wait(Duration::from_mins(1));
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "bob").await;
    at(&app, HOME).log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn an_administrator_ends_the_wait_by_setting_a_password_or_enabling_the_account() {
    let app = TestApp::with(|config| {
        few_for_an_account(config);
        config.limits.pair = config.limits.account.clone();
    })
    .await;
    let root = app.admin().await;
    let ada = app.signed_in("ada").await;
    app.signed_in("bob").await;
    let update = async |input: Value| {
        root.mutate("updateUser", input, USER).await.assert_done();
    };
    let (new, place) = ("203.0.113.99", "203.0.113.7");
    // From everywhere and from one place: both the account and the pair have to wait.
    let guess = async |name: &str| {
        for _ in 0..5 {
            at(&app, place).log_in(name, "wrong").await.assert_refused("INVALID_CREDENTIALS");
        }
        for address in [new, place] {
            at(&app, address).log_in(name, PASSWORD).await.assert_refused("RATE_LIMITED");
        }
    };
    guess("ada").await;
    guess("bob").await;
    update(json!({ "id": ada.user_id, "displayName": "Ada", "disabled": false })).await;
    at(&app, place).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    update(json!({ "id": ada.user_id, "password": OTHER_PASSWORD })).await;
    for address in [place, new] {
        at(&app, address).log_in("ada", OTHER_PASSWORD).await.assert_done();
        at(&app, address).log_in("bob", PASSWORD).await.assert_refused("RATE_LIMITED");
    }
    let other = "203.0.113.8";
    for _ in 0..5 {
        at(&app, other).log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    at(&app, other).log_in("ada", OTHER_PASSWORD).await.assert_refused("RATE_LIMITED");
    update(json!({ "id": ada.user_id, "disabled": true })).await;
    at(&app, other).log_in("ada", OTHER_PASSWORD).await.assert_refused("RATE_LIMITED");
    update(json!({ "id": ada.user_id, "disabled": false })).await;
    at(&app, other).log_in("ada", OTHER_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn another_password_of_an_account_gives_its_guesser_no_more_guesses_at_others() {
    let app = TestApp::with(|config| {
        few_for_an_account(config);
        let minute = Duration::from_mins(1);
        config.limits.address =
            Backoff { free_attempts: 5, max_delay: minute, ..config.limits.account.clone() };
    })
    .await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    for _ in 0..5 {
        at(&app, "203.0.113.7").log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    let update = json!({ "id": ada.user_id, "password": OTHER_PASSWORD });
    root.mutate("updateUser", update, USER).await.assert_done();
    for name in ["ada", "nobody"] {
        at(&app, "203.0.113.7").log_in(name, "wrong").await.assert_refused("RATE_LIMITED");
    }
    at(&app, "203.0.113.8").log_in("ada", OTHER_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn who_changes_their_own_password_ends_nobodys_wait() {
    let app = TestApp::with(few_for_an_account).await;
    let mut ada = at(&app, HOME);
    ada.register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.mutate("changePassword", change, AUTH).await.assert_done();
    at(&app, "203.0.113.99").log_in("ada", OTHER_PASSWORD).await.assert_refused("RATE_LIMITED");
}

#[tokio::test]
async fn an_account_that_is_not_there_has_to_wait_like_one_that_is() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    for name in ["ada", "nobody"] {
        guess_everywhere(&app, name).await;
        let refused = at(&app, "203.0.113.99").log_in(name, "wrong").await;
        refused.assert_refused("RATE_LIMITED");
        assert_eq!(refused.at("/it/errors/0/retryAfter"), 60);
    }
}

#[tokio::test]
async fn servers_on_one_database_count_together() {
    let app = TestApp::with(few_for_an_account).await;
    let other = app.replica().await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    at(&other, "203.0.113.99").log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    at(&other, HOME).log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn every_field_that_checks_a_password_counts_for_the_same_account() {
    let app = TestApp::with(few_for_an_account).await;
    let ada = app.signed_in("ada").await.behind(HOME);
    for _ in 0..2 {
        let change = json!({ "currentPassword": "wrong", "newPassword": OTHER_PASSWORD });
        ada.mutate("changePassword", change, AUTH).await.assert_refused("INVALID_CREDENTIALS");
        let delete = json!({ "password": "wrong" });
        ada.mutate("deleteAccount", delete, "errors { code }").await.assert_refused("INVALID_CREDENTIALS");
    }
    at(&app, "203.0.113.1").log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    at(&app, "203.0.113.2").log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    let delete = json!({ "password": PASSWORD });
    ada.mutate("deleteAccount", delete, "errors { code }").await.assert_refused("RATE_LIMITED");
}

#[tokio::test]
async fn nobody_gets_more_guesses_by_claiming_other_addresses() {
    let app = TestApp::with(|config| {
        config.limits = LimitsConfig::default();
        config.http.trusted_proxies.clear();
    })
    .await;
    app.signed_in("ada").await;
    for number in 0..5 {
        let mut guesser = at(&app, &format!("203.0.113.{number}"));
        guesser.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    at(&app, "203.0.113.99").log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
}

#[tokio::test]
async fn somebody_at_a_new_network_gets_a_first_try_while_others_guess() {
    let app = TestApp::with(few_for_an_account).await;
    let other = app.replica().await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    at(&other, "192.0.2.1").log_in("ada", PASSWORD).await.assert_done();
    at(&app, "2001:db8::1").log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn many_networks_do_not_make_many_first_tries() {
    let app = TestApp::with(few_for_an_account).await;
    let other = app.replica().await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    for number in 0..5 {
        let server = if number % 2 == 0 { &app } else { &other };
        let mut guesser = at(server, &format!("192.0.{number}.1"));
        guesser.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
        // A neighbour, and the same once more, are not new.
        for address in [format!("192.0.{number}.2"), format!("192.0.{number}.1")] {
            at(&app, &address).log_in("ada", "wrong").await.assert_refused("RATE_LIMITED");
        }
    }
    for number in 5..8 {
        at(&app, &format!("192.0.{number}.1")).log_in("ada", "wrong").await.assert_refused("RATE_LIMITED");
    }
    at(&other, HOME).log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn parallel_first_tries_of_one_network_are_one() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    let guesses = (0..20).map(|number| {
        let mut guesser = at(&app, &format!("192.0.2.{number}"));
        async move { guesser.log_in("ada", "wrong").await.codes() == ["INVALID_CREDENTIALS"] }
    });
    let tried = spawn_all(guesses).await;
    assert_eq!(tried.into_iter().filter(|tried| *tried).count(), 1);
}

#[tokio::test]
async fn an_owner_who_waits_as_told_gets_in_before_those_who_ask_without_pause() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    let pollers = ["203.0.113.0", "203.0.114.0", "203.0.115.0", "2001:db8:7::1"];
    let poll = async || {
        for address in pollers {
            at(&app, address).log_in("ada", "wrong").await;
        }
    };
    for round in 0..10 {
        poll().await;
        // The owner has mistyped it, so this is no first try any longer.
        let mut owner = at(&app, &format!("192.0.{round}.50"));
        owner.log_in("ada", OTHER_PASSWORD).await;
        let refused = owner.log_in("ada", PASSWORD).await;
        refused.assert_refused("RATE_LIMITED");
        let seconds = refused.at("/it/errors/0/retryAfter").as_u64().expect("a number");
        assert!(seconds <= 60, "{seconds}");
        for _ in 0..seconds.div_ceil(5) {
            app.wait(Duration::from_secs(5));
            poll().await;
        }
        owner.log_in("ada", PASSWORD).await.assert_done();
    }
}

#[tokio::test]
async fn who_asks_too_early_waits_longer() {
    let app = TestApp::with(few_for_an_account).await;
    at(&app, HOME).register("ada", PASSWORD).await.assert_done();
    guess_everywhere(&app, "ada").await;
    let place = "203.0.113.99";
    let refused = async |seconds: std::ops::RangeInclusive<i64>| {
        let answer = at(&app, place).log_in("ada", PASSWORD).await;
        answer.assert_refused("RATE_LIMITED");
        let told = answer.at("/it/errors/0/retryAfter").as_i64().expect("a number");
        assert!(seconds.contains(&told), "{told}");
    };
    refused(55..=60).await;
    app.wait(Duration::from_secs(20));
    refused(35..=40).await;
    app.wait(Duration::from_secs(30));
    refused(55..=60).await;
    // The account waits no longer, but whoever came too early does.
    app.wait(Duration::from_secs(20));
    refused(35..=40).await;
    app.wait(Duration::from_secs(40));
    at(&app, place).log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_change_of_password_makes_every_other_place_unknown() {
    let app = TestApp::with(few_for_an_account).await;
    let root = app.admin().await;
    let (mut ada, thief) = (at(&app, HOME), "192.0.2.66");
    ada.register("ada", PASSWORD).await.assert_done();
    at(&app, thief).log_in("ada", PASSWORD).await.assert_done();
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.mutate("changePassword", change, AUTH).await.assert_done();
    guess_everywhere(&app, "ada").await;
    // One try is everybody's. Where the place is known it is five.
    at(&app, thief).log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    at(&app, thief).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    for _ in 0..2 {
        at(&app, HOME).log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
        at(&app, HOME).log_in("ada", OTHER_PASSWORD).await.assert_done();
    }
    let update = json!({ "id": ada.user_id, "password": PASSWORD });
    root.mutate("updateUser", update, USER).await.assert_done();
    guess_everywhere(&app, "ada").await;
    for address in [HOME, thief] {
        at(&app, address).log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
        at(&app, address).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    }
}

#[tokio::test]
async fn the_many_networks_of_an_ipv6_block_do_not_make_many_guessers() {
    let app = TestApp::with(|config| {
        let minute = Duration::from_mins(1);
        config.limits = LimitsConfig::default();
        config.limits.address =
            Backoff { free_attempts: 2, initial_delay: minute, ..config.limits.address.clone() };
        config.limits.register = config.limits.address.clone();
    })
    .await;
    let home = "2001:db8:7:ffff::1";
    at(&app, home).register("ada", PASSWORD).await.assert_done();
    for number in 0..32 {
        let mut guesser = at(&app, &format!("2001:db8:7:{number}::1"));
        guesser.log_in(&format!("nobody{number}"), "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    let next = "2001:db8:7:1000::1";
    at(&app, next).log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    at(&app, home).log_in("ada", PASSWORD).await.assert_done();
    at(&app, "2001:db8:8::1").log_in("ada", PASSWORD).await.assert_done();

    for number in 1..32 {
        let mut crowd = at(&app, &format!("2001:db8:7:{number}::1"));
        crowd.register(&format!("crowd{number}"), PASSWORD).await.assert_done();
    }
    at(&app, next).register("bob", PASSWORD).await.assert_refused("RATE_LIMITED");
    at(&app, "2001:db8:8::1").register("bob", PASSWORD).await.assert_done();
}
