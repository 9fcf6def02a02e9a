//! What all requests share.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    fmt,
    ops::Deref,
    sync::Arc,
};

use http::StatusCode;
use peristyle_core::BoxError;

use super::{FromExchange, Part, Rejection};
use crate::Context;

/// What [`Routes::state`](crate::Routes::state) was given, by its type. It derefs to the value, which is shared and never
/// cloned.
///
/// One that was not given is a 500, and the log names its type: which types a chain will ask for is not known before it runs.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use peristyle_server::{Routes, State, TestClient, handler};
///
/// async fn count(hits: State<AtomicU64>) -> String {
///     hits.fetch_add(1, Ordering::Relaxed).to_string()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let routes = Routes::new().state(AtomicU64::new(7)).get("/", handler(count));
/// let client = TestClient::new(routes.build()?);
/// assert_eq!(client.get("/").send().await.text().await?, "7");
/// assert_eq!(client.get("/").send().await.text().await?, "8");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is taken apart by its field"
)]
pub struct State<T>(pub Arc<T>);

impl<T: Send + Sync + 'static> FromExchange for State<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(cx.state()?)
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// At most one value of each type, shared by all exchanges of a router.
#[derive(Clone, Default)]
pub(crate) struct States(Arc<HashMap<TypeId, Shared>>);

#[derive(Clone)]
struct Shared {
    type_name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let shared = Shared {
            type_name: type_name::<T>(),
            value: Arc::new(value),
        };
        Arc::make_mut(&mut self.0).insert(TypeId::of::<T>(), shared);
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Result<State<T>, Rejection> {
        let shared = self.0.get(&TypeId::of::<T>());
        let value = shared.and_then(|shared| Arc::clone(&shared.value).downcast().ok());
        value.map(State).ok_or_else(|| {
            let reason = format!("`Routes::state` was given no `{}`", type_name::<T>());
            Rejection::new(StatusCode::INTERNAL_SERVER_ERROR, Part::State, reason)
        })
    }
}

/// The names of the types.
impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.values().map(|shared| shared.type_name);
        f.debug_set().entries(names).finish()
    }
}
