//! Orders that are stored as they come: `curl --data-binary @orders.ndjson http://127.0.0.1:8080/orders`.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use peristyle::{
    BoxError,
    server::{Json, Problem, RequestBody, RouteErrors, Router, Routes, Server, State, handler},
    streaming::{ReadError, Reading},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_stream::StreamExt;

/// All that one request may bring.
const LIMIT: u64 = 1 << 30;

/// A line, of which there can be any number.
#[derive(Deserialize)]
struct Order {
    cents: u64,
}

/// Stands for a database.
#[derive(Default)]
pub(crate) struct Till {
    pub(crate) orders: AtomicU64,
    pub(crate) cents: AtomicU64,
}

impl Till {
    fn store(&self, order: &Order) {
        self.orders.fetch_add(1, Relaxed);
        self.cents.fetch_add(order.cents, Relaxed);
    }
}

pub(crate) fn router(till: Arc<Till>) -> Result<Router, RouteErrors> {
    Routes::new()
        .state(till)
        .post("/orders", handler(import))
        .build()
}

/// The orders before one that is refused are stored; the client is told which one that is.
async fn import(till: State<Arc<Till>>, mut body: RequestBody) -> Result<Json<Value>, BoxError> {
    body.set_limit(LIMIT);
    let mut orders = pin!(Reading::new(body).total_limit(LIMIT).ndjson::<Order>());
    while let Some(order) = orders.next().await {
        till.store(&order.map_err(refused)?);
    }
    Ok(Json(json!({ "orders": till.orders.load(Relaxed) })))
}

fn refused(error: ReadError) -> BoxError {
    let problem = |error: ReadError| {
        let problem = Problem::new(error.status()).detail(error.to_string());
        problem.member("value", error.value()).into()
    };
    error.into_body_error().unwrap_or_else(problem)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let router = router(Arc::default())?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
