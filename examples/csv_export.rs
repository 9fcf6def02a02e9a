//! A table of a million rows as a file, of which one row at a time is in memory: `curl -O http://127.0.0.1:8080/orders.csv`.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use peristyle::{
    BoxError, handler,
    server::{
        Context, RouteErrors, Router, Routes, Server,
        http::header::{CONTENT_DISPOSITION, HeaderValue},
    },
    streaming::Streaming,
};
use serde::Serialize;

/// The names of the fields are the first row.
#[derive(Serialize)]
struct Order {
    id: u64,
    customer: String,
    cents: u64,
}

/// Stands for a table of a database.
pub(crate) struct Table {
    pub(crate) rows: u64,
    /// The row that cannot be read.
    pub(crate) damaged: Option<u64>,
    /// How many rows were read.
    pub(crate) read: AtomicU64,
}

impl Table {
    /// Reads each row when it is asked for, as a cursor of a database does.
    fn orders(self: Arc<Self>) -> impl Iterator<Item = io::Result<Order>> + Send {
        (1..=self.rows).map(move |id| {
            self.read.fetch_add(1, Relaxed);
            if self.damaged == Some(id) {
                return Err(io::Error::other(format!("row {id} is damaged")));
            }
            Ok(Order {
                id,
                customer: format!("Customer, the {id}th"),
                cents: id * 5 % 10_000,
            })
        })
    }
}

/// A row that cannot be read breaks the transfer off: what the client has then is no file that looks complete.
pub(crate) fn router(table: Arc<Table>) -> Result<Router, RouteErrors> {
    let export = move |_: &mut Context| {
        let orders = tokio_stream::iter(table.clone().orders());
        let mut response = Streaming::new(orders).csv().into_response();
        let name = HeaderValue::from_static("attachment; filename=\"orders.csv\"");
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
        response
    };
    Routes::new().get("/orders.csv", handler(export)).build()
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let table = Table {
        rows: 1_000_000,
        damaged: None,
        read: AtomicU64::new(0),
    };
    let router = router(Arc::new(table))?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
