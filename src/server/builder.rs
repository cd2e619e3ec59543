use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use async_graphql::{EmptyMutation, EmptySubscription, ObjectType, SubscriptionType};
use axum::Router;
use migration::MigratorTrait;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Error, Portcullis,
    data::{Loaded, SchemaData, Setting, Value},
    task::Task,
};
use crate::{
    app::{App, AppParts},
    clock::Clock,
    config::{Config, InCode, LoadedConfig, Section, load},
    database::ApplicationMigrations,
    hooks::{HookRunner, Hooks},
    schema::{IdentitySchema, Roots, finish_subgraph},
};

/// Builds a server with the parts of an application.
///
/// ```no_run
/// use async_graphql::Object;
/// use portcullis::{Error, Portcullis};
///
/// struct Greetings;
///
/// #[Object]
/// impl Greetings {
///     /// A greeting for everybody.
///     async fn greeting(&self) -> &str {
///         "Hello"
///     }
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     Portcullis::builder().query(Greetings).serve().await
/// }
/// ```
#[must_use]
pub struct Builder<Q = EmptyMutation, M = EmptyMutation, S = EmptySubscription, D = ()> {
    roots: Roots<Q, M, S>,
    data: D,
    application: Application,
    routes: Router<Portcullis>,
    tasks: Vec<Task>,
}

/// The parts of an application that every command needs, and not only the server.
#[derive(Clone, Default)]
pub(crate) struct Application {
    /// The parts of the configuration that the application defines.
    pub(crate) in_code: InCode,
    /// The whole configuration, if the application defines it.
    pub(crate) config: Option<Config>,
    /// The parts that the application adds to the services.
    pub(crate) parts: AppParts,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            roots: Roots::default(),
            data: (),
            application: Application::default(),
            routes: Router::new(),
            tasks: Vec::new(),
        }
    }
}

impl<Q, M, S, D> Builder<Q, M, S, D> {
    /// Adds queries. For several objects, derive [`MergedObject`](async_graphql::MergedObject).
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::Object;
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use serde_json::json;
    ///
    /// struct Greetings;
    ///
    /// #[Object]
    /// impl Greetings {
    ///     /// A greeting for everybody.
    ///     async fn greeting(&self) -> &str {
    ///         "Hello"
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder().query(Greetings)).await;
    /// let response = server.graphql(None, "{ greeting }", json!({})).await;
    /// assert_eq!(response["data"]["greeting"], "Hello");
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn query<T: ObjectType + 'static>(self, query: T) -> Builder<T, M, S, D> {
        self.with_roots(|Roots { mutation, subscription, .. }| Roots { query, mutation, subscription })
    }

    /// Adds mutations. For several objects, derive [`MergedObject`](async_graphql::MergedObject).
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// use async_graphql::Object;
    /// use portcullis::{Portcullis, guarded, testing::TestServer};
    /// use serde_json::json;
    ///
    /// struct Visits(AtomicU32);
    ///
    /// #[guarded]
    /// #[Object]
    /// impl Visits {
    ///     /// Counts a visit of the signed-in user.
    ///     #[authenticated]
    ///     async fn count_visit(&self) -> Option<u32> {
    ///         Some(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder().mutation(Visits(AtomicU32::new(0)))).await;
    /// let ada = server.sign_in("ada", &[]).await;
    /// let response = server.graphql(Some(&ada), "mutation { countVisit }", json!({})).await;
    /// assert_eq!(response["data"]["countVisit"], 1);
    /// let response = server.graphql(None, "mutation { countVisit }", json!({})).await;
    /// assert_eq!(response["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn mutation<T: ObjectType + 'static>(self, mutation: T) -> Builder<Q, T, S, D> {
        self.with_roots(|Roots { query, subscription, .. }| Roots { query, mutation, subscription })
    }

    /// Adds subscriptions. For several objects, derive [`MergedSubscription`](async_graphql::MergedSubscription).
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::Subscription;
    /// use futures_util::{Stream, stream};
    /// use portcullis::Portcullis;
    ///
    /// struct Countdown;
    ///
    /// #[Subscription]
    /// impl Countdown {
    ///     /// The numbers from 3 to 1.
    ///     async fn countdown(&self) -> impl Stream<Item = i32> {
    ///         stream::iter([3, 2, 1])
    ///     }
    /// }
    ///
    /// let sdl = Portcullis::builder().subscription(Countdown).sdl()?;
    /// assert!(sdl.contains("countdown: Int!"));
    /// assert!(sdl.contains("auditEvents"), "the subscriptions of Portcullis are there as well");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    pub fn subscription<T: SubscriptionType + 'static>(self, subscription: T) -> Builder<Q, M, T, D> {
        self.with_roots(|Roots { query, mutation, .. }| Roots { query, mutation, subscription })
    }

    /// Adds a value for the resolvers, which read it with `ctx.data::<T>()`. A later value of the same type replaces an
    /// earlier one.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::{Context, Object, Result};
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use serde_json::json;
    ///
    /// struct Shop {
    ///     name: String,
    /// }
    ///
    /// struct Shops;
    ///
    /// #[Object]
    /// impl Shops {
    ///     /// The name of the shop.
    ///     async fn shop<'a>(&self, ctx: &Context<'a>) -> Result<&'a str> {
    ///         Ok(&ctx.data::<Shop>()?.name)
    ///     }
    /// }
    ///
    /// let shop = Shop { name: "Pets".to_owned() };
    /// let server = TestServer::start(Portcullis::builder().query(Shops).data(shop)).await;
    /// let response = server.graphql(None, "{ shop }", json!({})).await;
    /// assert_eq!(response["data"]["shop"], "Pets");
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn data<T: Any + Send + Sync>(self, value: T) -> Builder<Q, M, S, (D, Value<T>)> {
        self.with(Value(value))
    }

    /// Adds a section of the application to the configuration. Its keys come from the same file, `[name]`, and from the
    /// environment, `PORTCULLIS_NAME__KEY`. Resolvers read the value with `ctx.data::<T>()`, and handlers with
    /// [`Portcullis::settings`].
    ///
    /// The keys of the default are the known keys, so serialize an absent value as null and do not skip it. `portcullis
    /// config` shows the serialized value, so `T` must mask its secrets when it is serialized.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, testing::TestServer};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Clone, Deserialize, Serialize)]
    /// #[serde(default, deny_unknown_fields)]
    /// struct ShopConfig {
    ///     /// `shop.max_pets` in the file, `PORTCULLIS_SHOP__MAX_PETS` in the environment.
    ///     max_pets: u32,
    /// }
    ///
    /// impl Default for ShopConfig {
    ///     fn default() -> Self {
    ///         Self { max_pets: 10 }
    ///     }
    /// }
    ///
    /// let server = TestServer::start(Portcullis::builder().settings::<ShopConfig>("shop")).await;
    /// let config = server.portcullis().settings::<ShopConfig>();
    /// assert_eq!(config.map(|config| config.max_pets), Some(10));
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn settings<T>(mut self, name: &'static str) -> Builder<Q, M, S, (D, Setting<T>)>
    where
        T: Clone + Default + DeserializeOwned + Serialize + Send + Sync + 'static,
    {
        self.application.in_code.sections.push(Section::new::<T>(name));
        self.with(Setting(PhantomData))
    }

    fn with_roots<Q2, M2, S2>(
        self,
        change: impl FnOnce(Roots<Q, M, S>) -> Roots<Q2, M2, S2>,
    ) -> Builder<Q2, M2, S2, D> {
        Builder {
            roots: change(self.roots),
            data: self.data,
            application: self.application,
            routes: self.routes,
            tasks: self.tasks,
        }
    }

    fn with<T>(self, part: T) -> Builder<Q, M, S, (D, T)> {
        Builder {
            roots: self.roots,
            data: (self.data, part),
            application: self.application,
            routes: self.routes,
            tasks: self.tasks,
        }
    }

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

    pub(crate) fn application(&self) -> &Application {
        &self.application
    }
}

impl<Q, M, S, D> Builder<Q, M, S, D>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
    D: SchemaData,
{
    /// Opens the server: loads the configuration from the file and the environment, and applies the migrations.
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
    /// let server = Portcullis::builder().config(config).open().await?;
    /// server.database().ping().await?;
    /// server.close().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// The configuration is invalid, the database or another resource cannot be opened, or a root field has the name of
    /// one of ours.
    pub async fn open(self) -> Result<Portcullis, Error> {
        let loaded = self.application.load()?;
        Box::pin(self.open_with(loaded)).await
    }

    /// Opens the server with a configuration that has been loaded.
    pub(crate) async fn open_with(self, loaded: LoadedConfig) -> Result<Portcullis, Error> {
        let Self { roots, data, application, routes, tasks } = self;
        Roots::<Q, M, S>::check()?;
        let sections = Loaded(loaded.sections);
        let app = Box::pin(App::open_with(loaded.config, application.parts)).await?;
        let schema = if app.config.graphql.federation {
            let builder = data.add_to(app.provide(roots.subgraph_builder()), &sections);
            IdentitySchema::Subgraph(finish_subgraph(builder))
        } else {
            IdentitySchema::Standalone(data.add_to(app.provide(roots.builder()), &sections).finish())
        };
        if let Err(error) = app.documents.check(&schema).await {
            app.close().await;
            return Err(error.into());
        }
        Ok(Portcullis::new(app, schema, sections.0, routes, tasks))
    }

    /// The schema in GraphQL's schema definition language (SDL). It needs no database.
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::Portcullis;
    ///
    /// let sdl = Portcullis::builder().sdl()?;
    /// assert!(sdl.contains("type Mutation"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// A root field has the name of one of ours.
    pub fn sdl(self) -> Result<String, Error> {
        Roots::<Q, M, S>::check()?;
        Ok(self.roots.sdl())
    }

    /// The SDL of the schema as a subgraph of Apollo Federation 2.
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::Portcullis;
    ///
    /// let sdl = Portcullis::builder().subgraph_sdl()?;
    /// assert!(sdl.contains("https://specs.apollo.dev/federation/v2"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// A root field has the name of one of ours.
    pub fn subgraph_sdl(self) -> Result<String, Error> {
        Roots::<Q, M, S>::check()?;
        Ok(self.roots.subgraph_sdl())
    }

    pub(crate) fn into_roots(self) -> Roots<Q, M, S> {
        self.roots
    }
}

impl Application {
    /// Loads the configuration without flags.
    fn load(&self) -> Result<LoadedConfig, Error> {
        match &self.config {
            Some(config) => Ok(LoadedConfig::of(config.clone(), &self.in_code)?),
            None => Ok(load(None, &[], &self.in_code)?),
        }
    }
}

impl<Q, M, S, D> fmt::Debug for Builder<Q, M, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
