//! Response times must not reveal whether an account exists.
//!
//! Each kind of attempt is made 200 times, in turns, so that other load on the machine affects all kinds alike. Two kinds
//! count as different if the Mann-Whitney rank test is significant and their medians differ by more than a small part.
//! A control without the hash shows in each run that the test can detect a difference.

mod statistics;

use std::time::{Duration, Instant};

use portcullis::config::UsernamePolicy;
use serde_json::{Value, json};

use self::statistics::Comparison;
use crate::support::{Client, LOAD, OTHER_PASSWORD, PASSWORD, Process, QUICK, Rng, TERSE, TestApp};

/// The number of attempts of each kind.
const SAMPLES: usize = 200;

/// By what part of the time of an attempt the medians may differ. Where hashes cost next to nothing, a look-up
/// that is left out exceeds it.
const TOLERANCE: f64 = 0.1;

/// A throttle that counts and never says no.
const PATIENT: [(&str, &str); 6] = [
    TERSE,
    ("PORTCULLIS_LIMITS__ENABLED", "true"),
    ("PORTCULLIS_LIMITS__PAIR__FREE", "100000"),
    ("PORTCULLIS_LIMITS__ACCOUNT__FREE", "100000"),
    ("PORTCULLIS_LIMITS__ADDRESS__FREE", "100000"),
    ("PORTCULLIS_LIMITS__LOGINS__FREE", "100000"),
];

/// A kind of attempt: its name, the mutation, and its input at each turn.
type Kind = (&'static str, &'static str, Box<dyn Fn(usize) -> Value>);

fn login(name: &'static str, username: impl Fn(usize) -> String + 'static, password: &str) -> Kind {
    let password = password.to_owned();
    (name, "login", Box::new(move |turn| json!({ "username": username(turn), "password": password })))
}

/// A control whose attempts skip the hash.
fn control() -> Kind {
    ("a refresh token that is none", "refresh", Box::new(|_| json!({ "refreshToken": "prt_nonsense" })))
}

/// Makes all attempts, in turns and each turn in another order. Gives the times of each kind.
async fn measure(client: &Client, kinds: &[Kind]) -> Vec<Vec<Duration>> {
    let mut rng = Rng::new(1);
    let mut times = vec![Vec::with_capacity(SAMPLES); kinds.len()];
    // The first turns warm up what is met for the first time.
    for turn in 0..SAMPLES + 10 {
        let mut order: Vec<usize> = (0..kinds.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, rng.below(last + 1));
        }
        for kind in order {
            let (name, mutation, input) = &kinds[kind];
            let began = Instant::now();
            let answer = client.mutate(mutation, input(turn), "errors { code }").await;
            let took = began.elapsed();
            assert!(answer.body.get("errors").is_none(), "{name}: {}", answer.body);
            if turn >= 10 {
                times[kind].push(took);
            }
        }
    }
    times
}

/// Says that each kind but the last takes as long as the first, and that the last, the control, does not.
fn assert_alike(kinds: &[Kind], times: &[Vec<Duration>]) {
    let (control, others) = times.split_last().expect("there is a control");
    for ((name, ..), other) in kinds.iter().zip(others).skip(1) {
        let comparison = Comparison::of(&times[0], other);
        assert!(!comparison.tells(TOLERANCE), "{}, {name}: {comparison:?}", kinds[0].0);
    }
    let comparison = Comparison::of(&times[0], control);
    assert!(comparison.tells(TOLERANCE), "the test would find nothing: {comparison:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_takes_as_long_for_an_unknown_user_as_for_a_wrong_password() {
    let _alone = LOAD.lock().await;
    let process = Process::start(&PATIENT).await;
    process.register(5).await;
    let kinds = [
        login("a wrong password", |turn| format!("user{}", turn % 5), OTHER_PASSWORD),
        login("an unknown user", |turn| format!("nobody{}", turn % 5), OTHER_PASSWORD),
        // An attacker knows that these accounts do not exist. The skipped look-up is too short to measure beside the hash.
        login("a name with a space", |turn| format!("no body{}", turn % 5), OTHER_PASSWORD),
        login("an endless name", |_| "a".repeat(300), OTHER_PASSWORD),
        control(),
    ];
    assert_alike(&kinds, &measure(&process.anonymous(), &kinds).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_beside_the_hash_tells_who_exists_either() {
    let _alone = LOAD.lock().await;
    let process = Process::start(&[&QUICK[..], &PATIENT].concat()).await;
    process.make_admin("root");
    process.register(20).await;
    let mut root = process.anonymous();
    root.log_in("root", PASSWORD).await.assert_done();
    for number in 10..20 {
        let user = root.ask(&format!("{{ user(username: \"user{number}\") {{ id }} }}")).await;
        let input = json!({ "id": user.at("/user/id"), "disabled": true });
        root.mutate("updateUser", input, "errors { code }").await.assert_done();
    }
    let known = |turn| format!("user{}", turn % 10);
    let kinds = [
        login("a wrong password", known, OTHER_PASSWORD),
        login("an unknown user", |turn| format!("nobody{}", turn % 10), OTHER_PASSWORD),
        login("a disabled account", |turn| format!("user{}", 10 + turn % 10), OTHER_PASSWORD),
        login("a password of which no account can be", known, &"a".repeat(300)),
        login("such a password for nobody", |turn| format!("nobody{}", turn % 10), &"a".repeat(300)),
        control(),
    ];
    assert_alike(&kinds, &measure(&process.anonymous(), &kinds).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_with_an_address_that_is_somebody_elses_takes_as_long_as_with_a_free_one() {
    let _alone = LOAD.lock().await;
    let app = TestApp::start().await;
    let mut owner = app.anonymous();
    let input = json!({ "username": "owner", "password": PASSWORD, "email": "taken@example.org" });
    owner.keep(app.anonymous().mutate("register", input, crate::support::AUTH).await);
    app.verify_email("owner").await;
    let with = |name, prefix: &'static str, email: &'static str| -> Kind {
        let input = move |turn| json!({ "username": format!("{prefix}{turn}"), "password": PASSWORD, "email": email });
        (name, "register", Box::new(input))
    };
    let kinds = [
        with("an address that is free", "free", "free@example.org"),
        with("an address that is taken", "taken", "taken@example.org"),
        control(),
    ];
    assert_alike(&kinds, &measure(&app.anonymous(), &kinds).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn requesting_a_message_takes_as_long_for_an_unknown_address_as_for_a_known_one() {
    let _alone = LOAD.lock().await;
    let app = TestApp::start().await;
    for number in 0..10 {
        let input = json!({
            "username": format!("user{number}"),
            "password": PASSWORD,
            "email": format!("user{number}@example.org"),
        });
        app.anonymous().mutate("register", input, crate::support::AUTH).await.assert_done();
    }
    let request = |name, mutation, prefix: &'static str| -> Kind {
        let input = move |turn: usize| json!({ "email": format!("{prefix}{}@example.org", turn % 10) });
        (name, mutation, Box::new(input))
    };
    for mutation in ["requestPasswordReset", "requestEmailVerification"] {
        let kinds = [
            request("a known address", mutation, "user"),
            request("an unknown address", mutation, "nobody"),
            control(),
        ];
        assert_alike(&kinds, &measure(&app.anonymous(), &kinds).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn registering_with_a_taken_address_takes_as_long_if_it_must_be_verified_first() {
    let _alone = LOAD.lock().await;
    for policy in [UsernamePolicy::Required, UsernamePolicy::Email] {
        let app = TestApp::with(|config| {
            config.accounts.verify_before_sign_in = true;
            config.accounts.username = policy;
        })
        .await;
        let form = move |username: String, email: &str| match policy {
            UsernamePolicy::Required => json!({ "username": username, "password": PASSWORD, "email": email }),
            _ => json!({ "password": PASSWORD, "email": email }),
        };
        let client = app.anonymous();
        client.mutate("register", form("owner".to_owned(), "taken@example.org"), "errors { code }").await;
        let proof = json!({ "token": app.newest_message("taken@example.org").await.token });
        client.mutate("verifyEmail", json!({ "proof": proof }), "errors { code }").await.assert_done();
        let with = |name, prefix: &'static str, email: &'static str| -> Kind {
            (name, "register", Box::new(move |turn| form(format!("{prefix}{turn}"), email)))
        };
        let kinds = [
            with("an address that is free", "free", "free@example.org"),
            with("an address that is taken", "taken", "taken@example.org"),
            control(),
        ];
        assert_alike(&kinds, &measure(&client, &kinds).await);
    }
}
