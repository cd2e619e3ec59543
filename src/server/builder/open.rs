//! Opens the server, or only writes its schema.

use async_graphql::{ObjectType, SubscriptionType};

use super::Builder;
use crate::{
    app::App,
    config::LoadedConfig,
    schema::{IdentitySchema, Roots, finish_subgraph},
    server::{
        Error, Portcullis,
        data::{Loaded, SchemaData},
    },
};

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
