//! The pages behind the links in messages, as they are served. `playground/test/account.test.mjs` uses them in Chromium.

use std::collections::BTreeMap;

use portcullis::config::{Config, Cookies, DocumentPolicy};

use crate::support::{Answer, TestApp};

/// The documents that the pages send, by name.
const DOCUMENTS: &str = include_str!("../../src/http/pages/documents.json");

const PAGES: [&str; 6] =
    ["verify-email", "reset-password", "forgot-password", "sign-in", "invitation", "undo-email-change"];
const FILES: [(&str, &str); 4] = [
    ("pages.css", "text/css; charset=utf-8"),
    ("pages.js", "text/javascript; charset=utf-8"),
    ("texts.js", "text/javascript; charset=utf-8"),
    ("documents.js", "text/javascript; charset=utf-8"),
];

async fn get(app: &TestApp, path: &str) -> Answer {
    app.request("GET", path, &[]).await
}

fn text(answer: &Answer) -> &str {
    answer.body.as_str().expect("a text")
}

#[tokio::test]
async fn a_page_runs_nothing_but_its_own_files_and_leaves_no_trace() {
    let app = TestApp::start().await;
    for page in PAGES {
        let answer = get(&app, &format!("/account/{page}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{page}"
        );
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{page}");
        assert_eq!(answer.header("cache-control"), "no-store", "{page}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{page}");
        let html = text(&answer);
        assert!(html.contains(&format!("data-page=\"{page}\"")), "{html}");
        assert!(html.contains("data-delivery=\"COOKIE\" data-application=\"\""), "{html}");
        assert!(!html.contains("{{") && !html.contains("style=") && !html.contains("<style"), "{html}");
        assert!(
            html.matches("<script").count() == 1 && html.contains("src=\"./pages.js\"></script>"),
            "{html}"
        );
        for elsewhere in ["=\"http", "=\"//", "=\"/"] {
            assert!(!html.contains(elsewhere), "{html}");
        }
    }
}

#[tokio::test]
async fn the_files_of_the_pages_are_cached_until_they_change() {
    let app = TestApp::start().await;
    for (file, content_type) in FILES {
        let path = format!("/account/{file}");
        let answer = get(&app, &path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{file}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{file}");
        let again = app.request("GET", &path, &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!(again.status, 304, "{file}");
    }
    for path in ["/account", "/account/", "/account/nope", "/account/page.html", "/account/documents.json"] {
        get(&app, path).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn the_pages_know_the_application_and_whether_there_are_cookies() {
    let app = TestApp::with(|config| {
        config.http.cookies = Cookies::Off;
        config.accounts.links.application = Some("https://app.example.com/?a=b&copy=c".to_owned());
    })
    .await;
    let html = get(&app, "/account/sign-in").await;
    let attributes = "data-delivery=\"BODY\" data-application=\"https://app.example.com/?a=b&amp;copy=c\"";
    assert!(text(&html).contains(attributes), "{html:?}");
}

#[tokio::test]
async fn a_page_is_absent_if_the_application_has_one_of_its_own() {
    let app = TestApp::with(|config| {
        let page = |name: &str| Some(format!("https://app.example.com/{name}#{{token}}"));
        config.accounts.links.reset_password = page("reset");
        config.accounts.links.sign_in = page("sign-in");
    })
    .await;
    for page in ["reset-password", "forgot-password", "sign-in"] {
        get(&app, &format!("/account/{page}")).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
    for page in ["verify-email", "invitation", "undo-email-change"] {
        assert_eq!(get(&app, &format!("/account/{page}")).await.status, 200, "{page}");
    }
}

#[tokio::test]
async fn below_a_path_the_pages_are_below_the_same_path() {
    let app = TestApp::with(|config| {
        config.http.public_url = Some("https://example.com/auth/id".to_owned());
    })
    .await;
    let files = FILES.map(|(file, _)| file);
    for name in PAGES.into_iter().chain(files) {
        assert_eq!(get(&app, &format!("/auth/id/account/{name}")).await.status, 200, "{name}");
        get(&app, &format!("/account/{name}")).await.assert_not_executed(404, "BAD_USER_INPUT");
    }
}

/// The documents of the pages that a server does not execute, because it trusts only those of its manifest.
async fn untrusted(set: impl FnOnce(&mut Config)) -> Vec<String> {
    let app = TestApp::with(|config| {
        let manifest = config.data_dir.join("manifest.json");
        std::fs::create_dir_all(&config.data_dir).expect("a folder");
        std::fs::write(&manifest, r#"{ "Me": "query Me { me { username } }" }"#).expect("a file");
        config.graphql.trusted_documents = Some(manifest);
        config.graphql.documents = DocumentPolicy::Trusted;
        set(config);
    })
    .await;
    let documents: BTreeMap<String, String> = serde_json::from_str(DOCUMENTS).expect("JSON");
    let mut untrusted = Vec::new();
    for (name, document) in documents {
        let answer = app.anonymous().ask(&document).await;
        if answer.body["errors"][0]["extensions"]["code"] == "UNTRUSTED_DOCUMENT" {
            untrusted.push(name);
        }
    }
    untrusted
}

#[tokio::test]
async fn a_server_of_trusted_documents_trusts_those_of_its_own_pages_if_it_has_any() {
    assert_eq!(untrusted(|_| ()).await, Vec::<String>::new());
    let own = untrusted(|config| {
        let page = Some("https://app.example.com/#{token}".to_owned());
        let links = &mut config.accounts.links;
        links.verify_email.clone_from(&page);
        links.reset_password.clone_from(&page);
        links.sign_in.clone_from(&page);
        links.invitation.clone_from(&page);
        links.undo_email_change = page;
    })
    .await;
    assert_eq!(own.len(), 8, "{own:?}");
}
