//! The parts of the application beside its schema: configuration, tables, hooks, routes and tasks.

use std::sync::Arc;

use axum::Router;
use migration::MigratorTrait;

use super::Builder;
use crate::{
    clock::Clock,
    config::Config,
    database::ApplicationMigrations,
    hooks::{HookRunner, Hooks},
    server::{Portcullis, task::Task},
};

impl<Q, M, S, D> Builder<Q, M, S, D> {
    /// Uses this configuration. Neither a file nor the environment nor the command line is read, and sections of the
    /// application have their defaults.
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Config, Portcullis};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let mut config = Config::default();
    /// config.data_dir = folder.path().to_owned();
    /// config.http.public_url = Some("https://id.example.com".to_owned());
    /// let server = Portcullis::builder().config(config).open().await?;
    /// assert_eq!(server.config().issuer(), "https://id.example.com");
    /// server.close().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    pub fn config(mut self, config: Config) -> Self {
        self.application.config = Some(config);
        self
    }

    /// Changes the configuration after it was loaded. The change overrides the file, the environment and the flags.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use serde_json::json;
    ///
    /// let builder = Portcullis::builder().configure(|config| config.accounts.registration_open = false);
    /// let server = TestServer::start(builder).await;
    /// let response = server.graphql(None, "{ server { registrationOpen } }", json!({})).await;
    /// assert_eq!(response["data"]["server"]["registrationOpen"], false);
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn configure(mut self, change: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        self.application.in_code.changes.push(Arc::new(change));
        self
    }

    /// Uses this clock. Tests move it.
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use portcullis::{Clock, Config, Portcullis};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let mut config = Config::default();
    /// config.data_dir = folder.path().to_owned();
    /// let clock = Clock::steady();
    /// let server = Portcullis::builder().config(config).clock(clock.clone()).open().await?;
    /// let before = server.clock().now();
    /// clock.advance(Duration::from_hours(1));
    /// assert!(server.clock().now() - before >= chrono::Duration::hours(1));
    /// server.close().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    pub fn clock(mut self, clock: Clock) -> Self {
        self.application.parts.clock = clock;
        self
    }

    /// Adds migrations of the application's own tables. They are applied after those of Portcullis and recorded in the
    /// table `application_migrations`. Names of tables must differ from those of Portcullis: begin them with a prefix.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use sea_orm_migration::prelude::*;
    ///
    /// struct CreatePets;
    ///
    /// impl MigrationName for CreatePets {
    ///     fn name(&self) -> &str {
    ///         "m20260101_create_pets"
    ///     }
    /// }
    ///
    /// #[async_trait::async_trait]
    /// impl MigrationTrait for CreatePets {
    ///     async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
    ///         let table = Table::create().table("shop_pets").col(ColumnDef::new("name").text().not_null()).to_owned();
    ///         manager.create_table(table).await
    ///     }
    ///
    ///     async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
    ///         manager.drop_table(Table::drop().table("shop_pets").to_owned()).await
    ///     }
    /// }
    ///
    /// struct Migrations;
    ///
    /// #[async_trait::async_trait]
    /// impl MigratorTrait for Migrations {
    ///     fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    ///         vec![Box::new(CreatePets)]
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder().migrations(Migrations)).await;
    /// let database = server.portcullis().database();
    /// database.writer().execute_unprepared("INSERT INTO shop_pets VALUES ('Rex')").await?;
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn migrations<T: MigratorTrait>(mut self, _: T) -> Self {
        self.application.parts.migrations = ApplicationMigrations(T::migrations);
        self
    }

    /// Adds the hooks of the application, which replace earlier ones.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{
    ///     Portcullis,
    ///     graphql::{UserError, UserErrorCode},
    ///     hooks::{Applicant, HookResult, Hooks},
    ///     testing::{PASSWORD, TestServer},
    /// };
    /// use serde_json::json;
    ///
    /// struct Invited;
    ///
    /// impl Hooks for Invited {
    ///     async fn before_registration(&self, applicant: &Applicant<'_>) -> HookResult<Result<(), UserError>> {
    ///         let is_invited = applicant.username == "ada";
    ///         Ok(is_invited.then_some(()).ok_or(UserError::new(UserErrorCode::RegistrationClosed, "By invitation.")))
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder().hooks(Invited)).await;
    /// let register = "mutation ($name: String!, $password: String!) {
    ///   register(input: { username: $name, password: $password }) { errors { message } }
    /// }";
    /// let response = server.graphql(None, register, json!({ "name": "bob", "password": PASSWORD })).await;
    /// assert_eq!(response["data"]["register"]["errors"][0]["message"], "By invitation.");
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        self.application.parts.hooks = HookRunner::new(hooks);
        self
    }

    /// Adds routes, with the middleware of the server: request ids, the check of the Host header, and security headers.
    /// Their state is the [`Portcullis`], so handlers extract a [`Caller`](crate::tokens::Caller) directly.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use portcullis::{Caller, Portcullis, testing::TestServer};
    ///
    /// async fn who(caller: Caller) -> String {
    ///     caller.claims().map_or("nobody", |claims| &claims.username).to_owned()
    /// }
    ///
    /// let routes = Router::new().route("/who", get(who));
    /// let server = TestServer::start(Portcullis::builder().routes(routes)).await;
    /// assert_eq!(reqwest::get(server.url("/who")).await?.text().await?, "nobody");
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Panics
    /// Opening the server panics if a path has a route already, as [`Router::merge`] does.
    pub fn routes(mut self, routes: Router<Portcullis>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Adds a background task. It starts with the server and is dropped when the server stops, at one of its `await`
    /// points: changes that belong together need a transaction. A panic ends the task and is logged; the server goes on.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::{sync::Arc, time::Duration};
    ///
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use tokio::{sync::Notify, time::sleep};
    ///
    /// let swept = Arc::new(Notify::new());
    /// let notify = swept.clone();
    /// let builder = Portcullis::builder().task("sweep", move |portcullis| {
    ///     let notify = notify.clone();
    ///     async move {
    ///         loop {
    ///             portcullis.database().ping().await.ok();
    ///             notify.notify_one();
    ///             sleep(Duration::from_mins(10)).await;
    ///         }
    ///     }
    /// });
    /// let server = TestServer::start(builder).await;
    /// swept.notified().await;
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn task<F>(
        mut self,
        name: &'static str,
        run: impl Fn(Portcullis) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(Task::new(name, run));
        self
    }
}
