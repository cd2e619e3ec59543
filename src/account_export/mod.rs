//! The export of everything that the server stores about an account, as one JSON object (GDPR, articles 15 and 20).
//!
//! Invariant: an export contains no password hash and no token. A new table with data of accounts needs a list here.

pub mod graphql;

use std::{
    io::{self, Write},
    ops::Bound,
    sync::Arc,
};

use sea_orm::DbErr;
use serde_json::{Value as Json, json};

use crate::{
    accounts::{Account, Accounts},
    audit::{Audit, AuditEvent, EventFilter},
    clock::Clock,
    database::{Direction, MAX_PAGE_SIZE, PageRequest},
    id::{Id, Kind, UserId},
    mail::{Mail, MessageFilter, MessageRecord},
    passkeys::{Passkey, Passkeys},
    personal_access_tokens::{PersonalAccessToken, PersonalAccessTokens},
    proofs::{ProofRecord, Proofs},
    second_factors::SecondFactors,
    sessions::{Session, Sessions},
    trusted_devices::{TrustedDevice, TrustedDevices},
};

/// The maximum number of valid proofs in an export. An account has one of each purpose, and one for each address that it
/// has replaced in the last days.
const MAX_PROOFS: usize = 1000;

/// Exports accounts.
#[derive(Clone)]
pub struct AccountExporter {
    /// The account service.
    pub(crate) accounts: Accounts,
    /// The session service.
    pub(crate) sessions: Sessions,
    /// The personal access tokens.
    pub(crate) personal_access_tokens: Arc<PersonalAccessTokens>,
    /// The audit log.
    pub(crate) audit: Audit,
    /// The outbox.
    pub(crate) mail: Mail,
    /// The proofs of e-mail addresses.
    pub(crate) proofs: Proofs,
    /// The second factors.
    pub(crate) second_factors: SecondFactors,
    /// The trusted devices.
    pub(crate) trusted_devices: Arc<TrustedDevices>,
    /// The passkeys.
    pub(crate) passkeys: Passkeys,
    /// The clock.
    pub(crate) clock: Clock,
}

/// An error of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The output failed.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// A database query failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl AccountExporter {
    /// Writes everything about an account as one JSON object, page by page. Each list has at most `max` items, the newest
    /// ones.
    ///
    /// # Errors
    /// If the output or a database query fails.
    pub async fn write(
        &self,
        account: &Account,
        max: usize,
        out: &mut (dyn Write + Send),
    ) -> Result<(), ExportError> {
        write!(out, "{{\"exportedAt\":{},\"account\":{}", json!(self.clock.now()), profile(account))?;
        write!(out, ",\"sessions\":[")?;
        let read = |page| async move { self.sessions.list(account.id, &page).await };
        write_items(out, max, |session: &Session| session.id, read, session_json).await?;
        write!(out, "],\"personalAccessTokens\":[")?;
        let read = |page| async move { self.personal_access_tokens.list(account.id, &page).await };
        write_items(out, max, |token: &PersonalAccessToken| token.id, read, token_json).await?;
        write!(out, "],\"passkeys\":[")?;
        let read = |page| async move { self.passkeys.list(account.id, &page).await };
        write_items(out, max, |passkey: &Passkey| passkey.id, read, passkey_json).await?;
        write!(out, "],\"messages\":[")?;
        let (mail, filter) =
            (&self.mail, MessageFilter { user: Some(account.id), ..MessageFilter::default() });
        let read = |page| async move { mail.list(filter, &page).await };
        write_items(out, max, |message: &MessageRecord| message.id, read, message_json).await?;
        let proofs =
            self.proofs.list_valid(account.id, u64::try_from(max.min(MAX_PROOFS)).unwrap_or(0)).await?;
        let proofs: Vec<Json> = proofs.iter().map(proof_json).collect();
        write!(out, "],\"emailProofs\":{}", Json::from(proofs))?;
        write!(out, ",\"secondFactors\":{}", self.second_factors(account.id).await?)?;
        let devices = self.trusted_devices.list(account).await?;
        let devices: Vec<Json> = devices.iter().map(device_json).collect();
        write!(out, ",\"trustedDevices\":{}", Json::from(devices))?;
        write!(out, ",\"auditEvents\":[")?;
        let filter = EventFilter { user: Some(account.id), ..EventFilter::default() };
        let (audit, filter) = (&self.audit, &filter);
        let read = |page| async move { audit.list(filter, &page).await };
        write_items(out, max, |event: &AuditEvent| event.id, read, event_json).await?;
        Ok(write!(out, "]}}")?)
    }

    async fn second_factors(&self, user: UserId) -> Result<Json, DbErr> {
        let totp = self.second_factors.totp(user).await?;
        let codes = self.second_factors.recovery_codes(user).await?;
        Ok(json!({
            "totp": totp.map(|totp| json!({ "createdAt": totp.created_at, "lastUsedAt": totp.last_used_at })),
            "recoveryCodes": codes.map(|codes| json!({
                "total": codes.total,
                "remaining": codes.remaining,
                "createdAt": codes.created_at,
            })),
        }))
    }
}

/// Writes the items of a list, page by page, with commas between them.
async fn write_items<K: Kind, Row, Reading>(
    out: &mut (dyn Write + Send),
    max: usize,
    id: impl Fn(&Row) -> Id<K>,
    read: impl Fn(PageRequest<Id<K>>) -> Reading,
    item: impl Fn(&Row) -> Json,
) -> Result<(), ExportError>
where
    Reading: Future<Output = Result<Vec<Row>, DbErr>>,
{
    let (mut after, mut written) = (Bound::Unbounded, 0);
    while written < max {
        let count = MAX_PAGE_SIZE.min(max - written);
        let page = PageRequest { direction: Direction::Forward, count, after, before: Bound::Unbounded };
        let rows = read(page).await?;
        for row in rows.iter().take(count) {
            let comma = if written == 0 { "" } else { "," };
            write!(out, "{comma}{}", item(row))?;
            written += 1;
        }
        if rows.len() <= count {
            break;
        }
        after = Bound::Excluded(id(&rows[count - 1]));
    }
    Ok(())
}

fn profile(account: &Account) -> Json {
    json!({
        "id": account.id,
        "username": account.username,
        "displayName": account.display_name,
        "email": account.email,
        "emailVerified": account.email_verified,
        "pendingEmail": account.pending_email,
        "locale": account.locale,
        "pictureUrl": account.picture_url,
        "metadata": account.metadata,
        "appMetadata": account.app_metadata,
        "roles": account.roles,
        "disabled": account.disabled,
        "createdAt": account.created_at,
        "updatedAt": account.updated_at,
        "lastLoginAt": account.last_login_at,
        "deletionScheduledAt": account.deletion_at,
    })
}

fn session_json(session: &Session) -> Json {
    json!({
        "id": session.id,
        "createdAt": session.created_at,
        "lastUsedAt": session.last_used_at,
        "expiresAt": session.expires_at,
        "userAgent": session.user_agent,
        "ipAddress": session.ip_address,
    })
}

fn token_json(token: &PersonalAccessToken) -> Json {
    json!({
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes.iter().collect::<Vec<_>>(),
        "hint": token.hint,
        "createdAt": token.created_at,
        "expiresAt": token.expires_at,
        "lastUsedAt": token.last_used_at,
    })
}

fn passkey_json(passkey: &Passkey) -> Json {
    json!({
        "id": passkey.id,
        "name": passkey.name,
        "authenticator": passkey.authenticator,
        "backupEligible": passkey.backup_eligible,
        "backedUp": passkey.backed_up,
        "createdAt": passkey.created_at,
        "lastUsedAt": passkey.last_used_at,
    })
}

fn device_json(device: &TrustedDevice) -> Json {
    json!({
        "id": device.id,
        "userAgent": device.user_agent,
        "ipAddress": device.ip_address,
        "createdAt": device.created_at,
        "lastUsedAt": device.last_used_at,
        "expiresAt": device.expires_at,
    })
}

fn message_json(message: &MessageRecord) -> Json {
    json!({
        "id": message.id,
        "kind": message.kind,
        "recipient": message.recipient,
        "state": message.state,
        "createdAt": message.created_at,
        "sentAt": message.sent_at,
    })
}

fn proof_json(proof: &ProofRecord) -> Json {
    json!({
        "purpose": proof.purpose,
        "email": proof.email,
        "createdAt": proof.created_at,
        "expiresAt": proof.expires_at,
    })
}

fn event_json(event: &AuditEvent) -> Json {
    json!({
        "id": event.id,
        "action": event.action.name(),
        "at": event.at,
        "actor": event.actor,
        "session": event.session,
        "userAgent": event.user_agent,
        "ipAddress": event.ip_address,
    })
}
