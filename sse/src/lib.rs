//! [Server-Sent Events][standard] as plain [`http::Response`]s, for Peristyle, axum or bare hyper:
//! encoded once, flushed at once, ended honestly.
//!
//! An [`Event`] is checked when it is built. An [`EventStream`] sends events to one client, from a
//! producer function as here, from a [`channel()`], or from [any `Stream`](EventStream::new):
//!
//! ```
//! use std::{error::Error, time::Duration};
//!
//! use peristyle_sse::{Drain, Event, KeepAlive, produce};
//!
//! # fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
//! let response = produce(32, |events| async move {
//!     for price in ["1.25", "1.26"] {
//!         events.send(Event::builder().event("price").data(price).build()?).await?;
//!     }
//!     Ok::<_, Box<dyn Error + Send + Sync>>(())
//! })
//! .retry(Duration::from_secs(3))
//! .keep_alive(KeepAlive::every(Duration::from_secs(10))?)
//! .on_drain(Drain::Last(Event::data("back soon")))
//! .on_end(|end| println!("the stream ended: {end}"))
//! .into_response();
//!
//! assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
//! # Ok(())
//! # }
//! ```
//!
//! A client that comes back says where it was: [`LastEventId`]. One that has all is told so by
//! [`finished`], and one that cannot be served yet by [`Unavailable`]. So that many do not come back
//! at once there are [`Jitter`], [`Drain::Spread`] and [`Admission`].
//!
//! Nothing is spawned: the source runs as part of the response body, from its first poll until the
//! body is dropped. Timers are tokio's, so the body is polled on a tokio runtime with time enabled. On
//! `peristyle-server`, followers of a [feed] over plain HTTP/1 are polled by tasks of the server's that
//! write to many sockets each.
//!
//! | feature | brings |
//! |---|---|
//! | `client` | `client::EventSource`, which follows an event stream from a Rust program |
//! | `json` | `Event::json` and `EventBuilder::build_json`: data as JSON |
//!
//! None is on by default.
//!
//! [standard]: https://html.spec.whatwg.org/multipage/server-sent-events.html

// Files of the tests are compiled here too, for the laws.
#[cfg(any(test, fuzzing))]
extern crate self as peristyle_sse;

mod admission;
mod alarm;
mod body;
#[cfg(feature = "client")]
pub mod client;
mod decoder;
mod drain;
mod event;
pub mod feed;
mod jitter;
mod keep_alive;
mod last_event_id;
#[cfg(any(test, fuzzing))]
#[path = "../tests/laws/mod.rs"]
#[doc(hidden)]
pub mod laws;
mod slab;
#[cfg(all(unix, not(loom)))]
mod sockets;
mod stream;
mod unavailable;
mod waker;

#[cfg(feature = "json")]
pub use self::event::JsonError;
pub use self::{
    admission::Admission,
    body::EventBody,
    decoder::{DecodeError, Decoder, EventReader, MessageEvent, ReadError},
    drain::Drain,
    event::{Event, EventBuilder, EventWriter, InvalidEvent},
    jitter::Jitter,
    keep_alive::{InvalidKeepAlive, KeepAlive},
    last_event_id::LastEventId,
    stream::{CONTENT_TYPE, EventStream, channel, produce},
    unavailable::{Unavailable, finished},
};
