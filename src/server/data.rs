use std::{any::Any, marker::PhantomData};

use async_graphql::{ObjectType, SchemaBuilder, SubscriptionType};

use crate::config::Sections;

/// The data of an application for its resolvers. It is a type for each list of values, because a schema keeps each
/// value by its own type.
pub trait SchemaData: sealed::Sealed {
    /// Adds the values to a schema.
    #[doc(hidden)]
    fn add_to<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>, loaded: &Loaded) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static;
}

/// The values of the application's sections, as loaded.
#[doc(hidden)]
#[derive(Debug)]
pub struct Loaded(pub(super) Sections);

/// A value that the application gives ([`Builder::data`](super::Builder::data)).
#[derive(Debug)]
pub struct Value<T>(pub(super) T);

/// The value of a section of the application ([`Builder::settings`](super::Builder::settings)).
#[derive(Debug)]
pub struct Setting<T>(pub(super) PhantomData<fn() -> T>);

impl SchemaData for () {
    fn add_to<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>, _: &Loaded) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        schema
    }
}

impl<T: Any + Send + Sync> SchemaData for Value<T> {
    fn add_to<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>, _: &Loaded) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        schema.data(self.0)
    }
}

impl<T: Clone + Default + Send + Sync + 'static> SchemaData for Setting<T> {
    fn add_to<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>, loaded: &Loaded) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        schema.data(loaded.0.get::<T>().map(|value| (*value).clone()).unwrap_or_default())
    }
}

impl<A: SchemaData, B: SchemaData> SchemaData for (A, B) {
    fn add_to<Q, M, S>(self, schema: SchemaBuilder<Q, M, S>, loaded: &Loaded) -> SchemaBuilder<Q, M, S>
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        self.1.add_to(self.0.add_to(schema, loaded), loaded)
    }
}

mod sealed {
    use super::{Setting, Value};

    pub trait Sealed {}
    impl Sealed for () {}
    impl<T> Sealed for Value<T> {}
    impl<T> Sealed for Setting<T> {}
    impl<A, B> Sealed for (A, B) {}
}
