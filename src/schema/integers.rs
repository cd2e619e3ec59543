use std::{borrow::Cow, sync::Arc};

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, EmptyMutation, ObjectType, OutputType, Positioned,
    ServerResult, Value,
    parser::types::Field,
    registry::{MetaType, Registry},
};

/// A query object without fields that makes validation reject an `Int` outside of 32 bits (GraphQL
/// specification §3.5.1), in the schema that it is merged into. Otherwise async-graphql (8.0.0-rc.5) detects
/// this only when it executes the field, after other fields.
#[derive(Default)]
pub struct Int32;

const NAME: &str = "Int32";

fn is_int(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()))
}

impl ContainerType for Int32 {
    async fn resolve_field(&self, _: &Context<'_>) -> ServerResult<Option<Value>> {
        Ok(None)
    }
}

impl OutputType for Int32 {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed(NAME)
    }

    fn create_type_info(registry: &mut Registry) -> String {
        // The scalars of the specification are registered before any root.
        if let Some(MetaType::Scalar { is_valid, .. }) = registry.types.get_mut("Int") {
            *is_valid = Some(Arc::new(is_int));
        }
        // The type of an object without fields, under a name of its own, because an application may have no queries
        // either. No field has the type, so the schema does not contain it.
        let mut object = registry.create_fake_output_type::<EmptyMutation>();
        if let MetaType::Object { name, .. } = &mut object {
            NAME.clone_into(name);
        }
        registry.types.insert(NAME.to_owned(), object);
        format!("{NAME}!")
    }

    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Null)
    }
}

impl ObjectType for Int32 {}
