use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{InvalidValue, ensure};

/// `[graphql]`: features and limits of the GraphQL API. Ordinary clients do not reach the limits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct GraphqlConfig {
    /// The callers that may introspect the schema.
    pub introspection: Introspection,
    /// Whether `/` serves GraphiQL.
    pub playground: bool,
    /// The documents that are executed.
    pub documents: DocumentPolicy,
    /// A file with trusted documents and their ids (a manifest), which is loaded at the start.
    pub trusted_documents: Option<PathBuf>,
    /// Whether the server is also a subgraph of Apollo Federation 2.
    pub federation: bool,
    /// The maximum number of tokens in a document: names, numbers, strings and punctuators.
    pub max_tokens: usize,
    /// The maximum depth of nested fields.
    pub max_depth: usize,
    /// The maximum number of aliases in a document.
    pub max_aliases: usize,
    /// The maximum number of root fields of an operation.
    pub max_root_fields: usize,
    /// The maximum number of directives in a document.
    pub max_directives: usize,
    /// The maximum number of fields in a document. The fields of a fragment count at each spread.
    pub max_fields: usize,
    /// The maximum complexity of an operation: the number of fields in its response, with lists of their page size.
    pub max_complexity: usize,
    /// The maximum number of items of a list in the arguments or variables of an operation.
    pub max_list_items: usize,
    /// The approximate maximum memory of the variables of an operation, in bytes. A variable counts once for each use.
    pub max_variable_bytes: usize,
    /// The maximum number of operations in a batch. 1 disables batches.
    pub max_batch: usize,
}

/// The callers that may introspect the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Introspection {
    /// All callers.
    Everyone,
    /// Callers with a valid access token.
    SignedIn,
    /// No caller.
    Off,
}

/// The documents that are executed in addition to the trusted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DocumentPolicy {
    /// Documents that a request contains in full.
    InFull,
    /// Also documents that were sent before and are identified by their hash (Apollo's automatic persisted queries).
    Persisted,
    /// No other documents.
    Trusted,
}

impl Default for GraphqlConfig {
    fn default() -> Self {
        Self {
            introspection: Introspection::Everyone,
            playground: true,
            documents: DocumentPolicy::Persisted,
            trusted_documents: None,
            federation: false,
            max_tokens: 5000,
            max_depth: 20,
            max_aliases: 30,
            max_root_fields: 20,
            max_directives: 50,
            max_fields: 500,
            max_complexity: 10_000,
            max_list_items: 200,
            max_variable_bytes: 1024 * 1024,
            max_batch: 1,
        }
    }
}

impl GraphqlConfig {
    pub(super) fn check(&self) -> Result<(), InvalidValue> {
        for (limit, key) in [
            (self.max_tokens, "graphql.max_tokens"),
            (self.max_depth, "graphql.max_depth"),
            (self.max_root_fields, "graphql.max_root_fields"),
            (self.max_fields, "graphql.max_fields"),
            (self.max_complexity, "graphql.max_complexity"),
            (self.max_list_items, "graphql.max_list_items"),
            (self.max_variable_bytes, "graphql.max_variable_bytes"),
        ] {
            ensure(limit >= 1, key, "must be at least 1")?;
        }
        ensure(
            self.trusted_documents.is_some() || self.documents != DocumentPolicy::Trusted,
            "graphql.documents",
            "can be \"trusted\" only if graphql.trusted_documents is set",
        )?;
        ensure((1..=100).contains(&self.max_batch), "graphql.max_batch", "must be between 1 and 100")?;
        // The executor recurses with the depth of the document, so a deeper one could overflow its stack.
        ensure(self.max_depth <= 30, "graphql.max_depth", "must be at most 30")
    }
}
