use sea_orm::{ConnectionTrait, DbErr};

use super::{RefreshError, Session, Sessions, store};
use crate::{accounts::Account, status_lists::Holder, tokens::Status};

impl Sessions {
    /// Assigns an index in the status lists to a session that is opened in the transaction. `None` if status lists are
    /// off.
    pub(super) async fn assign_status(
        &self,
        transaction: &impl ConnectionTrait,
        session: &Session,
        token_version: i64,
    ) -> Result<Option<Status>, DbErr> {
        let Some(lists) = &self.status_lists else { return Ok(None) };
        let holder = holder(session, token_version);
        Ok(Some(lists.assign(transaction, &holder, session.expires_at).await?))
    }

    /// Assigns another index to an open session, because the transaction has revoked its earlier tokens. The
    /// transaction has locked the account and the session.
    pub(super) async fn reassign_status(
        &self,
        transaction: &impl ConnectionTrait,
        session: &Session,
        token_version: i64,
    ) -> Result<Option<Status>, DbErr> {
        let Some(lists) = &self.status_lists else { return Ok(None) };
        let holder = holder(session, token_version);
        Ok(Some(lists.reassign(transaction, &holder, session.expires_at).await?))
    }

    /// The status of the next access token of a session. `index` is the index of its tokens, if it is known. Assigns an
    /// index if the session has none for this token version. Returns the account as well, because it may have changed
    /// before it was locked.
    ///
    /// # Errors
    /// [`RefreshError::Invalid`] if the session has ended, or the account was disabled or deleted.
    pub(super) async fn status_for_refresh(
        &self,
        account: Account,
        session: &Session,
        index: Option<u32>,
    ) -> Result<(Account, Option<Status>), RefreshError> {
        let Some(lists) = &self.status_lists else { return Ok((account, None)) };
        if let Some(index) = index {
            return Ok((account, Some(lists.status(index))));
        }
        if let Some(status) = lists.find(&holder(session, account.token_version)).await? {
            return Ok((account, Some(status)));
        }
        let transaction = self.database.begin_short().await?;
        // The account first, as everywhere, so that two transactions never wait for each other.
        let account = self.accounts.lock(&transaction, account.id).await?;
        let account = account.filter(|account| !account.disabled).ok_or(RefreshError::Invalid)?;
        if !store::lock(&transaction, session.id, self.clock.now()).await? {
            return Err(RefreshError::Invalid);
        }
        let status = self.reassign_status(&transaction, session, account.token_version).await?;
        self.feed.commit(transaction, &[]).await?;
        Ok((account, status))
    }
}

fn holder(session: &Session, token_version: i64) -> Holder {
    Holder { session: session.id, user: session.user, token_version }
}
