//! The root fields of the schema, with their guards and an operation for each.

use async_graphql::{
    Name,
    parser::{
        parse_schema,
        types::{
            BaseType, ConstDirective, FieldDefinition, InputValueDefinition, ServiceDocument, Type, TypeKind,
            TypeSystemDefinition,
        },
    },
};
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::support::{Answer, Client, Part, sdl};

/// A field of a root, by its directive.
pub(crate) struct RootField {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) guard: Guard,
    /// An operation that asks for it as `it`, and for a field beside it where one may stand.
    pub(crate) operation: String,
}

impl RootField {
    /// Whether it answers only some callers.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guard != Guard::None
    }

    pub(crate) fn is_subscription(&self) -> bool {
        self.operation.starts_with("subscription")
    }

    /// The first response to the operation.
    pub(super) async fn ask(&self, client: &Client) -> Answer {
        if !self.is_subscription() {
            return client.ask(&self.operation).await;
        }
        let mut events = client.follow(&self.operation).await;
        let body = events.next().await;
        assert_eq!(events.part().await, Some(Part::Complete), "{body}");
        Answer { status: 200, headers: HeaderMap::new(), body }
    }

    /// Says that the field beside it was answered.
    #[track_caller]
    pub(super) fn assert_beside(&self, answer: &Answer) {
        assert!(self.is_subscription() || answer.at("/beside").is_string(), "{}", answer.body);
    }
}

/// The guard of a field.
#[derive(Debug, PartialEq)]
pub(super) enum Guard {
    None,
    Authenticated,
    RecentLogin(u32),
    Scopes(Value),
}

/// Every field of the roots of the schema as it is served.
pub(crate) fn root_fields() -> Vec<RootField> {
    let schema = Sdl(parse_schema(sdl()).expect("the schema parses"));
    let of = |root: &str| {
        let TypeKind::Object(object) = schema.kind(root) else { panic!("{root} is an object") };
        let field = |field: &FieldDefinition| RootField {
            name: format!("{}{}", if root == "Subscription" { "Subscription." } else { "" }, field.name.node),
            description: field.description.as_ref().map(|text| text.node.clone()).unwrap_or_default(),
            guard: guard(field.directives.iter().map(|directive| &directive.node)),
            operation: match root {
                // It stands alone, and would wait for an event if the guard let it pass and it had no fault.
                "Subscription" => {
                    format!("subscription {{ it: {}(after: \"x\") {{ __typename }} }}", field.name.node)
                }
                _ => format!("{} {{ beside: __typename it: {} }}", root.to_lowercase(), schema.ask(field)),
            },
        };
        object.fields.iter().map(|definition| field(&definition.node)).collect::<Vec<_>>()
    };
    ["Query", "Mutation", "Subscription"].into_iter().flat_map(of).collect()
}

fn guard<'a>(directives: impl Iterator<Item = &'a ConstDirective>) -> Guard {
    let guards = directives.filter_map(|directive| match directive.name.node.as_str() {
        "authenticated" => Some(Guard::Authenticated),
        "requiresRecentLogin" => {
            let (_, seconds) = directive.arguments.first()?;
            let seconds = seconds.node.clone().into_json().expect("a constant");
            Some(Guard::RecentLogin(serde_json::from_value(seconds).expect("an integer")))
        }
        "requiresScopes" => {
            let (_, scopes) = directive.arguments.first()?;
            Some(Guard::Scopes(scopes.node.clone().into_json().expect("a constant")))
        }
        _ => None,
    });
    guards.last().unwrap_or(Guard::None)
}

/// The schema, for writing operations that fit it.
struct Sdl(ServiceDocument);

impl Sdl {
    fn kind(&self, name: &str) -> &TypeKind {
        let mut kinds = self.0.definitions.iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(ty) if ty.node.name.node == name => Some(&ty.node.kind),
            _ => None,
        });
        kinds.next().unwrap_or(&TypeKind::Scalar)
    }

    /// Whether exactly one field of an input must be given.
    fn is_one_of(&self, name: &str) -> bool {
        self.0.definitions.iter().any(|definition| match definition {
            TypeSystemDefinition::Type(ty) if ty.node.name.node == name => {
                ty.node.directives.iter().any(|directive| directive.node.name.node == "oneOf")
            }
            _ => false,
        })
    }

    /// The field with the arguments that it must have, and the least selection.
    fn ask(&self, field: &FieldDefinition) -> String {
        let arguments = self.required(field.arguments.iter().map(|argument| &argument.node));
        let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
        let selection = match self.kind(base(&field.ty.node)) {
            TypeKind::Scalar | TypeKind::Enum(_) => "",
            _ => "{ __typename }",
        };
        format!("{}{arguments} {selection}", field.name.node)
    }

    fn required<'a>(&self, inputs: impl Iterator<Item = &'a InputValueDefinition>) -> String {
        let required = inputs.filter(|input| !input.ty.node.nullable && input.default_value.is_none());
        let literals = required.map(|input| format!("{}: {}", input.name.node, self.literal(&input.ty.node)));
        literals.collect::<Vec<_>>().join(", ")
    }

    /// A value of the type, in GraphQL's notation.
    fn literal(&self, ty: &Type) -> String {
        let name = match &ty.base {
            BaseType::List(item) => return format!("[{}]", self.literal(item)),
            BaseType::Named(name) => name,
        };
        match self.kind(name) {
            TypeKind::InputObject(object) if self.is_one_of(name) => {
                let field = &object.fields[0].node;
                format!("{{ {}: {} }}", field.name.node, self.literal(&field.ty.node))
            }
            TypeKind::InputObject(object) => {
                format!("{{ {} }}", self.required(object.fields.iter().map(|field| &field.node)))
            }
            TypeKind::Enum(choice) => choice.values[0].node.value.node.to_string(),
            _ => scalar(name),
        }
    }
}

fn scalar(name: &Name) -> String {
    match name.as_str() {
        "Int" | "Float" => "1".to_owned(),
        "Boolean" => "true".to_owned(),
        name if name.ends_with("ResponseJSON") => "{}".to_owned(),
        "DateTime" => r#""2026-01-01T00:00:00Z""#.to_owned(),
        _ => r#""x""#.to_owned(),
    }
}

fn base(ty: &Type) -> &str {
    match &ty.base {
        BaseType::Named(name) => name,
        BaseType::List(item) => base(item),
    }
}
