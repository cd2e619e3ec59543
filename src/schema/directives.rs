//! Descriptions of the arguments of directives, which async-graphql (8.0.0-rc.5) leaves out where it exports a schema.
//! They are taken from introspection, which has them.

use std::fmt::Write;

use async_graphql::{
    ObjectType, Schema, SubscriptionType, Value,
    parser::{
        parse_schema,
        types::{DirectiveDefinition, TypeSystemDefinition},
    },
};
use futures_util::FutureExt;

use super::subgraph::blocks;

const QUERY: &str = "{ __schema { directives { name args { name description } } } }";

/// Adds the descriptions to an exported schema.
pub(super) fn describe_arguments<Q, M, S>(exported: &str, schema: &Schema<Q, M, S>) -> String
where
    Q: ObjectType + 'static,
    M: ObjectType + 'static,
    S: SubscriptionType + 'static,
{
    // Introspection completes without waiting. If it is disabled, there are no descriptions.
    let response = schema.execute(QUERY).now_or_never();
    let directives = response.map(|response| response.data).unwrap_or_default();
    let mut described = String::with_capacity(exported.len());
    for block in blocks(exported) {
        let definition = block.head.starts_with("directive @").then(|| parse(block.head)).flatten();
        let text = definition.and_then(|definition| describe(block.text, &definition, &directives));
        described.push_str(text.as_deref().unwrap_or(block.text));
    }
    described
}

fn parse(definition: &str) -> Option<DirectiveDefinition> {
    match parse_schema(definition).ok()?.definitions.pop()? {
        TypeSystemDefinition::Directive(directive) => Some(directive.node),
        _ => None,
    }
}

/// Rewrites the definition of a directive with one argument per line. `None` if no argument has a
/// description.
fn describe(text: &str, definition: &DirectiveDefinition, directives: &Value) -> Option<String> {
    let (start, rest) = text.rsplit_once("\ndirective @").map_or(("", text), |(start, _)| {
        let start = &text[..=start.len()];
        (start, &text[start.len()..])
    });
    let (name, rest) = rest.split_once('(')?;
    // The locations behind the arguments have no parentheses.
    let (_, end) = rest.rsplit_once(')')?;
    let of_directive = named(member(member(directives, "__schema")?, "directives")?, &definition.name.node)?;
    let mut described = format!("{start}{name}(");
    let mut has_description = false;
    for argument in definition.arguments.iter().map(|argument| &argument.node) {
        let introspected = named(member(of_directive, "args")?, &argument.name.node)?;
        if let Some(Value::String(description)) = member(introspected, "description") {
            has_description = true;
            let lines = description.replace("\"\"\"", "\\\"\"\"").replace('\n', "\n  ");
            write!(described, "\n  \"\"\"\n  {lines}\n  \"\"\"").ok()?;
        }
        write!(described, "\n  {}: {}", argument.name.node, argument.ty.node).ok()?;
        if let Some(default) = &argument.default_value {
            write!(described, " = {}", default.node).ok()?;
        }
    }
    has_description.then(|| format!("{described}\n){end}"))
}

/// Finds the item of a list with this name.
fn named<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::List(items) = list else { return None };
    items.iter().find(|item| member(item, "name") == Some(&Value::from(name)))
}

fn member<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    match object {
        Value::Object(members) => members.get(name),
        _ => None,
    }
}
