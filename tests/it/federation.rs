//! Portcullis as an Apollo Federation 2 subgraph, as a router queries it. `clients/node/federation` composes it with
//! another subgraph.

use async_graphql::{EmptySubscription, MergedObject, Object, Schema, TypeDirective};
use portcullis::{
    config::{Config, Introspection, RoleConfig},
    router::router,
    schema::{FederationQuery, IdentityMutation, IdentityQuery, finish_subgraph},
};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, USER, sdl, subgraph_sdl};

const ENTITIES: &str = "query($representations: [_Any!]!) { _entities(representations: $representations) {
    __typename
    ... on User { id username email sessions { nodes { id } } }
    ... on Session { id }
    ... on AuditEvent { id }
} }";

const UNKNOWN: &str = "user_01h455vb4pex5vsknk084sn02q";

async fn subgraph() -> TestApp {
    TestApp::with(|config| config.graphql.federation = true).await
}

async fn entities(client: &Client, representations: Value) -> Answer {
    client.ask_with(ENTITIES, json!({ "representations": representations })).await
}

/// Adds a role of each scope that opens something.
fn roles(config: &mut Config) {
    for scope in ["users:read", "sessions:read", "audit:read"] {
        config.roles.insert(scope.to_owned(), RoleConfig::new([scope]));
    }
}

#[tokio::test]
async fn nothing_of_federation_is_in_the_schema_unless_it_is_switched_on() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    entities(&root, json!([])).await.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    let service = root.ask("{ _service { sdl } }").await;
    service.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    let names = "{ __schema { types { name fields { name } } } }";
    let told = root.ask(names).await.assert_done().body.to_string();
    let told_by_subgraph = subgraph().await.anonymous().ask(names).await.assert_done().body.to_string();
    for name in ["_service", "_entities", "_Service", "_Entity", "_Any"] {
        assert!(!told.contains(&format!("\"{name}\"")), "{name}");
        assert!(told_by_subgraph.contains(&format!("\"{name}\"")), "{name}");
        assert!(!sdl().contains(name), "{name}");
    }
}

#[tokio::test]
async fn the_subgraph_has_keys_and_the_directives_of_federation() {
    let app = subgraph().await;
    let answer = app.anonymous().ask("{ _service { sdl } }").await;
    let sdl = answer.assert_done().at("/_service/sdl").as_str().expect("text");
    assert_eq!(sdl, subgraph_sdl());
    for line in [
        "type User implements Node @key(fields: \"id\") {",
        "type Session implements Node @key(fields: \"id\") {",
        "type AuditEvent implements Node @key(fields: \"id\") {",
        "type PageInfo @shareable {",
        "  me: User @authenticated",
        "  ): UserConnection @requiresScopes(scopes: [[\"users:read\"]])",
        "  url: \"https://specs.apollo.dev/federation/v2.5\",",
    ] {
        assert_eq!(sdl.lines().filter(|found| *found == line).count(), 1, "{line}");
    }
    let import = sdl.lines().find(|line| line.starts_with("  import:")).expect("imports");
    for directive in ["@key", "@shareable", "@authenticated", "@requiresScopes"] {
        assert!(import.contains(&format!("\"{directive}\"")), "{directive}");
    }
    // Apollo's library does not know the first one, and the second one is our own.
    let sdl = sdl.replace("\ndirective @oneOf on INPUT_OBJECT\n", "");
    let sdl = sdl.replace("\ndirective @requiresRecentLogin(", "");
    // Federation's own, or every Relay subgraph's.
    for absent in ["\ndirective ", "\nschema ", "  node(", "  nodes(", "The object with this ID", "_entities"]
    {
        assert!(!sdl.contains(absent), "{absent}");
    }
}

/// All the rest is as it is without Federation.
#[test]
fn the_subgraph_is_the_schema_but_for_that() {
    let subgraph = subgraph_sdl().replace(" @key(fields: \"id\")", "").replace(" @shareable", "");
    let (types, _) = subgraph.split_once("\"\"\"\nIndicates that an Input Object").expect("a directive");
    let mut served = sdl();
    let node = served.find("  \"\"\"\n  The object with this ID.").expect("node");
    let end = served[node..].find("): [Node]!\n").expect("nodes") + node + "): [Node]!\n".len();
    served.replace_range(node..end, "");
    let (served, _) = served.split_once("\"\"\"\nThe field requires a valid").expect("directives");
    assert_eq!(types, served);
}

#[tokio::test]
async fn who_may_not_introspect_is_not_told_the_subgraph_either() {
    let configured = |introspection| {
        TestApp::with(move |config: &mut Config| {
            config.graphql.federation = true;
            config.graphql.introspection = introspection;
        })
    };
    let hidden = "{ ...F } fragment F on Query { a: _service { sdl } }";
    let off = configured(Introspection::Off).await;
    let root = off.admin().await;
    for query in ["{ _service { sdl } }", hidden] {
        root.ask(query).await.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    }
    let found = entities(&root, json!([{ "__typename": "User", "id": root.user_id }])).await;
    assert_eq!(found.assert_done().at("/_entities/0/username"), "root");

    let signed_in = configured(Introspection::SignedIn).await;
    let ada = signed_in.signed_in("ada").await;
    for query in ["{ _service { sdl } }", hidden] {
        signed_in.anonymous().ask(query).await.assert_not_executed(200, "UNAUTHENTICATED");
        ada.ask(query).await.assert_done();
    }
}

#[tokio::test]
async fn entities_come_in_the_order_of_their_representations_with_null_for_what_is_not_there() {
    let app = subgraph().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    let of_ada = json!({ "__typename": "User", "id": ada.user_id, "username": "whatever" });
    let answer = entities(
        &root,
        json!([
            { "__typename": "Session", "id": ada.session_id },
            { "__typename": "User", "id": UNKNOWN },
            of_ada,
            { "__typename": "User", "id": ada.session_id },
            { "__typename": "Session", "id": ada.user_id },
            { "__typename": "User", "id": "none of ours" },
            { "__typename": "User", "id": 7 },
            { "__typename": "User", "id": root.user_id },
            of_ada,
        ]),
    )
    .await;
    let found = answer.assert_done().at("/_entities").as_array().expect("a list");
    let names: Vec<_> =
        found.iter().map(|entity| entity.get("username").or(entity.get("__typename"))).collect();
    let (session, ada, root) = (json!("Session"), json!("ada"), json!("root"));
    let expected = [Some(&session), None, Some(&ada), None, None, None, None, Some(&root), Some(&ada)];
    assert_eq!(names, expected);
    entities(&app.anonymous(), json!([])).await.assert_done();
}

#[tokio::test]
async fn a_representation_that_is_none_is_told_at_its_place_and_spoils_no_other() {
    let app = subgraph().await;
    let ada = app.signed_in("ada").await;
    let good = json!({ "__typename": "User", "id": ada.user_id });
    for bad in [
        json!("User"),
        json!(7),
        json!([good]),
        json!({}),
        json!({ "id": ada.user_id }),
        json!({ "__typename": null, "id": ada.user_id }),
        json!({ "__typename": "Node", "id": ada.user_id }),
        json!({ "__typename": "user", "id": ada.user_id }),
        json!({ "__typename": "Query" }),
        json!({ "__typename": "User" }),
        json!({ "__typename": "User", "id": null }),
        json!({ "__typename": "User", "id": { "a": [1] } }),
        json!({ "__typename": "User", "username": "ada" }),
    ] {
        let answer = entities(&ada, json!([good, bad, good])).await;
        let errors = answer.body["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{bad}");
        assert_eq!(errors[0]["path"], json!(["_entities", 1]), "{bad}");
        assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT", "{bad}");
        let message = errors[0]["message"].as_str().expect("a message");
        assert!(message.contains("representation"), "{bad}: {message}");
        assert_eq!(answer.at("/_entities/0/username"), "ada", "{bad}");
        assert_eq!(answer.at("/_entities/1"), &Value::Null, "{bad}");
        assert_eq!(answer.at("/_entities/2/username"), "ada", "{bad}");
    }
    for not_a_list in [Value::Null, json!([null]), json!([[null]])] {
        let answer = entities(&ada, not_a_list.clone()).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{not_a_list}");
    }
}

#[tokio::test]
async fn entities_tell_nobody_more_than_nodes_do() {
    let app = TestApp::with(|config| {
        config.graphql.federation = true;
        roles(config);
    })
    .await;
    let (ada, bob, root) = (app.signed_in("ada").await, app.signed_in("bob").await, app.admin().await);
    let events = root.ask("{ auditEvents(first: 1) { nodes { id } } }").await;
    let event = events.at("/auditEvents/nodes/0/id").as_str().expect("an event").to_owned();
    let gone = app.signed_in("eve").await;
    gone.mutate("logout", json!({}), "errors { code }").await.assert_done();
    let things = [
        ("User", &*ada.user_id),
        ("User", &bob.user_id),
        ("User", UNKNOWN),
        ("Session", &ada.session_id),
        ("Session", &bob.session_id),
        ("Session", &gone.session_id),
        ("AuditEvent", &event),
        ("User", "user_"),
    ];
    let ids: Vec<_> = things.iter().map(|(_, id)| id).collect();
    let representations: Vec<_> =
        things.iter().map(|(typename, id)| json!({ "__typename": typename, "id": id })).collect();
    let both = ENTITIES.replace("query(", "query($ids: [ID!]!, ").replace(
        "{ _entities",
        "{ nodes(ids: $ids) {
        __typename
        ... on User { id username email sessions { nodes { id } } }
        ... on Session { id }
        ... on AuditEvent { id }
    } _entities",
    );
    let mut seen = Vec::new();
    let mut clients = vec![app.anonymous(), gone.clone(), ada.clone(), bob.clone(), root];
    for scope in ["users:read", "sessions:read", "audit:read"] {
        clients.push(app.with_roles(&scope.replace(':', "-"), &[scope]).await);
    }
    for client in clients {
        let answer = client.ask_with(&both, json!({ "ids": ids, "representations": representations })).await;
        let (nodes, entities) = (answer.assert_done().at("/nodes"), answer.at("/_entities"));
        assert_eq!(nodes, entities);
        seen.push(entities.as_array().expect("a list").iter().filter(|entity| !entity.is_null()).count());
    }
    assert_eq!(seen, [0, 0, 2, 2, 5, 2, 2, 1]);
}

#[tokio::test]
async fn the_fields_of_an_entity_keep_their_own_rules() {
    let app = TestApp::with(|config| {
        config.graphql.federation = true;
        roles(config);
    })
    .await;
    let ada = app.signed_in("ada").await;
    ada.mutate("updateProfile", json!({ "email": "ada@example.com" }), USER).await.assert_done();
    let of_ada = json!([{ "__typename": "User", "id": ada.user_id }]);
    let own = entities(&ada, of_ada.clone()).await;
    assert_eq!(own.at("/_entities/0/email"), "ada@example.com");
    assert_eq!(own.at("/_entities/0/sessions/nodes/0/id"), &ada.session_id);
    let reader = app.with_roles("reader", &["users:read"]).await;
    let others = entities(&reader, of_ada.clone()).await;
    assert_eq!(others.assert_done().at("/_entities/0/email"), "ada@example.com");
    assert_eq!(others.at("/_entities/0/sessions"), &Value::Null);
    // A token that counts no more opens nothing, as if there were none.
    ada.mutate("logout", json!({}), "errors { code }").await.assert_done();
    assert_eq!(entities(&ada, of_ada).await.assert_done().at("/_entities/0"), &Value::Null);
}

#[tokio::test]
async fn representations_are_limited_as_other_lists_are() {
    let app = subgraph().await;
    let ada = app.signed_in("ada").await;
    let many = |count: usize| json!(vec![json!({ "__typename": "User", "id": UNKNOWN }); count]);
    entities(&ada, many(60)).await.assert_done();
    // Each may answer with 25 sessions, so that 200 of them are more than 10,000 fields.
    let costly = entities(&ada, many(200)).await;
    costly.assert_not_executed(200, "OPERATION_LIMIT_EXCEEDED");
    assert!(costly.body.to_string().contains("graphql.max_complexity"), "{}", costly.body);
    let names = "query($representations: [_Any!]!) { _entities(representations: $representations) {
        ... on User { username }
    } }";
    ada.ask_with(names, json!({ "representations": many(200) })).await.assert_done();
    let long = ada.ask_with(names, json!({ "representations": many(201) })).await;
    long.assert_not_executed(200, "OPERATION_LIMIT_EXCEEDED");
    assert!(long.body.to_string().contains("graphql.max_list_items"), "{}", long.body);
    let written = format!(
        "{{ _entities(representations: [{}]) {{ __typename }} }}",
        "{__typename: \"User\"} ".repeat(201)
    );
    ada.ask(&written).await.assert_not_executed(200, "OPERATION_LIMIT_EXCEEDED");
}

#[derive(Default)]
struct Notes;

#[Object]
impl Notes {
    /// Not `nodes(
    /// type User implements Node {`
    async fn notes(&self) -> i32 {
        7
    }

    /// A field with a directive of its own.
    #[graphql(directive = cached::apply(60, "a, (b)".to_owned()))]
    async fn kept(&self) -> i32 {
        7
    }
}

/// Says how long an answer may be kept.
#[TypeDirective(location = "FieldDefinition", composable = "https://specs.example.com/cached/v1.0")]
fn cached(
    #[graphql(desc = "How long,\nin seconds.")] seconds: i32,
    #[graphql(desc = "Who keeps it.")] scope: String,
) {
}

#[derive(Default, MergedObject)]
struct Query(IdentityQuery, FederationQuery, Notes);

#[tokio::test]
async fn a_stranger_s_schema_can_be_a_subgraph_too() {
    let app = TestApp::start().await;
    let builder =
        || app.app.provide(Schema::build(Query::default(), IdentityMutation::default(), EmptySubscription));
    let mut ada = app.also_serve(router(&app.app, finish_subgraph(builder()))).await;
    ada.register("ada", crate::support::PASSWORD).await.assert_done();
    let answer = ada.ask("{ _service { sdl } }").await;
    let sdl = answer.assert_done().at("/_service/sdl").as_str().expect("text");
    let note = "  \"\"\"\n  Not `nodes(\n  type User implements Node {`\n  \"\"\"\n  notes: Int!\n";
    assert!(sdl.contains(note), "{sdl}");
    assert!(sdl.contains("\ntype User implements Node @key(fields: \"id\") {\n"), "{sdl}");
    let directive = "directive @cached(\n  \"\"\"\n  How long,\n  in seconds.\n  \"\"\"\n  seconds: Int!\n  \"\"\"\n  \
        Who keeps it.\n  \"\"\"\n  scope: String!\n) on FIELD_DEFINITION\n";
    assert!(sdl.contains(directive), "{sdl}");
    let found = entities(&ada, json!([{ "__typename": "User", "id": ada.user_id }])).await;
    assert_eq!(found.assert_done().at("/_entities/0/username"), "ada");
    // Who forgets to finish it is told in the log.
    let unfinished = app.also_serve(router(&app.app, builder().finish())).await;
    assert_eq!(unfinished.ask("{ _service { sdl } }").await.code(), "INTERNAL_SERVER_ERROR");
}
