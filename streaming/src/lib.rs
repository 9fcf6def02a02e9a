//! Responses of many values: bytes, lines, JSON, CSV and parts, from channels, streams, iterators, readers, files and writers.
//!
//! Each source becomes a [`Streaming`], and that an [`http::Response`] for any host: Peristyle, axum, or bare hyper.
//!
//! ```
//! use bytes::Bytes;
//! use peristyle_core::BoxError;
//! use peristyle_streaming::produce;
//!
//! # fn main() -> Result<(), BoxError> {
//! let streaming = produce(16, |lines| async move {
//!     for second in 1..=3 {
//!         lines.send(Bytes::from(format!("{second}\n"))).await?;
//!     }
//!     Ok::<_, BoxError>(())
//! });
//! let response = streaming
//!     .content_type("text/plain; charset=utf-8")?
//!     .on_end(|end| println!("the stream ended: {end}"))
//!     .into_response();
//!
//! assert_eq!(response.headers()["x-accel-buffering"], "no");
//! # Ok(())
//! # }
//! ```
//!
//! | source | made by |
//! |---|---|
//! | a channel | [`channel`], or [`Streaming::from`] a core [`Receiver`](peristyle_core::channel::Receiver) |
//! | an async function that sends | [`produce`] |
//! | any stream of results | [`Streaming::new`] |
//! | an iterator | [`from_iter`] |
//! | an `AsyncRead` | [`from_reader`] |
//! | a file | [`from_file`] |
//! | a blocking function that writes | [`write_blocking`] |
//!
//! Their values are bytes as they are, or become those of a [`Format`]:
//!
//! | format | made by | values |
//! |---|---|---|
//! | lines of text | [`Streaming::lines`] | strings |
//! | NDJSON | [`Streaming::ndjson`] | whatever serde serialises |
//! | JSON text sequence | [`Streaming::json_seq`] | the same |
//! | one JSON array | [`Streaming::json_array`] | the same |
//! | comma-separated values | `Streaming::csv`, of the feature `csv` | structs or tuples that serde serialises |
//! | parts | [`Streaming::multipart_mixed`], [`Streaming::multipart_replace`] | [`Part`]s |
//! | one of yours | [`Streaming::format`] | yours |
//!
//! The other way round, the body of a request is read as a stream of bytes, lines or JSON values by [`Reading`].
//!
//! With the feature `files`, the module `files` answers with files, and with anything else that can be read from any place:
//! on conditions, in ranges, and from folders that no path leaves.
//!
//! - *Lazy*: nothing runs before the host polls the body, so a `HEAD` that is answered without polling costs nothing.
//! - *Back-pressure*: a value is asked for when the host has room for it.
//! - *Honest end*: an error or a panic of the source is an error of the body, after the values before it, and the host then
//!   aborts. A body that failed never looks complete.
//! - *The producer learns why* its stream ended early: see [`End`](peristyle_core::End).
//! - *Drain*: the response carries a [`Control`](peristyle_core::Control) by which the host asks the stream to end; what it
//!   then does is its [`DrainPolicy`].

mod blocking;
mod body;
mod channel;
mod drain;
mod error;
#[cfg(feature = "files")]
pub mod files;
mod format;
mod iter;
#[cfg(any(test, fuzzing))]
#[path = "../tests/laws/mod.rs"]
#[doc(hidden)]
pub mod laws;
mod length;
mod reader;
mod reading;
mod source;
mod streaming;
mod trailers;
mod writer;

#[cfg(feature = "csv")]
pub use self::format::Csv;
pub use self::{
    blocking::{Blocking, write_blocking},
    body::StreamBody,
    channel::{channel, produce},
    drain::DrainPolicy,
    error::{Error, InvalidContentType},
    format::{
        BoundaryInPart, Format, Formatted, InvalidBoundary, JsonArray, JsonSeq, LineBreak, Lines,
        Multipart, Ndjson, Part,
    },
    iter::{Iter, from_iter},
    reader::{Reader, from_file, from_reader},
    reading::{ReadBytes, ReadError, ReadLines, ReadValues, Reading},
    streaming::Streaming,
    trailers::{ForbiddenTrailer, Trailers},
    writer::Writer,
};
