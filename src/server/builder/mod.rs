mod open;
mod parts;
mod schema;

use std::fmt;

use async_graphql::{EmptyMutation, EmptySubscription};
use axum::Router;

use super::{Error, Portcullis, task::Task};
use crate::{
    app::AppParts,
    config::{Config, InCode, LoadedConfig, load},
    schema::Roots,
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
    pub(crate) fn application(&self) -> &Application {
        &self.application
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
