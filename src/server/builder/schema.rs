//! The schema of the application: its roots, and the values that its resolvers read.

use std::{any::Any, marker::PhantomData};

use async_graphql::{ObjectType, SubscriptionType};
use serde::{Serialize, de::DeserializeOwned};

use super::Builder;
use crate::{
    config::Section,
    schema::Roots,
    server::data::{Setting, Value},
};

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
    /// [`Portcullis::settings`](crate::Portcullis::settings).
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
}
