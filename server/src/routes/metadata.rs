//! Values by type, for whoever asks a route.

use std::{
    any::{Any, type_name},
    fmt,
    sync::Arc,
};

/// The value of a type that was said last, or by the inner one, is the one that counts.
#[derive(Clone, Default)]
pub(super) struct Metadata(Vec<Value>);

#[derive(Clone)]
struct Value {
    type_name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Metadata {
    pub(super) fn push<V: Any + Send + Sync>(&mut self, value: V) {
        self.0.push(Value {
            type_name: type_name::<V>(),
            value: Arc::new(value),
        });
    }

    /// Takes what an outer one says behind its own.
    pub(super) fn inherit(&mut self, outer: &Self) {
        self.0.splice(0..0, outer.0.iter().cloned());
    }

    pub(super) fn get<V: Any>(&self) -> Option<&V> {
        let mut newest_first = self.0.iter().rev();
        newest_first.find_map(|value| value.value.downcast_ref())
    }
}

/// The types.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.0.iter().map(|value| value.type_name);
        f.debug_set().entries(types).finish()
    }
}
