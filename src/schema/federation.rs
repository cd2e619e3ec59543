//! The fields that a router of Apollo Federation 2 queries: the SDL of a subgraph, and entities by their
//! keys.
//!
//! async-graphql has these fields as well. But its `_entities` fails as a whole if one entity does not exist,
//! and its SDL does not import `@authenticated`.

use std::sync::{Arc, OnceLock};

use async_graphql::{
    Any, Context, ID, Object, ObjectType, ScalarType, Schema, SchemaBuilder, SimpleObject, SubscriptionType,
    Union, Value,
};

use super::{Node, find_node, subgraph};
use crate::{
    accounts::graphql::User, audit::graphql::AuditEventObject, graphql::ApiError,
    personal_access_tokens::graphql::PersonalAccessTokenObject, sessions::graphql::UserSession,
};

/// The queries for a router of Apollo Federation, to merge with your own queries beside
/// [`IdentityQuery`](super::IdentityQuery). Finish such a schema with [`finish_subgraph`].
///
/// The entities are those of Portcullis. The subgraph may contain types of your own, but none with
/// `#[graphql(entity)]`: async-graphql would then resolve `_entities` itself, without our entities.
#[derive(Default)]
pub struct FederationQuery;

#[Object]
impl FederationQuery {
    /// The description of this subgraph for a router of Apollo Federation.
    #[graphql(name = "_service")]
    async fn service(&self, ctx: &Context<'_>) -> Result<Service, ApiError> {
        let sdl = ctx.data_opt::<Sdl>().and_then(|sdl| sdl.0.get()).cloned();
        let sdl = sdl.ok_or_else(|| {
            tracing::error!("a schema with FederationQuery must be finished by finish_subgraph");
            ApiError::masked()
        })?;
        Ok(Service { sdl })
    }

    /// The entities of these representations, in the same order. An item is null if the entity does not exist
    /// or if you may not see it.
    #[graphql(name = "_entities")]
    async fn entities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Objects with a `__typename` and an `id`, at most graphql.max_list_items of them.")]
        representations: Vec<Any>,
    ) -> Vec<Option<Result<Entity, ApiError>>> {
        let mut entities = Vec::with_capacity(representations.len());
        for representation in &representations {
            entities.push(find_entity(ctx, &representation.0).await.transpose());
        }
        entities
    }
}

/// The description of this subgraph for a router of Apollo Federation.
#[derive(SimpleObject)]
#[graphql(name = "_Service")]
struct Service {
    /// The schema as a subgraph of Apollo Federation 2.
    sdl: String,
}

/// Every type that a router can find by its key.
#[derive(Union)]
#[graphql(name = "_Entity")]
enum Entity {
    User(User),
    Session(UserSession),
    PersonalAccessToken(PersonalAccessTokenObject),
    AuditEvent(AuditEventObject),
}

/// The names of the types of [`Entity`].
pub(super) const ENTITIES: [&str; 4] = ["User", "Session", "PersonalAccessToken", "AuditEvent"];

/// Finds the node of a representation, if it has the type that the representation names.
async fn find_entity(ctx: &Context<'_>, representation: &Value) -> Result<Option<Entity>, ApiError> {
    let Value::Object(members) = representation else {
        return Err(ApiError::bad_user_input("A representation must be an object."));
    };
    let typename = match members.get("__typename") {
        Some(Value::String(name)) if ENTITIES.contains(&name.as_str()) => name.as_str(),
        _ => {
            let message =
                format!("The __typename of a representation must be one of {}.", ENTITIES.join(", "));
            return Err(ApiError::bad_user_input(message));
        }
    };
    let id = members.get("id").and_then(|id| ID::parse(id.clone()).ok());
    let id = id.ok_or_else(|| ApiError::bad_user_input("A representation must have an id."))?;
    Ok(match (typename, find_node(ctx, &id).await?) {
        ("User", Some(Node::User(user))) => Some(Entity::User(user)),
        ("Session", Some(Node::Session(session))) => Some(Entity::Session(session)),
        ("PersonalAccessToken", Some(Node::PersonalAccessToken(token))) => {
            Some(Entity::PersonalAccessToken(token))
        }
        ("AuditEvent", Some(Node::AuditEvent(event))) => Some(Entity::AuditEvent(event)),
        _ => None,
    })
}

/// The SDL that `_service` returns. It is set when the schema is finished.
#[derive(Clone, Default)]
struct Sdl(Arc<OnceLock<String>>);

/// Finishes a schema that contains [`FederationQuery`] among its queries, and sets the SDL for routers. The
/// root types must be named `Query`, `Mutation` and `Subscription`.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use async_graphql::{MergedObject, Schema};
/// use portcullis::{
///     Portcullis,
///     schema::{FederationQuery, IdentityMutation, IdentityQuery, IdentitySubscription, finish_subgraph},
///     testing::TestServer,
/// };
///
/// #[derive(Default, MergedObject)]
/// struct Query(IdentityQuery, FederationQuery);
///
/// let server = TestServer::start(Portcullis::builder()).await;
/// let schema = Schema::build(Query::default(), IdentityMutation::default(), IdentitySubscription::default());
/// let schema = finish_subgraph(server.portcullis().provide(schema));
/// assert!(schema.execute("{ _service { sdl } }").await.is_ok());
/// server.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))]
/// # fn main() {}
/// ```
pub fn finish_subgraph<Q, M, S>(builder: SchemaBuilder<Q, M, S>) -> Schema<Q, M, S>
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let sdl = Sdl::default();
    let schema = builder.enable_subscription_in_federation().data(sdl.clone()).finish();
    sdl.0.get_or_init(|| subgraph::sdl(&schema));
    schema
}
