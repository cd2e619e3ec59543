//! Servers on one database must agree on certain settings.

use std::time::Duration;

use portcullis::{app::App, clock::Clock};

use crate::support::TestApp;

/// The settings in which a process differs from the running servers: key, value here, value there.
async fn differences(app: &App) -> Vec<(String, String, String)> {
    let others = app.replicas.others().await.expect("the database answers");
    let all = others.iter().flat_map(|other| app.replicas.differences(other));
    all.map(|difference| (difference.key, difference.here, difference.there)).collect()
}

#[tokio::test]
async fn a_process_sees_which_settings_of_the_running_servers_differ_from_its_own() {
    let server = TestApp::start().await;
    server.app.replicas.record().await.expect("the database answers");
    let same = server.replica().await;
    assert_eq!(same.app.replicas.others().await.expect("the database answers").len(), 1);
    assert_eq!(differences(&same.app).await, []);
    same.stop().await;

    let other = server
        .replica_with(|config| {
            config.tokens.access_ttl = Duration::from_mins(10);
            config.tokens.issuer = Some("https://elsewhere.example.com".to_owned());
            config.roles.remove("user");
            config.accounts.default_roles.clear();
            config.limits.enabled = true;
            config.tokens.custom_claims.insert("tenant".to_owned(), "confidential".into());
            config.http.max_body_bytes += 1;
        })
        .await;
    let found = differences(&other.app).await;
    let keys: Vec<&str> = found.iter().map(|(key, ..)| key.as_str()).collect();
    let expected = [
        "accounts.default_roles",
        "limits.enabled",
        "roles",
        "tokens.access_ttl",
        "tokens.custom_claims",
        "tokens.issuer",
    ];
    assert_eq!(keys, expected);
    assert_eq!((found[3].1.as_str(), found[3].2.as_str()), ("10m", "1h"));
    assert!(!format!("{found:?}").contains("confidential"), "{found:?}");
}

#[tokio::test]
async fn a_server_that_has_stopped_is_not_compared_and_is_forgotten() {
    let server = TestApp::start().await;
    server.app.replicas.record().await.expect("the database answers");
    let tool = Box::pin(App::open((*server.app.config).clone(), server.clock())).await.expect("it opens");
    assert_eq!(tool.replicas.others().await.expect("the database answers").len(), 1);
    // As after a crash.
    server.wait(Duration::from_mins(3));
    assert!(tool.replicas.others().await.expect("the database answers").is_empty());

    let later = server.replica_ahead(Duration::from_mins(3)).await;
    later.app.replicas.record().await.expect("the database answers");
    later.stop().await;
    let config = (*server.app.config).clone();
    let early = Box::pin(App::open(config, Clock::steady())).await.expect("it opens");
    assert!(early.replicas.others().await.expect("the database answers").is_empty(), "both are gone");
}
