//! The schema as it is served, as `schema.graphql` has it, and as the contract requires it.

use std::collections::BTreeMap;

use async_graphql::{
    Positioned,
    parser::{
        parse_schema,
        types::{
            ConstDirective, FieldDefinition, InputValueDefinition, InterfaceType, ObjectType, TypeDefinition,
            TypeKind, TypeSystemDefinition,
        },
    },
};
use serde_json::Value;

use crate::support::{TestApp, sdl, subgraph_sdl};

const WRITTEN_DOWN: &str = include_str!("../../schema.graphql");
const PROMISED: &str = include_str!("../contract.graphql");

#[test]
fn schema_graphql_is_the_served_schema() {
    assert!(
        WRITTEN_DOWN == sdl(),
        "the code and schema.graphql differ; look at the change and run: cargo run -- schema > schema.graphql"
    );
}

/// All descriptions in the introspection result, by dotted name.
async fn introspected(app: &TestApp) -> BTreeMap<String, Option<String>> {
    let query = "{ __schema { types {
        name description
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description }
    } directives { name description args { name description } } } }";
    let answer = app.anonymous().ask(query).await;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let mut all = BTreeMap::new();
    for (list, sign) in [("types", ""), ("directives", "@")] {
        for element in answer.at("/__schema")[list].as_array().expect("a list") {
            let name = format!("{sign}{}", element["name"].as_str().expect("a name"));
            all.insert(name.clone(), text(&element["description"]));
            for list in ["fields", "inputFields", "enumValues", "args"] {
                for member in element[list].as_array().into_iter().flatten() {
                    let name = format!("{name}.{}", member["name"].as_str().expect("a name"));
                    for argument in member["args"].as_array().into_iter().flatten() {
                        let argument_name = argument["name"].as_str().expect("a name");
                        all.insert(format!("{name}.{argument_name}"), text(&argument["description"]));
                    }
                    all.insert(name, text(&member["description"]));
                }
            }
        }
    }
    all
}

/// All descriptions in an SDL document, by dotted name.
fn written_down(schema: &str) -> BTreeMap<String, Option<String>> {
    type Described = Vec<(String, Option<Positioned<String>>)>;
    fn arguments(of: &str, arguments: &[Positioned<InputValueDefinition>]) -> Described {
        let arguments = arguments.iter().map(|argument| &argument.node);
        arguments.map(|input| (format!("{of}.{}", input.name.node), input.description.clone())).collect()
    }
    let mut all = Described::new();
    for definition in parse_schema(schema).expect("the schema is one").definitions {
        if let TypeSystemDefinition::Directive(directive) = definition {
            let name = format!("@{}", directive.node.name.node);
            all.extend(arguments(&name, &directive.node.arguments));
            all.push((name, directive.node.description));
        }
    }
    for ty in types(schema) {
        let name = ty.name.node.to_string();
        match ty.kind {
            TypeKind::Object(ObjectType { fields, .. })
            | TypeKind::Interface(InterfaceType { fields, .. }) => {
                for field in fields.into_iter().map(|field| field.node) {
                    let name = format!("{name}.{}", field.name.node);
                    all.extend(arguments(&name, &field.arguments));
                    all.push((name, field.description));
                }
            }
            TypeKind::InputObject(input) => all.extend(arguments(&name, &input.fields)),
            TypeKind::Enum(values) => {
                for value in values.values.into_iter().map(|value| value.node) {
                    all.push((format!("{name}.{}", value.value.node), value.description));
                }
            }
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
        all.push((name, ty.description));
    }
    all.into_iter().map(|(name, description)| (name, description.map(|text| text.node))).collect()
}

#[tokio::test]
async fn every_description_of_introspection_is_written_down() {
    let app = TestApp::start().await;
    let mut introspected = introspected(&app).await;
    let written = written_down(&sdl());
    // Definitions that each GraphQL server has, and that the exporter omits if nothing uses them.
    let implied = ["ID", "String", "Int", "Boolean", "Float", "@deprecated", "@oneOf"];
    introspected.retain(|name, _| {
        let first = name.split('.').next().unwrap_or_default();
        !name.starts_with("__") && (written.contains_key(name) || !implied.contains(&first))
    });
    assert_eq!(written, introspected);
    for name in ["@include.if", "@skip.if", "@requiresScopes.scopes", "Query.node.id", "LoginInput.username"]
    {
        assert!(written[name].as_ref().is_some_and(|text| text.len() > 4), "{name}");
    }
}

#[tokio::test]
async fn every_description_in_a_subgraph_is_that_of_introspection() {
    let app = TestApp::with(|config| config.graphql.federation = true).await;
    let introspected = introspected(&app).await;
    for (name, description) in written_down(&subgraph_sdl()) {
        assert_eq!(introspected.get(&name), Some(&description), "{name}");
    }
}

#[test]
fn the_schema_holds_all_that_was_promised() {
    let (served, promised) = (elements(&sdl()), elements(PROMISED));
    let missing: Vec<_> = promised
        .iter()
        .filter(|(name, signature)| served.get(*name) != Some(signature))
        .map(|(name, signature)| format!("{name}: promised {signature}, served {:?}", served.get(name)))
        .collect();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn everything_in_the_schema_is_described() {
    let mut silent = Vec::new();
    for ty in types(&sdl()) {
        let name = ty.name.node.to_string();
        let mut see = |described: bool, element: String| {
            if !described {
                silent.push(element);
            }
        };
        see(ty.description.is_some(), name.clone());
        let mut see_field = |field: &FieldDefinition| {
            see(field.description.is_some(), format!("{name}.{}", field.name.node));
            for argument in &field.arguments {
                let described = argument.node.description.is_some();
                see(described, format!("{name}.{}.{}", field.name.node, argument.node.name.node));
            }
        };
        match &ty.kind {
            TypeKind::Object(object) => object.fields.iter().for_each(|field| see_field(&field.node)),
            TypeKind::Interface(interface) => {
                interface.fields.iter().for_each(|field| see_field(&field.node));
            }
            TypeKind::InputObject(input) => {
                for field in &input.fields {
                    see(field.node.description.is_some(), format!("{name}.{}", field.node.name.node));
                }
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    see(value.node.description.is_some(), format!("{name}.{}", value.node.value.node));
                }
            }
            TypeKind::Scalar | TypeKind::Union(_) => {}
        }
    }
    assert!(silent.is_empty(), "without a description: {silent:?}");
}

/// A description is a sentence for a person who reads it in GraphiQL.
#[tokio::test]
async fn every_description_has_at_least_four_words() {
    let app = TestApp::with(|config| config.graphql.federation = true).await;
    // async-graphql describes these.
    let is_foreign = |name: &str| {
        let foreign = ["ID", "String", "Int", "Boolean", "Float", "@include", "@skip", "@specifiedBy"];
        let first = name.split('.').next().unwrap_or_default();
        name.starts_with("__") || foreign.contains(&first)
    };
    let is_short = |text: &str| {
        // The guard adds the line "Requires …".
        let own = text.rsplit_once("\nRequires ").map_or(text, |(own, _)| own);
        own.split_whitespace().count() < 4
    };
    let described = introspected(&app).await;
    let short: Vec<_> = described
        .into_iter()
        .filter(|(name, _)| !is_foreign(name))
        .filter(|(_, description)| is_short(description.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(short, Vec::new());
}

fn types(schema: &str) -> Vec<TypeDefinition> {
    let document = parse_schema(schema).expect("the schema is one");
    let types = document.definitions.into_iter().filter_map(|definition| match definition {
        TypeSystemDefinition::Type(ty) => Some(ty.node),
        _ => None,
    });
    types.collect()
}

/// Every element of a schema by its dotted name, with all of it that clients rely on.
fn elements(schema: &str) -> BTreeMap<String, String> {
    let mut elements = BTreeMap::new();
    for ty in types(schema) {
        let name = ty.name.node.to_string();
        let mut add =
            |element: &str, signature: String| elements.insert(format!("{name}.{element}"), signature);
        let mut add_field = |field: &FieldDefinition| {
            let arguments = || field.arguments.iter().map(|argument| &argument.node);
            for argument in arguments() {
                add(&format!("{}({})", field.name.node, argument.name.node), input(argument));
            }
            // Arguments may be added that nobody must give.
            let must = arguments().filter(|input| !input.ty.node.nullable && input.default_value.is_none());
            let must: Vec<_> = must.map(input).collect();
            let directives: Vec<_> =
                field.directives.iter().map(|directive| applied(&directive.node)).collect();
            let signature = format!("({}): {} {}", must.join(", "), field.ty.node, directives.join(" "));
            add(&field.name.node, signature);
        };
        match &ty.kind {
            TypeKind::Object(object) => {
                object.fields.iter().for_each(|field| add_field(&field.node));
                for interface in &object.implements {
                    add("implements", interface.node.to_string());
                }
            }
            TypeKind::Interface(interface) => {
                interface.fields.iter().for_each(|field| add_field(&field.node));
            }
            TypeKind::InputObject(object) => {
                for field in &object.fields {
                    add(&field.node.name.node, input(&field.node));
                }
            }
            TypeKind::Enum(values) => {
                for value in &values.values {
                    add(&value.node.value.node, String::new());
                }
            }
            TypeKind::Scalar | TypeKind::Union(_) => {
                add("", String::new());
            }
        }
    }
    elements
}

fn input(value: &InputValueDefinition) -> String {
    let default =
        value.default_value.as_ref().map_or_else(String::new, |default| format!(" = {}", default.node));
    format!("{}: {}{default}", value.name.node, value.ty.node)
}

fn applied(directive: &ConstDirective) -> String {
    let arguments: Vec<_> =
        directive.arguments.iter().map(|(name, value)| format!("{}: {}", name.node, value.node)).collect();
    format!("@{}({})", directive.name.node, arguments.join(", "))
}
