//! Bindings: values that later stages see without being given them.

use std::{any::Any, fmt, marker::PhantomData, ptr, sync::Arc};

use crate::surroundings;

/// Declares a [`Binding`]: `binding!(static NAME: Type)`, with attributes and a visibility as on any static.
///
/// ```
/// use peristyle_core::{Chain, Context, before, binding};
///
/// binding! {
///     /// Who pays.
///     static TENANT: String;
/// }
///
/// fn greeting() -> String {
///     format!("hello, {}", TENANT.get().expect("bound by `identify`"))
/// }
///
/// let identify = before(|cx: &mut Context<String>| cx.bind(&TENANT, "Ada".to_owned()));
/// let greet = before(|cx: &mut Context<String>| **cx = greeting());
/// let mut cx = Context::new(String::new());
/// Chain::new([identify, greet]).run_now(&mut cx)?;
/// assert_eq!(*cx, "hello, Ada");
/// assert_eq!(TENANT.get(), None);
/// # Ok::<(), peristyle_core::Error>(())
/// ```
#[macro_export]
macro_rules! binding {
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $value:ty $(;)?) => {
        $(#[$attribute])*
        $visibility static $name: $crate::Binding<$value> = $crate::Binding::new(::core::stringify!($name));
    };
    ($($wrong:tt)*) => {
        ::core::compile_error!("write `binding!(static NAME: Type)`; a value is bound to it in an execution, by `Context::bind`");
    };
}

/// Something that can be bound to a `V` for the rest of an execution; see [`Context::bind`](crate::Context::bind).
///
/// It is a static, declared by [`binding!`](crate::binding): its address is its identity.
pub struct Binding<V> {
    name: &'static str,
    value: PhantomData<fn() -> V>,
}

impl<V: Send + Sync + 'static> Binding<V> {
    /// A binding for a static. The name is for those who debug.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            value: PhantomData,
        }
    }

    /// What it is bound to in the execution that this thread is running now. `None` when it is not bound, and outside of
    /// an execution.
    pub fn get(&'static self) -> Option<Arc<V>> {
        let value = surroundings::read_here(|here| here.bindings.get(self.key()))??;
        value.downcast().ok()
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn key(&'static self) -> Key {
        Key {
            address: ptr::from_ref(self).addr(),
            name: self.name,
        }
    }
}

impl<V> fmt::Debug for Binding<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Binding").field(&self.name).finish()
    }
}

/// What is bound. Clones share it until one of them changes.
#[derive(Clone, Default)]
pub(crate) struct Bindings(Option<Arc<Vec<(Key, Value)>>>);

type Value = Arc<dyn Any + Send + Sync>;

#[derive(Clone, Copy)]
pub(crate) struct Key {
    address: usize,
    name: &'static str,
}

impl Bindings {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all().iter().map(|(key, _)| key.name)
    }

    pub(crate) fn bind(&mut self, key: Key, value: Value) {
        self.unbind(key);
        Arc::make_mut(self.0.get_or_insert_default()).push((key, value));
    }

    pub(crate) fn unbind(&mut self, key: Key) {
        let Some(at) = self.position(key) else {
            return;
        };
        let bound = Arc::make_mut(self.0.get_or_insert_default());
        bound.remove(at);
        if bound.is_empty() {
            self.0 = None;
        }
    }

    fn get(&self, key: Key) -> Option<Value> {
        let at = self.position(key)?;
        Some(Arc::clone(&self.all()[at].1))
    }

    fn position(&self, key: Key) -> Option<usize> {
        let mut all = self.all().iter();
        all.position(|(bound, _)| bound.address == key.address)
    }

    fn all(&self) -> &[(Key, Value)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Runs `f`, which must not panic, with these bound.
    #[cfg(feature = "rt")]
    pub(crate) fn hold<R>(self, f: impl FnOnce() -> R) -> R {
        let mut own = surroundings::Surroundings::default();
        own.change(|parts| parts.bindings = self);
        own.hold(f)
    }

    #[cfg(feature = "rt")]
    pub(crate) fn here() -> Self {
        surroundings::read_here(|here| here.bindings.clone()).unwrap_or_default()
    }
}
