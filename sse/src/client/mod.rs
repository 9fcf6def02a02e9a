//! Event streams followed from a Rust program, as `EventSource` does it in browsers.
//!
//! ```no_run
//! use peristyle_sse::client::{Error, EventSource};
//!
//! # async fn follow() -> Result<(), Error> {
//! let mut source = EventSource::new("http://127.0.0.1:8080/prices")?;
//! while let Some(event) = source.next().await {
//!     let event = event?;
//!     println!("{} {}: {}", event.id(), event.event(), event.data());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A connection that cannot be made, breaks, falls silent or is ended by the server is made again
//! after a [delay](Backoff), with the id of the last event in `Last-Event-ID`, so that a server that
//! replays leaves no gap. The loop above sees nothing of it; [`EventSource::updates`] shows it.
//!
//! Which failures are final is said by WHATWG HTML §9.2.3, "Processing model":
//!
//! | the server | the source |
//! |---|---|
//! | cannot be reached, does not answer in time, or answers with no valid HTTP | reconnects |
//! | redirects: 301, 302, 303, 307 or 308 with `Location` | follows, 20 times at most; beyond that, or to no valid `http` or `https` URL, it reconnects |
//! | answers 200 with the content type `text/event-stream` | gives its events, and reconnects when the response ends or breaks |
//! | answers 204 | ends, with `None` |
//! | answers anything else | ends with an [`Error`], unless [`reconnect_on`](EventSourceBuilder::reconnect_on) says otherwise |
//!
//! Beyond the standard, a line or an event over its [bound](EventSourceBuilder::max_event), a
//! content coding, and a last event id that no header can carry end the source with an [`Error`]
//! too: another try would fail the same way, or lose events.
//!
//! Nothing is spawned: the connection runs while the source is polled, and is closed when the source
//! is. A program that does not poll leaves the events in the socket, so a slow one slows the server
//! down rather than filling memory. HTTP/1.1 only; what it runs over is
//! [open](EventSourceBuilder::connect_with). Timers are tokio's: poll it on a tokio runtime with time
//! enabled, and I/O too unless it is given another way to connect.

mod attempt;
mod backoff;
mod builder;
mod connect;
mod error;
mod exchange;
#[cfg(all(test, not(loom)))]
#[path = "../../tests/fleet/mod.rs"]
mod fleet;
mod head;
mod location;
mod open;
mod outgoing;
mod policy;
mod source;
mod updates;

pub use self::{
    backoff::Backoff,
    builder::EventSourceBuilder,
    error::Error,
    source::EventSource,
    updates::{Update, Updates},
};
