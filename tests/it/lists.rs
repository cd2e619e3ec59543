//! Pagination: each item appears once and in order, in both directions, also while items are added or deleted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, USER};

/// From which end a list is walked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Walk {
    Forward,
    Backward,
}

impl Walk {
    /// The arguments of the next page.
    fn arguments(self, count: usize, cursor: Option<&str>) -> String {
        let (count_name, cursor_name) = match self {
            Self::Forward => ("first", "after"),
            Self::Backward => ("last", "before"),
        };
        let cursor = cursor.map_or_else(String::new, |cursor| format!(r#", {cursor_name}: "{cursor}""#));
        format!("{count_name}: {count}{cursor}")
    }
}

/// A page of the list that `query` asks for, with the arguments in the place of `$`.
async fn page(client: &Client, query: &str, arguments: &str, node: &str) -> Value {
    let selection = format!(
        "edges {{ cursor node {{ {node} }} }} nodes {{ id }} \
         pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}"
    );
    let answer = client.ask(&query.replace('$', arguments).replace("...", &selection)).await;
    answer.assert_done();
    let list = if answer.at("/list").is_null() { answer.at("/me/list") } else { answer.at("/list") };
    let edges = list["edges"].as_array().expect("edges");
    let ids: Vec<Value> = edges.iter().map(|edge| json!({ "id": edge["node"]["id"] })).collect();
    assert_eq!(list["nodes"], json!(ids), "nodes are those of the edges");
    let cursor = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
    assert_eq!(list["pageInfo"]["startCursor"], cursor(edges.first()));
    assert_eq!(list["pageInfo"]["endCursor"], cursor(edges.last()));
    list.clone()
}

/// Walks through a list by threes, and gives its nodes from the start to the end.
async fn walk(client: &Client, query: &str, walk: Walk, node: &str) -> Vec<Value> {
    let mut nodes = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let list = page(client, query, &walk.arguments(3, cursor.as_deref()), node).await;
        let of_page = list["edges"].as_array().expect("edges").iter().map(|edge| edge["node"].clone());
        let info = &list["pageInfo"];
        let (more, back, next) = match walk {
            Walk::Forward => {
                nodes.extend(of_page);
                (&info["hasNextPage"], &info["hasPreviousPage"], &info["endCursor"])
            }
            Walk::Backward => {
                nodes.splice(0..0, of_page);
                (&info["hasPreviousPage"], &info["hasNextPage"], &info["startCursor"])
            }
        };
        assert_eq!(back, cursor.is_some(), "{info}");
        if more == false {
            return nodes;
        }
        assert!(nodes.len() < 1000, "the walk does not end");
        cursor = next.as_str().map(ToOwned::to_owned);
    }
}

/// Ten accounts, and the administrator who made them. Some were made in the same millisecond, and some
/// have never signed in or did so at the same time.
async fn app_with_ten() -> (TestApp, Client) {
    let app = TestApp::with(|config| config.accounts.username_characters.push('%')).await;
    let root = app.admin().await;
    for name in ["mia", "Bob", "zoe", "_eve", "ada", "Ärne", "bo-b", "b%b", "9ine", "Ada2"] {
        app.wait(Duration::from_millis(1500));
        let input = json!({ "username": name, "password": PASSWORD });
        root.mutate("createUser", input, USER).await.assert_done();
        if ["Bob", "ada", "zoe"].contains(&name) {
            app.anonymous().log_in(name, PASSWORD).await.assert_done();
        }
    }
    for tie in [
        "UPDATE users SET created_at = 1700000000000 WHERE username_key IN ('zoe', '_eve', 'ada', 'b%b')",
        "UPDATE users SET last_login_at = 1700000000000 WHERE username_key IN ('zoe', 'ada', '9ine')",
    ] {
        app.app.database.writer().execute_unprepared(tie).await.expect("rows");
    }
    (app, root)
}

fn time(value: &Value) -> Option<DateTime<Utc>> {
    value.as_str().map(|time| time.parse().expect("a time"))
}

#[tokio::test]
async fn accounts_come_once_and_in_order_whichever_way_one_walks() {
    let (_app, root) = app_with_ten().await;
    let node = "id username createdAt lastLoginAt";
    for field in ["CREATED_AT", "USERNAME", "LAST_LOGIN_AT"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("{{ field: {field}, direction: {direction} }}");
            let query = format!("{{ list: users($, orderBy: {order}) {{ totalCount ... }} }}");
            let all = walk(&root, &query, Walk::Forward, node).await;
            assert_eq!(all.len(), 11);

            let mut sorted = all.clone();
            let id = |node: &Value| node["id"].as_str().map(ToOwned::to_owned);
            match field {
                "CREATED_AT" => sorted.sort_by_key(|node| (time(&node["createdAt"]), id(node))),
                "LAST_LOGIN_AT" => sorted.sort_by_key(|node| (time(&node["lastLoginAt"]), id(node))),
                _ => sorted.sort_by_key(|node| node["username"].as_str().map(str::to_lowercase)),
            }
            if direction == "DESC" {
                sorted.reverse();
            }
            assert_eq!(all, sorted, "{order}");
            assert_eq!(walk(&root, &query, Walk::Backward, node).await, all, "{order}, backward");
            let whole = page(&root, &query, "first: 100", "id").await;
            assert_eq!(whole["totalCount"], 11);
            assert_eq!(whole["pageInfo"]["hasNextPage"], false);
        }
    }
}

#[tokio::test]
async fn the_newest_accounts_come_first_and_25_of_them() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    for number in 0..26 {
        app.with_roles(&format!("user{number}"), &[]).await;
    }
    let list = page(&root, "{ list: users { totalCount ... } }", "", "id username").await;
    let names: Vec<&str> = list["edges"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| e["node"]["username"].as_str())
        .collect();
    let newest: Vec<String> = (1..26).rev().map(|number| format!("user{number}")).collect();
    assert_eq!(names, newest);
    assert_eq!((&list["totalCount"], &list["pageInfo"]["hasNextPage"]), (&json!(27), &json!(true)));
}

#[tokio::test]
async fn a_page_lies_between_its_cursors() {
    let (_app, root) = app_with_ten().await;
    let query = "{ list: users($, orderBy: { field: USERNAME }) { ... } }";
    let all = page(&root, query, "first: 100", "id").await;
    let edges = all["edges"].as_array().expect("edges");
    let cursor = |index: usize| edges[index]["cursor"].as_str().expect("a cursor");
    for (count, expected) in [("first: 3", 3..6), ("last: 3", 5..8), ("first: 100", 3..8), ("last: 0", 0..0)]
    {
        let arguments = format!(r#"{count}, after: "{}", before: "{}""#, cursor(2), cursor(8));
        let between = page(&root, query, &arguments, "id").await;
        assert_eq!(between["edges"].as_array().expect("edges")[..], edges[expected], "{count}");
    }
    let crossed = format!(r#"first: 3, after: "{}", before: "{}""#, cursor(8), cursor(2));
    assert_eq!(page(&root, query, &crossed, "id").await["edges"], json!([]));
}

/// Whether a list goes on before and behind the page of these arguments.
async fn around(client: &Client, query: &str, arguments: &str) -> (bool, bool) {
    let info = &page(client, query, arguments, "id").await["pageInfo"];
    let is = |field: &str| info[field].as_bool().expect("a Boolean");
    (is("hasPreviousPage"), is("hasNextPage"))
}

#[tokio::test]
async fn a_page_knows_what_lies_around_it_whichever_way_it_is_asked_for() {
    let (_app, root) = app_with_ten().await;
    for query in [
        "{ list: users($, orderBy: { field: CREATED_AT }) { ... } }",
        "{ list: users($, orderBy: { field: USERNAME, direction: DESC }) { ... } }",
        "{ list: users($, orderBy: { field: LAST_LOGIN_AT, direction: DESC }) { ... } }",
        "{ list: auditEvents($) { ... } }",
    ] {
        let all = page(&root, query, "first: 100", "id").await;
        let edges = all["edges"].as_array().expect("edges");
        let cursor = |index: usize| edges[index]["cursor"].as_str().expect("a cursor");
        let (first, second, last) = (cursor(0), cursor(1), cursor(edges.len() - 1));
        for (arguments, expected) in [
            ("first: 100".to_owned(), (false, false)),
            ("last: 100".to_owned(), (false, false)),
            ("first: 2".to_owned(), (false, true)),
            ("last: 2".to_owned(), (true, false)),
            (format!(r#"first: 2, after: "{first}""#), (true, true)),
            (format!(r#"first: 100, after: "{first}""#), (true, false)),
            (format!(r#"last: 2, before: "{last}""#), (true, true)),
            (format!(r#"last: 100, before: "{last}""#), (false, true)),
            (format!(r#"first: 100, after: "{first}", before: "{last}""#), (true, true)),
            (format!(r#"last: 100, after: "{first}", before: "{last}""#), (true, true)),
            (format!(r#"first: 100, before: "{second}""#), (false, true)),
            (format!(r#"last: 100, after: "{second}""#), (true, false)),
            (format!(r#"first: 2, after: "{last}""#), (true, false)),
            (format!(r#"last: 2, before: "{first}""#), (false, true)),
        ] {
            assert_eq!(around(&root, query, &arguments).await, expected, "{query} {arguments}");
        }
    }
}

#[tokio::test]
async fn what_is_gone_does_not_lie_around_a_page() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let mut ada = app.signed_in("ada").await;
    for _ in 0..4 {
        ada.log_in("ada", PASSWORD).await.assert_done();
    }
    let query = r#"{ me: user(username: "ada") { list: sessions($) { ... } } }"#;
    let all = page(&root, query, "first: 100", "id").await;
    let cursor = |index: usize| all["edges"][index]["cursor"].as_str().expect("a cursor");
    let behind = format!(r#"first: 1, after: "{}""#, cursor(1));
    let before = format!(r#"last: 1, before: "{}""#, cursor(3));

    for (gone, expected) in [
        (None, (true, true)),
        (Some(1), (true, true)),
        (Some(3), (true, true)),
        (Some(0), (false, true)),
        (Some(4), (false, false)),
    ] {
        if let Some(index) = gone {
            let input = json!({ "id": all["edges"][index]["node"]["id"] });
            root.mutate("revokeSession", input, "errors { code }").await.assert_done();
        }
        assert_eq!(around(&root, query, &behind).await.0, expected.0, "{gone:?}");
        assert_eq!(around(&root, query, &before).await.1, expected.1, "{gone:?}");
    }
}

#[tokio::test]
async fn an_empty_page_says_so() {
    let app = TestApp::start().await;
    let root = app.admin().await;
    let query = r#"{ list: users($ filter: { search: "nobody" }) { totalCount ... } }"#;
    for arguments in ["", "first: 5,", "last: 5,", "first: 0,"] {
        let list = page(&root, query, arguments, "id").await;
        let info =
            json!({ "hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": null });
        assert_eq!((&list["totalCount"], &list["pageInfo"]), (&json!(0), &info));
    }
    let none = page(&root, "{ list: users($) { totalCount ... } }", "first: 0", "id").await;
    assert_eq!((&none["totalCount"], &none["pageInfo"]["hasNextPage"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn what_comes_and_goes_on_the_way_neither_repeats_nor_hides_another() {
    for field in ["CREATED_AT", "USERNAME", "LAST_LOGIN_AT"] {
        let (_app, root) = app_with_ten().await;
        let query = format!("{{ list: users($, orderBy: {{ field: {field} }}) {{ ... }} }}");
        let all = walk(&root, &query, Walk::Forward, "id username").await;

        let first = page(&root, &query, "first: 4", "id username").await;
        let end = first["pageInfo"]["endCursor"].as_str().expect("a cursor");
        // The root itself cannot be deleted; the one before or after it will do as well.
        let others = all.iter().filter(|node| node["username"] != "root").collect::<Vec<_>>();
        let (seen, ahead) = (others[2], others[9]);
        for gone in [seen, ahead] {
            let input = json!({ "id": gone["id"] });
            root.mutate("deleteUser", input, "errors { code }").await.assert_done();
        }
        let new = json!({ "username": "0first", "password": PASSWORD });
        root.mutate("createUser", new, USER).await.assert_done();

        let rest = page(&root, &query, &format!(r#"first: 100, after: "{end}""#), "id username").await;
        let rest = rest["edges"].as_array().expect("edges").iter().map(|edge| &edge["node"]);
        let rest: Vec<&Value> = rest.filter(|node| node["username"] != "0first").collect();
        let expected: Vec<&Value> = all[4..].iter().filter(|node| *node != ahead).collect();
        assert_eq!(rest, expected, "{field}");
    }
}

#[tokio::test]
async fn sessions_come_newest_first_and_go_when_they_end() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    let mut ids = vec![ada.session_id.clone()];
    for _ in 0..6 {
        ada.log_in("ada", PASSWORD).await.assert_done();
        ids.insert(0, ada.session_id.clone());
    }
    let query = "{ me { list: sessions($) { totalCount ... } } }";
    let expect = async |ids: &[String]| {
        for way in [Walk::Forward, Walk::Backward] {
            let walked = walk(&ada, query, way, "id").await;
            assert_eq!(walked, ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(), "{way:?}");
        }
        assert_eq!(page(&ada, query, "first: 1", "id").await["totalCount"], ids.len());
    };
    expect(&ids).await;

    let first = page(&ada, query, "first: 3", "id").await;
    for gone in [ids.remove(5), ids.remove(2)] {
        ada.mutate("revokeSession", json!({ "id": gone }), "errors { code }").await.assert_done();
    }
    let end = first["pageInfo"]["endCursor"].as_str().expect("a cursor");
    let rest = page(&ada, query, &format!(r#"first: 100, after: "{end}""#), "id").await;
    assert_eq!(rest["nodes"], json!(ids[2..].iter().map(|id| json!({ "id": id })).collect::<Vec<_>>()));
    expect(&ids).await;
}

#[tokio::test]
async fn sessions_that_have_expired_are_not_listed() {
    let app = TestApp::start().await;
    let mut ada = app.signed_in("ada").await;
    app.wait(Duration::from_hours(6 * 24));
    ada.log_in("ada", PASSWORD).await.assert_done();
    app.wait(Duration::from_hours(2 * 24));
    ada.refresh().await.assert_done();
    let list = page(&ada, "{ me { list: sessions { totalCount ... } } }", "", "id").await;
    assert_eq!(list["nodes"], json!([{ "id": ada.session_id }]));
    assert_eq!(list["totalCount"], 1);
}

#[tokio::test]
async fn events_come_newest_first_whichever_way_one_walks() {
    let (_app, root) = app_with_ten().await;
    let query = "{ list: auditEvents($) { ... } }";
    let all = walk(&root, query, Walk::Forward, "id at action").await;
    assert_eq!(walk(&root, query, Walk::Backward, "id at action").await, all);
    // Eleven accounts and four sign-ins.
    assert_eq!(all.len(), 15);
    assert!(all.is_sorted_by_key(|event| std::cmp::Reverse(time(&event["at"]))), "{all:?}");
    assert!(all.is_sorted_by(|one, next| one["id"].as_str() > next["id"].as_str()), "{all:?}");
}
