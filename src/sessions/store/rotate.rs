//! The rotation of a refresh token, which is the most frequent statement that writes.

use entity::session::Model;
use sea_orm::{
    ConnectionTrait, DbErr, FromQueryResult, Statement, prelude::ChronoUnixTimestampMillis as Millis,
};

use super::read;
use crate::{
    accounts::AccountVersion, client::ClientInfo, clock::Timestamp, sessions::Session, tokens::RefreshToken,
};

/// A change of the current token at a refresh.
pub(in crate::sessions) struct Rotation<'a> {
    pub(in crate::sessions) from: &'a RefreshToken,
    pub(in crate::sessions) to: &'a RefreshToken,
    pub(in crate::sessions) now: Timestamp,
    pub(in crate::sessions) expires_at: Timestamp,
    pub(in crate::sessions) client: &'a ClientInfo,
}

/// A session after a rotation.
pub(in crate::sessions) struct Rotated {
    pub(in crate::sessions) session: Session,
    /// The version of its account. `None` if the account was deleted.
    pub(in crate::sessions) version: Option<AccountVersion>,
    /// The index in the status lists of its tokens with the version of the account, if they have one.
    pub(in crate::sessions) status_index: Option<u32>,
}

/// Replaces a token with its successor if the token is current, and reads what the next access token needs, in one round
/// trip. The text of the statement is not built each time.
pub(in crate::sessions) async fn rotate(
    db: &impl ConnectionTrait,
    rotation: &Rotation<'_>,
) -> Result<Option<Rotated>, DbErr> {
    const SQL: &str = "UPDATE sessions SET generation = $1, salt_hash = $2, last_used_at = $3, repetitions = 0, \
        expires_at = CASE WHEN ends_at < $4 THEN ends_at ELSE $4 END, ip_address = $5, user_agent = $6 \
        WHERE id = $7 AND generation = $8 AND salt_hash = $9 AND revoked_at IS NULL AND expires_at > $3 \
        RETURNING *, (SELECT epoch FROM users WHERE users.id = sessions.user_id) AS token_version, \
        (SELECT updated_at FROM users WHERE users.id = sessions.user_id) AS account_updated_at, \
        (SELECT last_login_at FROM users WHERE users.id = sessions.user_id) AS account_last_login_at, \
        (SELECT idx FROM token_statuses WHERE token_statuses.session_id = sessions.id AND NOT is_released AND \
        token_statuses.token_version = (SELECT epoch FROM users WHERE users.id = sessions.user_id)) AS status_index";
    let Rotation { from, to, now, expires_at, client } = rotation;
    let values = [
        i64::from(to.generation.0).into(),
        to.salt_hash().into(),
        now.timestamp_millis().into(),
        expires_at.timestamp_millis().into(),
        client.address.to_string().into(),
        client.user_agent.clone().into(),
        to.session.uuid().into(),
        i64::from(from.generation.0).into(),
        from.salt_hash().into(),
    ];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), SQL, values);
    let Some(row) = db.query_one_raw(statement).await? else { return Ok(None) };
    let time = |column| row.try_get::<Option<Millis>>("", column).map(|time| time.map(|time| time.0));
    let token_version: Option<i64> = row.try_get("", "token_version")?;
    let version = match (token_version, time("account_updated_at")?) {
        (Some(token_version), Some(updated_at)) => {
            Some(AccountVersion { token_version, updated_at, last_login_at: time("account_last_login_at")? })
        }
        _ => None,
    };
    let status_index =
        row.try_get::<Option<i32>>("", "status_index")?.and_then(|index| u32::try_from(index).ok());
    Ok(Some(Rotated { session: read(Model::from_query_result(&row, "")?), version, status_index }))
}
