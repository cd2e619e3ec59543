//! The rows of accounts and their roles.

use entity::{user, user_role};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
    prelude::ChronoUnixTimestampMillis as Millis,
    sea_query::{Expr, Order as Sort, Query, SimpleExpr},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Account, EmailAddress, Username, names::search_key};
use crate::{
    clock::Timestamp,
    graphql::{Direction, Page},
    id::UserId,
};

/// An account and the hash of its password.
pub struct Credentials {
    /// The account.
    pub account: Account,
    /// A PHC string.
    pub password_hash: String,
}

/// Which accounts.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The start of their username, e-mail address or display name.
    pub search: Option<String>,
    /// A role that they hold.
    pub role: Option<String>,
    /// Whether they are disabled.
    pub disabled: Option<bool>,
}

/// By what accounts are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// When they were made.
    CreatedAt,
    /// The mapped username.
    Username,
    /// The last sign-in; who has never signed in counts as the longest ago.
    LastLoginAt,
}

/// By what accounts are sorted, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// By what.
    pub order: Order,
    /// The greatest first.
    pub descending: bool,
}

/// The place of an account in a sorted list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum PageKey {
    /// Sorted by creation: milliseconds since the Unix epoch, and the id.
    #[serde(rename = "c")]
    CreatedAt(i64, Uuid),
    /// Sorted by the last sign-in: milliseconds since the Unix epoch, and the id.
    #[serde(rename = "l")]
    LastLoginAt(i64, Uuid),
    /// Sorted by username.
    #[serde(rename = "u")]
    Username(String),
}

impl PageKey {
    /// Where an account stands in a list of this order.
    #[must_use]
    pub fn of(account: &Account, order: Order) -> Self {
        let id = account.id.uuid();
        match order {
            Order::CreatedAt => Self::CreatedAt(account.created_at.timestamp_millis(), id),
            Order::LastLoginAt => {
                Self::LastLoginAt(account.last_login_at.map_or(0, |time| time.timestamp_millis()), id)
            }
            Order::Username => Self::Username(account.username.clone()),
        }
    }

    /// Whether it is a place in a list of this order.
    #[must_use]
    pub fn is_of(&self, order: Order) -> bool {
        let own = match self {
            Self::CreatedAt(..) => Order::CreatedAt,
            Self::LastLoginAt(..) => Order::LastLoginAt,
            Self::Username(_) => Order::Username,
        };
        own == order
    }
}

pub(super) async fn insert(
    db: &impl ConnectionTrait,
    account: &Account,
    username: &Username,
    password_hash: String,
) -> Result<(), DbErr> {
    let row = user::ActiveModel {
        id: Set(account.id.uuid()),
        username: Set(account.username.clone()),
        username_key: Set(username.key().to_owned()),
        password_hash: Set(password_hash),
        created_at: Set(Millis(account.created_at)),
        last_login_at: Set(account.last_login_at.map(Millis)),
        ..changeable(account)
    };
    user::Entity::insert(row).exec_without_returning(db).await?;
    insert_roles(db, account.id, &account.roles).await
}

/// What an account's owner or an administrator can change.
fn changeable(account: &Account) -> user::ActiveModel {
    user::ActiveModel {
        display_name: Set(account.display_name.clone()),
        display_name_key: Set(account.display_name.as_deref().map(search_key)),
        email: Set(account.email.clone()),
        email_key: Set(account.email.as_deref().map(search_key)),
        email_verified: Set(account.email_verified),
        disabled: Set(account.disabled),
        epoch: Set(account.epoch),
        updated_at: Set(Millis(account.updated_at)),
        ..Default::default()
    }
}

pub(super) async fn update(
    db: &impl ConnectionTrait,
    account: &Account,
    password_hash: Option<String>,
) -> Result<(), DbErr> {
    let mut row = user::ActiveModel { id: Unchanged(account.id.uuid()), ..changeable(account) };
    if let Some(password_hash) = password_hash {
        row.password_hash = Set(password_hash);
    }
    user::Entity::update(row).exec(db).await.map(|_| ())
}

pub(super) async fn replace_roles(
    db: &impl ConnectionTrait,
    id: UserId,
    roles: &[String],
) -> Result<(), DbErr> {
    let of_user = user_role::Column::UserId.eq(id.uuid());
    user_role::Entity::delete_many().filter(of_user).exec(db).await?;
    insert_roles(db, id, roles).await
}

async fn insert_roles(db: &impl ConnectionTrait, id: UserId, roles: &[String]) -> Result<(), DbErr> {
    if roles.is_empty() {
        return Ok(());
    }
    let row = |role: &String| user_role::ActiveModel { user_id: Set(id.uuid()), role: Set(role.clone()) };
    user_role::Entity::insert_many(roles.iter().map(row)).exec_without_returning(db).await.map(|_| ())
}

pub(super) async fn delete(db: &impl ConnectionTrait, id: UserId) -> Result<(), DbErr> {
    user::Entity::delete_by_id(id.uuid()).exec(db).await.map(|_| ())
}

/// The account, which nobody else can change until the transaction ends.
pub(super) async fn lock(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Account>, DbErr> {
    let row = user::Entity::find_by_id(id.uuid()).lock_exclusive().one(db).await?;
    Ok(with_roles(db, row.into_iter().collect()).await?.pop())
}

/// Lets whoever else locks the role wait until the transaction ends.
pub(super) async fn lock_role(db: &impl ConnectionTrait, role: &str) -> Result<(), DbErr> {
    let rows = user_role::Entity::find().filter(user_role::Column::Role.eq(role));
    rows.order_by_asc(user_role::Column::UserId).lock_exclusive().all(db).await.map(|_| ())
}

pub(super) async fn count_enabled_with_role(db: &impl ConnectionTrait, role: &str) -> Result<u64, DbErr> {
    let filter = Filter { role: Some(role.to_owned()), disabled: Some(false), search: None };
    count(db, &filter).await
}

/// Notes a sign-in when the account is still as it was.
pub(super) async fn note_login(
    db: &impl ConnectionTrait,
    account: &Account,
    now: Timestamp,
    replacement: Option<String>,
) -> Result<bool, DbErr> {
    let mut update = user::Entity::update_many()
        .col_expr(user::Column::LastLoginAt, Expr::value(Millis(now)))
        .filter(user::Column::Id.eq(account.id.uuid()))
        .filter(user::Column::Epoch.eq(account.epoch))
        .filter(user::Column::Disabled.eq(false));
    if let Some(hash) = replacement {
        update = update.col_expr(user::Column::PasswordHash, Expr::value(hash));
    }
    Ok(update.exec(db).await?.rows_affected == 1)
}

pub(super) async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Account>, DbErr> {
    let row = user::Entity::find_by_id(id.uuid()).one(db).await?;
    Ok(with_roles(db, row.into_iter().collect()).await?.pop())
}

pub(super) async fn find_many(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Account>, DbErr> {
    let ids = ids.iter().map(|id| id.uuid());
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids)).all(db).await?;
    with_roles(db, rows).await
}

pub(super) async fn find_by_username(
    db: &impl ConnectionTrait,
    username: &Username,
) -> Result<Option<Account>, DbErr> {
    Ok(credentials_by_username(db, username).await?.map(|found| found.account))
}

pub(super) async fn credentials_by_username(
    db: &impl ConnectionTrait,
    username: &Username,
) -> Result<Option<Credentials>, DbErr> {
    credentials(db, user::Entity::find().filter(user::Column::UsernameKey.eq(username.key()))).await
}

pub(super) async fn credentials_by_email(
    db: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Option<Credentials>, DbErr> {
    let verified = user::Entity::find()
        .filter(user::Column::EmailKey.eq(email.key()))
        .filter(user::Column::EmailVerified.eq(true));
    credentials(db, verified).await
}

pub(super) async fn credentials_of(
    db: &impl ConnectionTrait,
    id: UserId,
) -> Result<Option<Credentials>, DbErr> {
    credentials(db, user::Entity::find_by_id(id.uuid())).await
}

async fn credentials(
    db: &impl ConnectionTrait,
    query: Select<user::Entity>,
) -> Result<Option<Credentials>, DbErr> {
    let row = query.one(db).await?;
    // The roles of nobody are read as well, for an unknown name must take as long as a known one.
    let id = row.as_ref().map_or(Uuid::nil(), |row| row.id);
    let roles = roles_of(db, vec![id]).await?;
    Ok(row.map(|row| Credentials { password_hash: row.password_hash.clone(), account: account(row, &roles) }))
}

pub(super) async fn count(db: &impl ConnectionTrait, filter: &Filter) -> Result<u64, DbErr> {
    matching(filter).count(db).await
}

/// The accounts of a page, from its end of the list.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    filter: &Filter,
    by: OrderBy,
    page: &Page<PageKey>,
) -> Result<Vec<Account>, DbErr> {
    let mut query = matching(filter);
    for (bound, behind) in [(&page.after, true), (&page.before, false)] {
        if let Some(bound) = bound {
            let greater = behind != by.descending;
            query = query.filter(beyond(by.order, bound, greater)?);
        }
    }
    let reverse = page.direction == Direction::Backward;
    let sort = if by.descending == reverse { Sort::Asc } else { Sort::Desc };
    let query = match by.order {
        Order::CreatedAt => query.order_by(user::Column::CreatedAt, sort.clone()),
        Order::LastLoginAt => query.order_by(last_login(), sort.clone()),
        Order::Username => query.order_by(user::Column::UsernameKey, sort.clone()),
    };
    let rows = query.order_by(user::Column::Id, sort).limit(page.limit()).all(db).await?;
    with_roles(db, rows).await
}

/// What lies on one side of a place in the list.
fn beyond(order: Order, place: &PageKey, greater: bool) -> Result<SimpleExpr, DbErr> {
    let (left, right) = match (order, place) {
        (Order::CreatedAt, PageKey::CreatedAt(time, id)) => (
            Expr::tuple([Expr::col(user::Column::CreatedAt), Expr::col(user::Column::Id)]),
            Expr::tuple([Expr::val(*time), Expr::val(*id)]),
        ),
        (Order::LastLoginAt, PageKey::LastLoginAt(time, id)) => (
            Expr::tuple([last_login(), Expr::col(user::Column::Id)]),
            Expr::tuple([Expr::val(*time), Expr::val(*id)]),
        ),
        (Order::Username, PageKey::Username(username)) => {
            let key = Username::parse(username).map(|name| name.key().to_owned()).unwrap_or_default();
            (Expr::col(user::Column::UsernameKey), Expr::val(key))
        }
        _ => return Err(DbErr::Custom("the cursor is of another order".to_owned())),
    };
    Ok(if greater { left.gt(right) } else { left.lt(right) })
}

/// As the index has it, to the letter: with a parameter for the zero no plan would use it.
fn last_login() -> SimpleExpr {
    Expr::cust("COALESCE(last_login_at, 0)")
}

fn matching(filter: &Filter) -> Select<user::Entity> {
    let mut query = user::Entity::find();
    if let Some(search) = filter.search.as_deref().filter(|search| !search.is_empty()) {
        let start = search_key(search);
        let mut any = Condition::any();
        for column in [user::Column::UsernameKey, user::Column::EmailKey, user::Column::DisplayNameKey] {
            // A range, for that is what an index can answer.
            let end = format!("{start}\u{10ffff}");
            any = any.add(column.gte(start.as_str()).and(column.lt(end)));
        }
        query = query.filter(any);
    }
    if let Some(disabled) = filter.disabled {
        query = query.filter(user::Column::Disabled.eq(disabled));
    }
    if let Some(role) = &filter.role {
        let holders = Query::select()
            .column(user_role::Column::UserId)
            .from(user_role::Entity)
            .and_where(user_role::Column::Role.eq(role.as_str()))
            .to_owned();
        query = query.filter(user::Column::Id.in_subquery(holders));
    }
    query
}

/// The rows as accounts, in their order.
async fn with_roles(db: &impl ConnectionTrait, rows: Vec<user::Model>) -> Result<Vec<Account>, DbErr> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let roles = roles_of(db, ids).await?;
    Ok(rows.into_iter().map(|row| account(row, &roles)).collect())
}

async fn roles_of(db: &impl ConnectionTrait, ids: Vec<Uuid>) -> Result<Vec<user_role::Model>, DbErr> {
    user_role::Entity::find().filter(user_role::Column::UserId.is_in(ids)).all(db).await
}

fn account(row: user::Model, roles: &[user_role::Model]) -> Account {
    let own = roles.iter().filter(|role| role.user_id == row.id);
    let mut own: Vec<String> = own.map(|role| role.role.clone()).collect();
    own.sort_unstable();
    Account {
        id: UserId::from_uuid(row.id),
        username: row.username,
        display_name: row.display_name,
        email: row.email,
        email_verified: row.email_verified,
        roles: own,
        disabled: row.disabled,
        epoch: row.epoch,
        created_at: row.created_at.0,
        updated_at: row.updated_at.0,
        last_login_at: row.last_login_at.map(|time| time.0),
    }
}
