//! The SDL of a subgraph of Apollo Federation 2.

use async_graphql::{ObjectType, SDLExportOptions, Schema, SubscriptionType};

use super::{directives::describe_arguments, federation::ENTITIES};

/// The oldest version of Federation with `@authenticated` and `@requiresScopes`, which newer routers accept
/// as well.
const FEDERATION_LINK: &str = r#"extend schema @link(
  url: "https://specs.apollo.dev/federation/v2.5",
  import: ["@key", "@shareable", "@authenticated", "@requiresScopes", "@composeDirective", "@external", "@inaccessible", "@interfaceObject", "@override", "@provides", "@requires", "@tag"]
)
"#;

/// Directives that a subgraph must not define. Federation defines its own with the names and the meaning of
/// ours, and GraphQL's own are built in. `@oneOf` is defined, because Apollo's library does not know it yet.
const OMITTED_DIRECTIVES: [&str; 6] =
    ["authenticated", "requiresScopes", "include", "skip", "deprecated", "specifiedBy"];

/// Fields that every Relay server has but a supergraph can have only once. The service that resolves them for
/// all subgraphs only needs our entities.
const OMITTED_FIELDS: [&str; 2] = ["  node(", "  nodes("];

/// Exports a schema for composition: async-graphql's export, with the keys of our entities, with Federation's
/// directives instead of ours, and without the omitted fields.
pub(super) fn sdl<Q, M, S>(schema: &Schema<Q, M, S>) -> String
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    let options = SDLExportOptions::new().federation().compose_directive();
    let exported = schema.sdl_with_options(options.include_specified_by().use_space_ident());
    let exported = describe_arguments(&exported, schema);
    let mut subgraph = String::with_capacity(exported.len() + FEDERATION_LINK.len());
    // The type of the current fields.
    let mut owner = "";
    for block in blocks(&exported) {
        let of_type = block.head.strip_prefix("type ").map(first_word);
        owner = if block.head == "}" { "" } else { of_type.unwrap_or(owner) };
        let directive = block.head.strip_prefix("directive @").map(first_word);
        let is_known = directive.is_some_and(|name| OMITTED_DIRECTIVES.contains(&name));
        let is_node_field =
            owner == "Query" && OMITTED_FIELDS.iter().any(|field| block.head.starts_with(field));
        if block.text.starts_with("extend schema") && block.text.contains("specs.apollo.dev/federation/") {
            subgraph.push_str(FEDERATION_LINK);
        } else if of_type.is_some_and(|name| ENTITIES.contains(&name)) {
            subgraph.push_str(block.text.trim_end().trim_end_matches('{'));
            subgraph.push_str("@key(fields: \"id\") {\n");
        } else if !is_known && !is_node_field {
            subgraph.push_str(block.text);
        }
    }
    subgraph
}

/// A line of SDL, with the description above it and the arguments below it.
pub(super) struct SdlBlock<'a> {
    pub(super) text: &'a str,
    pub(super) head: &'a str,
}

/// Splits SDL as async-graphql writes it, with the quotation marks of descriptions on lines of their own.
pub(super) fn blocks(sdl: &str) -> Vec<SdlBlock<'_>> {
    let mut blocks = Vec::new();
    let (mut start, mut end, mut head) = (0, 0, "");
    let (mut in_description, mut in_arguments) = (false, false);
    for line in sdl.split_inclusive('\n') {
        end += line.len();
        let words = line.trim();
        if words == "\"\"\"" {
            in_description = !in_description;
            continue;
        }
        if in_description {
            continue;
        }
        if !in_arguments {
            head = line.trim_end();
        }
        in_arguments = words.ends_with('(') || (in_arguments && !words.starts_with(')'));
        if !in_arguments {
            blocks.push(SdlBlock { text: &sdl[start..end], head });
            start = end;
        }
    }
    blocks
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}
