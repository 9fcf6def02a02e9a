//! A body that grows: `curl -N http://127.0.0.1:8080/lines`, and the same as JSON at `/values`.

use std::{io, sync::Arc, time::Duration};

use async_stream::try_stream;
use peristyle::{
    BoxError, handler,
    server::{Context, RouteErrors, Router, Routes, Server},
    streaming::Streaming,
};
use serde_json::{Value, json};
use tokio::time::interval;
use tokio_stream::Stream;

/// Where the values come from, one for each call.
pub(crate) type Sensor = Arc<dyn Fn() -> io::Result<String> + Send + Sync>;

pub(crate) fn router(sensor: Sensor, every: Duration) -> Result<Router, RouteErrors> {
    let (as_lines, as_json) = (sensor.clone(), sensor);
    let text = move |_: &mut Context| {
        Streaming::new(lines(&as_lines, every))
            .content_type("text/plain; charset=utf-8")
            .map(Streaming::into_response)
    };
    let json = move |_: &mut Context| {
        Streaming::new(values(&as_json, every))
            .ndjson()
            .into_response()
    };
    Routes::new()
        .get("/lines", handler(text))
        .get("/values", handler(json))
        .build()
}

/// A sensor that fails ends the body with an error: the client sees that it is not complete.
fn lines(sensor: &Sensor, every: Duration) -> impl Stream<Item = io::Result<String>> + use<> {
    let sensor = sensor.clone();
    try_stream! {
        let mut ticks = interval(every);
        loop {
            ticks.tick().await;
            let value = sensor()?;
            yield format!("{value}\n");
        }
    }
}

fn values(sensor: &Sensor, every: Duration) -> impl Stream<Item = io::Result<Value>> + use<> {
    let sensor = sensor.clone();
    try_stream! {
        let mut ticks = interval(every);
        for n in 1_u64.. {
            ticks.tick().await;
            let value = sensor()?;
            yield json!({ "n": n, "value": value });
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let load = || Ok(std::fs::read_to_string("/proc/loadavg")?.trim().to_owned());
    let router = router(Arc::new(load), Duration::from_secs(1))?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
