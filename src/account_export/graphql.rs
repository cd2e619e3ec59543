//! The GraphQL query that exports an account.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use super::{AccountExporter, ExportError};
use crate::{
    graphql::{ApiError, DateTime, Json, account_and_session, guarded},
    limits::{Decision, Throttle},
};

/// The maximum number of items in each list of an export. The command line has no maximum.
const MAX_ITEMS: usize = 1000;

/// The export of an account.
#[derive(SimpleObject)]
pub struct AccountExport {
    /// Everything about the account: a JSON object with the profile, the active sessions, the personal access tokens
    /// without their secrets, the passkeys, the messages that were sent by e-mail, the links and codes that are valid,
    /// without the secret parts, and the events of the audit log. Each list has at most the newest 1000 items.
    data: Json,
    /// When the data was read.
    created_at: DateTime,
}

/// The query that exports an account.
#[derive(Default)]
pub struct AccountExportQuery;

#[guarded]
#[Object]
impl AccountExportQuery {
    /// Everything that the server stores about your account, as JSON. Each call counts as a change of your account.
    #[requires_recent_login("5m")]
    async fn export_account(&self, ctx: &Context<'_>) -> Result<Option<AccountExport>, ApiError> {
        let (user, _) = account_and_session(ctx)?;
        if let Decision::Refused { retry_after, .. } =
            ctx.data_unchecked::<Throttle>().try_change(user).await?
        {
            return Err(ApiError::rate_limited("Too many exports or changes. Try again later.", retry_after));
        }
        let exporter = ctx.data_unchecked::<Arc<AccountExporter>>();
        let Some(account) = exporter.accounts.find(user).await? else { return Ok(None) };
        let created_at = DateTime(exporter.clock.now());
        let mut json = Vec::new();
        exporter.write(&account, MAX_ITEMS, &mut json).await.map_err(|error| match error {
            ExportError::Database(error) => error.into(),
            ExportError::Output(error) => ApiError::internal(&error),
        })?;
        let data = serde_json::from_slice(&json).map_err(|error| ApiError::internal(&error))?;
        Ok(Some(AccountExport { data: Json(data), created_at }))
    }
}
