use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use figment::Figment;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::Config;

/// A section of an application in the same file and environment as the configuration of Portcullis.
#[derive(Clone)]
pub(crate) struct Section {
    /// The name of the section.
    pub(super) name: &'static str,
    /// Serializes the defaults, which tell the loader the keys and their types.
    pub(super) defaults: fn() -> Json,
    /// The value of the section if nothing sets its keys.
    pub(super) default_value: fn() -> SectionValue,
    /// Extracts the value of the section.
    pub(super) extract: fn(&Figment, &str) -> Result<SectionValue, Box<figment::Error>>,
}

/// The value of a section.
pub(super) struct SectionValue {
    value: Arc<dyn Any + Send + Sync>,
    /// The value as it is shown. The application's type masks its secrets itself.
    pub(super) shown: Json,
}

impl SectionValue {
    fn new<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        let shown = to_json(&value);
        Self { value: Arc::new(value), shown }
    }
}

impl Section {
    /// A section whose value has this type.
    pub(crate) fn new<T>(name: &'static str) -> Self
    where
        T: Default + DeserializeOwned + Serialize + Send + Sync + 'static,
    {
        Self {
            name,
            defaults: || to_json(&T::default()),
            default_value: || SectionValue::new(T::default()),
            extract: |figment, name| {
                let mut sections = figment.extract::<BTreeMap<String, T>>()?;
                Ok(SectionValue::new(sections.remove(name).unwrap_or_default()))
            },
        }
    }

    /// Whether the name is a section or a key of Portcullis.
    pub(super) fn is_reserved(&self) -> bool {
        to_json(&Config::default()).get(self.name).is_some()
    }
}

/// The values of the application's sections, by their type.
#[derive(Clone, Default)]
pub(crate) struct Sections(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Sections {
    /// The value of the section with this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.0.get(&TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok()
    }

    pub(super) fn insert(&mut self, value: SectionValue) {
        let value = value.value;
        self.0.insert((*value).type_id(), value);
    }
}

impl fmt::Debug for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sections").finish_non_exhaustive()
    }
}

fn to_json<T: Serialize>(value: &T) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}
