use std::time::{Duration, Instant};

use entity::session;
use portcullis::{
    app::App,
    changes::Change,
    id::SessionId,
    tokens::{StatusList, StatusListClaims},
};
use reqwest::header::ACCEPT_ENCODING;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    prelude::ChronoUnixTimestampMillis as Millis, sea_query::Expr,
};
use serde_json::Value;

use crate::{
    Outcome,
    place::Place,
    report::{say, thousands},
    seed::{self, Hashing, username},
    server::Server,
};

/// The parts of the sessions that have ended within a day, in hundredths.
const ENDED: [usize; 5] = [0, 1, 5, 10, 20];

/// The maximum of the downloads of a service, with headers, bytes.
const MAX_DOWNLOAD: usize = 200 * 1024;

/// Sessions to end in one transaction.
const BATCH: usize = 1000;

/// How long the server may take to see a change.
const PATIENCE: Duration = Duration::from_mins(2);

/// The downloads of a service.
#[derive(Default)]
struct Download {
    lists: usize,
    plain: usize,
    compressed: usize,
    headers: usize,
    revoked: usize,
    took: Duration,
}

/// Downloads all status lists of a server with many open sessions, while ever more of them end. Then measures how long a
/// service accepts a token after its sign-out.
pub(crate) async fn run(sessions: usize, database: Option<&str>) -> Outcome {
    let place = Place::temporary(database).await?;
    seed::fill(&place, sessions, Hashing::Cheap).await?;
    let app = place.open(Hashing::Cheap).await?;
    let server = Server::start(&place, Hashing::Cheap).await?;
    say(&format!("\n{} open sessions", thousands(sessions)))?;
    say(
        "\n| ended in a day | lists | revoked | JWTs, KiB | with gzip, KiB | with gzip and headers, KiB | time, ms |",
    )?;
    say("|---:|---:|---:|---:|---:|---:|---:|")?;
    let mut ended = 0;
    for share in ENDED {
        let goal = sessions * share / 100;
        end_sessions(&app, goal - ended).await?;
        ended = goal;
        let download = complete_download(&server, ended).await?;
        let kib = |bytes: usize| bytes.div_ceil(1024);
        let total = download.compressed + download.headers;
        say(&format!(
            "| {} % | {} | {} | {} | {} | {} | {:.0} |",
            share,
            download.lists,
            thousands(download.revoked),
            kib(download.plain),
            kib(download.compressed),
            kib(total),
            download.took.as_secs_f64() * 1000.0
        ))?;
        if total > MAX_DOWNLOAD {
            return Err(format!("{total} bytes").into());
        }
    }
    refuse_signed_out(&server, sessions).await
}

/// Ends sessions as the server does.
async fn end_sessions(app: &App, count: usize) -> Outcome {
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let open = session::Entity::find().filter(session::Column::RevokedAt.is_null());
        // Some of each shard, because an id says nothing about the index.
        let rows =
            open.order_by_asc(session::Column::Id).limit(batch as u64).all(app.database.reader()).await?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let transaction = app.database.begin().await?;
        let end = session::Entity::update_many()
            .col_expr(session::Column::RevokedAt, Expr::value(Millis(app.clock.now())));
        end.filter(session::Column::Id.is_in(ids.iter().copied())).exec(&transaction).await?;
        let changes: Vec<_> = ids.iter().map(|id| Change::SessionEnded(SessionId::from_uuid(*id))).collect();
        app.feed.commit(transaction, &changes).await?;
        left -= batch;
    }
    Ok(())
}

/// Downloads all lists as soon as the server knows all changes.
async fn complete_download(server: &Server, revoked: usize) -> Outcome<Download> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let download = download(server).await?;
        if download.revoked == revoked {
            return Ok(download);
        }
        if Instant::now() > deadline {
            return Err(format!("{} of {revoked} are revoked", download.revoked).into());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn download(server: &Server) -> Outcome<Download> {
    let (client, mut download) = (reqwest::Client::new(), Download::default());
    for shard in 0.. {
        let url = server.url(&format!("/status-lists/{shard}"));
        let began = Instant::now();
        let response = client.get(&url).header(ACCEPT_ENCODING, "gzip").send().await?;
        if response.status() == 404 {
            break;
        }
        let response = response.error_for_status()?;
        // The status line, and a colon, a space and a line break for each header.
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            name.as_str().len() + value.len() + 4
        };
        download.headers += 17 + response.headers().iter().map(header).sum::<usize>();
        download.compressed += response.bytes().await?.len();
        download.took += began.elapsed();
        let token = client.get(&url).send().await?.error_for_status()?.text().await?;
        download.plain += token.len();
        download.lists += 1;
        let list = StatusList::decode(&claims::<StatusListClaims>(&token)?.status_list)?;
        let statuses = (0..).map_while(|index| list.status(index));
        download.revoked += statuses.filter(|status| *status != StatusList::VALID).count();
    }
    Ok(download)
}

/// Measures the time from a sign-out until a service refuses the token, which keeps each list for its `ttl`.
async fn refuse_signed_out(server: &Server, sessions: usize) -> Outcome {
    let mut person = server.client();
    // Neither disabled nor one whose session was ended above.
    person.log_in(&username(sessions - 2)).await?;
    let access: Value = claims(person.access_token())?;
    let place = &access["status"]["status_list"];
    let (uri, idx) = (place["uri"].as_str().ok_or("no URL")?, place["idx"].as_u64().ok_or("no index")?);
    let (mut list, mut ttl, mut fetched_at) = fetch(uri).await?;
    assert_eq!(list.status(idx), Some(StatusList::VALID), "the token is accepted");
    person.log_out().await?;
    let began = Instant::now();
    while list.status(idx) == Some(StatusList::VALID) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if fetched_at.elapsed() >= ttl {
            (list, ttl, fetched_at) = fetch(uri).await?;
        }
        if began.elapsed() > ttl + Duration::from_secs(1) {
            return Err("the token is accepted after the ttl".into());
        }
    }
    let took = began.elapsed().as_secs_f64();
    say(&format!("\nA token is refused {took:.1} s after its sign-out; the ttl is {} s", ttl.as_secs()))
}

async fn fetch(uri: &str) -> Outcome<(StatusList, Duration, Instant)> {
    let fetched_at = Instant::now();
    let claims: StatusListClaims = claims(&reqwest::get(uri).await?.error_for_status()?.text().await?)?;
    let ttl = Duration::from_secs(claims.ttl.ok_or("no ttl")?);
    Ok((StatusList::decode(&claims.status_list)?, ttl, fetched_at))
}

/// The claims of a token. The signature is not measured.
fn claims<C: serde::de::DeserializeOwned>(token: &str) -> Outcome<C> {
    Ok(jsonwebtoken::dangerous::insecure_decode_claims(token)?)
}
