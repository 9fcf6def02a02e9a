//! What every server does for a request, beside HTTP.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

pub(crate) const HELLO: &str = "hello";

/// So many routes, of which one is asked for.
pub(crate) const ROUTES: usize = 300;

/// So many interceptors, each of which counts a request on its way in and out.
pub(crate) const INTERCEPTORS: usize = 16;

#[derive(Deserialize)]
pub(crate) struct Order {
    id: u64,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    price: u64,
    count: u64,
}

#[derive(Serialize)]
pub(crate) struct Bill {
    id: u64,
    names: Vec<String>,
    total: u64,
}

/// The answer to an [`Order`].
pub(crate) fn bill(order: Order) -> Bill {
    let Order { id, items } = order;
    let total = items.iter().map(|item| item.price * item.count).sum();
    let names = items.into_iter().map(|item| item.name).collect();
    Bill { id, names, total }
}

/// The answer to a request with a parameter in its path.
pub(crate) fn item(id: u64) -> String {
    format!("item {id}")
}

/// The place among the routes of the one that is numbered so, with its parameter as all routers here write it.
pub(crate) fn pattern(route: usize) -> String {
    format!("/r{route}/items/{{id}}")
}

static PASSES: AtomicU64 = AtomicU64::new(0);

/// What an interceptor does. One thread serves, so that a load and a store are enough.
pub(crate) fn pass() {
    let passes = PASSES.load(Ordering::Relaxed);
    PASSES.store(passes + 1, Ordering::Relaxed);
}

/// How many times an interceptor was passed, in or out.
pub(crate) fn passes() -> String {
    PASSES.load(Ordering::Relaxed).to_string()
}
