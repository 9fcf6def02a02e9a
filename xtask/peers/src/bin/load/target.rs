//! The server: a greeting, event streams that stay open, and answers of 50 MB.

use std::future::pending;

use bytes::Bytes;
use peristyle_core::{BoxError, handler};
use peristyle_peers::Failure;
use peristyle_server::{Context, IntoResponse, Response, Router, Routes, Server};
use peristyle_sse::Event;
use tokio::runtime::Builder;

use crate::HEAP;

pub(crate) const HELLO: &str = "hello";
/// Of an answer that is larger than any buffer.
pub(crate) const LARGE: usize = 50_000_000;
const PIECE: usize = 50_000;

/// Part of the program, so that nothing of it is on the heap.
static WHOLE: [u8; LARGE] = [0; LARGE];

/// Serves until SIGTERM, with all defaults. One thread serves: of two cores the other is the clients'.
pub(crate) fn run() -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0").await?;
        println!("{}", server.local_addr()?);
        Ok(server.serve(router()?).await?)
    })
}

fn router() -> Result<Router, Failure> {
    let router = Routes::new()
        .get("/", handler(|_: &mut Context| HELLO))
        .get("/events", handler(events))
        .get("/streamed", handler(streamed))
        .get(
            "/whole",
            handler(|_: &mut Context| Bytes::from_static(&WHOLE)),
        )
        .get("/heap", handler(heap))
        .build()?;
    Ok(router)
}

/// One event, and then nothing for as long as the client stays.
fn events(_: &mut Context) -> impl IntoResponse + use<> {
    let first = peristyle_sse::produce(1, |events| async move {
        events.send(Event::data("hello")).await?;
        pending::<()>().await;
        Ok::<_, BoxError>(())
    });
    first.into_response()
}

/// Each piece has memory of its own, as if it had been read or made.
fn streamed(_: &mut Context) -> impl IntoResponse + use<> {
    let pieces = (0..LARGE / PIECE).map(|_| Bytes::from(vec![0; PIECE]));
    peristyle_streaming::from_iter(pieces).into_response()
}

/// The live heap's greatest size so far, in bytes.
fn heap(_: &mut Context) -> Result<Response, BoxError> {
    HEAP.peak_usage().to_string().into_response()
}
