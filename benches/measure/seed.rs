use std::time::Instant;

use entity::{audit_event, session, token_status, user, user_role};
use portcullis::{
    accounts::Username, admin::NewUser, app::App, audit::Actor, clock::Timestamp, database::Transaction,
};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel,
    prelude::ChronoUnixTimestampMillis as Millis,
};
use uuid::Uuid;

use crate::{
    Outcome,
    place::Place,
    report::{say, thousands},
    rng::Rng,
};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// What a hash costs.
#[derive(Clone, Copy)]
pub(crate) enum Hashing {
    /// What it costs unless somebody sets it.
    Usual,
    /// Next to nothing, so that what the database does shows.
    Cheap,
}

/// Rows to a statement: as many as the parameters of one allow in both databases.
const BATCH: usize = 2000;

const DAY_MS: usize = 24 * 60 * 60 * 1000;

const NAMES: [&str; 10] =
    ["ada", "alan", "barbara", "donald", "edsger", "frances", "grace", "john", "leslie", "tony"];

/// The name of an account of a filled database.
pub(crate) fn username(number: usize) -> String {
    format!("{}{number:07}", NAMES[number % NAMES.len()])
}

/// The number of an account that is not disabled, of so many.
pub(crate) fn enabled(number: usize, accounts: usize) -> usize {
    let number = number % accounts;
    if number % 200 == 199 { number - 1 } else { number }
}

/// Fills an empty database with so many accounts, a session and some events to each, and the administrator
/// `root`. Everybody has one password.
pub(crate) async fn fill(place: &Place, accounts: usize, hashing: Hashing) -> Outcome {
    let began = Instant::now();
    let app = place.open(hashing).await?;
    let new = NewUser {
        username: Username::parse("root")?,
        password: PASSWORD.into(),
        email: None,
        display_name: None,
        roles: vec!["admin".to_owned()],
    };
    app.admin.create_user(new, Actor::Server).await?;
    let root = user::Entity::find().one(app.database.reader()).await?.ok_or("root is not there")?;
    let mut rng = Rng::new(1);
    let mut maker = Maker {
        hash: root.password_hash,
        now_ms: root.created_at.0.timestamp_millis(),
        accounts,
        indexes: indexes(accounts, &mut rng),
        rng,
    };
    for start in (0..accounts).step_by(BATCH) {
        let transaction = app.database.begin().await?;
        maker.insert(&transaction, start..accounts.min(start + BATCH)).await?;
        transaction.commit().await?;
    }
    settle(&app).await?;
    say(&format!("{} accounts made in {:.0} s", thousands(accounts), began.elapsed().as_secs_f64()))
}

/// Lets PostgreSQL count what it has, as it does by itself within minutes. SQLite plans without counting.
async fn settle(app: &App) -> Outcome {
    let db = app.database.writer();
    if db.get_database_backend() == DbBackend::Postgres {
        for table in ["users", "user_roles", "sessions", "token_statuses", "audit_events"] {
            db.execute_unprepared(&format!("ANALYZE {table}")).await?;
        }
    }
    Ok(())
}

/// Makes people up.
struct Maker {
    hash: String,
    now_ms: i64,
    accounts: usize,
    /// An index in the status lists for each session.
    indexes: Vec<i32>,
    rng: Rng,
}

/// Random indexes in the status lists, no two of them equal.
fn indexes(count: usize, rng: &mut Rng) -> Vec<i32> {
    let capacity = i32::try_from(count.next_power_of_two()).unwrap_or(i32::MAX).max(1 << 21);
    let mut indexes: Vec<i32> = (0..capacity).collect();
    for place in 0..count {
        let other = place + rng.below(indexes.len() - place);
        indexes.swap(place, other);
    }
    indexes.truncate(count);
    indexes
}

impl Maker {
    async fn insert(&mut self, db: &Transaction, numbers: std::ops::Range<usize>) -> Outcome {
        let users: Vec<_> = numbers.clone().map(|number| self.user(number)).collect();
        let role = |user: &user::Model| user_role::Model { user_id: user.id, role: "user".to_owned() };
        let roles: Vec<_> = users.iter().map(role).collect();
        let sessions: Vec<_> = users.iter().map(|user| self.session(user)).collect();
        let events: Vec<_> =
            users.iter().zip(&sessions).flat_map(|(user, session)| self.events(user, session)).collect();
        insert(db, users).await?;
        insert(db, roles).await?;
        let statuses = sessions.iter().zip(numbers).map(|(session, number)| self.status(session, number));
        let statuses: Vec<_> = statuses.collect();
        insert(db, sessions).await?;
        insert(db, statuses).await?;
        insert(db, events).await
    }

    /// One in ten has never signed in, one in two hundred is disabled.
    fn user(&mut self, number: usize) -> user::Model {
        let name = username(number);
        let created_at = self.ago(365 * DAY_MS - number * (300 * DAY_MS / self.accounts));
        let email = format!("{name}@example.org");
        let display_name = format!("{} {number}", NAMES[number % NAMES.len()].to_uppercase());
        user::Model {
            id: self.id(created_at),
            username_key: name.clone(),
            username: name,
            username_skeleton: None,
            displayed_skeleton: None,
            unverified_since: None,
            factor_required_since: None,
            display_name_key: Some(display_name.to_lowercase()),
            display_name: Some(display_name),
            email_key: Some(email.clone()),
            email: Some(email),
            email_verified: number.is_multiple_of(2),
            pending_email: None,
            password_hash: self.hash.clone(),
            locale: None,
            picture_url: None,
            metadata: None,
            app_metadata: None,
            disabled: number % 200 == 199,
            token_version: 0,
            created_at,
            updated_at: created_at,
            last_login_at: (number % 10 != 9).then(|| self.within(60)),
            deletion_at: None,
        }
    }

    fn session(&mut self, user: &user::Model) -> session::Model {
        let created_at = user.last_login_at.unwrap_or(user.created_at);
        session::Model {
            id: self.id(created_at),
            user_id: user.id,
            generation: 0,
            chain_began: 0,
            salt_hash: self.bytes(32),
            created_at,
            last_used_at: created_at,
            expires_at: self.within(-7),
            ends_at: self.within(-30),
            revoked_at: None,
            user_agent: Some(
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
            ),
            ip_address: Some(format!("198.51.100.{}", self.rng.below(256))),
            repetitions: 0,
            repeated_at: None,
            repeated_from: None,
            authenticated_at: None,
            methods: None,
        }
    }

    fn status(&self, session: &session::Model, number: usize) -> token_status::Model {
        token_status::Model {
            idx: self.indexes[number],
            session_id: session.id,
            user_id: session.user_id,
            token_version: 0,
            is_released: false,
            kept_until: session.expires_at,
        }
    }

    /// Everybody registered and most have signed in; one in a hundred failed to, one in a thousand changed the password.
    fn events(&mut self, user: &user::Model, session: &session::Model) -> Vec<audit_event::Model> {
        let mut events = vec![("USER_REGISTERED", user.created_at), ("LOGIN_SUCCEEDED", session.created_at)];
        if self.rng.below(100) == 0 {
            events.push(("LOGIN_FAILED", self.within(60)));
        }
        if self.rng.below(1000) == 0 {
            events.push(("PASSWORD_CHANGED", self.within(60)));
        }
        let event = |(action, at): (&str, Millis)| audit_event::Model {
            id: self.id(at),
            action: action.to_owned(),
            at,
            actor_id: Some(user.id),
            user_id: Some(user.id),
            session_id: Some(session.id),
            ip_address: session.ip_address.clone(),
            user_agent: session.user_agent.clone(),
            position: 0,
        };
        events.into_iter().map(event).collect()
    }

    /// Some time in the last so many days, or in the next where they are negative, but not today.
    fn within(&mut self, days: i32) -> Millis {
        let range = DAY_MS * (usize::try_from(days.unsigned_abs()).unwrap_or(1) - 1);
        let milliseconds = i64::try_from(DAY_MS + self.rng.below(range)).unwrap_or(0);
        at(self.now_ms - i64::from(days.signum()) * milliseconds)
    }

    fn ago(&self, milliseconds: usize) -> Millis {
        at(self.now_ms - i64::try_from(milliseconds).unwrap_or(0))
    }

    fn id(&mut self, at: Millis) -> Uuid {
        let mut random = [0; 10];
        random.copy_from_slice(&self.bytes(10));
        let milliseconds = u64::try_from(at.0.timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.rng.below(256)).unwrap_or(0)).collect()
    }
}

/// A point in time, in milliseconds since the Unix epoch.
fn at(milliseconds: i64) -> Millis {
    Millis(Timestamp::from_timestamp_millis(milliseconds).unwrap_or_default())
}

async fn insert<M, A>(db: &Transaction, rows: Vec<M>) -> Outcome
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let batch: Vec<A> = rows.by_ref().take(BATCH).collect();
        A::Entity::insert_many(batch).exec_without_returning(db).await?;
    }
    Ok(())
}
