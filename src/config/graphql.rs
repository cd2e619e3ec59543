use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Impossible, require};

/// `[graphql]`: what a GraphQL request may ask for. Ordinary clients never meet these limits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphqlConfig {
    /// Who may ask for the schema.
    pub introspection: Introspection,
    /// Whether `/` serves GraphiQL.
    pub playground: bool,
    /// Which documents are executed.
    pub documents: DocumentPolicy,
    /// A manifest of documents that are named by it, and known from the start.
    pub trusted_documents: Option<PathBuf>,
    /// Whether a router of Apollo Federation 2 may ask for what it needs of a subgraph.
    pub federation: bool,
    /// The most tokens of a document: names, numbers, strings and signs.
    pub max_tokens: usize,
    /// The most levels of fields in fields.
    pub max_depth: usize,
    /// The most aliases in a document.
    pub max_aliases: usize,
    /// The most fields at the root of an operation.
    pub max_root_fields: usize,
    /// The most directives in a document.
    pub max_directives: usize,
    /// The most fields in a document, fragments counted wherever they are spread.
    pub max_fields: usize,
    /// The most fields that an operation may answer with, a list counted by the size of its page.
    pub max_complexity: usize,
    /// The most items of a list in the arguments or the variables.
    pub max_list_items: usize,
    /// The most memory that the variables of an operation may take, about, in bytes, each counted as often as it is
    /// used.
    pub max_variable_bytes: usize,
    /// The most operations in a batch; at 1 there are no batches.
    pub max_batch: usize,
}

/// Who may ask for the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Introspection {
    /// Anybody.
    Everyone,
    /// A caller with a valid access token.
    SignedIn,
    /// Nobody.
    Off,
}

/// Which documents are executed, besides those that are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentPolicy {
    /// Those that are sent in full.
    InFull,
    /// Those too that were sent before, and are named by their hash (Apollo's automatic persisted queries).
    Persisted,
    /// None.
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
    pub(super) fn check(&self) -> Result<(), Impossible> {
        for (limit, key) in [
            (self.max_tokens, "graphql.max_tokens"),
            (self.max_depth, "graphql.max_depth"),
            (self.max_root_fields, "graphql.max_root_fields"),
            (self.max_fields, "graphql.max_fields"),
            (self.max_complexity, "graphql.max_complexity"),
            (self.max_list_items, "graphql.max_list_items"),
            (self.max_variable_bytes, "graphql.max_variable_bytes"),
        ] {
            require(limit >= 1, key, "must be at least 1")?;
        }
        require(
            self.trusted_documents.is_some() || self.documents != DocumentPolicy::Trusted,
            "graphql.documents",
            "needs graphql.trusted_documents to be \"trusted\"",
        )?;
        require((1..=100).contains(&self.max_batch), "graphql.max_batch", "must be between 1 and 100")?;
        // The executor recurses with the document; deeper ones could exhaust its stack.
        require(self.max_depth <= 30, "graphql.max_depth", "must be at most 30")
    }
}
