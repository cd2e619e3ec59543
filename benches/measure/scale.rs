use std::time::{Duration, Instant};

use async_graphql::connection::{CursorType, OpaqueCursor};
use entity::{audit_event, user};
use portcullis::{
    accounts::UserCursor,
    app::App,
    id::{EventId, UserId},
};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder, QuerySelect, Statement, sea_query::Expr};
use serde_json::json;

use crate::{
    Outcome,
    client::Client,
    place::Place,
    report::{milliseconds, percentile, say, thousands},
    seed::{self, Hashing, username},
    server::Server,
};

/// How many are few.
const FEW: usize = 1000;

/// How often everything is done in each database.
const TURNS: usize = 200;

/// How many accounts come before the page that lies deep: 10,000 pages of 25.
const DEEP: usize = 250_000;

/// How many sessions a sweep deletes.
const SWEPT: u64 = 100;

/// What is beyond noise: twice the time, and a millisecond more.
const MOST: (f64, Duration) = (2.0, Duration::from_millis(1));

/// A database and what is asked of it.
struct Subject {
    place: Place,
    accounts: usize,
    queries: Vec<(String, String)>,
    /// What took how long, in the order in which it was first done.
    times: Vec<(String, Vec<Duration>)>,
}

/// Does everything in a database of few accounts and in one of many, in turns, and compares the medians.
pub(crate) async fn run(accounts: usize, server: Option<&str>) -> Outcome {
    let mut few = Subject::prepare(FEW, server).await?;
    let mut many = Subject::prepare(accounts, server).await?;
    let scanned = many.rows_scanned().await?;
    compare(&mut few, &mut many).await?;
    let scanned = many.rows_scanned().await? - scanned;
    for subject in [&mut few, &mut many] {
        subject.sweep().await?;
    }
    let slow = table(&few, &many)?;
    say(&format!("\n{scanned} rows were read by scans"))?;
    if !slow.is_empty() || scanned > i64::try_from(accounts)? {
        return Err(format!("beyond noise: {slow:?}").into());
    }
    Ok(())
}

async fn compare(few: &mut Subject, many: &mut Subject) -> Outcome {
    let servers = [few.start().await?, many.start().await?];
    let mut roots = [servers[0].client(), servers[1].client()];
    for root in &mut roots {
        root.log_in("root").await?;
    }
    for turn in 0..TURNS {
        few.take_turn(turn, &servers[0], &roots[0]).await?;
        many.take_turn(turn, &servers[1], &roots[1]).await?;
    }
    Ok(())
}

/// Prints the medians side by side. Gives what is slower with many than noise explains.
fn table(few: &Subject, many: &Subject) -> Outcome<Vec<String>> {
    say(&format!(
        "\n| median of {TURNS}, in ms | {} | {} | ratio |",
        thousands(few.accounts),
        thousands(many.accounts)
    ))?;
    say("|---|---:|---:|---:|")?;
    let mut slow = Vec::new();
    for ((name, in_few), (_, in_many)) in few.times.iter().zip(&many.times) {
        let medians = [percentile(in_few, 50), percentile(in_many, 50)];
        let ratio = medians[1].as_secs_f64() / medians[0].as_secs_f64();
        say(&format!(
            "| {name} | {} | {} | {ratio:.2} |",
            milliseconds(medians[0]),
            milliseconds(medians[1])
        ))?;
        if ratio > MOST.0 && medians[1] > medians[0] + MOST.1 {
            slow.push(name.clone());
        }
    }
    Ok(slow)
}

impl Subject {
    async fn prepare(accounts: usize, server: Option<&str>) -> Outcome<Self> {
        let place = Place::temporary(server).await?;
        seed::fill(&place, accounts, Hashing::Cheap).await?;
        let app = place.open(Hashing::Cheap).await?;
        let queries = queries(&app, accounts).await?;
        Ok(Self { place, accounts, queries, times: Vec::new() })
    }

    async fn start(&mut self) -> Outcome<Server> {
        let began = Instant::now();
        let server = Server::start(&self.place, Hashing::Cheap).await?;
        self.note("start until ready, once", began.elapsed());
        Ok(server)
    }

    fn note(&mut self, name: &str, took: Duration) {
        match self.times.iter_mut().find(|(known, _)| known == name) {
            Some((_, times)) => times.push(took),
            None => self.times.push((name.to_owned(), vec![took])),
        }
    }

    async fn take_turn(&mut self, turn: usize, server: &Server, root: &Client) -> Outcome {
        // Everywhere in the table, never one twice, and nobody who is disabled.
        let number = (turn * self.accounts / TURNS + 3) % self.accounts;
        let mut person = server.client();
        // A connection costs the same everywhere, and is not what is measured.
        person.ask("{ it: server { version } }", json!({})).await?;
        let took = person.log_in(&username(number)).await?;
        self.note("login", took);
        let took = person.refresh().await?;
        self.note("refresh", took);
        let (_, took) = person.ask("{ it: me { id username roles } }", json!({})).await?;
        self.note("me, token not cached", took);
        for (name, query) in std::mem::take(&mut self.queries) {
            let (_, took) = root.ask(&query, json!({})).await?;
            self.note(&name, took);
            self.queries.push((name, query));
        }
        Ok(())
    }

    /// Deletes sessions that are over, as the server does each minute.
    async fn sweep(&mut self) -> Outcome {
        let app = self.place.open(Hashing::Cheap).await?;
        for _ in 0..5 {
            let sql = format!(
                "UPDATE sessions SET expires_at = 0 WHERE id IN (SELECT id FROM sessions ORDER BY id LIMIT {SWEPT})"
            );
            app.database.writer().execute_unprepared(&sql).await?;
            let began = Instant::now();
            let deleted = app.sessions.sweep(SWEPT).await?;
            self.note("sweep of 100 sessions, of 5", began.elapsed());
            assert_eq!(deleted, SWEPT, "what is over is deleted");
        }
        Ok(())
    }

    /// How many rows PostgreSQL has read by scans of whole tables, ever; SQLite does not say.
    async fn rows_scanned(&self) -> Outcome<i64> {
        let app = self.place.open(Hashing::Cheap).await?;
        let db = app.database.reader();
        if db.get_database_backend() != DbBackend::Postgres {
            return Ok(0);
        }
        // A connection tells of what it did when it ends, and the server's have only just ended.
        tokio::time::sleep(Duration::from_secs(2)).await;
        // Not of roles: the first holders of a role are found quickest in no order.
        let sql = "SELECT SUM(seq_tup_read)::bigint FROM pg_stat_user_tables \
            WHERE schemaname = current_schema() AND relname <> 'user_roles'";
        let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Ok(row.ok_or("no row")?.try_get_by_index(0)?)
    }
}

/// Every list by name: in each order its first page and one that lies deep, and each filter.
async fn queries(app: &App, accounts: usize) -> Outcome<Vec<(String, String)>> {
    let deep = DEEP.min(accounts / 2) as u64;
    let db = app.database.reader();
    let users = |arguments: &str| format!("{{ it: users({arguments}) {{ nodes {{ id username roles }} }} }}");
    let events = |arguments: &str| format!("{{ it: auditEvents({arguments}) {{ nodes {{ id action }} }} }}");
    let mut queries = Vec::new();
    for field in ["CREATED_AT", "USERNAME", "LAST_LOGIN_AT"] {
        let order = format!("first: 25, orderBy: {{ field: {field} }}");
        let cursor = OpaqueCursor(place(db, field, deep).await?).encode_cursor();
        queries.push((format!("`users` by `{field}`, first page"), users(&order)));
        queries.push((
            format!("`users` by `{field}`, a deep page"),
            users(&format!("{order}, after: \"{cursor}\"")),
        ));
    }
    let last = username(accounts / 2);
    for (name, filter) in [
        ("by prefix of the name", format!("search: \"{last}\"")),
        ("with a rare role", "role: \"admin\"".to_owned()),
        ("with a common role", "role: \"user\"".to_owned()),
        ("that are disabled", "disabled: true".to_owned()),
    ] {
        queries.push((format!("`users` {name}"), users(&format!("first: 25, filter: {{ {filter} }}"))));
    }
    let event =
        audit_event::Entity::find().order_by_desc(audit_event::Column::Id).offset(deep).one(db).await?;
    let event = event.ok_or("no event")?;
    let user = UserId::from_uuid(event.user_id.ok_or("no user")?);
    let cursor = OpaqueCursor(EventId::from_uuid(event.id)).encode_cursor();
    for (name, arguments) in [
        ("first page", String::new()),
        ("a deep page", format!(", after: \"{cursor}\"")),
        ("of one account", format!(", filter: {{ user: \"{user}\" }}")),
        ("of one kind", ", filter: { actions: [PASSWORD_CHANGED] }".to_owned()),
        ("of two kinds", ", filter: { actions: [LOGIN_SUCCEEDED, LOGIN_FAILED] }".to_owned()),
        (
            "of two kinds and one account",
            format!(", filter: {{ user: \"{user}\", actions: [LOGIN_SUCCEEDED, LOGIN_FAILED] }}"),
        ),
        (
            "since yesterday",
            format!(
                ", filter: {{ since: \"{}\" }}",
                (app.clock.now() - Duration::from_hours(24)).to_rfc3339()
            ),
        ),
    ] {
        queries.push((format!("`auditEvents` {name}"), events(&format!("first: 25{arguments}"))));
    }
    Ok(queries)
}

/// The place of the account before which so many come.
async fn place(db: &impl ConnectionTrait, field: &str, before: u64) -> Outcome<UserCursor> {
    let query = user::Entity::find();
    let query = match field {
        "CREATED_AT" => query.order_by_asc(user::Column::CreatedAt),
        "USERNAME" => query.order_by_asc(user::Column::UsernameKey),
        _ => query.order_by_asc(Expr::cust("last_login_key")),
    };
    let row =
        query.order_by_asc(user::Column::Id).offset(before).limit(1).one(db).await?.ok_or("no account")?;
    Ok(match field {
        "CREATED_AT" => UserCursor::CreatedAt(row.created_at.0.timestamp_millis(), row.id),
        "USERNAME" => UserCursor::Username(row.username),
        _ => UserCursor::LastLoginAt(row.last_login_at.map_or(0, |at| at.0.timestamp_millis()), row.id),
    })
}
