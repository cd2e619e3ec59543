//! Introspection: for tools, and disabled.

use portcullis::config::Introspection;
use serde_json::json;

use crate::support::TestApp;

/// The query of graphql-js's `getIntrospectionQuery` with all of its options, which GraphiQL and code generators send.
const STANDARD: &str = r"
    query IntrospectionQuery {
      __schema {
        description
        queryType { name kind }
        mutationType { name kind }
        subscriptionType { name kind }
        types { ...FullType }
        directives {
          name
          description
          isRepeatable
          locations
          args(includeDeprecated: true) { ...InputValue }
        }
      }
    }

    fragment FullType on __Type {
      kind
      name
      description
      specifiedByURL
      isOneOf
      fields(includeDeprecated: true) {
        name
        description
        args(includeDeprecated: true) { ...InputValue }
        type { ...TypeRef }
        isDeprecated
        deprecationReason
      }
      inputFields(includeDeprecated: true) { ...InputValue }
      interfaces { ...TypeRef }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { ...TypeRef }
    }

    fragment InputValue on __InputValue {
      name
      description
      type { ...TypeRef }
      defaultValue
      isDeprecated
      deprecationReason
    }

    fragment TypeRef on __Type {
      kind
      name
      ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
        ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } }
    }";

#[tokio::test]
async fn the_standard_query_answers_anybody() {
    let app = TestApp::start().await;
    let body = json!({ "query": STANDARD, "operationName": "IntrospectionQuery" });
    let answer = app.anonymous().send(&body).await;
    answer.assert_done();
    let schema = answer.at("/__schema");
    assert_eq!(schema["queryType"]["name"], "Query");
    assert_eq!(schema["mutationType"]["name"], "Mutation");
    let types = schema["types"].as_array().expect("types");
    for name in ["User", "Session", "AuditEvent", "Node", "UserErrorCode", "DateTime", "UserConnection"] {
        assert!(types.iter().any(|ty| ty["name"] == name), "{name}");
    }
    let directives = schema["directives"].as_array().expect("directives");
    for name in ["skip", "include", "authenticated", "requiresScopes"] {
        assert!(directives.iter().any(|directive| directive["name"] == name), "{name}");
    }
}

#[tokio::test]
async fn all_that_a_person_can_name_has_a_description() {
    let app = TestApp::start().await;
    let query = "{ __schema { types {
        name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description }
    } directives { name description args { name description } } } }";
    let answer = app.anonymous().ask(query).await;
    let schema = answer.at("/__schema");
    let lists = [&schema["types"], &schema["directives"]];
    let named = lists.into_iter().filter_map(|list| list.as_array()).flatten();
    let is_ours = |name: &str| !name.starts_with("__") && !["ID", "String", "Int", "Boolean"].contains(&name);
    let ours = named.filter(|ty| is_ours(ty["name"].as_str().unwrap_or_default()));
    let mut missing = Vec::new();
    for ty in ours {
        let mut things = vec![ty];
        for list in ["fields", "args", "inputFields", "enumValues"] {
            for member in ty[list].as_array().into_iter().flatten() {
                things.push(member);
                things.extend(member["args"].as_array().into_iter().flatten());
            }
        }
        let bare =
            |thing: &&&serde_json::Value| thing["description"].as_str().is_none_or(|text| text.len() < 4);
        missing.extend(things.iter().filter(bare).map(|thing| format!("{}: {}", ty["name"], thing["name"])));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_tells_the_schema_where_introspection_is_off() {
    let app = TestApp::with(|config| config.graphql.introspection = Introspection::Off).await;
    let root = app.admin().await;
    for client in [&app.anonymous(), &root] {
        for query in [
            STANDARD,
            "{ __schema { queryType { name } } }",
            r#"{ __type(name: "User") { name } }"#,
            "{ ...F } fragment F on Query { a: __schema { queryType { name } } }",
            "{ server { version } __schema { queryType { name } } }",
        ] {
            let answer = client.ask(query).await;
            answer.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
        }
        let guess = client.ask("{ serve { version } }").await;
        guess.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
        for guess in ["{ serve { version } }", "{ server { versio } }", "{ use(username: 1) { id } }"] {
            let text = client.ask(guess).await.body.to_string();
            assert!(!text.contains("Did you mean") && !text.contains("\\\"server\\\""), "{text}");
        }
        assert_eq!(client.ask("{ __typename }").await.at("/__typename"), "Query");
        client.ask("{ server { version } }").await.assert_done();
    }
}

#[tokio::test]
async fn the_schema_may_be_for_the_signed_in_only() {
    let app = TestApp::with(|config| config.graphql.introspection = Introspection::SignedIn).await;
    let ada = app.signed_in("ada").await;
    let query = "{ __schema { queryType { name } } }";
    assert_eq!(ada.ask(query).await.at("/__schema/queryType/name"), "Query");
    let refused = app.anonymous().ask(query).await;
    refused.assert_not_executed(200, "UNAUTHENTICATED");
    for guess in ["{ serve { version } }", "{ server { versio } }"] {
        let guess = app.anonymous().ask(guess).await;
        guess.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
        assert!(!guess.body.to_string().contains("Did you mean"), "{}", guess.body);
    }
}

#[tokio::test]
async fn a_typing_error_gets_a_suggestion_where_the_schema_is_open() {
    let app = TestApp::start().await;
    let answer = app.anonymous().ask("{ serve { version } }").await;
    answer.assert_not_executed(200, "GRAPHQL_VALIDATION_FAILED");
    assert!(answer.body.to_string().contains("Did you mean"), "{}", answer.body);
}
