//! The operations of `operations.graphql`, as graphql_client makes them from `schema.graphql`.

use graphql_client::GraphQLQuery;

/// The scalar of the schema.
type DateTime = chrono::DateTime<chrono::Utc>;

macro_rules! operations {
    ($($name:ident),*) => {$(
        #[derive(GraphQLQuery)]
        #[graphql(
            schema_path = "../../schema.graphql",
            query_path = "operations.graphql",
            normalization = "rust",
            response_derives = "Debug, PartialEq"
        )]
        pub struct $name;
    )*};
}

operations!(Register, Login, Refresh, Me, Sessions, Logout);
