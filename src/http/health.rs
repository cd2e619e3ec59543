use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use serde_json::json;

use crate::{changes::Feed, database::Database};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// How it was a moment ago helps nobody.
const FRESH: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// `/healthz`: the process runs and answers. Restarting it would help nothing that this does not tell.
pub(crate) async fn alive() -> impl IntoResponse {
    (FRESH, Json(json!({ "status": "ok" })))
}

/// `/readyz`: the replica can serve. It needs the database, and to know which tokens are revoked.
pub(crate) async fn ready(State((database, feed)): State<(Database, Arc<Feed>)>) -> impl IntoResponse {
    let database = tokio::time::timeout(PATIENCE, database.ping()).await.is_ok_and(|answer| answer.is_ok());
    let changes = feed.is_current();
    let is_ready = database && changes;
    let word = |well| if well { "ok" } else { "unavailable" };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "status": word(is_ready), "database": word(database), "changes": word(changes) });
    (status, FRESH, Json(body))
}
