//! The pages behind the links in messages: an HTML page for each flow, which shares one script and one style sheet with
//! the others.
//!
//! Invariants: a page works with a strict Content-Security-Policy and loads nothing from another origin. The token of a
//! link is in the fragment, which browsers neither send to a server nor put into a Referer header. Nothing but the
//! mutation behind a button consumes a token, because scanners of mail open links and run scripts.

mod page;

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::Request,
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::{IntoResponse, Response},
};

pub(crate) use self::page::Page;
use super::etag::cacheable_response;
use crate::config::{Config, Cookies, LinksConfig};

/// The headers of a page. It loads only its own files and sends only to its own server; no form can be submitted without
/// the script, and no page may frame it (clickjacking). No cache stores the page.
const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_TYPE, "text/html; charset=utf-8"),
];

/// The documents that the pages send, by name, as JSON.
const DOCUMENTS: &str = include_str!("documents.json");

/// The names of the files that the pages share, in the folder of the pages.
pub(crate) const PAGE_FILES: [&str; 4] = ["pages.css", "pages.js", "texts.js", "documents.js"];

impl Page {
    /// The response with this page.
    pub(crate) fn response(self, config: &Config) -> Response {
        let delivery = if config.http.cookies == Cookies::Off { "BODY" } else { "COOKIE" };
        // A URL contains neither quotation marks nor angle brackets, and is checked at the start.
        let application =
            config.accounts.links.application.as_deref().unwrap_or_default().replace('&', "&amp;");
        let html = include_str!("page.html")
            .replace("{{page}}", self.name())
            .replace("{{delivery}}", delivery)
            .replace("{{application}}", &application);
        (PAGE_HEADERS, html).into_response()
    }
}

/// The documents that the pages send, if the server has a page. A server that executes only trusted documents trusts
/// them.
pub(crate) fn page_documents(links: &LinksConfig) -> impl Iterator<Item = String> {
    let has_page = Page::ALL.into_iter().any(|page| page.is_served(links));
    let documents: BTreeMap<String, String> =
        serde_json::from_str(DOCUMENTS).expect("the file is an object of texts");
    documents.into_values().filter(move |_| has_page)
}

/// A file that the pages share, by its path.
pub(crate) async fn page_file(request: Request) -> Response {
    let script = "text/javascript; charset=utf-8";
    match request.uri().path().rsplit('/').next() {
        Some("pages.css") => file(request.headers(), "text/css; charset=utf-8", include_str!("pages.css")),
        Some("pages.js") => file(request.headers(), script, include_str!("pages.js")),
        Some("texts.js") => file(request.headers(), script, include_str!("texts.js")),
        _ => file(request.headers(), script, format!("export default {DOCUMENTS};\n")),
    }
}

fn file(headers: &HeaderMap, content_type: &'static str, content: impl Into<Bytes>) -> Response {
    cacheable_response(headers, "no-cache", HeaderValue::from_static(content_type), content.into())
}
