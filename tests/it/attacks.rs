//! Known attacks: each of these requests once crashed the server, slowed it down or revealed a secret.

use std::{fmt::Write as _, time::Duration};

use portcullis::config::LimitsConfig;
use serde_json::json;

use crate::support::{AUTH, OTHER_PASSWORD, PASSWORD, TestApp};

#[tokio::test]
async fn fragments_that_double_at_each_step_are_refused_in_whichever_operation_they_hide() {
    let app = TestApp::start().await;
    let mut document = String::from("query A { __typename } query B { ...F0 }");
    for step in 0..24 {
        write!(document, " fragment F{step} on Query {{ ...F{next} ...F{next} }}", next = step + 1)
            .expect("writes");
    }
    document += " fragment F24 on Query { __typename }";
    let request = json!({ "query": document, "operationName": "A" });
    app.anonymous().send(&request).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_thousand_unused_fragments_are_refused() {
    let app = TestApp::start().await;
    let mut document = String::from("{ __typename }");
    for step in 0..1000 {
        write!(document, " fragment F{step} on Query {{ ...F{} }}", step + 1).expect("writes");
    }
    app.anonymous().ask(&document).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn values_are_counted_where_nothing_stands_between_them() {
    let app = TestApp::start().await;
    for (value, times) in [("-1", 20_000), ("0", 20_000), ("e-1", 20_000)] {
        let list = value.repeat(times);
        let document = format!("query($a: [Int] = [{list}]) {{ __typename @skip(if: $a) }}");
        let answer = app.anonymous().ask(&document).await;
        answer.assert_failed("OPERATION_LIMIT_EXCEEDED");
        assert!(
            answer.body["errors"][0]["message"].to_string().contains("graphql.max_tokens"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn brackets_are_counted_where_comments_and_strings_would_hide_them() {
    let app = TestApp::start().await;
    for opening in ["[#]\n", "[\"]\"", "[\"\"\"]\"\"\""] {
        let value = opening.repeat(4000) + &"]".repeat(4000);
        let document = format!("query A {{ server {{ version }} }} query B {{ node(id: {value}) {{ id }} }}");
        let request = json!({ "query": document, "operationName": "A" });
        app.anonymous().send(&request).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    }
    for before in ["\"\"\"a\"", "\"\"\"\\\\\"\"\" \"\"\""] {
        let value = format!("[{before}{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        let document = format!("{{ node(id: {value}) {{ id }} }}");
        app.anonymous().ask(&document).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    }
    let quotes = "\\\"\"\"".repeat(50_000);
    app.anonymous()
        .ask(&format!("{{ a(b: \"\"\"{quotes}) }}"))
        .await
        .assert_failed("OPERATION_LIMIT_EXCEEDED");
    app.anonymous().ask("{ server { version } }").await.assert_done();
}

#[tokio::test]
async fn pages_in_pages_are_counted_by_what_they_could_answer() {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let page = "sessions(first: 100) { nodes { user { ";
    let document = format!("{{ me {{ {} id {} }} }}", page.repeat(3), "} } } ".repeat(3));
    ada.ask(&document).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    ada.ask("{ me { sessions(first: 100) { nodes { user { id } } } } }").await.assert_done();
}

#[tokio::test]
async fn introspection_cannot_be_nested_until_it_explodes() {
    let app = TestApp::start().await;
    let document = format!(
        "{{ __schema {{ types {{ {} name {} }} }} }}",
        "fields { type { ".repeat(6),
        "} } ".repeat(6)
    );
    app.anonymous().ask(&document).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn an_account_cannot_pile_up_sessions() {
    let app = TestApp::with(|config| config.limits.sessions_per_account = 3).await;
    let oldest = app.signed_in("ada").await;
    let mut newest = app.anonymous();
    for _ in 0..3 {
        newest.log_in("ada", PASSWORD).await.assert_done();
    }
    let sessions = newest.ask("{ me { sessions { totalCount } } }").await;
    assert_eq!(sessions.at("/me/sessions/totalCount"), 3);
    oldest.ask("{ me { id } }").await.assert_failed("UNAUTHENTICATED");
}

#[tokio::test]
async fn the_spellings_of_a_name_share_one_throttle_whether_or_not_it_exists() {
    let app = TestApp::with(|config| config.limits = LimitsConfig::default()).await;
    app.signed_in("headuser").await;
    for name in ["headuser", "nobodyhere"] {
        let mut guesser = app.anonymous();
        for _ in 0..5 {
            guesser.log_in(name, "wrong").await.assert_refused("INVALID_CREDENTIALS");
        }
        let full_width = name.replacen('h', "ｈ", 1).to_uppercase();
        let refused = guesser.log_in(&full_width, "wrong").await;
        refused.assert_refused("RATE_LIMITED");
        assert_eq!(refused.at("/it/errors/0/retryAfter"), 1);
    }
}

#[tokio::test]
async fn a_try_that_is_free_makes_nobody_wait_whose_clock_is_behind() {
    let app = TestApp::with(|config| config.limits = LimitsConfig::default()).await;
    app.signed_in("ada").await;
    let ahead = app.replica_ahead(Duration::from_secs(5)).await;
    ahead.anonymous().log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    app.anonymous().log_in("ada", PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_flood_of_refused_logins_is_written_down_once() {
    let app = TestApp::with(|config| config.limits = LimitsConfig::default()).await;
    let admin = app.admin().await;
    let mut guesser = app.signed_in("ada").await.behind("203.0.113.9");
    for _ in 0..5 {
        guesser.log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    }
    for _ in 0..10 {
        guesser.log_in("ada", PASSWORD).await.assert_refused("RATE_LIMITED");
    }
    let query =
        "{ auditEvents(filter: { actions: [LOGIN_THROTTLED] }) { nodes { ipAddress user { username } } } }";
    let events = admin.ask(query).await;
    let once = json!([{ "ipAddress": "203.0.113.9", "user": { "username": "ada" } }]);
    assert_eq!(events.at("/auditEvents/nodes"), &once);
}

#[tokio::test]
async fn parallel_guesses_are_counted_one_by_one() {
    let app = TestApp::with(|config| config.limits = LimitsConfig::default()).await;
    app.signed_in("ada").await;
    let guesses = (0..30).map(|_| {
        let mut guesser = app.anonymous();
        async move { guesser.log_in("ada", "wrong").await }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.codes() == ["INVALID_CREDENTIALS"]).count();
    assert_eq!(tried, 5);
}

#[tokio::test]
async fn head_changes_nothing() {
    let app = TestApp::start().await;
    let body = json!({
        "query": "mutation($input: RegisterInput!) { register(input: $input) { errors { code } } }",
        "variables": { "input": { "username": "ada", "password": PASSWORD } },
    });
    let http = reqwest::Client::new();
    let answer = http.head(app.url("/graphql")).json(&body).send().await.expect("the server answers");
    assert_eq!(answer.status(), 400);
    app.anonymous().log_in("ada", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
}

#[tokio::test]
async fn nobody_shuts_the_owner_of_an_address_out_by_taking_it_for_a_username() {
    let app = TestApp::start().await;
    let mut bob = app.signed_in("bob").await;
    bob.mutate("updateProfile", json!({ "email": "bob@example.com" }), "errors { code }").await.assert_done();
    app.verify_email("bob").await;
    app.anonymous().register("bob@example.com", OTHER_PASSWORD).await.assert_done();
    let answer = bob.log_in("Bob@Example.com", PASSWORD).await;
    assert_eq!(answer.assert_done().at("/it/user/username"), "bob");
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_half_done() {
    let app = TestApp::start().await;
    app.signed_in("ada").await;
    for patience in 0..40 {
        let client = app.anonymous();
        let input = json!({ "username": "ada", "password": PASSWORD });
        let login = client.mutate("login", input, AUTH);
        tokio::time::timeout(std::time::Duration::from_millis(patience / 4), login).await.ok();
    }
    let mut ada = app.anonymous();
    ada.log_in("ada", PASSWORD).await.assert_done();
    for _ in 0..10 {
        ada.refresh().await.assert_done();
    }
}

#[tokio::test]
async fn a_small_request_does_not_get_a_huge_answer() {
    let app = TestApp::start().await;
    for document in [
        format!("query({}) {{ __typename }}", "$a: B ".repeat(40_000)),
        format!("query {} {{ __typename }}", "@a ".repeat(60_000)),
        format!("{{ server({}) {{ version }} }}", "a: 1 ".repeat(40_000)),
    ] {
        app.anonymous().ask(&document).await.assert_failed("OPERATION_LIMIT_EXCEEDED");
    }
    let unused = (0..1000).fold(String::new(), |all, n| all + &format!("$v{n}: Int "));
    let answer = app.anonymous().ask(&format!("query({unused}) {{ __typename }}")).await;
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn the_ends_of_time_are_times() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (since, until) in [
        ("-262143-01-01T00:00:00Z", "+262142-12-31T23:59:59Z"),
        ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    ] {
        let query = "query($since: DateTime, $until: DateTime) {
            auditEvents(filter: { since: $since, until: $until }) { nodes { id } } }";
        let answer = admin.ask_with(query, json!({ "since": since, "until": until })).await;
        let found = answer.assert_done().at("/auditEvents/nodes").as_array().map(Vec::len);
        assert!(found.is_some_and(|found| found > 0), "{}", answer.body);
    }
}
