use std::net::IpAddr;

use sea_orm::DbErr;

use super::SignIn;
use crate::{
    accounts::Account,
    audit::Actor,
    client::ClientInfo,
    database::Transaction,
    limits::wide_network,
    mail::{MessageKind, device_of},
    sessions::Session,
};

/// The number of the account's newest sessions with which a sign-in is compared.
const MAX_COMPARED: u64 = 100;

impl SignIn {
    /// Writes a notice to the outbox if an account is used from a new device, in the transaction that opens the session
    /// and before it does.
    ///
    /// A device is new if none of the account's stored sessions has its browser and system, or if none has its network
    /// and the throttle does not know its address. A session is stored until it would have expired, also after a
    /// sign-out. The first sign-in to an account causes no notice, and neither does a refresh.
    pub(super) async fn notify_of_new_device(
        &self,
        transaction: &Transaction,
        account: &Account,
        client: &ClientInfo,
    ) -> Result<(), DbErr> {
        let is_first = account.last_login_at.is_none();
        if !self.config.accounts.notify_new_device || is_first || !account.email_verified {
            return Ok(());
        }
        let sessions = self.sessions.recent(transaction, account.id, MAX_COMPARED).await?;
        let version = (account.id, account.token_version);
        let is_known = has_device(&sessions, client)
            && (has_network(&sessions, client)
                || self.throttle.is_known_address(transaction, version, client.address).await?);
        let kind = MessageKind::NewDevice;
        if is_known || !self.throttle.count_notice(transaction, account.id, kind.name()).await? {
            return Ok(());
        }
        let actor = Actor::Client { client, user: Some(account.id) };
        self.accounts.send_notice(transaction, kind, account, actor).await
    }
}

fn has_device(sessions: &[Session], client: &ClientInfo) -> bool {
    let device = device_of(client.user_agent.as_deref());
    sessions.iter().any(|session| device_of(session.user_agent.as_deref()) == device)
}

/// Whether one of the sessions was used in the same /24 (IPv6: /48). A provider gives a household other addresses of it.
fn has_network(sessions: &[Session], client: &ClientInfo) -> bool {
    let network = |address: IpAddr| wide_network(address.to_canonical());
    let addresses = sessions.iter().filter_map(|session| session.ip_address.as_deref()?.parse().ok());
    addresses.map(network).any(|other| other == network(client.address))
}
