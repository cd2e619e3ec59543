use std::{fmt, sync::Arc};

use async_graphql::{Executor, ObjectType, SchemaBuilder, SubscriptionType};
use axum::{Router, extract::FromRef};

use super::{Builder, Serving, task::Task};
use crate::{
    app::App,
    clock::Clock,
    config::{Config, Sections},
    database::Database,
    http::Authenticator,
    operations::OperationChecks,
    router::{finish, routes},
};

/// An opened server: its configuration, its database, and its routes. It is a handle, and clones share the server.
///
/// It is the state of the application's routes ([`Builder::routes`]), and the extractors of this crate find their
/// [`Authenticator`] in it.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::{Portcullis, testing::TestServer};
///
/// let server = TestServer::start(Portcullis::builder()).await;
/// let portcullis = server.portcullis();
/// assert!(portcullis.config().accounts.registration_open);
/// portcullis.database().ping().await?;
/// let before = portcullis.clock().now();
/// assert!(portcullis.clock().now() >= before);
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Portcullis(Arc<Inner>);

struct Inner {
    app: App,
    sections: Sections,
    /// The routes of Portcullis, without the middleware.
    routes: Router,
    application_routes: Router<Portcullis>,
    tasks: Vec<Task>,
}

impl Portcullis {
    /// Creates a builder of a server.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(super) fn new(
        app: App,
        executor: impl Executor,
        sections: Sections,
        application_routes: Router<Self>,
        tasks: Vec<Task>,
    ) -> Self {
        let routes = routes(&app, executor);
        Self(Arc::new(Inner { app, sections, routes, application_routes, tasks }))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.app.config
    }

    /// The database. An application may keep tables of its own in it, and change them in one transaction with ours.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.0.app.database
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.app.clock
    }

    /// The authenticator of requests.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use portcullis::{Portcullis, testing::TestServer};
    ///
    /// let server = TestServer::start(Portcullis::builder()).await;
    /// let ada = server.sign_in("ada", &[]).await;
    /// let header = format!("Bearer {}", ada.access_token);
    /// let caller = server.portcullis().authenticator().authenticate_header(&header).await;
    /// assert_eq!(caller.map(|caller| caller.user()), Ok(Some(ada.id)));
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.0.app.authenticator
    }

    /// The value of a section of the application ([`Builder::settings`]). `None` if no section has this type.
    #[must_use]
    pub fn settings<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.sections.get()
    }

    /// The routes of the server and of the application, with the middleware: request ids, the check of the Host header,
    /// and security headers.
    ///
    /// The routes contain the path of `http.public_url`, so merge this router into another one. Do not nest it.
    ///
    /// # Panics
    /// If a route of the application has the path of one of ours.
    pub fn router(&self) -> Router {
        let application = self.0.application_routes.clone().with_state(self.clone());
        finish(&self.0.app, self.0.routes.clone().merge(application))
    }

    /// Serves a router, for example [`Portcullis::router`] merged with routes of your own, on `http.listen`.
    ///
    /// ```
    /// # #[cfg(feature = "server")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use portcullis::{Config, Portcullis};
    /// use tokio::{net::TcpListener, sync::oneshot};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let mut config = Config::default();
    /// config.data_dir = folder.path().to_owned();
    /// let server = Portcullis::builder().config(config).open().await?;
    /// let router = server.router().merge(Router::new().route("/hello", get(async || "Hello")));
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let url = format!("http://{}/hello", listener.local_addr()?);
    /// let (stop, stopped) = oneshot::channel::<()>();
    /// let serving = server.serve_router(router).with_listener(listener).with_graceful_shutdown(async {
    ///     stopped.await.ok();
    /// });
    /// let client = async {
    ///     let text = reqwest::get(url).await?.text().await;
    ///     stop.send(()).ok();
    ///     text
    /// };
    /// let (served, text) = tokio::join!(serving.into_future(), client);
    /// served?;
    /// assert_eq!(text?, "Hello");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "server"))]
    /// # fn main() {}
    /// ```
    #[must_use = "the server starts when this is awaited"]
    pub fn serve_router(&self, router: Router) -> Serving {
        Serving::new(self.clone(), router)
    }

    /// Adds the data that our resolvers need to a schema that you merge yourself, with
    /// [`IdentityQuery`](crate::schema::IdentityQuery) and its siblings.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::{Request, Schema};
    /// use portcullis::{
    ///     Caller, Portcullis,
    ///     schema::{IdentityMutation, IdentityQuery, IdentitySubscription},
    ///     testing::TestServer,
    /// };
    /// use serde_json::json;
    ///
    /// let server = TestServer::start(Portcullis::builder()).await;
    /// let portcullis = server.portcullis();
    /// let roots = (IdentityQuery::default(), IdentityMutation::default(), IdentitySubscription::default());
    /// let schema = Schema::build(roots.0, roots.1, roots.2).extension(portcullis.operation_checks());
    /// let schema = portcullis.provide(schema).finish();
    ///
    /// let ada = server.sign_in("ada", &[]).await;
    /// let header = format!("Bearer {}", ada.access_token);
    /// let caller = portcullis.authenticator().authenticate_header(&header).await;
    /// let caller = caller.unwrap_or_else(Caller::Anonymous);
    /// let response = schema.execute(Request::new("{ me { username } }").data(caller)).await;
    /// assert_eq!(response.data.into_json()?, json!({ "me": { "username": "ada" } }));
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
    pub fn provide<Q, M, S>(&self, schema: SchemaBuilder<Q, M, S>) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        self.0.app.provide(schema)
    }

    /// The checks of operations as an extension, for a schema that you serve by a transport of your own. The routes of
    /// [`Portcullis::router`] have these checks already.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
    /// use portcullis::{Portcullis, testing::TestServer};
    ///
    /// struct Query;
    ///
    /// #[Object]
    /// impl Query {
    ///     async fn number(&self) -> i32 {
    ///         42
    ///     }
    /// }
    ///
    /// let builder = Portcullis::builder().configure(|config| config.graphql.max_aliases = 1);
    /// let server = TestServer::start(builder).await;
    /// let checks = server.portcullis().operation_checks();
    /// let schema = Schema::build(Query, EmptyMutation, EmptySubscription).extension(checks).finish();
    /// assert!(schema.execute("{ number }").await.is_ok());
    /// assert!(schema.execute("{ a: number b: number }").await.is_err());
    /// server.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn operation_checks(&self) -> OperationChecks {
        OperationChecks::new(Arc::clone(&self.0.app.documents))
    }

    /// Closes the database. Call it when nothing uses the server any more; [`Serving`] does it itself.
    pub async fn close(&self) {
        self.0.app.close().await;
    }

    /// The services behind the handle.
    #[doc(hidden)]
    #[must_use]
    pub fn app(&self) -> &App {
        &self.0.app
    }

    pub(super) fn tasks(&self) -> &[Task] {
        &self.0.tasks
    }
}

impl fmt::Debug for Portcullis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portcullis").finish_non_exhaustive()
    }
}

impl FromRef<Portcullis> for Authenticator {
    fn from_ref(portcullis: &Portcullis) -> Self {
        portcullis.authenticator().clone()
    }
}
