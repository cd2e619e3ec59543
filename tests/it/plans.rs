//! Query plans: each statement uses an index, so that its cost does not grow with the number of rows.
//!
//! The program logs its statements while it does one of everything, and each statement is explained. PostgreSQL is told
//! to avoid scans and sorts, so a plan that still has one cannot do without it.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, Statement, TransactionTrait};
use serde_json::json;

use crate::support::{AUTH, Client, OTHER_PASSWORD, PASSWORD, Process, QUICK};

/// The settings with which the server logs its statements, including those of a throttle that never refuses.
const TELLING: [(&str, &str); 6] = [
    ("PORTCULLIS_LOG__FILTER", "info,sqlx::query=trace"),
    ("PORTCULLIS_LOG__FORMAT", "json"),
    ("PORTCULLIS_LIMITS__ENABLED", "true"),
    ("PORTCULLIS_LIMITS__REGISTER__FREE", "1000"),
    ("PORTCULLIS_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "1000"),
    ("PORTCULLIS_PASSWORDS__QUEUE", "1000"),
];

/// The tables that grow with the number of accounts, or with use.
const TABLES: [&str; 8] = [
    "users",
    "user_roles",
    "sessions",
    "token_statuses",
    "audit_events",
    "changes",
    "throttle",
    "outgoing_messages",
];

/// A number of role holders above which their list is read from an index and not sorted.
const MANY: usize = 501;

/// Everything that reads or writes these tables, each in every way.
async fn do_everything(process: &Process) {
    let mut root = process.anonymous();
    root.log_in("root", PASSWORD).await.assert_done();
    let mut everybody: Vec<String> = (0..MANY).map(|number| format!("user{number}")).collect();
    everybody.sort_unstable();
    assert_eq!(holders(&root, "user").await, everybody);
    assert_eq!(holders(&root, "admin").await, ["root"]);
    let mut ada = process.anonymous();
    let input = json!({ "username": "ada", "password": PASSWORD, "email": "ada@example.org" });
    ada.keep(process.anonymous().mutate("register", input, AUTH).await);
    process.anonymous().log_in("ada@example.org", PASSWORD).await.assert_refused("INVALID_CREDENTIALS");
    let old = ada.clone();
    ada.refresh().await.assert_done();
    old.refresh_with(old.kept()).await.assert_done();
    read_everything(&root, &ada).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    ada.keep(ada.mutate("changePassword", change, AUTH).await).assert_done();
    let done = "errors { code }";
    ada.mutate("updateProfile", json!({ "displayName": "Ada" }), done).await.assert_done();
    let update =
        json!({ "id": ada.user_id, "roles": ["admin"], "disabled": false, "password": OTHER_PASSWORD });
    root.mutate("updateUser", update, done).await.assert_done();
    root.mutate("revokeUserSessions", json!({ "userId": ada.user_id }), done).await.assert_done();
    ada.log_in("ada", OTHER_PASSWORD).await.assert_done();
    ada.mutate("revokeSession", json!({ "id": ada.session_id }), done).await.assert_done();
    root.mutate("deleteUser", json!({ "id": ada.user_id }), done).await.assert_done();
    assert_eq!(root.get("/status-lists/0").await.status, 200);
    assert_eq!(root.get("/status-lists/16").await.status, 404);
}

/// Every list, in each order, from both ends and from within.
async fn read_everything(root: &Client, ada: &Client) {
    let roles = ["role: \"admin\"", "role: \"user\""];
    let filters = ["", "search: \"a\"", roles[0], roles[1], "disabled: true", "disabled: false"];
    for field in ["CREATED_AT", "USERNAME", "LAST_LOGIN_AT"] {
        for filter in filters {
            let list = |page: &str| {
                format!(
                    "{{ users({page}, orderBy: {{ field: {field} }}, filter: {{ {filter} }}) {{ \
                     pageInfo {{ startCursor }} }} }}"
                )
            };
            let first = root.ask(&list("first: 1")).await;
            // Where the filter lets nobody through, any cursor of the order will do.
            if let Some(cursor) = first.assert_done().at("/users/pageInfo/startCursor").as_str() {
                root.ask(&list(&format!("first: 1, after: \"{cursor}\""))).await.assert_done();
                root.ask(&list(&format!("last: 1, before: \"{cursor}\""))).await.assert_done();
            }
        }
    }
    let (user, since) = (format!("user: \"{}\"", ada.user_id), "since: \"2026-01-01T00:00:00Z\"");
    for filter in [&user, since, "actions: [LOGIN_SUCCEEDED]", "actions: [LOGIN_SUCCEEDED, LOGIN_FAILED]"] {
        let query = format!("{{ auditEvents(first: 1, filter: {{ {filter} }}) {{ nodes {{ id }} }} }}");
        root.ask(&query).await.assert_done();
    }
    let both = format!("{user}, actions: [LOGIN_SUCCEEDED, LOGIN_FAILED], {since}");
    let query =
        format!("{{ auditEvents(first: 1, filter: {{ {both} }}) {{ nodes {{ id user {{ id }} }} }} }}");
    root.ask(&query).await.assert_done();
    follow_everything(root, ada).await;
    ada.ask("{ session { id } me { sessions(first: 1) { totalCount nodes { id } } } }").await.assert_done();
    let both = format!("{{ nodes(ids: [\"{}\", \"{}\"]) {{ id }} }}", ada.user_id, ada.session_id);
    root.ask(&both).await.assert_done();
}

/// Events from now on and from one of them on, those of an account and all.
async fn follow_everything(root: &Client, ada: &Client) {
    let filter = format!("filter: {{ user: \"{}\" }}", ada.user_id);
    let list = root.ask(&format!("{{ auditEvents(last: 1, {filter}) {{ nodes {{ id }} }} }}")).await;
    let first = list.at("/auditEvents/nodes/0/id").as_str().expect("an id").to_owned();
    let mut live = ada.follow("subscription { accountEvents { id } }").await;
    for (client, field) in [(ada, "accountEvents"), (root, "auditEvents")] {
        let query = format!("subscription {{ {field}(after: \"{first}\") {{ id }} }}");
        client.follow(&query).await.next().await;
    }
    ada.clone().log_in("ada", "wrong").await.assert_refused("INVALID_CREDENTIALS");
    live.next().await;
}

/// The statements about the tables that grow, as the log has them.
fn statements(log: &str) -> BTreeSet<String> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let statements = lines.filter_map(|line| {
        let fields = &line["fields"];
        let long = fields["db.statement"].as_str().map(str::trim).filter(|text| !text.is_empty());
        long.or_else(|| fields["summary"].as_str()).map(ToOwned::to_owned)
    });
    let of_tables = |statement: &String| {
        let kind = ["SELECT", "INSERT", "UPDATE", "DELETE"].iter().any(|kind| statement.starts_with(kind));
        kind && TABLES.iter().any(|table| statement.contains(table))
    };
    statements.filter(of_tables).collect()
}

async fn explain(db: &DatabaseTransaction, statement: &str) -> Vec<String> {
    let backend = db.get_database_backend();
    let rows =
        async |sql: String| db.query_all_raw(Statement::from_string(backend, sql)).await.expect("a plan");
    if backend == DbBackend::Sqlite {
        let rows = rows(format!("EXPLAIN QUERY PLAN {statement}")).await;
        return rows.iter().map(|row| row.try_get("", "detail").expect("text")).collect();
    }
    let parameters = (1..=1000).take_while(|number| statement.contains(&format!("${number}"))).count();
    let nulls = vec!["NULL"; parameters].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    for sql in [
        "SET enable_seqscan = off".to_owned(),
        "SET enable_sort = off".to_owned(),
        "SET plan_cache_mode = force_generic_plan".to_owned(),
        format!("PREPARE it AS {statement}"),
    ] {
        db.execute_unprepared(&sql).await.expect("it is a statement");
    }
    let rows = rows(format!("EXPLAIN EXECUTE it{arguments}")).await;
    db.execute_unprepared("DEALLOCATE it").await.expect("it was prepared");
    rows.iter().map(|row| row.try_get_by_index(0).expect("text")).collect()
}

/// Whether a plan reads a whole table that grows, or sorts what it finds.
fn is_slow(statement: &str, plan: &[String]) -> bool {
    let has = |part: &str| plan.iter().any(|line| line.contains(part));
    let is_count = statement.contains("COUNT(*)");
    // It finds its place in the order, and does not walk there.
    let places = ["< (?, ?)", "> (?, ?)"];
    let seeks = !places.iter().any(|place| statement.contains(place))
        || has("SEARCH users")
        || has("SEARCH audit_events");
    // An index that has all columns of the answer is walked in its order, as far as the limit.
    let walks = |line: &str| {
        line.contains("USING INDEX")
            || line.contains("USING COVERING INDEX")
                && ["ORDER BY", "LIMIT"].iter().all(|part| statement.contains(part))
    };
    let scans = TABLES.iter().any(|table| {
        has(&format!("Seq Scan on {table}"))
            || plan.iter().any(|line| line.contains(&format!("SCAN {table}")) && !walks(line))
    });
    // Rows that are found by a list of ids or by a prefix may be sorted, because their number is small.
    let is_few =
        ["\"id\" IN (?", "\"id\" IN ($", "\"email_key\" >="].iter().any(|part| statement.contains(part));
    let sorts = has("TEMP B-TREE FOR ORDER BY") || has("Sort  (");
    (scans && !is_count) || (sorts && !is_few) || !seeks
}

/// The names of who holds a role, page by page.
async fn holders(root: &Client, role: &str) -> Vec<String> {
    let query = "query($role: String, $after: String) { \
        users(first: 100, after: $after, filter: { role: $role }, orderBy: { field: USERNAME }) { \
        nodes { username } pageInfo { hasNextPage endCursor } } }";
    let (mut names, mut after) = (Vec::new(), json!(null));
    loop {
        let page = root.ask_with(query, json!({ "role": role, "after": after })).await;
        let nodes = page.assert_done().at("/users/nodes").as_array().expect("a list");
        names.extend(nodes.iter().filter_map(|node| node["username"].as_str()).map(ToOwned::to_owned));
        if page.at("/users/pageInfo/hasNextPage") == false {
            return names;
        }
        after = page.at("/users/pageInfo/endCursor").clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_whole_table_or_sorts_one() {
    let process = Process::start(&[&QUICK[..], &TELLING].concat()).await;
    process.make_admin("root");
    process.register(MANY).await;
    do_everything(&process).await;
    let statements = statements(&process.log());
    assert!(statements.len() > 40, "{} statements were told", statements.len());
    // A transaction, for what is prepared belongs to one connection.
    let db = process.database().connect().await.begin().await.expect("a transaction");
    let mut slow = Vec::new();
    for statement in &statements {
        let plan = explain(&db, statement).await;
        if is_slow(statement, &plan) {
            slow.push(format!("{statement}\n  {}", plan.join("\n  ")));
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n\n"));
}
