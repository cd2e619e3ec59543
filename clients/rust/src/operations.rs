//! The operations of `operations.graphql`, which graphql_client compiles with `schema.graphql`.

use graphql_client::GraphQLQuery;

/// The type of the scalar `DateTime`.
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
