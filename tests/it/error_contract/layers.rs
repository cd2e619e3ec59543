use std::{num::NonZeroUsize, time::Duration};

use async_graphql::{EmptySubscription, MergedObject, Object, Result, Schema};
use portcullis::{
    config::{Config, DocumentPolicy, Introspection},
    graphql::guarded,
    router::router,
    schema::{IdentityMutation, IdentityQuery},
    tokens::TokenError,
};
use serde_json::json;
use strum::VariantArray;

use crate::support::{
    AUTH, Answer, Client, PASSWORD, Socket, TestApp, Wire, eventually, persisted, sha256_hex, spawn_all,
};

/// A refresh token in a cookie, as far as anybody looks who refuses it.
const COOKIE: &str = "__Host-portcullis_refresh=prt_";

/// An answer that tells of an error, and what has happened in the words of the reference page.
pub(super) struct Provoked {
    pub(super) what: &'static str,
    pub(super) answer: Answer,
}

/// All that can go wrong, answered in this media type.
pub(super) async fn provoke_everything(media: &'static str) -> Vec<Provoked> {
    let mut all = Box::pin(before_the_document(media)).await;
    all.extend(while_others_send(media).await);
    all.extend(at_the_streams(media).await);
    all.extend(in_the_document(media).await);
    all.extend(where_documents_have_names(media).await);
    all.extend(where_the_schema_is_hidden(media).await);
    all.extend(at_the_fields(media).await);
    all.extend(Box::pin(in_resolvers(media)).await);
    all.extend(with_a_personal_access_token(media).await);
    all.extend(while_something_is_away(media).await);
    all
}

/// Answers that all tell of the same.
fn each(what: &'static str, answers: impl IntoIterator<Item = Answer>) -> Vec<Provoked> {
    answers.into_iter().map(|answer| Provoked { what, answer }).collect()
}

async fn asking(client: &Client, documents: impl IntoIterator<Item = String>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for document in documents {
        answers.push(client.ask(&document).await);
    }
    answers
}

/// Errors before the document is known.
async fn before_the_document(media: &'static str) -> Vec<Provoked> {
    let app = TestApp::with(|config| config.graphql.max_batch = 2).await;
    // Only what waits for the timeout is sent to a server with a short one.
    let impatient = TestApp::with(|config| config.http.request_timeout = Duration::from_secs(1)).await;
    let client = app.anonymous().header("accept", media);
    let get = async |path: &str| app.request("GET", path, &[("accept", media)]).await;
    let mut all = each("The path does not exist.", [get("/nope").await]);
    let put = app.request("PUT", "/graphql", &[("accept", media)]).await;
    all.extend(each("The path does not support the method.", [put]));
    let head =
        |hosts: &str| format!("GET /graphql HTTP/1.1\r\n{hosts}accept: {media}\r\nconnection: close\r\n\r\n");
    let hosts =
        [app.raw(head("").as_bytes()).await, app.raw(head("host: a\r\nhost: a\r\n").as_bytes()).await];
    all.extend(each("The request has no Host, or several.", hosts));
    let rebound = TestApp::with(|config| config.http.public_url = None).await;
    let rebound = rebound.raw(head("host: evil.example\r\n").as_bytes()).await;
    all.extend(each("The Host of the request is not one of the server's.", [rebound]));
    let mutation = get("/graphql?query=mutation%7Blogout%7Berrors%7Bcode%7D%7D%7D").await;
    all.extend(each("A mutation was sent by GET.", [mutation]));
    let html = app.request("GET", "/graphql?query=%7B__typename%7D", &[("accept", "text/html")]).await;
    all.extend(each("Accept contains no supported media type.", [html]));

    let form = [("content-type", "application/x-www-form-urlencoded"), ("accept", media)];
    let form = app.request("POST", "/graphql", &form).await;
    all.extend(each("A form on another site could have sent the request (CSRF).", [form]));
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\naccept: {media}\r\ncontent-type: application/json\r\n\
         content-length: 20\r\nconnection: close\r\n\r\n"
    );
    all.extend(each("The body did not arrive in time.", [impatient.raw(head.as_bytes()).await]));
    let foreign = client.clone().header("origin", "https://evil.example").header("cookie", COOKIE);
    let foreign = foreign.ask("{ __typename }").await;
    all.extend(each("A page of an origin that is not allowed used the cookie.", [foreign]));
    let large = client.send_raw(" ".repeat(1024 * 1024)).await;
    all.extend(each("The body is larger than http.max_body_bytes.", [large]));
    let mut broken = vec![get("/graphql?query=").await, get("/graphql?query=%7Ba%7D&variables=1").await];
    for body in ["", "{", "[]", "{}", r#"{"query":1}"#, r#"{"query":"{a}","query":"{a}"}"#, "\u{0}"] {
        broken.push(client.send_raw(body).await);
    }
    all.extend(each("The body or the query string is not a GraphQL request.", broken));
    let query = json!({ "query": "{ __typename }" });
    let wide = json!({ "query": format!("{{ {} }}", "a ".repeat(21)) });
    let batches =
        [client.send(&json!([query, query, query])).await, client.send(&json!([query, wide])).await];
    all.extend(each("A batch exceeds a limit.", batches));
    all
}

/// Errors while another client sends a body slowly.
async fn while_others_send(media: &'static str) -> Vec<Provoked> {
    let little = |config: &mut Config| {
        (config.http.max_body_bytes, config.http.max_buffered_bytes) = (1024, 2048);
    };
    let app = TestApp::with(little).await;
    let begin = async |address: &str| {
        let mut wire = Wire::connect(app.address()).await;
        wire.send(format!(
            "POST /graphql HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {address}\r\ncontent-length: 1024\r\n\
             content-type: application/json\r\n\r\n{}",
            " ".repeat(1023)
        ))
        .await;
        wire
    };
    let refused = async |client: Client, status| {
        eventually(async || client.ask_in_pieces("{ __typename }").await.status == status).await;
        client.ask_in_pieces("{ __typename }").await
    };
    let client = app.anonymous().header("accept", media);
    let _first = begin("192.0.2.1").await;
    let of_address = refused(client.clone().behind("192.0.2.1"), 429).await;
    let _second = begin("198.51.100.2").await;
    let of_all = refused(client.behind("203.0.113.3"), 503).await;
    let mut all = each("The address exceeds its quota of http.max_buffered_bytes.", [of_address]);
    all.extend(each("All request bodies together exceed http.max_buffered_bytes.", [of_all]));
    all
}

/// Errors of subscriptions.
async fn at_the_streams(media: &'static str) -> Vec<Provoked> {
    let app = TestApp::with(|config| {
        config.http.streams.max_open = 3;
        config.http.streams.max_open_per_address = 2;
        config.http.streams.max_open_per_session = 1;
        config.http.streams.init_timeout = Duration::from_hours(1);
    })
    .await;
    let ada = app.signed_in("ada").await.header("accept", media);
    let query = "subscription { accountEvents { id } }";
    let plain = "A subscription was sent without a WebSocket and without Accept: text/event-stream.";
    let mut all = each(plain, [ada.ask(query).await]);
    let open = async |headers: &[(&'static str, &str)]| Socket::try_open(app.address(), headers).await;
    let refused = async |headers: &[(&'static str, &str)]| open(headers).await.err().expect("it is refused");
    let protocol = refused(&[("sec-websocket-protocol", "graphql-ws")]).await;
    all.extend(each("The WebSocket handshake is invalid, or lacks the subprotocol.", [protocol]));
    let foreign = refused(&[("origin", "https://evil.example")]).await;
    all.extend(each("A page of an origin that is not allowed opened a WebSocket.", [foreign]));

    let _of_session = ada.follow(query).await;
    let again = ada.try_follow(query).await.err().expect("one is enough");
    let _of_address = open(&[]).await;
    let too_many = [again, refused(&[]).await];
    all.extend(each("The address or the session has too many open streams.", too_many));
    let _last = open(&[("x-forwarded-for", "203.0.113.7")]).await;
    let full = refused(&[("x-forwarded-for", "203.0.113.8")]).await;
    all.extend(each("The server has http.streams.max_open open streams.", [full]));
    all
}

/// Errors in a document, its variables, or its operation name.
async fn in_the_document(media: &'static str) -> Vec<Provoked> {
    let app = TestApp::start().await;
    let client = app.anonymous().header("accept", media);
    let mut all = each("The document is not GraphQL.", asking(&client, ["{".into(), "{ a: }".into()]).await);
    let unfit = ["{ nope }", "{ me }", "{ ...Nope }", "query($a: Nope) { __typename }", "mutation { a }"];
    let unfit = asking(&client, unfit.map(Into::into)).await;
    all.extend(each("The document is not valid for the schema.", unfit));
    let named = json!({ "query": "query A { __typename }", "operationName": "B" });
    all.extend(each("The document does not contain the requested operation.", [client.send(&named).await]));

    let document = "query($first: Int!) { users(first: $first) { totalCount } }";
    let wrong = client.ask_with(document, json!({ "first": "1" })).await;
    let variables = [client.ask(document).await, wrong];
    all.extend(each("A variable has the wrong type or is missing.", variables));

    let limits = documents_over_a_limit();
    let answers = asking(&client, limits.iter().map(|(_, document)| document.clone())).await;
    for (answer, (limit, _)) in answers.iter().zip(&limits) {
        let message = answer.body["errors"][0]["message"].to_string();
        assert!(message.contains(limit), "{limit}: {message}");
    }
    all.extend(each("The document exceeds a limit.", answers));
    all
}

/// Errors of persisted and trusted documents.
async fn where_documents_have_names(media: &'static str) -> Vec<Provoked> {
    let named = |hash: &str| json!({ "extensions": persisted(hash) });
    let ask = async |configure: fn(&mut Config), request| {
        TestApp::with(configure).await.anonymous().header("accept", media).send(&request).await
    };
    let hash = sha256_hex("{ __typename }");
    let mut lie = named(&hash);
    lie["query"] = json!("{ server { version } }");
    let no_names = [ask(|_| (), named("00")).await, ask(|_| (), lie).await];
    let mut all = each("The hash of a document is malformed, or is the hash of another document.", no_names);
    let unknown = ask(|_| (), named(&hash)).await;
    all.extend(each("Only the hash of a document was sent, and the server does not know it.", [unknown]));
    let none_kept = ask(|config| config.graphql.documents = DocumentPolicy::InFull, named(&hash)).await;
    all.extend(each("Only the hash was sent, and graphql.documents is in_full.", [none_kept]));
    let strict = |config: &mut Config| {
        let manifest = config.data_dir.join("manifest.json");
        std::fs::create_dir_all(&config.data_dir).expect("a folder");
        std::fs::write(&manifest, r#"{"a":"{ server { version } }"}"#).expect("a file");
        config.graphql.trusted_documents = Some(manifest);
        config.graphql.documents = DocumentPolicy::Trusted;
    };
    let untrusted = ask(strict, json!({ "query": "{ __typename }" })).await;
    all.extend(each("The document is not trusted, and the server executes only trusted ones.", [untrusted]));
    all
}

/// For each limit, what its error calls it and a document that exceeds no other.
fn documents_over_a_limit() -> Vec<(&'static str, String)> {
    let nested = |open: &str, inside: &str, times: usize| open.repeat(times) + inside + &"}".repeat(times);
    let logins = "a: login(input: $input) { expiresIn } b: login(input: $input) { expiresIn }";
    vec![
        ("graphql.max_tokens", format!("{{ {} }}", "a ".repeat(6000))),
        ("the depth of brackets", format!("{{ a(b: {}{}) }}", "[".repeat(70), "]".repeat(70))),
        ("graphql.max_depth", nested("{ a ", "", 22)),
        ("graphql.max_fields", format!("{{ a {{ {} }} }}", "a ".repeat(501))),
        ("graphql.max_directives", format!("{{ a {} }}", "@b ".repeat(51))),
        ("graphql.max_aliases", format!("{{ a {{ {} }} }}", "a: b ".repeat(31))),
        ("graphql.max_root_fields", format!("{{ {} }}", "a ".repeat(21))),
        ("graphql.max_list_items", format!("query($a: [Int] = [{}]) {{ a }}", "1 ".repeat(201))),
        (
            "graphql.max_variable_bytes",
            format!("query($a: String = \"{}\") {{ a({}) }}", "x".repeat(10_000), "b: $a ".repeat(110)),
        ),
        ("graphql.max_complexity", nested("{ a(first: 100) ", "{ b }", 3)),
        ("the depth of lists in introspection", nested("{ fields { type ", "{ name }", 3) + &"}".repeat(3)),
        ("only one field that checks a credential", format!("mutation($input: LoginInput) {{ {logins} }}")),
    ]
}

/// The schema where not everybody may see it.
async fn where_the_schema_is_hidden(media: &'static str) -> Vec<Provoked> {
    let ask = async |introspection| {
        let app = TestApp::with(|config| config.graphql.introspection = introspection).await;
        app.anonymous().header("accept", media).ask("{ __schema { queryType { name } } }").await
    };
    let off = ask(Introspection::Off).await;
    let signed_in = ask(Introspection::SignedIn).await;
    let mut all = each("Introspection is disabled.", [off]);
    all.extend(each("Introspection requires a token, and the request has none.", [signed_in]));
    all
}

/// Errors of guards and resolvers.
async fn at_the_fields(media: &'static str) -> Vec<Provoked> {
    let app = TestApp::with(|config| config.tokens.refresh_grace = Duration::from_mins(2)).await;
    let ada = app.signed_in("ada").await.header("accept", media);
    let scopes = ada.ask("{ users { totalCount } }").await;
    let admin = app.admin().await.header("accept", media);
    let range = asking(&admin, ["{ users(first: 1000) { totalCount } }".into()]).await;
    let mut all = each("A field requires a scope.", [scopes]);
    all.extend(each("An argument is out of range.", range));

    for _ in 0..3 {
        ada.refresh_with(ada.kept()).await.assert_done();
    }
    let repeated = ada.refresh_with(ada.kept()).await;
    all.extend(each("A refresh was repeated within the grace period more than twice.", [repeated]));

    let mut answers = Vec::new();
    for &rejection in TokenError::VARIANTS {
        let caller = match rejection {
            TokenError::Missing => app.anonymous().header("accept", media),
            TokenError::Malformed => app.anonymous().header("accept", media).bearing("x"),
            TokenError::Invalid => app.anonymous().header("accept", media).bearing("a.b.c"),
            TokenError::Expired => {
                app.wait(Duration::from_hours(1));
                ada.clone()
            }
            // The server has its own keys; tests/it/library/issuer has the services that fetch them.
            TokenError::Unverifiable => continue,
            TokenError::Revoked => {
                let mut grace = app.signed_in("grace").await.header("accept", media);
                grace.log_in("grace", PASSWORD).await.assert_done();
                grace.ask("mutation { logout { errors { code } } }").await.assert_done();
                grace
            }
            other => panic!("provoke {other:?}"),
        };
        let answer = caller.me().await;
        assert_eq!(answer.error()["reason"], <&str>::from(rejection), "{}", answer.body);
        answers.push(answer);
    }
    all.extend(each("A field requires a token.", answers));
    all
}

/// Resolvers that do what none of ours does.
#[derive(Default)]
struct Faults;

#[guarded]
#[Object]
impl Faults {
    async fn hangs(&self) -> bool {
        std::future::pending().await
    }

    async fn panics(&self) -> bool {
        "".parse().expect("what a panic says is nobody's business")
    }

    async fn fails(&self) -> Result<i32> {
        Ok("what an error says is nobody's business".parse()?)
    }

    #[requires_roles("editor")]
    async fn edits(&self) -> Option<bool> {
        Some(true)
    }

    #[requires_recent_login("5m", acr = "phr")]
    async fn pays(&self) -> Option<bool> {
        Some(true)
    }

    #[requires_owner(claims.username == "grace")]
    async fn opens_grace_s_letters(&self) -> Option<bool> {
        Some(true)
    }
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, Faults);

/// A client of a server whose resolvers have these faults.
async fn faulty(app: &TestApp) -> Client {
    let schema = Schema::build(Query::default(), IdentityMutation::default(), EmptySubscription);
    let schema = app.app.provide(schema).finish();
    app.also_serve(router(&app.app, schema)).await
}

async fn in_resolvers(media: &'static str) -> Vec<Provoked> {
    let patient = TestApp::start().await;
    let impatient = TestApp::with(|config| {
        config.http.request_timeout = Duration::from_secs(1);
        config.http.max_concurrent_requests = 2;
        config.http.max_concurrent_requests_per_address = 1;
    })
    .await;
    let client = faulty(&patient).await.header("accept", media);
    let mut answers = asking(&client, ["{ fails }", "{ panics }"].map(Into::into)).await;
    let ada = client.clone().bearing(patient.signed_in("ada").await.token.as_ref().expect("a token"));
    answers.extend(asking(&ada, ["{ edits }", "{ pays }", "{ opensGraceSLetters }"].map(Into::into)).await);
    let client = faulty(&impatient).await.header("accept", media);
    // The request that hangs is aborted for the client, but still counts as running.
    let elsewhere = client.clone().behind("203.0.113.7");
    answers.extend(asking(&client, ["{ hangs }".into()]).await);
    answers.extend(asking(&elsewhere, ["{ hangs }", "{ __typename }"].map(Into::into)).await);
    answers.extend(asking(&client, ["{ __typename }".into()]).await);
    for answer in &answers {
        assert!(!answer.body.to_string().contains("business"), "{}", answer.body);
    }
    let happened = [
        "A resolver failed.",
        "A resolver or a handler panicked.",
        "A field requires a role.",
        "A field requires a recent login.",
        "A field requires the owner of an object.",
        "The operation took longer than http.request_timeout.",
        "The operation took longer than http.request_timeout.",
        "The account or the address has too many concurrent requests.",
        "The server executes http.max_concurrent_requests requests.",
    ];
    happened.into_iter().zip(answers).map(|(what, answer)| Provoked { what, answer }).collect()
}

async fn with_a_personal_access_token(media: &'static str) -> Vec<Provoked> {
    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await;
    let expires_at = app.clock().now() + Duration::from_hours(1);
    let input = json!({ "name": "script", "scopes": [], "expiresAt": expires_at });
    let created = ada.mutate("createPersonalAccessToken", input, "token errors { code }").await;
    let token = created.at("/it/token").as_str().expect("a token");
    let client = app.anonymous().bearing(token).header("accept", media);
    let login = json!({ "username": "ada", "password": PASSWORD });
    let executed =
        each("A field accepts no personal access token.", [client.ask("{ session { id } }").await]);
    let what = "An operation checks or sets a credential, and has a personal access token.";
    executed.into_iter().chain(each(what, [client.mutate("login", login, AUTH).await])).collect()
}

async fn while_something_is_away(media: &'static str) -> Vec<Provoked> {
    let what = "The database is unavailable, or too many passwords are waiting to be hashed.";
    let slow = |config: &mut Config| {
        config.passwords.workers = Some(NonZeroUsize::MIN);
        config.passwords.queue = 1;
        config.passwords.memory_kib = 65_536;
    };
    let app = TestApp::with(slow).await;
    let registrations = (0..8).map(|number| {
        let client = app.anonymous().header("accept", media);
        let input = json!({ "username": format!("user{number}"), "password": PASSWORD });
        async move { client.mutate("register", input, AUTH).await }
    });
    let answers = spawn_all(registrations).await;
    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.body.get("errors").is_some()).collect();
    assert!(!refused.is_empty(), "one waits for one, and eight have come");
    let mut all = each(what, refused);

    let app = TestApp::start().await;
    let ada = app.signed_in("ada").await.header("accept", media);
    app.app.database.close().await;
    let session = ada.ask("{ session { id } }").await;
    let refresh = ada.refresh_with(ada.kept()).await;
    all.extend(each(what, [session, refresh]));
    all
}
