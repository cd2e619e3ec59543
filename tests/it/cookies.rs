//! The refresh token in a cookie, as browsers keep it.

use portcullis::config::Cookies;
use serde_json::json;

use crate::support::{AUTH, Answer, Client, OTHER_PASSWORD, PASSWORD, TestApp};

const INVALID: &str = "INVALID_REFRESH_TOKEN";
const REFRESH: &str = "mutation { it: refresh { accessToken refreshToken session { id } errors { code } } }";
const LOGOUT: &str = "mutation { it: logout { errors { code } } }";

/// Registers an account as a browser does, with delivery by cookie.
async fn sign_in(app: &TestApp) -> Answer {
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    let answer = app.anonymous().mutate("register", input, AUTH).await;
    answer.assert_done();
    answer
}

/// A browser that has nothing but the cookie of an answer.
fn browser(app: &TestApp, answer: &Answer) -> Client {
    let (name, token, _) = answer.cookie().expect("a cookie");
    app.anonymous().header("cookie", &format!("theme=dark; {name}={token}"))
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let (name, token, attributes) = signed_in.cookie().expect("a cookie");
    assert_eq!(name, "__Host-portcullis_refresh");
    assert!(token.starts_with("prt_"));
    assert_eq!(attributes[..4], ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"]);
    let seconds = attributes[4].strip_prefix("Max-Age=").and_then(|seconds| seconds.parse().ok());
    assert!(seconds.is_some_and(|seconds: u32| (604_740..=604_800).contains(&seconds)), "{attributes:?}");
    assert!(signed_in.at("/it/refreshToken").is_null());
    assert!(signed_in.at("/it/accessToken").is_string());
}

#[tokio::test]
async fn a_login_gives_the_cookie_only_where_it_is_asked_for() {
    let app = TestApp::start().await;
    sign_in(&app).await;
    let input = json!({ "username": "ada", "password": PASSWORD, "delivery": "COOKIE" });
    let login = app.anonymous().mutate("login", input, AUTH).await;
    assert!(login.assert_done().cookie().is_some() && login.at("/it/refreshToken").is_null());
    let login = app.anonymous().log_in("ada", PASSWORD).await;
    assert!(login.cookie().is_none() && login.at("/it/refreshToken").is_string());
}

#[tokio::test]
async fn a_browser_refreshes_by_its_cookie_alone() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let refreshed = browser(&app, &signed_in).ask(REFRESH).await;
    refreshed.assert_done();
    assert!(refreshed.at("/it/refreshToken").is_null());
    assert_eq!(refreshed.at("/it/session/id"), signed_in.at("/it/session/id"));
    assert_ne!(refreshed.cookie().expect("a cookie").1, signed_in.cookie().expect("a cookie").1);
    let token = refreshed.at("/it/accessToken").as_str().expect("a token");
    app.anonymous().bearing(token).me().await.assert_done();
    browser(&app, &refreshed).ask(REFRESH).await.assert_done();
}

#[tokio::test]
async fn a_browser_signs_out_by_its_cookie_alone_and_loses_it() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let signed_out = browser(&app, &signed_in).ask(LOGOUT).await;
    signed_out.assert_done();
    let (name, value, attributes) = signed_out.cookie().expect("a cookie");
    assert_eq!((name, value), ("__Host-portcullis_refresh", ""));
    assert_eq!(attributes, ["HttpOnly", "SameSite=Strict", "Secure", "Path=/", "Max-Age=0"]);
    browser(&app, &signed_in).ask(REFRESH).await.assert_refused(INVALID);
    let token = signed_in.at("/it/accessToken").as_str().expect("a token");
    app.anonymous().bearing(token).me().await.assert_unauthenticated("TOKEN_REVOKED");
}

#[tokio::test]
async fn a_browser_whose_account_is_deleted_loses_its_cookie() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let token = signed_in.at("/it/accessToken").as_str().expect("a token");
    let browser = browser(&app, &signed_in).bearing(token);
    let delete = async |password: &str| {
        browser.mutate("deleteAccount", json!({ "password": password }), "deletedId errors { code }").await
    };
    assert_eq!(delete("wrong").await.cookie(), None);
    let deleted = delete(PASSWORD).await;
    assert_eq!(deleted.assert_done().cookie().expect("a cookie").1, "");
}

#[tokio::test]
async fn a_browser_whose_cookie_is_garbage_is_told_so() {
    let app = TestApp::start().await;
    let stranger = app.anonymous().header("cookie", "__Host-portcullis_refresh=prt_garbage");
    stranger.ask(REFRESH).await.assert_refused(INVALID);
    let other = app.anonymous().header("cookie", "portcullis_refresh=prt_garbage; ; =; x");
    other.ask(REFRESH).await.assert_refused(INVALID);
}

#[tokio::test]
async fn a_name_that_only_looks_like_that_of_the_protected_cookie_is_another_name() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let (name, token, _) = signed_in.cookie().expect("a cookie");
    // A page on a sibling domain may set all of these. A browser regards the space as a part of the name.
    for imitation in ["\u{a0}", "\u{2003}", "\u{3000}", "%20", "\"", "$"].map(|mark| format!("{mark}{name}"))
    {
        let ada = app.anonymous().header("cookie", &format!("theme=dark; {imitation}={token}"));
        ada.ask(REFRESH).await.assert_refused(INVALID);
    }
    let upper = name.to_uppercase();
    app.anonymous().header("cookie", &format!("{upper}={token}")).ask(REFRESH).await.assert_refused(INVALID);
    browser(&app, &signed_in).ask(REFRESH).await.assert_done();
}

#[tokio::test]
async fn a_new_password_comes_with_a_new_cookie() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let ada = browser(&app, &signed_in).bearing(signed_in.at("/it/accessToken").as_str().expect("a token"));
    let input = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    let changed = ada.mutate("changePassword", input, AUTH).await;
    assert!(changed.assert_done().at("/it/refreshToken").is_null());
    assert_eq!(changed.at("/it/session/id"), signed_in.at("/it/session/id"));
    browser(&app, &changed).ask(REFRESH).await.assert_done();
    browser(&app, &signed_in).ask(REFRESH).await.assert_refused(INVALID);
}

#[tokio::test]
async fn a_plain_cookie_for_development_says_nothing_of_tls() {
    let app = TestApp::with(|config| {
        config.http.cookies = Cookies::Plain;
        config.http.public_url = None;
    })
    .await;
    let signed_in = sign_in(&app).await;
    let (name, _, attributes) = signed_in.cookie().expect("a cookie");
    assert_eq!(
        (name, &attributes[..3]),
        ("portcullis_refresh", &["HttpOnly", "SameSite=Strict", "Path=/"][..])
    );
    let refreshed = browser(&app, &signed_in).ask(REFRESH).await;
    let signed_out = browser(&app, refreshed.assert_done()).ask(LOGOUT).await;
    let (name, value, attributes) = signed_out.assert_done().cookie().expect("a cookie");
    assert_eq!((name, value), ("portcullis_refresh", ""));
    assert_eq!(attributes, ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=0"]);
}

#[tokio::test]
async fn where_cookies_are_off_nobody_gets_one_or_is_known_by_one() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let without = app.replica_with(|config| config.http.cookies = Cookies::Off).await;
    let (name, token, _) = signed_in.cookie().expect("a cookie");
    let ada = without.anonymous().header("cookie", &format!("{name}={token}; portcullis_refresh={token}"));
    ada.ask(REFRESH).await.assert_refused(INVALID);
    assert!(ada.ask(LOGOUT).await.assert_done().cookie().is_none());
    browser(&app, &signed_in).ask(REFRESH).await.assert_done();

    for (mutation, username) in [("login", "ada"), ("register", "bob")] {
        let input = json!({ "username": username, "password": "x", "delivery": "COOKIE" });
        let refused = without.anonymous().mutate(mutation, input, AUTH).await;
        assert!(refused.assert_failed("BAD_USER_INPUT").cookie().is_none());
        assert!(
            refused.body["errors"][0]["message"].to_string().contains("http.cookies"),
            "{}",
            refused.body
        );
    }
    let mut bob = without.anonymous();
    bob.register("bob", PASSWORD).await.assert_done();
    let root = without.admin().await;
    let failures = root.ask("{ auditEvents(filter: { actions: [LOGIN_FAILED] }) { nodes { id } } }").await;
    assert_eq!(failures.assert_done().at("/auditEvents/nodes"), &json!([]), "no password was checked");
}

#[tokio::test]
async fn a_form_of_another_site_cannot_use_the_cookie() {
    let app = TestApp::start().await;
    let signed_in = sign_in(&app).await;
    let body = json!({ "query": LOGOUT }).to_string();
    let forged = browser(&app, &signed_in).post().header("content-type", "text/plain").body(body);
    let refused = Answer::read(forged.send().await.expect("an answer")).await;
    assert_eq!(refused.status, 415);
    browser(&app, &signed_in).ask(REFRESH).await.assert_done();
}
