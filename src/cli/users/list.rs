use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::{
    accounts::{Account, AccountFilter, Order, OrderBy, UserCursor},
    app::App,
    cli::{
        error::CliError,
        output::{Format, or_dash, time},
    },
    clock::Timestamp,
    database::PageRequest,
    id::UserId,
};

#[derive(Args)]
pub(crate) struct List {
    /// Filter by prefix of username, e-mail address or display name
    #[arg(long)]
    search: Option<String>,
    /// Filter by role
    #[arg(long)]
    role: Option<String>,
    /// Only disabled accounts
    #[arg(long)]
    disabled: bool,
    /// Maximum number of accounts to list
    #[arg(long)]
    limit: Option<usize>,
    #[command(flatten)]
    format: Format,
}

/// An account as it is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: UserId,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    roles: Vec<String>,
    disabled: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

impl List {
    pub(super) async fn run(self, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
        let rows = self.read(app).await?;
        let head = ["USERNAME", "ID", "ROLES", "STATE", "E-MAIL", "DISPLAY NAME", "LAST SIGN-IN"];
        self.format.write(out, head, &rows, |row| {
            let state = if row.disabled { "disabled" } else { "enabled" };
            let last_login = or_dash(row.last_login_at.map(time));
            let roles = or_dash(Some(row.roles.join(",")).filter(|roles| !roles.is_empty()));
            let [email, display_name] = [row.email.clone(), row.display_name.clone()].map(or_dash);
            [
                row.username.clone(),
                row.id.to_string(),
                roles,
                state.to_owned(),
                email,
                display_name,
                last_login,
            ]
        })
    }

    async fn read(&self, app: &App) -> Result<Vec<Row>, CliError> {
        let filter = AccountFilter {
            search: self.search.clone(),
            role: self.role.clone(),
            disabled: self.disabled.then_some(true),
        };
        let order = OrderBy { order: Order::Username, descending: false };
        let (accounts, wanted) = (&app.accounts, &filter);
        let read = |page| async move { accounts.list(wanted, order, &page).await };
        let key = |account: &Account| UserCursor::of(account, order.order);
        let found = PageRequest::read_all(self.limit.unwrap_or(usize::MAX), key, read).await?;
        Ok(found.into_iter().map(row).collect())
    }
}

fn row(account: Account) -> Row {
    Row {
        id: account.id,
        username: account.username,
        display_name: account.display_name,
        email: account.email,
        email_verified: account.email_verified,
        roles: account.roles,
        disabled: account.disabled,
        created_at: account.created_at,
        updated_at: account.updated_at,
        last_login_at: account.last_login_at,
    }
}
