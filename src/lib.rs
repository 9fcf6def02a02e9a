//! HTTP services that push.
//!
//! A request walks in through a row of **interceptors**, reaches the one that answers, and walks back out past the same row
//! in reverse:
//!
//! ```text
//!            enter ─►        enter ─►        enter ─►
//! request ──► router ────────► auth ─────────► orders (answers)
//! response ◄─ router ◄──────── auth ◄─────────┘
//!            ◄─ leave       ◄─ leave          or `error`, when a stage has failed
//! ```
//!
//! A stage answers at once, or conveys its answer once, later, without holding a thread. A response is one value, or a
//! channel of many: an event feed, a streamed body.
//!
//! | feature | brings |
//! |---|---|
//! | (always) | the chain and the two channels, at the root of this crate |
//! | `server` | `peristyle::server`: routes, exchanges and connections over hyper |
//! | `sse` | `peristyle::sse`: Server-Sent Events |
//! | `streaming` | `peristyle::streaming`: streamed bodies of bytes, lines, NDJSON and files |
//! | `client` | `sse`, and its `EventSource`, which follows event streams |
//! | `json` | `sse`, whose events take their data as JSON |
//! | `csv` | to `streaming`: rows of comma-separated values |
//! | `compression` | to `server`: compressed responses and requests |
//! | `tower` | `server`, whose routers are tower services and mount them too |
//! | `typed-header` | `server`, and its headers as values of types |
//! | `full` | all of these |
//! | `tls` | TLS by rustls for `server`; it takes a C compiler to build |
//! | `zstd` | to `compression`: the coding `zstd`, which takes a C compiler to build |
//! | `inherited` | for `server`, sockets that the process was started with, by systemd for instance |
//!
//! A complete program, which pushes the time to every browser that opens `/events`:
//!
//! ```no_run
//! # #[cfg(all(feature = "server", feature = "sse"))]
//! # mod program {
//! use std::time::{Duration, SystemTime, UNIX_EPOCH};
//!
//! use peristyle::{
//!     BoxError, before, handler,
//!     server::{Context, IntoResponse, Route, Routes, Server},
//!     sse::{self, Event},
//! };
//!
//! fn log(cx: &mut Context) {
//!     println!("{} {}", cx.method(), cx.uri());
//! }
//!
//! fn events(_: &mut Context) -> impl IntoResponse + use<> {
//!     let clock = sse::produce(8, |events| async move {
//!         loop {
//!             let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
//!             events.send(Event::data(&now.as_secs().to_string())).await?;
//!             tokio::time::sleep(Duration::from_secs(1)).await;
//!         }
//!         #[expect(unreachable_code, reason = "names the error type")]
//!         Ok::<_, BoxError>(())
//!     });
//!     clock.into_response()
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), BoxError> {
//!     let router = Routes::new()
//!         .interceptors(before(log))
//!         .route(Route::get("/events", handler(events)).named("events"))
//!         .build()?;
//!     Server::bind("127.0.0.1:8080").await?.serve(router).await?;
//!     Ok(())
//! }
//! # }
//! ```

pub use peristyle_core::*;

#[cfg(feature = "server")]
pub use peristyle_server as server;
#[cfg(feature = "sse")]
pub use peristyle_sse as sse;
#[cfg(feature = "streaming")]
pub use peristyle_streaming as streaming;

/// Its program compiles.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}
