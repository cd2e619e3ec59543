//! The `Host` of a request: exactly one, and one of the server's.

use portcullis::config::HttpConfig;

use crate::support::{Answer, TestApp};

/// How a request over HTTP/1 with these header lines is answered.
async fn get(app: &TestApp, target: &str, hosts: &[&str]) -> Answer {
    let hosts: Vec<_> = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let hosts = hosts.concat();
    app.raw(format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes()).await
}

async fn app(configure: impl FnOnce(&mut HttpConfig)) -> TestApp {
    TestApp::with(|config| configure(&mut config.http)).await
}

const QUERY: &str = "/graphql?query=%7B__typename%7D";

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let app = TestApp::start().await;
    for hosts in [
        &[][..],
        &["a.example", "a.example"],
        &["a.example", "b.example"],
        &[""],
        &["a@b"],
        &["a/b"],
        &["a:x"],
    ] {
        for path in [QUERY, "/healthz", "/nope", "/"] {
            get(&app, path, hosts).await.assert_not_executed(400, "BAD_USER_INPUT");
        }
    }
    let target = format!("http://a.example{QUERY}");
    get(&app, &target, &["b.example"]).await.assert_not_executed(400, "BAD_USER_INPUT");
    assert_eq!(get(&app, &target, &["A.example:80"]).await.status, 200);
    assert_eq!(get(&app, QUERY, &["a.example:4000"]).await.status, 200);
    let old = format!("GET {QUERY} HTTP/1.0\r\n\r\n");
    assert_eq!(app.raw(old.as_bytes()).await.status, 200, "HTTP/1.0 has no Host header");
}

#[tokio::test]
async fn a_server_on_a_loopback_address_is_nobody_elses_to_name() {
    let app = app(|http| http.public_url = None).await;
    for host in ["localhost", "LOCALHOST:4000", "id.localhost", "127.0.0.1:80", "127.1.2.3", "[::1]:4000"] {
        assert_eq!(get(&app, QUERY, &[host]).await.status, 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.0.2.1", "[2001:db8::1]"] {
        for path in [QUERY, "/", "/.well-known/jwks.json", "/nope"] {
            let refused = get(&app, path, &[host]).await;
            refused.assert_not_executed(421, "BAD_USER_INPUT");
            let message = refused.body["errors"][0]["message"].to_string();
            assert!(message.contains("http.public_url") && message.contains("http.hosts"), "{message}");
        }
        assert_eq!(get(&app, "/healthz", &[host]).await.status, 200, "{host}");
    }
    let client = app.anonymous().over_http2();
    client.clone().ask("{ __typename }").await.assert_done();
    let rebound = client.header("host", "evil.example").ask("{ __typename }").await;
    assert!([400, 421].contains(&rebound.status), "{rebound:?}");
}

#[tokio::test]
async fn the_hosts_of_a_server_can_be_listed_and_probes_may_use_any() {
    let app = app(|http| http.hosts = vec!["Id.internal".to_owned(), "10.0.0.7".to_owned()]).await;
    for host in ["id.internal", "id.internal:4000", "10.0.0.7:4000", "id.example.com"] {
        assert_eq!(get(&app, QUERY, &[host]).await.status, 200, "{host}");
    }
    for host in ["localhost", "10.0.0.8", "internal"] {
        get(&app, QUERY, &[host]).await.assert_not_executed(421, "BAD_USER_INPUT");
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(get(&app, probe, &[host]).await.status, 200, "{host}");
        }
    }
}

#[tokio::test]
async fn without_a_list_a_server_with_a_public_url_takes_any_host() {
    let app = TestApp::start().await;
    for host in ["portcullis", "10.0.0.7:4000", "id.example.com"] {
        assert_eq!(get(&app, QUERY, &[host]).await.status, 200, "{host}");
    }
}
