//! Typed values that stages leave for later ones.

use std::{
    any::{Any, TypeId, type_name},
    collections::BTreeMap,
    error, fmt,
};

use crate::Name;

/// At most one value of each type. Many executions leave none, and an empty map takes longer to drop than no map.
#[derive(Default)]
pub(crate) struct Values(Option<BTreeMap<TypeId, Slot>>);

struct Slot {
    type_name: &'static str,
    value: Box<dyn Any + Send + Sync>,
}

impl Values {
    pub(crate) fn insert<V: Send + Sync + 'static>(&mut self, value: V) -> Option<V> {
        let slot = Slot {
            type_name: type_name::<V>(),
            value: Box::new(value),
        };
        let slots = self.0.get_or_insert_default();
        slots.insert(TypeId::of::<V>(), slot).and_then(Slot::open)
    }

    pub(crate) fn get<V: 'static>(&self) -> Option<&V> {
        let slot = self.0.as_ref()?.get(&TypeId::of::<V>())?;
        slot.value.downcast_ref()
    }

    pub(crate) fn get_mut<V: 'static>(&mut self) -> Option<&mut V> {
        let slot = self.0.as_mut()?.get_mut(&TypeId::of::<V>())?;
        slot.value.downcast_mut()
    }

    pub(crate) fn remove<V: 'static>(&mut self) -> Option<V> {
        self.0.as_mut()?.remove(&TypeId::of::<V>())?.open()
    }

    pub(crate) fn type_names(&self) -> impl Iterator<Item = &'static str> {
        let slots = self.0.iter().flat_map(BTreeMap::values);
        slots.map(|slot| slot.type_name)
    }
}

impl Slot {
    fn open<V: 'static>(self) -> Option<V> {
        self.value.downcast().ok().map(|value| *value)
    }
}

/// A stage required a typed value that no earlier stage had left; see [`Context::require`](crate::Context::require).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    type_name: &'static str,
    interceptor: Option<Name>,
}

impl Missing {
    pub(crate) fn new<V>(interceptor: Option<Name>) -> Self {
        Self {
            type_name: type_name::<V>(),
            interceptor,
        }
    }

    /// The path of the type that is missing.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The interceptor whose stage required it; `None` outside of a run.
    pub fn interceptor(&self) -> Option<&Name> {
        self.interceptor.as_ref()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let type_name = self.type_name;
        match &self.interceptor {
            Some(name) => write!(
                f,
                "`{name}` requires a `{type_name}`, and no stage before it left one"
            ),
            None => write!(f, "no stage has left a `{type_name}`"),
        }
    }
}

impl error::Error for Missing {}
