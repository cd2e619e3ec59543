use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{
    Data, EmptyMutation, EmptySubscription, Executor, ObjectType, OutputType, Request, Response,
    SDLExportOptions, Schema, SchemaBuilder, SubscriptionType,
    registry::{MetaType, Registry},
};
use futures_util::stream::BoxStream;

use super::{
    IdentityMutation, IdentityQuery, IdentitySubscription, Mutation, Query, SubgraphQuery, Subscription,
    directives::describe_arguments, finish_subgraph, subgraph,
};

/// The root objects of an application, which are merged with those of Portcullis.
#[derive(Clone, Copy, Default)]
pub struct Roots<Q = EmptyMutation, M = EmptyMutation, S = EmptySubscription> {
    /// The queries.
    pub query: Q,
    /// The mutations.
    pub mutation: M,
    /// The subscriptions.
    pub subscription: S,
}

/// A root field of an application has the name of a field of Portcullis, so that one of them could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {root} field {field} of the application has the name of a field of Portcullis; rename it")]
pub struct DuplicateField {
    root: &'static str,
    field: String,
}

impl<Q, M, S> Roots<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    /// Checks that no field has the name of one of ours.
    ///
    /// # Errors
    /// The first field that has.
    pub fn check() -> Result<(), DuplicateField> {
        let query = common_field(Q::create_type_info, <IdentityQuery as OutputType>::create_type_info);
        let mutation = common_field(M::create_type_info, <IdentityMutation as OutputType>::create_type_info);
        let subscription = common_field(S::create_type_info, IdentitySubscription::create_type_info);
        for (root, field) in [("query", query), ("mutation", mutation), ("subscription", subscription)] {
            if let Some(field) = field {
                return Err(DuplicateField { root, field });
            }
        }
        Ok(())
    }

    /// Creates a builder of the merged schema. It needs no database to be printed.
    pub fn builder(self) -> SchemaBuilder<Query<Q>, Mutation<M>, Subscription<S>> {
        Schema::build(
            Query(IdentityQuery::default(), self.query),
            Mutation(IdentityMutation::default(), self.mutation),
            Subscription(IdentitySubscription::default(), self.subscription),
        )
    }

    /// Creates a builder of the merged schema as a subgraph. Finish it with [`finish_subgraph`].
    pub fn subgraph_builder(self) -> SchemaBuilder<SubgraphQuery<Q>, Mutation<M>, Subscription<S>> {
        Schema::build(
            SubgraphQuery(IdentityQuery::default(), super::FederationQuery, self.query),
            Mutation(IdentityMutation::default(), self.mutation),
            Subscription(IdentitySubscription::default(), self.subscription),
        )
    }

    /// Returns the schema in GraphQL's schema definition language (SDL), with the directives of the guards.
    pub fn sdl(self) -> String {
        let options = SDLExportOptions::new().include_specified_by().use_space_ident();
        let schema = self.builder().finish();
        describe_arguments(&schema.sdl_with_options(options), &schema)
    }

    /// Returns the SDL of the schema as a subgraph of Apollo Federation 2.
    pub fn subgraph_sdl(self) -> String {
        subgraph::sdl(&finish_subgraph(self.subgraph_builder()))
    }
}

/// The first field that two root objects have in common.
fn common_field(one: fn(&mut Registry) -> String, other: fn(&mut Registry) -> String) -> Option<String> {
    fields(one).intersection(&fields(other)).next().cloned()
}

fn fields(create: fn(&mut Registry) -> String) -> BTreeSet<String> {
    let mut registry = Registry::default();
    let reference = create(&mut registry);
    match registry.types.get(reference.trim_end_matches('!')) {
        Some(MetaType::Object { fields, .. }) => fields.keys().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

/// The schema as the server serves it.
pub enum IdentitySchema<
    Q: ObjectType + 'static = EmptyMutation,
    M: ObjectType + 'static = EmptyMutation,
    S: SubscriptionType + 'static = EmptySubscription,
> {
    /// A server of its own.
    Standalone(Schema<Query<Q>, Mutation<M>, Subscription<S>>),
    /// Also a subgraph of a supergraph (`graphql.federation`).
    Subgraph(Schema<SubgraphQuery<Q>, Mutation<M>, Subscription<S>>),
}

// A derived Clone would require that the roots are Clone.
impl<Q: ObjectType, M: ObjectType, S: SubscriptionType> Clone for IdentitySchema<Q, M, S> {
    fn clone(&self) -> Self {
        match self {
            Self::Standalone(schema) => Self::Standalone(schema.clone()),
            Self::Subgraph(schema) => Self::Subgraph(schema.clone()),
        }
    }
}

impl<Q, M, S> Executor for IdentitySchema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    async fn execute(&self, request: Request) -> Response {
        match self {
            Self::Standalone(schema) => schema.execute(request).await,
            Self::Subgraph(schema) => schema.execute(request).await,
        }
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        match self {
            Self::Standalone(schema) => Executor::execute_stream(schema, request, session),
            Self::Subgraph(schema) => Executor::execute_stream(schema, request, session),
        }
    }
}
