//! The filters of lists, and the arguments that lists reject.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, USER};

/// Accounts whose names hold what other searches would take for wildcards.
async fn app_with_names() -> (TestApp, Client) {
    let app = TestApp::with(|config| config.accounts.username_characters.push_str("%\\")).await;
    let root = app.admin().await;
    for (username, email, display_name) in [
        ("ada", "lovelace@example.com", "Countess of L"),
        ("Adam", "first@example.org", "100% Adam"),
        ("a_b", "under_score@example.com", "under_score"),
        ("axb", "x@example.com", "underXscore"),
        ("a%b", "percent%@example.com", "1000 names"),
        (r"a\b", "back@example.com", r"C:\temp"),
        ("Ärne", "ärne@example.com", "ÄRNE ß"),
    ] {
        let input = json!({
            "username": username, "email": email, "displayName": display_name, "password": PASSWORD,
        });
        root.mutate("createUser", input, USER).await.assert_done();
    }
    (app, root)
}

/// The usernames that a filter lets through, sorted, when the count says the same.
async fn found(root: &Client, filter: Value) -> Vec<String> {
    let query = "query($filter: UserFilter) {
        users(filter: $filter, orderBy: { field: USERNAME }) { totalCount nodes { username } }
    }";
    let answer = root.ask_with(query, json!({ "filter": filter })).await;
    answer.assert_done();
    let nodes = answer.at("/users/nodes").as_array().expect("a list");
    assert_eq!(answer.at("/users/totalCount"), nodes.len(), "{filter}");
    nodes.iter().filter_map(|node| node["username"].as_str()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_search_finds_the_start_of_a_name_or_an_address_in_either_case() {
    let (_app, root) = app_with_names().await;
    for (search, names) in [
        ("ada", vec!["ada", "Adam"]),
        ("ADA", vec!["ada", "Adam"]),
        ("adam", vec!["Adam"]),
        ("da", vec![]),
        ("lovelace@EXAMPLE", vec!["ada"]),
        ("countess OF", vec!["ada"]),
        ("of", vec![]),
        ("example.com", vec![]),
        ("ä", vec!["Ärne"]),
        ("Ärne SS", vec![]),
        ("ärne ß", vec!["Ärne"]),
        ("😀", vec![]),
        ("root", vec!["root"]),
    ] {
        assert_eq!(found(&root, json!({ "search": search })).await, names, "{search}");
    }
    for everybody in [Value::Null, json!({}), json!({ "search": null }), json!({ "search": "" })] {
        assert_eq!(found(&root, everybody).await.len(), 8);
    }
}

#[tokio::test]
async fn no_sign_in_a_search_stands_for_another() {
    let (_app, root) = app_with_names().await;
    for (search, names) in [
        ("%", vec![]),
        ("_", vec![]),
        ("a_b", vec!["a_b"]),
        ("a%", vec!["a%b"]),
        ("a\\", vec!["a\\b"]),
        ("\\", vec![]),
        ("c:\\t", vec!["a\\b"]),
        ("100%", vec!["Adam"]),
        ("under_", vec!["a_b"]),
        ("percent%@", vec!["a%b"]),
        ("'", vec![]),
        ("' OR 1=1 --", vec![]),
        ("*", vec![]),
        ("[a]", vec![]),
    ] {
        assert_eq!(found(&root, json!({ "search": search })).await, names, "{search}");
    }
}

#[tokio::test]
async fn accounts_are_filtered_by_role_and_state() {
    let app = TestApp::start().await;
    let (root, ada) = (app.admin().await, app.signed_in("ada").await);
    app.with_roles("both", &["admin", "user"]).await;
    app.with_roles("none", &[]).await;
    let disable = json!({ "id": ada.user_id, "disabled": true });
    root.mutate("updateUser", disable, USER).await.assert_done();
    for (filter, names) in [
        (json!({ "role": "admin" }), vec!["both", "root"]),
        (json!({ "role": "user" }), vec!["ada", "both"]),
        (json!({ "role": "ADMIN" }), vec![]),
        (json!({ "role": "" }), vec![]),
        (json!({ "disabled": true }), vec!["ada"]),
        (json!({ "disabled": false }), vec!["both", "none", "root"]),
        (json!({ "role": "user", "disabled": false }), vec!["both"]),
        (json!({ "role": "user", "disabled": false, "search": "a" }), vec![]),
    ] {
        assert_eq!(found(&root, filter.clone()).await, names, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_no_name_can_meet_is_a_bad_input() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let query = "query($filter: UserFilter) { users(filter: $filter) { totalCount } }";
    for text in ["a\0b", "\0", &"a".repeat(10_000)] {
        for filter in [json!({ "search": text }), json!({ "role": text })] {
            root.ask_with(query, json!({ "filter": filter })).await.assert_failed("BAD_USER_INPUT");
        }
    }
}

#[tokio::test]
async fn events_are_filtered_by_account_kind_and_time() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let (ada, bob) = (app.signed_in("ada").await, app.signed_in("bob").await);
    app.wait(Duration::from_mins(30));
    let middle = app.clock().now();
    app.anonymous().log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    let query = "query($filter: AuditEventFilter) {
        auditEvents(filter: $filter) { nodes { action user { username } } }
    }";
    for (filter, events) in [
        (
            json!({ "user": ada.user_id }),
            vec!["LOGIN_FAILED ada", "LOGIN_SUCCEEDED ada", "USER_REGISTERED ada"],
        ),
        (json!({ "user": ada.user_id, "until": middle }), vec!["LOGIN_SUCCEEDED ada", "USER_REGISTERED ada"]),
        (json!({ "since": middle }), vec!["LOGIN_FAILED ada"]),
        (json!({ "since": middle, "user": bob.user_id }), vec![]),
        (json!({ "since": middle, "until": middle }), vec![]),
        (json!({ "actions": ["USER_REGISTERED"] }), vec!["USER_REGISTERED bob", "USER_REGISTERED ada"]),
        (
            json!({ "actions": ["USER_REGISTERED", "USER_CREATED"] }),
            vec!["USER_REGISTERED bob", "USER_REGISTERED ada", "USER_CREATED root"],
        ),
        (json!({ "actions": ["SESSION_REVOKED"] }), vec![]),
    ] {
        let answer = root.ask_with(query, json!({ "filter": filter })).await;
        answer.assert_done();
        let nodes = answer.at("/auditEvents/nodes").as_array().expect("a list");
        let text = |node: &Value| {
            let words = [&node["action"], &node["user"]["username"]].map(|word| word.as_str().unwrap_or("-"));
            words.join(" ")
        };
        assert_eq!(nodes.iter().map(text).collect::<Vec<_>>(), events, "{filter}");
    }
}

#[tokio::test]
async fn an_event_filter_of_the_wrong_kind_is_a_bad_input() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let query = "query($filter: AuditEventFilter) { auditEvents(filter: $filter) { nodes { id } } }";
    for filter in [
        json!({ "user": "garbage" }),
        json!({ "user": root.session_id }),
        json!({ "actions": ["NO_SUCH_ACTION"] }),
        json!({ "since": "yesterday" }),
        json!({ "until": 1 }),
        json!({ "nope": 1 }),
    ] {
        let answer = root.ask_with(query, json!({ "filter": filter })).await;
        answer.assert_failed("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_is_a_bad_input() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let lists = [
        ("users", "{ list: users($) { nodes { id } } }"),
        ("auditEvents", "{ list: auditEvents($) { nodes { id } } }"),
        ("sessions", "{ me { list: sessions($) { nodes { id } } } }"),
    ];
    for (list, query) in lists {
        for arguments in [
            "first: 1, last: 1",
            "first: -1",
            "first: 101",
            "last: -1",
            "last: 101",
            "first: 2147483647",
            "first: -2147483648",
            r#"after: """#,
            r#"after: "garbage""#,
            r#"before: "garbage""#,
            r#"after: "AAAA""#,
            r#"after: "bnVsbA==""#,
            r#"after: "W10=""#,
        ] {
            let answer = root.ask(&query.replace('$', arguments)).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{list}({arguments}): {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_one_list_in_one_order() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let lists = [
        "{ list: users($) { pageInfo { endCursor } } }",
        "{ list: users($, orderBy: { field: USERNAME }) { pageInfo { endCursor } } }",
        "{ list: users($, orderBy: { field: LAST_LOGIN_AT }) { pageInfo { endCursor } } }",
        "{ list: auditEvents($) { pageInfo { endCursor } } }",
        "{ me { list: sessions($) { pageInfo { endCursor } } } }",
    ];
    for from in lists {
        let answer = root.ask(&from.replace('$', "first: 1")).await;
        let list = if answer.at("/list").is_null() { answer.at("/me/list") } else { answer.at("/list") };
        let cursor = list["pageInfo"]["endCursor"].as_str().expect("a cursor");
        for to in lists {
            for name in ["after", "before"] {
                let answer = root.ask(&to.replace('$', &format!(r#"{name}: "{cursor}""#))).await;
                let code = (from != to).then_some("BAD_USER_INPUT");
                let given = answer.body["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(given, code, "{name} of {from} in {to}");
            }
        }
    }
}

#[tokio::test]
async fn a_variable_that_is_left_out_is_an_argument_that_is_left_out() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let query = "query A($first: Int, $last: Int, $after: String, $filter: UserFilter) {
        users(first: $first, last: $last, after: $after, filter: $filter) { totalCount }
    }";
    for variables in [json!({}), json!({ "first": 5 }), json!({ "last": 5 }), json!({ "filter": {} })] {
        let answer = root.ask_with(query, variables.clone()).await;
        assert_eq!(answer.at("/users/totalCount"), 1, "{variables}: {}", answer.body);
    }
    let other =
        "query B($ids: [ID!]!, $first: Int!) { nodes(ids: $ids) { id } users(first: $first) { totalCount } }";
    let body = json!({ "query": format!("{query} {other}"), "operationName": "A" });
    let answer = root.send(&body).await;
    assert_eq!(answer.at("/users/totalCount"), 1, "{}", answer.body);
}
