//! The schema as it is served, as it is written down, and as it was promised.

use std::collections::BTreeMap;

use async_graphql::parser::{
    parse_schema,
    types::{
        ConstDirective, FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
    },
};
use portcullis::schema::sdl;

const WRITTEN_DOWN: &str = include_str!("../../schema.graphql");
const PROMISED: &str = include_str!("../contract.graphql");

#[test]
fn schema_graphql_is_the_served_schema() {
    assert!(
        WRITTEN_DOWN == sdl(),
        "the code and schema.graphql differ; look at the change and run: cargo run -- schema > schema.graphql"
    );
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
