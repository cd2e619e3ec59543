//! A service that verifies the tokens of an issuer, and what it fetches from there: keys and status lists. The issuer of
//! these tests is theirs, so that it can be unreachable, malicious, or of another kind than ours.

mod keys;
mod status_lists;
mod tokens;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::get,
};
use portcullis::{
    Authenticator, Caller,
    clock::Clock,
    http::AuthenticatorBuilder,
    tokens::{StatusList, TokenError},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::support::{Forge, base64url};

/// The lifetime of a status list.
const TTL: Duration = Duration::from_mins(1);

/// An issuer of tokens.
#[derive(Clone)]
struct Issuer {
    address: SocketAddr,
    clock: Clock,
    published: Arc<Mutex<Published>>,
    key_fetches: Arc<AtomicUsize>,
    list_fetches: Arc<AtomicUsize>,
}

/// The documents that the issuer publishes.
struct Published {
    key: Arc<Forge>,
    kid: String,
    /// The response to every request instead of the documents.
    instead: Option<Instead>,
    /// The responses to requests for status lists.
    list: Option<String>,
    /// Members that replace those of the metadata.
    metadata: Value,
}

#[derive(Clone)]
enum Instead {
    Status(StatusCode),
    Redirect(String),
    Body(Vec<u8>),
    Silence,
}

impl Issuer {
    async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let issuer = Self {
            address: listener.local_addr().expect("an address"),
            clock: Clock::system(),
            published: Arc::new(Mutex::new(Published {
                key: Arc::new(Forge::new()),
                kid: "first".to_owned(),
                instead: None,
                list: None,
                metadata: json!({}),
            })),
            key_fetches: Arc::default(),
            list_fetches: Arc::default(),
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/.well-known/oauth-authorization-server/tenant", get(metadata_of_tenant))
            .route("/keys", get(keys))
            .route("/lists/{name}", get(list))
            .with_state(issuer.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn builder(&self) -> AuthenticatorBuilder {
        let builder = Authenticator::builder().issuer(self.url()).audience("notes").clock(self.clock.clone());
        builder.refresh_at_most_every(Duration::from_millis(100))
    }

    async fn authenticator(&self) -> Authenticator {
        self.builder().build().await.expect("the issuer is reachable")
    }

    fn publish(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.lock().expect("no panic"));
    }

    fn instead(&self, instead: Option<Instead>) {
        self.publish(|published| published.instead = instead);
    }

    /// Replaces the key.
    fn rotate(&self, kid: &str) {
        self.publish(|published| {
            published.key = Arc::new(Forge::new());
            kid.clone_into(&mut published.kid);
        });
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let published = self.published.lock().expect("no panic");
        let mut members = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": published.kid });
        members.as_object_mut().expect("an object").extend(header.as_object().expect("an object").clone());
        members.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        published.key.sign(&members, claims)
    }

    /// The claims of a token, as providers write them, with these changes.
    fn claims(&self, changes: &Value) -> Value {
        let (url, now) = (self.url(), self.now());
        let mut claims =
            json!({ "iss": url, "aud": ["mail", "notes"], "sub": "auth0|7", "iat": now, "exp": now + 3600 });
        claims.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        claims
    }

    fn token(&self, changes: &Value) -> String {
        self.sign(&json!({}), &self.claims(changes))
    }

    fn list_url(&self) -> String {
        format!("{}/lists/1", self.url())
    }

    /// A token whose status is at this index of the list.
    fn token_with_status(&self, index: u64) -> String {
        self.token(&json!({ "status": { "status_list": { "idx": index, "uri": self.list_url() } } }))
    }

    /// A status list in which these tokens are invalid, with changes of its header and claims.
    fn list(&self, invalid: &[usize], header: &Value, changes: &Value) -> String {
        let mut list = StatusList::new(16);
        for index in invalid {
            list.set_invalid(*index);
        }
        let encoded = serde_json::to_value(list.encode()).expect("JSON");
        let mut claims = json!({
            "sub": self.list_url(), "iat": self.now(), "ttl": TTL.as_secs(), "status_list": encoded,
        });
        claims.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        let mut typ = json!({ "typ": "statuslist+jwt" });
        typ.as_object_mut().expect("an object").extend(header.as_object().expect("an object").clone());
        self.sign(&typ, &claims)
    }

    fn publish_list(&self, list: String) {
        self.publish(|published| published.list = Some(list));
    }

    fn key_fetches(&self) -> usize {
        self.key_fetches.load(Ordering::SeqCst)
    }

    fn list_fetches(&self) -> usize {
        self.list_fetches.load(Ordering::SeqCst)
    }

    async fn respond(&self, document: impl FnOnce(&Published) -> Response) -> Response {
        let instead = self.published.lock().expect("no panic").instead.clone();
        match instead {
            None => document(&self.published.lock().expect("no panic")),
            Some(Instead::Status(status)) => status.into_response(),
            Some(Instead::Redirect(to)) => {
                let location = HeaderValue::try_from(to).expect("a URL");
                (StatusCode::FOUND, HeaderMap::from_iter([(LOCATION, location)])).into_response()
            }
            Some(Instead::Body(body)) => body.into_response(),
            Some(Instead::Silence) => std::future::pending().await,
        }
    }
}

async fn metadata(State(issuer): State<Issuer>) -> Response {
    let url = issuer.url();
    let document = |published: &Published| {
        let mut metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let changes = published.metadata.as_object().expect("an object").clone();
        metadata.as_object_mut().expect("an object").extend(changes);
        Json(metadata).into_response()
    };
    issuer.respond(document).await
}

async fn metadata_of_tenant(State(issuer): State<Issuer>) -> Json<Value> {
    let url = issuer.url();
    Json(json!({ "issuer": format!("{url}/tenant"), "jwks_uri": format!("{url}/keys") }))
}

async fn keys(State(issuer): State<Issuer>) -> Response {
    issuer.key_fetches.fetch_add(1, Ordering::SeqCst);
    issuer.respond(|published| Json(json!({ "keys": jwks(published) })).into_response()).await
}

/// The key, without `alg` as some providers write it, and keys of other kinds that a service must ignore.
fn jwks(published: &Published) -> Value {
    json!([
        { "kty": "AKP", "kid": "future", "alg": "ML-DSA-44", "pub": "AA" },
        { "kty": "RSA", "kid": "encryption", "use": "enc", "alg": "RSA-OAEP", "n": "AQAB", "e": "AQAB" },
        { "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": published.kid, "x": base64url(published.key.public_key()) },
    ])
}

async fn list(State(issuer): State<Issuer>, Path(_): Path<String>) -> Response {
    issuer.list_fetches.fetch_add(1, Ordering::SeqCst);
    let document = |published: &Published| match &published.list {
        Some(list) => list.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    };
    issuer.respond(document).await
}

/// The claims of the caller with this token, or the reason why there are none.
async fn authenticate(authenticator: &Authenticator, token: &str) -> Result<Value, TokenError> {
    match authenticator.authenticate_header(&format!("Bearer {token}")).await? {
        Caller::Authenticated(claims) => Ok(serde_json::to_value(&*claims).expect("JSON")),
        Caller::Anonymous(error) => Err(error),
    }
}

async fn refusal(authenticator: &Authenticator, token: &str) -> Option<TokenError> {
    authenticate(authenticator, token).await.err()
}
